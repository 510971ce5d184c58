//! One symbol: its names, its topics, and what must be remembered between its messages.

use super::Venue;
use super::book::DiffBook;
use super::streams::{Stream, StreamKind};
use crate::adapter::Output;
use crate::book::{Shown, Top};
use crate::market::{Bars, Continuity, Topics, TradeIds};

pub(super) struct Symbol {
    /// The venue's: `BTCUSDT`.
    pub native: String,
    pub topics: Topics,
    /// Trades are quotes' `last` only where quotes are subscribed to.
    pub has_quotes: bool,
    /// The subscription that feeds the diff book.
    pub book_stream: Option<usize>,
    pub trades: TradeIds,
    pub quote_id: i64,
    pub ticker_ms: i64,
    pub top_id: i64,
    pub shown: Shown,
    pub diff_book: Option<DiffBook>,
    pub bars: Bars,
    /// Fetches in a row that brought nothing.
    pub depth_failures: u32,
    pub bar_failures: u32,
}

impl Symbol {
    pub(super) fn new(native: &str, topics: Topics) -> Symbol {
        Symbol {
            native: native.to_owned(),
            topics,
            has_quotes: false,
            book_stream: None,
            trades: TradeIds::new(Continuity::Contiguous),
            quote_id: i64::MIN,
            ticker_ms: i64::MIN,
            top_id: i64::MIN,
            shown: Shown::default(),
            diff_book: None,
            bars: Bars::default(),
            depth_failures: 0,
            bar_failures: 0,
        }
    }

    /// Prepares for a stream of this symbol, the `index`th of all.
    pub(super) fn add(&mut self, stream: &Stream, index: usize, venue: Venue) {
        match stream.kind {
            StreamKind::BookTicker | StreamKind::Ticker => self.has_quotes = true,
            StreamKind::DiffBook => {
                self.diff_book = Some(DiffBook::new(venue.is_futures()));
                self.book_stream = Some(index);
            }
            _ => {}
        }
    }

    pub(super) fn show_book(&mut self, top: Top, te: Option<i64>, output: &mut Output) {
        self.shown.show(&self.topics.book, top, te, output);
    }

    pub(super) fn break_book(&mut self, output: &mut Output) {
        self.shown.break_off(&self.topics.book, output);
    }

    pub(super) fn say_broken(&self, output: &mut Output) {
        self.shown.say_broken(&self.topics.book, output);
    }

    /// Does the book wait for a snapshot?
    pub(super) fn is_out_of_sync(&self) -> bool {
        self.shown.is_broken() || self.diff_book.as_ref().is_some_and(|book| !book.is_synced())
    }
}
