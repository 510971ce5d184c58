//! What is fixed about Coinbase Exchange.

use crate::market::{Closing, Continuity, Kind, Rules, kept_name, same_name};

pub(super) const RULES: Rules = Rules {
    provider: "coinbase_exchange",
    ws_url: "wss://ws-feed.exchange.coinbase.com",
    paths: &[""],
    rest_url: "",
    kinds: &[Kind::Trade, Kind::Quote, Kind::Book],
    depths: &[],
    depth: None,
    interval: "1m",
    closing: Closing::Said,
    continuity: Continuity::Contiguous,
    // Heartbeats come every second, for each product.
    idle_timeout_ms: 10_000,
    ping: None,
    place: same_name,
    canonical: kept_name,
};
