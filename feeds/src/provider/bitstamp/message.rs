//! Bitstamp's wire structs, with the names of its documentation. Of numbers that come as float and as string the string
//! is read.

use crate::book::Level;
use crate::model::Number;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

#[derive(Deserialize)]
pub(super) struct Frame<'a> {
    #[serde(borrow)]
    pub event: Cow<'a, str>,
    #[serde(borrow, default)]
    pub channel: Cow<'a, str>,
    #[serde(borrow, default)]
    pub data: Option<&'a RawValue>,
}

/// `diff_order_book_<pair>`, with absolute sizes; and the REST snapshot.
#[derive(Debug, Deserialize)]
pub(super) struct Book {
    /// Unix µs.
    pub microtimestamp: Micros,
    pub bids: Vec<Level>,
    pub asks: Vec<Level>,
}

/// A whole number in a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "Number")]
pub(super) struct Micros(pub i64);

impl TryFrom<Number> for Micros {
    type Error = &'static str;

    fn try_from(number: Number) -> Result<Micros, &'static str> {
        let whole = number.0.normalized();
        match i64::try_from(whole.mantissa()) {
            Ok(micros) if whole.scale() == 0 => Ok(Micros(micros)),
            _ => Err("not a time in microseconds"),
        }
    }
}

impl Micros {
    pub fn ms(self) -> i64 {
        self.0.div_euclid(1_000)
    }
}

/// `live_trades_<pair>`.
#[derive(Deserialize)]
pub(super) struct Trade {
    pub id: i64,
    pub amount_str: Number,
    pub price_str: Number,
    /// The taker's side: 0 bought, 1 sold.
    #[serde(rename = "type")]
    pub kind: u8,
    pub microtimestamp: Micros,
}

/// `/ticker/<pair>/`: the last 24 hours.
#[derive(Deserialize)]
pub(super) struct Ticker {
    pub ask: Number,
    pub bid: Number,
    pub high: Number,
    pub last: Number,
    pub low: Number,
    pub open: Number,
    pub volume: Number,
    pub vwap: Number,
    /// Unix s.
    pub timestamp: Micros,
}

/// Of an error.
#[derive(Deserialize)]
pub(super) struct Refusal<'a> {
    #[serde(borrow, default)]
    pub message: Cow<'a, str>,
}

/// Native → canonical names of a trading-pairs-info body; none if it is another.
pub(super) fn pairs(body: &[u8]) -> Vec<(String, String)> {
    #[derive(Deserialize)]
    struct Pair {
        url_symbol: String,
        name: String,
    }
    let pairs: Vec<Pair> = serde_json::from_slice(body).unwrap_or_default();
    pairs.into_iter().map(|pair| (pair.url_symbol, pair.name.replace('/', "-"))).collect()
}
