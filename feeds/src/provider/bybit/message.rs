//! Bybit's wire structs, with the names of its documentation.

use crate::book::Level;
use crate::market::Side;
use crate::model::{Number, blank_is_absent};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Any frame: data has `topic`, answers have `success`.
#[derive(Deserialize)]
pub(super) struct Frame<'a> {
    #[serde(borrow, default)]
    pub topic: Cow<'a, str>,
    /// `snapshot` or `delta`.
    #[serde(borrow, default, rename = "type")]
    pub kind: Cow<'a, str>,
    #[serde(default, rename = "ts")]
    pub at_ms: Option<i64>,
    #[serde(borrow, default)]
    pub data: Option<&'a RawValue>,
    #[serde(default)]
    pub success: Option<bool>,
    #[serde(borrow, default)]
    pub ret_msg: Cow<'a, str>,
    #[serde(borrow, default)]
    pub op: Cow<'a, str>,
}

impl Frame<'_> {
    pub fn is_snapshot(&self) -> bool {
        self.kind == "snapshot"
    }
}

/// `orderbook.<depth>.<symbol>`.
#[derive(Deserialize)]
pub(super) struct Book {
    #[serde(rename = "b")]
    pub bids: Vec<Level>,
    #[serde(rename = "a")]
    pub asks: Vec<Level>,
    /// One more with each message; 1: the service began anew, and this is a snapshot.
    #[serde(rename = "u")]
    pub number: i64,
}

/// `tickers.<symbol>`: of contracts, changes say only what changed; of spot there are no best prices.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ticker {
    #[serde(default, deserialize_with = "blank_is_absent")]
    pub ask1_price: Option<Number>,
    #[serde(default, deserialize_with = "blank_is_absent")]
    pub ask1_size: Option<Number>,
    #[serde(default, deserialize_with = "blank_is_absent")]
    pub bid1_price: Option<Number>,
    #[serde(default, deserialize_with = "blank_is_absent")]
    pub bid1_size: Option<Number>,
    #[serde(default, deserialize_with = "blank_is_absent")]
    pub high_price24h: Option<Number>,
    #[serde(default, deserialize_with = "blank_is_absent")]
    pub last_price: Option<Number>,
    #[serde(default, deserialize_with = "blank_is_absent")]
    pub low_price24h: Option<Number>,
    #[serde(default, deserialize_with = "blank_is_absent")]
    pub prev_price24h: Option<Number>,
    #[serde(default, deserialize_with = "blank_is_absent")]
    pub turnover24h: Option<Number>,
    #[serde(default, deserialize_with = "blank_is_absent")]
    pub volume24h: Option<Number>,
}

/// `publicTrade.<symbol>`.
#[derive(Deserialize)]
pub(super) struct Trade<'a> {
    #[serde(rename = "T")]
    pub trade_ms: i64,
    /// The taker's.
    #[serde(rename = "S")]
    pub side: Side,
    #[serde(rename = "v")]
    pub size: Number,
    #[serde(rename = "p")]
    pub price: Number,
    #[serde(borrow, rename = "i")]
    pub id: Cow<'a, str>,
}

/// `kline.1.<symbol>`.
#[derive(Deserialize)]
pub(super) struct Kline {
    #[serde(rename = "start")]
    pub open_ms: i64,
    pub open: Number,
    pub high: Number,
    pub low: Number,
    pub close: Number,
    pub volume: Number,
    /// It is closed.
    pub confirm: bool,
    #[serde(rename = "timestamp")]
    pub event_ms: i64,
}
