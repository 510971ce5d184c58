//! What is sent to Coinbase Exchange: one message for everything, within 5 s of connecting.

use crate::adapter::LinkId;
use crate::market::{Kind, Market};
use serde_json::json;

pub(super) fn subscribe(market: &Market, link: LinkId) -> String {
    let natives: Vec<&str> = market.natives(link).collect();
    let wanted = market.kinds().iter().filter_map(|kind| channel(*kind));
    let channels: Vec<&str> = wanted.chain(["heartbeat"]).collect();
    json!({"type": "subscribe", "product_ids": natives, "channels": channels}).to_string()
}

/// `word`: `subscribe` or `unsubscribe`.
pub(super) fn book(word: &str, native: &str) -> String {
    json!({"type": word, "product_ids": [native], "channels": ["level2_batch"]}).to_string()
}

/// `None`: not offered.
fn channel(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Trade => Some("matches"),
        Kind::Quote | Kind::Ticker => Some("ticker"),
        // Why batched: the plain one wants a key.
        Kind::Book => Some("level2_batch"),
        Kind::Bar => None,
    }
}
