//! What is fixed about Coinbase Advanced Trade.

use crate::market::{Closing, Continuity, Kind, Rules, kept_name, same_name};

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
    place: same_name,
    canonical: kept_name,
};
