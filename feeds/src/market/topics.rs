//! The topics of one symbol.

use super::Kind;
use crate::model::{Topic, TopicError};

#[derive(Debug)]
pub(crate) struct Topics {
    pub quote: Topic,
    pub trade: Topic,
    pub book: Topic,
    pub bar: Topic,
    pub instrument: Topic,
}

impl Topics {
    /// `canonical`: `BTC-USDT`; `interval`: of bars, `1m`.
    pub(crate) fn new(provider: &str, canonical: &str, interval: &str) -> Result<Topics, TopicError> {
        let topic = |head: &str| Topic::of(&[head, provider, canonical]);
        Ok(Topics {
            quote: topic("quote")?,
            trade: topic("trade")?,
            book: topic("book")?,
            bar: Topic::of(&["bar", interval, provider, canonical])?,
            instrument: topic("instrument")?,
        })
    }

    /// The topic that is stale when what brings this is silent.
    pub(crate) fn of(&self, kind: Kind) -> &Topic {
        match kind {
            Kind::Trade => &self.trade,
            Kind::Quote | Kind::Ticker => &self.quote,
            Kind::Book => &self.book,
            Kind::Bar => &self.bar,
        }
    }
}
