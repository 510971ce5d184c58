//! Trades as events, and what their ids say about those that did not come.

use crate::model::{Decimal, Object, Value};

/// Ids that run back by more than this are no repetition: the venue began to count anew.
const RESTART: i64 = 1_000_000;

/// Who took: always the taker's side, whatever the venue says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
pub(crate) enum Side {
    #[serde(rename = "buy", alias = "BUY", alias = "Buy")]
    Buy,
    #[serde(rename = "sell", alias = "SELL", alias = "Sell")]
    Sell,
}

impl Side {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Side::Buy => "buy",
            Side::Sell => "sell",
        }
    }

    /// The taker's side where the venue says the maker's.
    pub(crate) fn opposite(self) -> Side {
        match self {
            Side::Buy => Side::Sell,
            Side::Sell => Side::Buy,
        }
    }
}

/// One trade.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trade<'a> {
    /// A string: it may exceed 2^53, or be no number at all.
    pub id: &'a str,
    pub price: Decimal,
    pub size: Decimal,
    pub side: Side,
    /// When it was made; `None` if the venue does not say.
    pub trade_ms: Option<i64>,
}

impl Trade<'_> {
    pub(crate) fn event(&self) -> Object {
        let mut event = Object::with_capacity(7)
            .with("id", self.id)
            .with("price", self.price)
            .with("side", self.side.word())
            .with("size", self.size);
        if let Some(trade_ms) = self.trade_ms {
            event.set("te", Value::from(trade_ms));
        }
        event
    }
}

/// What a venue's trade ids promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Continuity {
    /// Per symbol, each is the one before it plus one.
    Contiguous,
    /// They rise, with holes; or they are no numbers. Only a lost connection tells that trades were missed.
    None,
}

/// Where a trade stands to the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Next,
    /// Known already.
    Repeated,
    /// Trades between are missing; `None`: nobody knows how many.
    After(Option<u64>),
}

/// The ids of one symbol's trades.
#[derive(Debug)]
pub(crate) struct TradeIds {
    continuity: Continuity,
    last: Option<i64>,
    /// Some may have been missed that no id tells of.
    is_broken: bool,
    /// Any trade yet?
    is_begun: bool,
}

impl TradeIds {
    pub(crate) fn new(continuity: Continuity) -> TradeIds {
        TradeIds { continuity, last: None, is_broken: false, is_begun: false }
    }

    /// Takes the trades `first ..= last` as one; `None` where ids are no numbers.
    pub(crate) fn take(&mut self, ids: Option<(i64, i64)>) -> Order {
        let order = match (ids, self.last) {
            (Some((_, last)), Some(known)) if last <= known && known - last < RESTART => return Order::Repeated,
            (Some((_, last)), Some(known)) if last <= known => Order::After(None),
            (Some((first, _)), Some(known)) if self.continuity == Continuity::Contiguous && first - known > 1 => {
                Order::After(Some((first - known - 1).unsigned_abs()))
            }
            _ if self.is_broken && self.continuity == Continuity::None => Order::After(None),
            _ => Order::Next,
        };
        self.last = ids.map(|(_, last)| last).or(self.last);
        (self.is_broken, self.is_begun) = (false, true);
        order
    }

    /// The connection is gone: what is traded meanwhile does not come.
    pub(crate) fn break_off(&mut self) {
        self.is_broken = self.is_begun;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(ids: &mut TradeIds, id: i64) -> Order {
        ids.take(Some((id, id)))
    }

    #[test]
    fn contiguous_ids_tell_what_is_missing() {
        let mut ids = TradeIds::new(Continuity::Contiguous);
        assert_eq!(
            [49, 50, 49, 55].map(|id| take(&mut ids, id)),
            [Order::Next, Order::Next, Order::Repeated, Order::After(Some(4))]
        );
        ids.break_off();
        assert_eq!(take(&mut ids, 56), Order::Next, "the ids say that nothing was missed");
        assert_eq!(take(&mut ids, 56 - 2 * RESTART), Order::After(None), "the venue counts anew");
        assert_eq!(ids.take(Some((57 - 2 * RESTART, 60 - 2 * RESTART))), Order::Next, "four in one");
        assert_eq!(take(&mut ids, 61 - 2 * RESTART), Order::Next);
    }

    #[test]
    fn without_contiguous_ids_only_a_break_tells() {
        let mut ids = TradeIds::new(Continuity::None);
        ids.break_off();
        assert_eq!(take(&mut ids, 5), Order::Next, "nothing was before it");
        assert_eq!(take(&mut ids, 9), Order::Next);
        ids.break_off();
        assert_eq!([9, 12, 13].map(|id| take(&mut ids, id)), [Order::Repeated, Order::After(None), Order::Next]);
        ids.break_off();
        assert_eq!((ids.take(None), ids.take(None)), (Order::After(None), Order::Next), "ids that are no numbers");
    }
}
