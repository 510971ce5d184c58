//! Kraken's wire structs, with the names of its documentation.

use crate::book::Level;
use crate::market::Side;
use crate::model::{BareNumber, utc_ms};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Any frame: data has `channel` and `type`, answers have `method` and `success`.
#[derive(Deserialize)]
pub(super) struct Frame<'a> {
    #[serde(borrow, default)]
    pub channel: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "type")]
    pub kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub timestamp: Option<Time<'a>>,
    #[serde(borrow, default)]
    pub method: Option<Cow<'a, str>>,
    #[serde(default)]
    pub success: Option<bool>,
    #[serde(borrow, default)]
    pub error: Option<Cow<'a, str>>,
    #[serde(default)]
    pub req_id: Option<u64>,
    /// Of a refused request: the one of its symbols that it is about; `None`: all.
    #[serde(borrow, default)]
    pub symbol: Option<Cow<'a, str>>,
    /// Of an accepted one.
    #[serde(borrow, default)]
    pub result: Option<Accepted<'a>>,
}

impl Frame<'_> {
    pub fn is_snapshot(&self) -> bool {
        self.kind.as_deref() == Some("snapshot")
    }
}

/// RFC 3339.
#[derive(Deserialize)]
pub(super) struct Time<'a>(#[serde(borrow)] Cow<'a, str>);

impl Time<'_> {
    pub fn ms(&self) -> Option<i64> {
        utc_ms(&self.0)
    }
}

#[derive(Deserialize)]
pub(super) struct Accepted<'a> {
    #[serde(borrow, default)]
    pub channel: Cow<'a, str>,
    #[serde(borrow, default)]
    pub symbol: Option<Cow<'a, str>>,
    #[serde(default)]
    pub depth: Option<usize>,
}

#[derive(Deserialize)]
pub(super) struct Ticker<'a> {
    #[serde(borrow)]
    pub symbol: Cow<'a, str>,
    pub bid: BareNumber,
    pub bid_qty: BareNumber,
    pub ask: BareNumber,
    pub ask_qty: BareNumber,
    pub last: BareNumber,
    pub volume: BareNumber,
    pub vwap: BareNumber,
    pub low: BareNumber,
    pub high: BareNumber,
    pub change: BareNumber,
    pub change_pct: BareNumber,
    #[serde(borrow, default)]
    pub timestamp: Option<Time<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Trade<'a> {
    #[serde(borrow)]
    pub symbol: Cow<'a, str>,
    /// The taker's.
    pub side: Side,
    pub price: BareNumber,
    pub qty: BareNumber,
    /// Contiguous per symbol.
    pub trade_id: u64,
    #[serde(borrow)]
    pub timestamp: Time<'a>,
}

#[derive(Deserialize)]
pub(super) struct Book<'a> {
    #[serde(borrow)]
    pub symbol: Cow<'a, str>,
    #[serde(default)]
    pub bids: Vec<PriceLevel>,
    #[serde(default)]
    pub asks: Vec<PriceLevel>,
    pub checksum: Option<u32>,
    #[serde(borrow, default)]
    pub timestamp: Option<Time<'a>>,
}

#[derive(Clone, Copy, Deserialize)]
pub(super) struct PriceLevel {
    price: BareNumber,
    qty: BareNumber,
}

impl From<PriceLevel> for Level {
    fn from(level: PriceLevel) -> Level {
        Level { price: level.price.0, size: level.qty.0 }
    }
}

#[derive(Deserialize)]
pub(super) struct Ohlc<'a> {
    #[serde(borrow)]
    pub symbol: Cow<'a, str>,
    /// In minutes.
    pub interval: u32,
    #[serde(borrow)]
    pub interval_begin: Time<'a>,
    pub open: BareNumber,
    pub high: BareNumber,
    pub low: BareNumber,
    pub close: BareNumber,
    pub volume: BareNumber,
    pub trades: i64,
}
