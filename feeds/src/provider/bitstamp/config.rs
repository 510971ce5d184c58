//! What is fixed about Bitstamp.

use crate::market::{Closing, Continuity, Kind, Ping, Place, Rules, by_ending, pair};

pub(super) const RULES: Rules = Rules {
    provider: "bitstamp",
    ws_url: "wss://ws.bitstamp.net",
    paths: &[""],
    rest_url: "https://www.bitstamp.net/api/v2",
    kinds: &[Kind::Trade, Kind::Quote, Kind::Book],
    depths: &[],
    depth: None,
    interval: "1m",
    closing: Closing::Said,
    // Ids are those of all pairs.
    continuity: Continuity::None,
    // Answers to heartbeats come every 20 s.
    idle_timeout_ms: 50_000,
    ping: Some(Ping { every_ms: 20_000, text: r#"{"event":"bts:heartbeat"}"# }),
    place,
    canonical,
};

/// `BTC-USD` is `btcusd`.
fn place(canonical: &str) -> Option<Place> {
    let (base, quote) = pair(canonical)?;
    Some(Place { native: format!("{base}{quote}").to_lowercase(), path: 0 })
}

fn canonical(native: &str, _path: usize) -> String {
    let native = native.to_uppercase();
    by_ending(&native).unwrap_or(native)
}
