//! What may be configured about a Binance venue, and what is wrong with it.

use super::Venue;
use super::streams::StreamKind;
use crate::capture::Head;
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

/// Silence of one stream, in ms, after which its topics are stale. 0: any silence is normal.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Silence {
    /// Default: 0, for many symbols trade rarely.
    pub trade_ms: u64,
    /// Default: 60000.
    pub quote_ms: u64,
    /// Default: 30000 (on a quiet symbol 10.5 s were seen).
    pub book_ms: u64,
    /// Default: 180000.
    pub bar_ms: u64,
    /// Default: 60000.
    pub ticker_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Trade,
    Quote,
    Book,
    Bar,
    Ticker,
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

impl Default for Silence {
    fn default() -> Silence {
        Silence { trade_ms: 0, quote_ms: 60_000, book_ms: 30_000, bar_ms: 180_000, ticker_ms: 60_000 }
    }
}

impl Silence {
    /// `None`: any silence is normal.
    pub(super) fn of(&self, kind: StreamKind) -> Option<u64> {
        let ms = match kind {
            StreamKind::Trade | StreamKind::AggTrade => self.trade_ms,
            StreamKind::BookTicker => self.quote_ms,
            StreamKind::TopBook | StreamKind::DiffBook => self.book_ms,
            StreamKind::Kline => self.bar_ms,
            StreamKind::Ticker => self.ticker_ms,
        };
        (ms > 0).then_some(ms)
    }
}

impl BinanceConfig {
    /// Everything that is wrong, at once; keys are relative to the feed.
    pub fn validate(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        self.check_symbols(&mut problems);
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

    fn check_symbols(&self, problems: &mut Vec<Problem>) {
        if self.symbols.is_empty() {
            problems.push(Problem::new("symbols", "at least one symbol is needed"));
        }
        for (index, symbol) in self.symbols.iter().enumerate() {
            if native(symbol).is_none() {
                problems.push(Problem::new(format!("symbols[{index}]"), format!("'{symbol}' is not BASE-QUOTE")));
            } else if self.symbols[..index].contains(symbol) {
                problems.push(Problem::new(format!("symbols[{index}]"), format!("'{symbol}' stands there twice")));
            }
        }
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
    let (base, quote) = canonical.split_once('-')?;
    let is_asset = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    (is_asset(base) && is_asset(quote)).then(|| format!("{base}{quote}"))
}

/// The configuration in the header of a capture that we recorded; `None` for another program's.
pub(super) fn recorded(head: &Head) -> Option<BinanceConfig> {
    let mut config: serde_json::Map<String, serde_json::Value> = serde_json::from_str(head.config.as_deref()?).ok()?;
    config.remove("provider");
    serde_json::from_value(config.into()).ok()
}

fn check_url(key: &str, url: Option<&str>, schemes: [&str; 2], problems: &mut Vec<Problem>) {
    let Some(url) = url else { return };
    let rest = schemes.iter().find_map(|scheme| url.strip_prefix(scheme));
    if rest.is_none_or(|rest| rest.is_empty() || rest.starts_with('/')) {
        problems.push(Problem::new(key, format!("must begin with {} or {} and a host", schemes[0], schemes[1])));
    } else if url.contains(['?', '#', ' ']) {
        problems.push(Problem::new(key, "must be a base without query"));
    }
}
