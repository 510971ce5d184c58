//! What is sent to Bybit.

use crate::adapter::LinkId;
use crate::market::{Kind, Market};
use serde_json::json;

/// Topics per request: spot takes no more.
const TOPICS_MAX: usize = 10;

pub(super) fn subscribe(market: &Market, link: LinkId) -> Vec<String> {
    let natives = market.natives(link);
    let topics: Vec<String> =
        natives.flat_map(|native| market.kinds().iter().map(|kind| topic(*kind, native, market))).collect();
    topics.chunks(TOPICS_MAX).map(|topics| request("subscribe", topics)).collect()
}

pub(super) fn book(native: &str, market: &Market) -> String {
    topic(Kind::Book, native, market)
}

/// `word`: `subscribe` or `unsubscribe`.
pub(super) fn request(word: &str, topics: &[String]) -> String {
    json!({"op": word, "args": topics}).to_string()
}

fn topic(kind: Kind, native: &str, market: &Market) -> String {
    match kind {
        Kind::Trade => format!("publicTrade.{native}"),
        Kind::Quote | Kind::Ticker => format!("tickers.{native}"),
        Kind::Book => format!("orderbook.{}.{native}", market.depth().unwrap_or_default()),
        Kind::Bar => format!("kline.1.{native}"),
    }
}

/// What a topic of this beginning brings.
pub(super) fn kind_of(topic: &str) -> Option<Kind> {
    let named =
        [("publicTrade", Kind::Trade), ("tickers", Kind::Quote), ("orderbook", Kind::Book), ("kline", Kind::Bar)];
    named.into_iter().find(|(word, _)| topic.contains(word)).map(|(_, kind)| kind)
}
