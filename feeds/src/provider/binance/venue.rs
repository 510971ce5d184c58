//! The three venues that speak Binance's protocol, and where they differ.

use super::streams::StreamKind;
use serde::Deserialize;

/// Spot, its American sister, and USD-margined futures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Venue {
    Binance,
    BinanceUs,
    BinanceFutures,
}

impl Venue {
    pub const ALL: [Venue; 3] = [Venue::Binance, Venue::BinanceUs, Venue::BinanceFutures];

    /// The provider's name, as in topics.
    pub fn name(self) -> &'static str {
        match self {
            Venue::Binance => "binance",
            Venue::BinanceUs => "binance_us",
            Venue::BinanceFutures => "binance_futures",
        }
    }

    pub fn by_name(name: &str) -> Option<Venue> {
        Venue::ALL.into_iter().find(|venue| venue.name() == name)
    }

    pub(super) fn ws_url(self) -> &'static str {
        match self {
            Venue::Binance => "wss://stream.binance.com:9443",
            Venue::BinanceUs => "wss://stream.binance.us:9443",
            Venue::BinanceFutures => "wss://fstream.binance.com",
        }
    }

    pub(super) fn rest_url(self) -> &'static str {
        match self {
            Venue::Binance => "https://api.binance.com",
            Venue::BinanceUs => "https://api.binance.us",
            Venue::BinanceFutures => "https://fapi.binance.com",
        }
    }

    /// Where depth, klines and exchangeInfo live under the REST URL.
    pub(super) fn rest_path(self) -> &'static str {
        if self.is_futures() { "/fapi/v1" } else { "/api/v3" }
    }

    pub(super) fn is_futures(self) -> bool {
        self == Venue::BinanceFutures
    }

    /// Shortest idle time-out that pings can keep a socket from: they come every 20 s, on futures every 3 min.
    pub(super) fn idle_timeout_ms(self) -> u64 {
        if self.is_futures() { 400_000 } else { 50_000 }
    }

    /// Where streams live under the WebSocket URL. Futures have had two places since 2026-04-23, and a stream asked for
    /// at the wrong one is accepted and silent (developers.binance.com, "WebSocket Market Streams").
    pub(super) fn routes(self) -> &'static [&'static str] {
        if self.is_futures() { &["/public", "/market"] } else { &[""] }
    }

    /// The one of [`Venue::routes`] that carries this kind.
    pub(super) fn route(self, kind: StreamKind) -> &'static str {
        match kind {
            _ if !self.is_futures() => "",
            StreamKind::BookTicker | StreamKind::TopBook | StreamKind::DiffBook => "/public",
            StreamKind::Trade | StreamKind::AggTrade | StreamKind::Kline | StreamKind::Ticker => "/market",
        }
    }

    /// Most streams on one connection, by the venue's documentation.
    pub(super) fn streams_max(self) -> usize {
        if self.is_futures() { 200 } else { 1_024 }
    }
}
