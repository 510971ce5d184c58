//! One symbol: its names, its topics, and what must be remembered between its messages.

use super::{Bars, Continuity, Kind, Rules, Topics, TradeIds};
use crate::adapter::LinkId;
use crate::book::Book;

pub(crate) struct Symbol {
    /// The venue's name of it.
    pub native: String,
    pub link: LinkId,
    pub topics: Topics,
    pub book: Book,
    /// How often the book was lost on this connection.
    pub(super) losses: u32,
    pub(super) trades: TradeIds,
    /// Numbers of quotes, where they have any.
    pub(super) quotes: TradeIds,
    pub(super) bars: Bars,
    /// Index of the subscription per kind.
    subscriptions: Vec<(Kind, usize)>,
}

impl Symbol {
    pub(super) fn new(native: &str, link: LinkId, topics: Topics, depth: Option<usize>, rules: &Rules) -> Symbol {
        Symbol {
            native: native.to_owned(),
            link,
            topics,
            book: Book::new(depth),
            losses: 0,
            trades: TradeIds::new(rules.continuity),
            quotes: TradeIds::new(Continuity::None),
            bars: Bars::new(rules.closing),
            subscriptions: Vec::new(),
        }
    }

    pub(super) fn subscription(&self, kind: Kind) -> Option<usize> {
        self.subscriptions.iter().find(|(known, _)| *known == kind).map(|(_, index)| *index)
    }

    pub(super) fn add_subscription(&mut self, kind: Kind, index: usize) {
        self.subscriptions.push((kind, index));
    }

    /// Does the book wait for a snapshot?
    pub(super) fn is_out_of_sync(&self) -> bool {
        self.subscription(Kind::Book).is_some() && !self.book.is_synced()
    }
}
