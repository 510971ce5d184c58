//! What is sent to OKX.

use crate::adapter::LinkId;
use crate::market::{Kind, Market};
use serde_json::json;

/// Channels per request; the venue takes 64 KiB of text.
const CHANNELS_MAX: usize = 100;

/// What is subscribed to by which channel.
const CHANNELS: [(&str, Kind); 3] = [("trades", Kind::Trade), ("tickers", Kind::Quote), ("books", Kind::Book)];

pub(super) fn subscribe(market: &Market, link: LinkId) -> Vec<String> {
    let wanted = CHANNELS.iter().filter(|(_, kind)| market.kinds().contains(kind));
    let args: Vec<_> = wanted
        .flat_map(|(channel, _)| market.natives(link).map(move |native| json!({"channel": channel, "instId": native})))
        .collect();
    args.chunks(CHANNELS_MAX).map(|args| json!({"op": "subscribe", "args": args}).to_string()).collect()
}

/// `word`: `subscribe` or `unsubscribe`.
pub(super) fn book(word: &str, native: &str) -> String {
    json!({"op": word, "args": [{"channel": "books", "instId": native}]}).to_string()
}

/// What a channel brings.
pub(super) fn kind_of(channel: &str) -> Option<Kind> {
    CHANNELS.iter().find(|(name, _)| *name == channel).map(|(_, kind)| *kind)
}

/// The same for a text that names a channel.
pub(super) fn kind_in(text: &str) -> Option<Kind> {
    CHANNELS.iter().find(|(name, _)| text.contains(name)).map(|(_, kind)| *kind)
}
