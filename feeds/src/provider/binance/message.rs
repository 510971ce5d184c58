//! Binance's wire structs, with the names of its documentation. Strings are borrowed from the frame; numbers come as
//! strings and are read from their bytes, never through a float.

use crate::book::Level;
use crate::market::Bar;
use crate::model::Number;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

fn element<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(items: &mut A) -> Result<T, A::Error> {
    items.next_element()?.ok_or_else(|| A::Error::custom("too few items"))
}

/// `{"stream":"btcusdt@trade","data":{…}}`; the stream's name was read before.
#[derive(serde::Deserialize)]
pub(super) struct Combined<T> {
    pub data: T,
}

/// `<symbol>@trade`: ids are contiguous per symbol.
#[derive(serde::Deserialize)]
pub(super) struct Trade {
    #[serde(rename = "E")]
    pub event_ms: i64,
    #[serde(rename = "t")]
    pub id: i64,
    #[serde(rename = "p")]
    pub price: Number,
    #[serde(rename = "q")]
    pub size: Number,
    #[serde(rename = "T")]
    pub trade_ms: i64,
    /// The buyer is the maker: the taker sold.
    #[serde(rename = "m")]
    pub is_buyer_maker: bool,
}

/// `<symbol>@aggTrade`: ids are contiguous per symbol.
#[derive(serde::Deserialize)]
pub(super) struct AggTrade {
    #[serde(rename = "E")]
    pub event_ms: i64,
    #[serde(rename = "a")]
    pub id: i64,
    #[serde(rename = "p")]
    pub price: Number,
    #[serde(rename = "q")]
    pub size: Number,
    #[serde(rename = "f")]
    pub first: i64,
    #[serde(rename = "l")]
    pub last: i64,
    #[serde(rename = "T")]
    pub trade_ms: i64,
    #[serde(rename = "m")]
    pub is_buyer_maker: bool,
}

/// `<symbol>@bookTicker`: the best prices, in real time.
#[derive(serde::Deserialize)]
pub(super) struct BookTicker {
    /// `None` on spot.
    #[serde(rename = "E", default)]
    pub event_ms: Option<i64>,
    #[serde(rename = "u")]
    pub update_id: i64,
    #[serde(rename = "b")]
    pub bid: Number,
    #[serde(rename = "B")]
    pub bid_size: Number,
    #[serde(rename = "a")]
    pub ask: Number,
    #[serde(rename = "A")]
    pub ask_size: Number,
}

/// `<symbol>@depth@100ms`: changes, with absolute sizes.
#[derive(Clone, Debug, serde::Deserialize)]
pub(super) struct Diff {
    #[serde(rename = "E")]
    pub event_ms: i64,
    #[serde(rename = "U")]
    pub first: i64,
    #[serde(rename = "u")]
    pub last: i64,
    /// The `u` of the diff before it; futures only.
    #[serde(rename = "pu", default)]
    pub previous: Option<i64>,
    #[serde(rename = "b")]
    pub bids: Vec<Level>,
    #[serde(rename = "a")]
    pub asks: Vec<Level>,
}

/// `<symbol>@depth20@100ms`, and the REST snapshot: spot names its fields long, the futures stream short.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Depth {
    /// `None` on spot.
    #[serde(rename = "E", default)]
    pub event_ms: Option<i64>,
    #[serde(rename = "lastUpdateId", alias = "u")]
    pub last: i64,
    #[serde(alias = "b")]
    pub bids: Vec<Level>,
    #[serde(alias = "a")]
    pub asks: Vec<Level>,
}

/// `<symbol>@kline_1m`.
#[derive(serde::Deserialize)]
pub(super) struct KlineEvent {
    #[serde(rename = "E")]
    pub event_ms: i64,
    #[serde(rename = "k")]
    pub kline: Kline,
}

#[derive(serde::Deserialize)]
pub(super) struct Kline {
    #[serde(rename = "t")]
    pub open_ms: i64,
    #[serde(rename = "o")]
    pub open: Number,
    #[serde(rename = "h")]
    pub high: Number,
    #[serde(rename = "l")]
    pub low: Number,
    #[serde(rename = "c")]
    pub close: Number,
    #[serde(rename = "v")]
    pub volume: Number,
    #[serde(rename = "n")]
    pub trades: i64,
    #[serde(rename = "x")]
    pub is_closed: bool,
}

impl Kline {
    pub fn bar(&self) -> Bar {
        Bar {
            open_ms: self.open_ms,
            open: self.open.0,
            high: self.high.0,
            low: self.low.0,
            close: self.close.0,
            volume: self.volume.0,
            trades: Some(self.trades),
            is_closed: self.is_closed,
        }
    }
}

/// One row of `/klines`: `[open_ms,"o","h","l","c","v",close_ms,"quote volume",trades, …]`.
pub(super) struct KlineRow {
    pub kline: Kline,
    pub close_ms: i64,
}

impl<'de> Deserialize<'de> for KlineRow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<KlineRow, D::Error> {
        deserializer.deserialize_seq(KlineRowVisitor)
    }
}

struct KlineRowVisitor;

impl<'de> Visitor<'de> for KlineRowVisitor {
    type Value = KlineRow;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a kline row")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<KlineRow, A::Error> {
        let open_ms = element(&mut items)?;
        let (open, high) = (element(&mut items)?, element(&mut items)?);
        let (low, close) = (element(&mut items)?, element(&mut items)?);
        let volume = element(&mut items)?;
        let close_ms = element(&mut items)?;
        element::<IgnoredAny, A>(&mut items)?;
        let trades = element(&mut items)?;
        while items.next_element::<IgnoredAny>()?.is_some() {}
        let kline = Kline { open_ms, open, high, low, close, volume, trades, is_closed: false };
        Ok(KlineRow { kline, close_ms })
    }
}

/// `<symbol>@miniTicker` and `<symbol>@ticker`: the last 24 hours.
#[derive(serde::Deserialize)]
pub(super) struct Ticker {
    #[serde(rename = "E")]
    pub event_ms: i64,
    #[serde(rename = "c")]
    pub last: Number,
    #[serde(rename = "o")]
    pub open: Number,
    #[serde(rename = "h")]
    pub high: Number,
    #[serde(rename = "l")]
    pub low: Number,
    #[serde(rename = "v")]
    pub volume: Number,
    /// Size of the last trade; full ticker only.
    #[serde(rename = "Q", default)]
    pub last_size: Option<Number>,
    /// Average price; full ticker only.
    #[serde(rename = "w", default)]
    pub average: Option<Number>,
}

/// Everything that is no stream's data: replies, announcements, and types we do not know.
#[derive(serde::Deserialize)]
pub(super) struct Control<'a> {
    /// Of a wrapped message whose stream we did not ask for.
    #[serde(borrow, default)]
    pub stream: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub data: Option<&'a serde_json::value::RawValue>,
    /// The type of an event.
    #[serde(borrow, default, rename = "e")]
    pub event: Option<Cow<'a, str>>,
    /// The answer to a request: `null` is a yes.
    #[serde(default)]
    pub id: Option<IgnoredAny>,
    #[serde(default)]
    pub error: Option<IgnoredAny>,
    #[serde(default)]
    pub code: Option<i64>,
}

/// `/exchangeInfo`.
#[derive(serde::Deserialize)]
pub(super) struct ExchangeInfo<'a> {
    #[serde(borrow)]
    pub symbols: Vec<SymbolInfo<'a>>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SymbolInfo<'a> {
    #[serde(borrow)]
    pub symbol: Cow<'a, str>,
    #[serde(borrow, default)]
    pub status: Cow<'a, str>,
    #[serde(borrow)]
    pub base_asset: Cow<'a, str>,
    #[serde(borrow)]
    pub quote_asset: Cow<'a, str>,
    /// `PERPETUAL`, `CURRENT_QUARTER` …; futures only.
    #[serde(borrow, default)]
    pub contract_type: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub filters: Vec<Filter<'a>>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Filter<'a> {
    #[serde(borrow)]
    pub filter_type: Cow<'a, str>,
    #[serde(default)]
    pub tick_size: Option<Number>,
    #[serde(default)]
    pub step_size: Option<Number>,
    #[serde(default, alias = "notional")]
    pub min_notional: Option<Number>,
}
