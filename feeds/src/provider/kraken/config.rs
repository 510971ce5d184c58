//! What is fixed about Kraken.

use crate::market::{Closing, Continuity, Kind, Place, Rules, pair};

pub(super) const RULES: Rules = Rules {
    provider: "kraken",
    ws_url: "wss://ws.kraken.com/v2",
    paths: &[""],
    rest_url: "",
    kinds: &[Kind::Trade, Kind::Quote, Kind::Book, Kind::Bar],
    depths: &[10, 25, 100, 500, 1_000],
    depth: Some(25),
    interval: "1m",
    closing: Closing::ByNext,
    continuity: Continuity::Contiguous,
    // Heartbeats come every second.
    idle_timeout_ms: 10_000,
    ping: None,
    place,
    canonical,
};

/// `BTC-USD` is `BTC/USD`.
fn place(canonical: &str) -> Option<Place> {
    let (base, quote) = pair(canonical)?;
    Some(Place { native: format!("{base}/{quote}"), path: 0 })
}

fn canonical(native: &str, _path: usize) -> String {
    native.replace('/', "-")
}
