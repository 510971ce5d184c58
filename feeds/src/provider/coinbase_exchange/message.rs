//! Coinbase Exchange's wire struct, with the names of its documentation.

use crate::book::Level;
use crate::market::Side;
use crate::model::Number;
use serde::Deserialize;
use std::borrow::Cow;

/// Every frame; which fields are there depends on its type.
#[derive(Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow, rename = "type")]
    pub kind: Cow<'a, str>,
    #[serde(borrow, default)]
    pub product_id: Cow<'a, str>,
    #[serde(borrow, default)]
    pub time: Cow<'a, str>,
    #[serde(default)]
    pub price: Option<Number>,
    /// Of a match.
    #[serde(default)]
    pub size: Option<Number>,
    /// In a match the maker's, in a ticker the taker's.
    #[serde(default)]
    pub side: Option<Side>,
    /// Contiguous per product.
    #[serde(default)]
    pub trade_id: Option<i64>,
    /// Rises per product, with holes: it counts messages of other channels too.
    #[serde(default)]
    pub sequence: Option<i64>,
    #[serde(default)]
    pub last_size: Option<Number>,
    #[serde(default)]
    pub best_bid: Option<Number>,
    #[serde(default)]
    pub best_bid_size: Option<Number>,
    #[serde(default)]
    pub best_ask: Option<Number>,
    #[serde(default)]
    pub best_ask_size: Option<Number>,
    #[serde(default)]
    pub open_24h: Option<Number>,
    #[serde(default)]
    pub high_24h: Option<Number>,
    #[serde(default)]
    pub low_24h: Option<Number>,
    #[serde(default)]
    pub volume_24h: Option<Number>,
    /// Of a snapshot.
    #[serde(default)]
    pub bids: Vec<Level>,
    #[serde(default)]
    pub asks: Vec<Level>,
    /// Of a book: which side, price, new size.
    #[serde(default)]
    pub changes: Vec<(Side, Number, Number)>,
    /// Of an error.
    #[serde(borrow, default)]
    pub message: Cow<'a, str>,
    #[serde(borrow, default)]
    pub reason: Cow<'a, str>,
}
