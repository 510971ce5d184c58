//! What is sent to Coinbase Advanced Trade: one message per channel.

use crate::adapter::LinkId;
use crate::market::{Kind, Market};
use serde_json::json;

pub(super) fn subscribe(market: &Market, link: LinkId) -> Vec<String> {
    let natives: Vec<&str> = market.natives(link).collect();
    let wanted = market.kinds().iter().map(|kind| request("subscribe", channel(*kind), &natives));
    // Why heartbeats: without them a channel that is quiet for a minute or so is closed.
    wanted.chain([request("subscribe", "heartbeats", &[])]).collect()
}

pub(super) fn request(word: &str, channel: &str, natives: &[&str]) -> String {
    if natives.is_empty() {
        return json!({"type": word, "channel": channel}).to_string();
    }
    json!({"type": word, "product_ids": natives, "channel": channel}).to_string()
}

fn channel(kind: Kind) -> &'static str {
    match kind {
        Kind::Trade => "market_trades",
        Kind::Quote | Kind::Ticker => "ticker",
        Kind::Book => "level2",
        Kind::Bar => "candles",
    }
}
