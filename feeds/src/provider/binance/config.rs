//! What may be configured about a Binance venue, and what is wrong with it.

use super::Venue;
use crate::market::{self, Kind, Silence, check_symbols, check_url};
use crate::registry::Problem;
use crate::supervise::Limits;
use serde::{Deserialize, Serialize};

/// `[[feed]]` with `provider = "binance"`, `"binance_us"` or `"binance_futures"`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct BinanceConfig {
    /// Canonical names, `BASE-QUOTE` in upper case: `BTC-USDT`. At least one.
    pub symbols: Vec<String>,
    /// What to subscribe to: any of `trade`, `quote`, `book`, `bar`, `ticker`. Default: all but `ticker`.
    pub kinds: Vec<Kind>,
    /// WebSocket base, without `/stream` (and for futures without `/public` and `/market`). Default: the venue's own.
    pub ws_url: Option<String>,
    /// REST base, without `/api`. Default: the venue's own.
    pub rest_url: Option<String>,
    /// `trade` (every trade) or `agg` (trades of one taker order at one price together). Default: `trade`; futures: `agg`.
    pub trades: Option<TradeStream>,
    /// Where books come from: `top` (self-contained snapshots of 20 levels) or `diff` (changes, kept in sync with REST
    /// snapshots). Default: `top`.
    pub book: BookSource,
    /// Levels per side that are published, 1 to 1000. Above 20 only with `book = "diff"`. Default: 20.
    pub book_levels: usize,
    /// `mini` (last, open, high, low, volume) or `full` (also the average price). Default: `mini`.
    pub ticker: TickerStream,
    /// Bars per symbol fetched at the start and after a reconnect, at most 1000. Default: 500. 0: none.
    pub bar_backfill: u32,
    /// How often the instrument table is fetched again, in s. Default: 3600. 0: only at the start.
    pub instruments_refresh_s: u64,
    /// Silence that means trouble, per kind.
    pub silence: Silence,
    /// Limits of connections and fetches.
    pub limits: Limits,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TradeStream {
    Trade,
    Agg,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BookSource {
    Top,
    Diff,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TickerStream {
    Mini,
    Full,
}

/// Levels in the self-contained snapshots of `book = "top"`.
pub(super) const TOP_LEVELS: usize = 20;
/// Levels of a REST snapshot: no more can be known for certain.
const LEVELS_MAX: usize = 1_000;
const BACKFILL_MAX: u32 = 1_000;

impl Default for BinanceConfig {
    fn default() -> BinanceConfig {
        BinanceConfig {
            symbols: Vec::new(),
            kinds: vec![Kind::Trade, Kind::Quote, Kind::Book, Kind::Bar],
            ws_url: None,
            rest_url: None,
            trades: None,
            book: BookSource::Top,
            book_levels: TOP_LEVELS,
            ticker: TickerStream::Mini,
            bar_backfill: 500,
            instruments_refresh_s: 3_600,
            silence: Silence::default(),
            limits: Limits::default(),
        }
    }
}

impl BinanceConfig {
    /// Everything that is wrong, at once; keys are relative to the feed.
    pub fn validate(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        check_symbols(&self.symbols, |symbol| native(symbol).is_some(), &mut problems);
        if self.kinds.is_empty() {
            problems.push(Problem::new("kinds", "nothing to subscribe to"));
        }
        check_url("ws_url", self.ws_url.as_deref(), ["ws://", "wss://"], &mut problems);
        check_url("rest_url", self.rest_url.as_deref(), ["http://", "https://"], &mut problems);
        let levels_max = if self.book == BookSource::Top { TOP_LEVELS } else { LEVELS_MAX };
        if !(1..=levels_max).contains(&self.book_levels) {
            let book = if self.book == BookSource::Top { "top" } else { "diff" };
            problems.push(Problem::new("book_levels", format!("must be 1 to {levels_max} with book = \"{book}\"")));
        }
        if self.bar_backfill > BACKFILL_MAX {
            problems.push(Problem::new("bar_backfill", format!("must be at most {BACKFILL_MAX}")));
        }
        self.limits.check(&mut problems);
        problems
    }

    /// With an idle time-out that the venue's pings can keep a socket from.
    pub fn limits(&self, venue: Venue) -> Limits {
        let mut limits = self.limits.clone();
        if limits.idle_timeout_ms > 0 {
            limits.idle_timeout_ms = limits.idle_timeout_ms.max(venue.idle_timeout_ms());
        }
        limits
    }

    pub(super) fn trades(&self, venue: Venue) -> TradeStream {
        self.trades.unwrap_or(if venue.is_futures() { TradeStream::Agg } else { TradeStream::Trade })
    }

    pub(super) fn has(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }
}

/// The venue's symbol, `BTCUSDT`, for a canonical one, `BTC-USDT`; `None` if it is not `BASE-QUOTE`. Used once per
/// configured symbol; afterwards the tables built from it are asked.
pub(super) fn native(canonical: &str) -> Option<String> {
    let (base, quote) = market::pair(canonical)?;
    Some(format!("{base}{quote}"))
}
