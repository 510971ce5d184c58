//! The simulated order book: the levels, their version, and which of them changed since the last diff.

use super::event::{Depth, Diff, Level};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Bid,
    Ask,
}

#[derive(Debug)]
pub(super) struct Book {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
    /// +1 for each level that changes.
    update_id: i64,
    /// `u` of the last diff.
    told_id: i64,
    touched: BTreeSet<(Side, i64)>,
}

impl Book {
    pub fn new(update_id: i64) -> Book {
        Book { bids: BTreeMap::new(), asks: BTreeMap::new(), update_id, told_id: update_id, touched: BTreeSet::new() }
    }

    pub fn update_id(&self) -> i64 {
        self.update_id
    }

    pub fn len(&self, side: Side) -> usize {
        self.side(side).len()
    }

    fn side(&self, side: Side) -> &BTreeMap<i64, i64> {
        if side == Side::Bid { &self.bids } else { &self.asks }
    }

    /// Levels from the best on.
    pub fn levels(&self, side: Side) -> Box<dyn Iterator<Item = Level> + '_> {
        let pairs = self.side(side).iter().map(|(price, size)| (*price, *size));
        if side == Side::Bid { Box::new(pairs.rev()) } else { Box::new(pairs) }
    }

    pub fn best(&self, side: Side) -> Option<Level> {
        self.levels(side).next()
    }

    /// The level furthest from the best.
    pub fn worst(&self, side: Side) -> Option<Level> {
        let levels = self.side(side);
        let level = if side == Side::Bid { levels.first_key_value() } else { levels.last_key_value() };
        level.map(|(price, size)| (*price, *size))
    }

    /// Sets a level's size; zero removes it. The caller never crosses the book.
    pub fn set(&mut self, side: Side, price: i64, size: i64) {
        let levels = if side == Side::Bid { &mut self.bids } else { &mut self.asks };
        let before = if size == 0 { levels.remove(&price) } else { levels.insert(price, size) };
        if before.unwrap_or(0) != size {
            self.update_id += 1;
            self.touched.insert((side, price));
        }
    }

    pub fn snapshot(&self, limit: usize) -> Depth {
        let cut = |side| self.levels(side).take(limit).collect();
        Depth { update_id: self.update_id, bids: cut(Side::Bid), asks: cut(Side::Ask) }
    }

    /// What changed since the last call; `None` if nothing did.
    pub fn take_diff(&mut self) -> Option<Diff> {
        if self.told_id == self.update_id {
            return None;
        }
        let first_update_id = self.told_id + 1;
        self.told_id = self.update_id;
        let touched = std::mem::take(&mut self.touched);
        let of = |side: Side| {
            let prices = touched.iter().filter(|(touched, _)| *touched == side).map(|(_, price)| *price);
            prices.map(|price| (price, self.side(side).get(&price).copied().unwrap_or(0))).collect()
        };
        Some(Diff { first_update_id, last_update_id: self.update_id, bids: of(Side::Bid), asks: of(Side::Ask) })
    }
}
