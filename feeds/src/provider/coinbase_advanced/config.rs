//! What is fixed about Coinbase Advanced Trade.

use crate::market::{Closing, Continuity, Kind, Place, Rules, pair};

pub(super) const RULES: Rules = Rules {
    provider: "coinbase_advanced",
    ws_url: "wss://advanced-trade-ws.coinbase.com",
    paths: &[""],
    rest_url: "",
    kinds: &[Kind::Trade, Kind::Quote, Kind::Book, Kind::Bar],
    depths: &[],
    depth: None,
    // The venue makes bars of 5 minutes and no others.
    interval: "5m",
    closing: Closing::ByNext,
    continuity: Continuity::Contiguous,
    // Heartbeats come every second.
    idle_timeout_ms: 10_000,
    ping: None,
    place,
    canonical,
};

fn place(canonical: &str) -> Option<Place> {
    pair(canonical).map(|_| Place { native: canonical.to_owned(), path: 0 })
}

fn canonical(native: &str, _path: usize) -> String {
    native.to_owned()
}
