//! The two sides of a book.

use super::{Level, Top};
use crate::model::Decimal;
use std::collections::BTreeMap;

/// Most levels kept per side; those farthest from the market go first. Coinbase's largest book has 25,000 a side.
const LEVELS_MAX: usize = 50_000;

/// Levels by price, by value: `1.10` and `1.1` are one price. Each keeps its numbers as they were last written.
#[derive(Debug, Default)]
pub(crate) struct Levels {
    bids: BTreeMap<Decimal, Level>,
    asks: BTreeMap<Decimal, Level>,
}

impl Levels {
    /// A whole book; levels of size zero are none.
    pub(crate) fn new(bids: &[Level], asks: &[Level]) -> Levels {
        let mut levels = Levels { bids: side(bids), asks: side(asks) };
        levels.truncate(LEVELS_MAX);
        levels
    }

    /// Sizes are absolute; zero removes, also what is not there.
    pub(crate) fn apply(&mut self, bids: &[Level], asks: &[Level]) {
        apply_side(&mut self.bids, bids);
        apply_side(&mut self.asks, asks);
        self.truncate(LEVELS_MAX);
    }

    /// Forgets all but the best `depth` levels of each side: a venue that sends so many says no more of the others.
    pub(crate) fn truncate(&mut self, depth: usize) {
        while self.bids.len() > depth {
            self.bids.pop_first();
        }
        while self.asks.len() > depth {
            self.asks.pop_last();
        }
    }

    /// True if the best bid is not below the best ask: such a book is wrong.
    pub(crate) fn is_crossed(&self) -> bool {
        match (self.bids.last_key_value(), self.asks.first_key_value()) {
            (Some((bid, _)), Some((ask, _))) => bid >= ask,
            _ => false,
        }
    }

    /// Bids, the best first.
    pub(crate) fn bids(&self) -> impl Iterator<Item = &Level> {
        self.bids.values().rev()
    }

    /// Asks, the best first.
    pub(crate) fn asks(&self) -> impl Iterator<Item = &Level> {
        self.asks.values()
    }

    pub(crate) fn top(&self, depth: usize) -> Top {
        Top { bids: self.bids().take(depth).copied().collect(), asks: self.asks().take(depth).copied().collect() }
    }
}

/// Built at once: much faster than one by one.
fn side(levels: &[Level]) -> BTreeMap<Decimal, Level> {
    levels.iter().filter(|level| !level.size.is_zero()).map(|level| (level.price, *level)).collect()
}

fn apply_side(side: &mut BTreeMap<Decimal, Level>, changes: &[Level]) {
    for level in changes {
        if level.size.is_zero() {
            side.remove(&level.price);
        } else {
            side.insert(level.price, *level);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(price: &str, size: &str) -> Level {
        Level { price: price.parse().unwrap(), size: size.parse().unwrap() }
    }

    fn prices<'a>(levels: impl Iterator<Item = &'a Level>) -> Vec<String> {
        levels.map(|level| level.price.to_string()).collect()
    }

    #[test]
    fn both_sides_are_read_best_first_whatever_the_order() {
        let bids = [level("9", "1"), level("10", "1"), level("8", "1")];
        let levels = Levels::new(&bids, &[level("12", "1"), level("11", "1"), level("13", "0")]);
        assert_eq!(prices(levels.bids()), ["10", "9", "8"]);
        assert_eq!(prices(levels.asks()), ["11", "12"], "a level of size zero in a snapshot is none");
        assert!(!levels.is_crossed());
    }

    #[test]
    fn one_price_in_two_spellings_is_one_level_and_the_last_spelling_stays() {
        let mut levels = Levels::new(&[level("1.10", "1")], &[]);
        levels.apply(&[level("1.1", "2.50")], &[]);
        let all: Vec<_> = levels.bids().map(|level| (level.price.scale(), level.size.scale())).collect();
        assert_eq!(all, [(1, 2)]);
    }

    #[test]
    fn unknown_levels_may_be_removed_and_far_ones_are_cut() {
        let mut levels = Levels::new(&[level("9", "1"), level("10", "1")], &[level("11", "1"), level("12", "1")]);
        levels.apply(&[level("7", "0")], &[level("99", "0")]);
        levels.truncate(1);
        assert_eq!((prices(levels.bids()), prices(levels.asks())), (vec!["10".to_owned()], vec!["11".to_owned()]));
        levels.apply(&[level("11", "1")], &[]);
        assert!(levels.is_crossed());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let bids: Vec<Level> = (1..=60_000).map(|n| Level { price: n.into(), size: 1.into() }).collect();
        let levels = Levels::new(&bids, &[]);
        assert_eq!(levels.bids().count(), LEVELS_MAX);
        assert_eq!(levels.bids().next().unwrap().price, 60_000.into());
    }
}
