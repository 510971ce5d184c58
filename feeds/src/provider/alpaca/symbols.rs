//! One symbol: its topics, and what must be remembered between its messages.

use super::config::Kind;
use crate::market::{Bars, Closing};
use crate::model::{Object, Topic, TopicError};

#[derive(Debug)]
pub(super) struct Symbol {
    pub topics: Topics,
    pub minutes: Bars,
    pub days: Bars,
    /// The trade that is the quote's `last`.
    pub last_id: Option<String>,
    /// There was a trade: before it none can be missed.
    pub has_traded: bool,
    /// Trades may have been missed: the connection was lost.
    pub is_interrupted: bool,
}

#[derive(Debug)]
pub(super) struct Topics {
    pub trade: Topic,
    pub quote: Topic,
    pub minute: Topic,
    pub day: Topic,
    pub instrument: Topic,
}

impl Symbol {
    pub(super) fn new(native: &str) -> Result<Symbol, TopicError> {
        let topic = |head: &str| Topic::of(&[head, "alpaca", native]);
        let topics = Topics {
            trade: topic("trade")?,
            quote: topic("quote")?,
            minute: Topic::of(&["bar", "1m", "alpaca", native])?,
            day: Topic::of(&["bar", "1d", "alpaca", native])?,
            instrument: topic("instrument")?,
        };
        let (minutes, days) = (Bars::new(Closing::Said), Bars::new(Closing::ByNext));
        Ok(Symbol { topics, minutes, days, last_id: None, has_traded: false, is_interrupted: false })
    }

    /// The topic that is stale when a kind of this symbol's is silent.
    pub(super) fn topic(&self, kind: Kind) -> &Topic {
        match kind {
            Kind::Trade => &self.topics.trade,
            Kind::Quote => &self.topics.quote,
            Kind::Bar => &self.topics.minute,
            Kind::Day => &self.topics.day,
            Kind::Status => &self.topics.instrument,
        }
    }
}

/// What is known of every US stock.
pub(super) fn instrument(native: &str) -> Object {
    Object::new()
        .with("base", native)
        .with("kind", "equity")
        .with("native", native)
        .with("quote", "USD")
        .with("session", "0930-1600")
        .with("tz", "America/New_York")
        .with("venue", "alpaca")
}
