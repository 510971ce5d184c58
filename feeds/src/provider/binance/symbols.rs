//! One symbol: its names, its topics, and what must be remembered between its messages.

use super::Venue;
use super::bars::Bars;
use super::book::DiffBook;
use super::levels::Top;
use super::streams::{Stream, StreamKind};
use crate::model::{Topic, TopicError};

pub(super) struct Symbol {
    /// The venue's: `BTCUSDT`.
    pub native: String,
    pub topics: Topics,
    /// Trades are quotes' `last` only where quotes are subscribed to.
    pub has_quotes: bool,
    /// The subscription that feeds the diff book.
    pub book_stream: Option<usize>,
    pub trade_id: Option<i64>,
    pub quote_id: i64,
    pub ticker_ms: i64,
    pub top_id: i64,
    /// What the book topic says now.
    pub published: Top,
    /// The book topic's state is from before a break: what comes next is a reset.
    pub needs_reset: bool,
    pub diff_book: Option<DiffBook>,
    pub bars: Bars,
    /// Fetches in a row that brought nothing.
    pub depth_failures: u32,
    pub bar_failures: u32,
}

pub(super) struct Topics {
    pub quote: Topic,
    pub trade: Topic,
    pub book: Topic,
    pub bar: Topic,
    pub instrument: Topic,
}

impl Topics {
    /// `canonical`: `BTC-USDT`.
    pub(super) fn new(venue: Venue, canonical: &str) -> Result<Topics, TopicError> {
        let topic = |head: &str| Topic::of(&[head, venue.name(), canonical]);
        Ok(Topics {
            quote: topic("quote")?,
            trade: topic("trade")?,
            book: topic("book")?,
            bar: Topic::of(&["bar", "1m", venue.name(), canonical])?,
            instrument: topic("instrument")?,
        })
    }

    /// The topic that is stale when a stream of this kind is silent.
    pub(super) fn of(&self, kind: StreamKind) -> &Topic {
        match kind {
            StreamKind::Trade | StreamKind::AggTrade => &self.trade,
            StreamKind::BookTicker | StreamKind::Ticker => &self.quote,
            StreamKind::TopBook | StreamKind::DiffBook => &self.book,
            StreamKind::Kline => &self.bar,
        }
    }
}

impl Symbol {
    pub(super) fn new(native: &str, topics: Topics) -> Symbol {
        Symbol {
            native: native.to_owned(),
            topics,
            has_quotes: false,
            book_stream: None,
            trade_id: None,
            quote_id: i64::MIN,
            ticker_ms: i64::MIN,
            top_id: i64::MIN,
            published: Top::default(),
            needs_reset: false,
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

    /// Does the book wait for a snapshot?
    pub(super) fn is_out_of_sync(&self) -> bool {
        self.needs_reset || self.diff_book.as_ref().is_some_and(|book| !book.is_synced())
    }
}
