//! OKX's wire structs, with the names of its documentation.

use crate::book::Level;
use crate::market::Side;
use crate::model::{Number, blank_is_absent};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Any frame: data has `arg` and `data`, answers have `event`.
#[derive(Deserialize)]
pub(super) struct Frame<'a> {
    #[serde(borrow, default)]
    pub arg: Arg<'a>,
    #[serde(borrow, default)]
    pub data: Option<&'a RawValue>,
    /// Of a book: `snapshot` or `update`.
    #[serde(borrow, default)]
    pub action: Cow<'a, str>,
    #[serde(borrow, default)]
    pub event: Cow<'a, str>,
    #[serde(borrow, default)]
    pub msg: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Arg<'a> {
    #[serde(borrow, default)]
    pub channel: Cow<'a, str>,
    #[serde(borrow, default)]
    pub inst_id: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Book {
    pub bids: Vec<Level>,
    pub asks: Vec<Level>,
    pub ts: Number,
    /// Absent, or 0 since 2026, where the venue sends none.
    #[serde(default)]
    pub checksum: i32,
    /// `None` in recordings from before 2023.
    #[serde(default)]
    pub seq_id: Option<i64>,
    #[serde(default)]
    pub prev_seq_id: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ticker {
    #[serde(default, deserialize_with = "blank_is_absent")]
    pub ask_px: Option<Number>,
    #[serde(default, deserialize_with = "blank_is_absent")]
    pub ask_sz: Option<Number>,
    #[serde(default, deserialize_with = "blank_is_absent")]
    pub bid_px: Option<Number>,
    #[serde(default, deserialize_with = "blank_is_absent")]
    pub bid_sz: Option<Number>,
    #[serde(default, deserialize_with = "blank_is_absent")]
    pub high24h: Option<Number>,
    #[serde(default, deserialize_with = "blank_is_absent")]
    pub last: Option<Number>,
    #[serde(default, deserialize_with = "blank_is_absent")]
    pub last_sz: Option<Number>,
    #[serde(default, deserialize_with = "blank_is_absent")]
    pub low24h: Option<Number>,
    #[serde(default, deserialize_with = "blank_is_absent")]
    pub open24h: Option<Number>,
    /// In contracts, where the instrument is one.
    #[serde(default, deserialize_with = "blank_is_absent")]
    pub vol24h: Option<Number>,
    pub ts: Number,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Trade<'a> {
    /// Of the last of `count` trades.
    #[serde(borrow)]
    pub trade_id: Cow<'a, str>,
    pub px: Number,
    pub sz: Number,
    /// The taker's.
    pub side: Side,
    pub ts: Number,
    /// Trades of one taker at one price come as one; `None` in recordings from before they did.
    #[serde(default)]
    pub count: Option<Number>,
}
