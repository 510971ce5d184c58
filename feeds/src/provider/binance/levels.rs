//! The two sides of a book, and the state that is made of them.

use super::message::Level;
use crate::model::{Decimal, Key, Object, Value};
use std::collections::BTreeMap;

/// Most levels kept per side; those farthest from the market go first.
const LEVELS_MAX: usize = 10_000;

/// Price → size, by value: `1.10` and `1.1` are one price.
#[derive(Debug, Default)]
pub(super) struct Levels {
    bids: BTreeMap<Decimal, Decimal>,
    asks: BTreeMap<Decimal, Decimal>,
}

/// The best levels of both sides, best first.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Top {
    pub bids: Vec<(Decimal, Decimal)>,
    pub asks: Vec<(Decimal, Decimal)>,
}

impl Levels {
    /// A whole book; levels of size zero are none.
    pub(super) fn new(bids: &[Level], asks: &[Level]) -> Levels {
        let mut levels = Levels::default();
        levels.apply(bids, asks);
        levels
    }

    /// Sizes are absolute; zero removes, also what is not there.
    pub(super) fn apply(&mut self, bids: &[Level], asks: &[Level]) {
        apply_side(&mut self.bids, bids);
        apply_side(&mut self.asks, asks);
        while self.bids.len() > LEVELS_MAX {
            self.bids.pop_first();
        }
        while self.asks.len() > LEVELS_MAX {
            self.asks.pop_last();
        }
    }

    /// True if the best bid is not below the best ask: such a book is wrong.
    pub(super) fn is_crossed(&self) -> bool {
        match (self.bids.last_key_value(), self.asks.first_key_value()) {
            (Some((bid, _)), Some((ask, _))) => bid >= ask,
            _ => false,
        }
    }

    pub(super) fn top(&self, depth: usize) -> Top {
        let copy = |(price, size): (&Decimal, &Decimal)| (*price, *size);
        Top {
            bids: self.bids.iter().rev().take(depth).map(copy).collect(),
            asks: self.asks.iter().take(depth).map(copy).collect(),
        }
    }
}

fn apply_side(side: &mut BTreeMap<Decimal, Decimal>, changes: &[Level]) {
    for Level { price, size } in changes {
        if size.is_zero() {
            side.remove(price);
        } else {
            side.insert(*price, *size);
        }
    }
}

impl Top {
    /// `{bids:{price text: size}, asks:{…}}`.
    pub(super) fn state(&self) -> Object {
        Object::new().with("asks", side(&self.asks)).with("bids", side(&self.bids))
    }
}

fn side(levels: &[(Decimal, Decimal)]) -> Object {
    let mut text = Vec::with_capacity(24);
    levels.iter().map(|(price, size)| (price_key(*price, &mut text), Value::from(*size))).collect()
}

/// The canonical text of a price. `text` is scratch space.
fn price_key(price: Decimal, text: &mut Vec<u8>) -> Key {
    text.clear();
    price.write(text);
    Key::from_utf8_lossy(text)
}
