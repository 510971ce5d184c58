//! Coinbase Advanced Trade's wire structs, with the names of its documentation.

use crate::market::Side;
use crate::model::Number;
use serde::Deserialize;
use std::borrow::Cow;

/// Every frame: of the rows of its events only those of its channel are there.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    /// Absent in errors.
    #[serde(borrow, default)]
    pub channel: Cow<'a, str>,
    #[serde(borrow, default)]
    pub timestamp: Cow<'a, str>,
    /// Counts the frames of the connection, from 0, over all channels.
    #[serde(default)]
    pub sequence_num: Option<u64>,
    #[serde(borrow, default)]
    pub events: Vec<Event<'a>>,
    /// `error` where there is no channel.
    #[serde(borrow, default, rename = "type")]
    pub kind: Cow<'a, str>,
    #[serde(borrow, default)]
    pub message: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(super) struct Event<'a> {
    #[serde(borrow, default, rename = "type")]
    pub kind: Cow<'a, str>,
    /// Of a book; other rows name it themselves.
    #[serde(borrow, default)]
    pub product_id: Cow<'a, str>,
    #[serde(default)]
    pub updates: Vec<PriceLevel>,
    #[serde(borrow, default)]
    pub trades: Vec<Trade<'a>>,
    #[serde(borrow, default)]
    pub tickers: Vec<Ticker<'a>>,
    #[serde(borrow, default)]
    pub candles: Vec<Candle<'a>>,
}

#[derive(Clone, Copy, Deserialize)]
pub(super) struct PriceLevel {
    pub side: BookSide,
    pub price_level: Number,
    pub new_quantity: Number,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum BookSide {
    Bid,
    Offer,
}

#[derive(Deserialize)]
pub(super) struct Trade<'a> {
    #[serde(borrow)]
    pub product_id: Cow<'a, str>,
    /// Contiguous per product.
    #[serde(borrow)]
    pub trade_id: Cow<'a, str>,
    pub price: Number,
    pub size: Number,
    #[serde(borrow)]
    pub time: Cow<'a, str>,
    /// The maker's.
    pub side: Side,
}

#[derive(Deserialize)]
pub(super) struct Ticker<'a> {
    #[serde(borrow)]
    pub product_id: Cow<'a, str>,
    pub price: Number,
    pub volume_24_h: Number,
    pub low_24_h: Number,
    pub high_24_h: Number,
    pub price_percent_chg_24_h: Number,
    pub best_bid: Number,
    pub best_ask: Number,
    pub best_bid_quantity: Number,
    pub best_ask_quantity: Number,
}

#[derive(Deserialize)]
pub(super) struct Candle<'a> {
    #[serde(borrow)]
    pub product_id: Cow<'a, str>,
    /// Unix s.
    #[serde(borrow)]
    pub start: Cow<'a, str>,
    pub open: Number,
    pub high: Number,
    pub low: Number,
    pub close: Number,
    pub volume: Number,
}
