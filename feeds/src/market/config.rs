//! What may be configured about a venue, and what is wrong with it.

use super::Rules;
use crate::capture::Head;
use crate::registry::Problem;
use crate::supervise::Limits;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// `[[feed]]` with `provider = "kraken"`, `"coinbase_advanced"`, `"coinbase_exchange"`, `"bybit"`, `"okx"` or
/// `"bitstamp"`. No key is needed: all of it is public.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct VenueConfig {
    /// Canonical names, `BASE-QUOTE` in upper case: `BTC-USD`; where a venue has perpetual contracts also
    /// `BTC-USDT-PERP`. At least one.
    pub symbols: Vec<String>,
    /// What to subscribe to: any of `trade`, `quote`, `book`, `bar`. Default: all that the venue offers.
    pub kinds: Option<Vec<Kind>>,
    /// WebSocket URL. Default: the venue's own.
    pub ws_url: Option<String>,
    /// REST base, of venues whose books begin with a REST snapshot (`bitstamp`). Default: the venue's own.
    pub rest_url: Option<String>,
    /// Levels per side that the venue is asked for, of those it offers (`kraken` 10, 25, 100, 500, 1000; `bybit` 50,
    /// 200, 1000). Default: 25 on `kraken`, 200 on `bybit`; other venues send whole books.
    pub book_depth: Option<usize>,
    /// Levels per side that are published, 1 to 1000, at most `book_depth`. Default: 20, or `book_depth` if that is less.
    pub book_levels: Option<usize>,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Trade,
    Quote,
    Book,
    Bar,
    Ticker,
}

/// Levels per side that are published if nothing else is asked for.
const LEVELS: usize = 20;
const LEVELS_MAX: usize = 1_000;

impl Default for Silence {
    fn default() -> Silence {
        Silence { trade_ms: 0, quote_ms: 60_000, book_ms: 30_000, bar_ms: 180_000, ticker_ms: 60_000 }
    }
}

impl Silence {
    /// `None`: any silence is normal.
    pub(crate) fn of(&self, kind: Kind) -> Option<u64> {
        let ms = match kind {
            Kind::Trade => self.trade_ms,
            Kind::Quote => self.quote_ms,
            Kind::Book => self.book_ms,
            Kind::Bar => self.bar_ms,
            Kind::Ticker => self.ticker_ms,
        };
        (ms > 0).then_some(ms)
    }
}

impl Kind {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Kind::Trade => "trade",
            Kind::Quote => "quote",
            Kind::Book => "book",
            Kind::Bar => "bar",
            Kind::Ticker => "ticker",
        }
    }
}

impl VenueConfig {
    /// Everything that is wrong, at once; keys are relative to the feed.
    pub(crate) fn problems(&self, rules: &Rules) -> Vec<Problem> {
        let mut problems = Vec::new();
        check_symbols(&self.symbols, |symbol| (rules.place)(symbol).is_some(), &mut problems);
        self.check_kinds(rules, &mut problems);
        check_url("ws_url", self.ws_url.as_deref(), ["ws://", "wss://"], &mut problems);
        check_url("rest_url", self.rest_url.as_deref(), ["http://", "https://"], &mut problems);
        if self.rest_url.is_some() && rules.rest_url.is_empty() {
            problems.push(Problem::new("rest_url", "nothing is asked of this venue over REST"));
        }
        self.check_book(rules, &mut problems);
        self.limits.check(&mut problems);
        problems
    }

    fn check_kinds(&self, rules: &Rules, problems: &mut Vec<Problem>) {
        let kinds = self.kinds.as_deref().unwrap_or(rules.kinds);
        if kinds.is_empty() {
            problems.push(Problem::new("kinds", "nothing to subscribe to"));
        }
        for (index, kind) in kinds.iter().enumerate().filter(|(_, kind)| !rules.kinds.contains(kind)) {
            problems.push(Problem::new(format!("kinds[{index}]"), format!("'{}' is not offered here", kind.word())));
        }
    }

    fn check_book(&self, rules: &Rules, problems: &mut Vec<Problem>) {
        match self.book_depth {
            Some(_) if rules.depths.is_empty() => {
                problems.push(Problem::new("book_depth", "this venue sends whole books"));
            }
            Some(depth) if !rules.depths.contains(&depth) => {
                problems.push(Problem::new("book_depth", format!("must be one of {:?}", rules.depths)));
            }
            _ => {}
        }
        let depth = self.book_depth(rules).filter(|_| !rules.depths.is_empty());
        let levels_max = depth.unwrap_or(LEVELS_MAX).min(LEVELS_MAX);
        if self.book_levels.is_some_and(|levels| !(1..=levels_max).contains(&levels)) {
            problems.push(Problem::new("book_levels", format!("must be 1 to {levels_max}")));
        }
    }

    /// `None` where books are whole.
    pub(crate) fn book_depth(&self, rules: &Rules) -> Option<usize> {
        self.book_depth.or(rules.depth)
    }

    pub(crate) fn book_levels(&self, rules: &Rules) -> usize {
        self.book_levels.unwrap_or_else(|| self.book_depth(rules).map_or(LEVELS, |depth| depth.min(LEVELS)))
    }

    pub(crate) fn kinds<'a>(&'a self, rules: &'a Rules) -> &'a [Kind] {
        self.kinds.as_deref().unwrap_or(rules.kinds)
    }

    /// With an idle time-out that the venue's signs of life can keep a socket from.
    pub(crate) fn limits(&self, rules: &Rules) -> Limits {
        let mut limits = self.limits.clone();
        if limits.idle_timeout_ms > 0 {
            limits.idle_timeout_ms = limits.idle_timeout_ms.max(rules.idle_timeout_ms);
        }
        limits
    }
}

/// Each symbol once, and as `is_name` wants it.
pub(crate) fn check_symbols(symbols: &[String], is_name: impl Fn(&str) -> bool, problems: &mut Vec<Problem>) {
    if symbols.is_empty() {
        problems.push(Problem::new("symbols", "at least one symbol is needed"));
    }
    for (index, symbol) in symbols.iter().enumerate() {
        if !is_name(symbol) {
            problems.push(Problem::new(format!("symbols[{index}]"), format!("'{symbol}' is not BASE-QUOTE")));
        } else if symbols[..index].contains(symbol) {
            problems.push(Problem::new(format!("symbols[{index}]"), format!("'{symbol}' stands there twice")));
        }
    }
}

pub(crate) fn check_url(key: &str, url: Option<&str>, schemes: [&str; 2], problems: &mut Vec<Problem>) {
    let Some(url) = url else { return };
    let rest = schemes.iter().find_map(|scheme| url.strip_prefix(scheme));
    if rest.is_none_or(|rest| rest.is_empty() || rest.starts_with('/')) {
        problems.push(Problem::new(key, format!("must begin with {} or {} and a host", schemes[0], schemes[1])));
    } else if url.contains(['?', '#', ' ']) {
        problems.push(Problem::new(key, "must be a base without query"));
    }
}

/// The configuration in the header of a capture that we recorded; `None` for another program's.
pub(crate) fn recorded<C: DeserializeOwned>(head: &Head) -> Option<C> {
    let mut config: serde_json::Map<String, serde_json::Value> = serde_json::from_str(head.config.as_deref()?).ok()?;
    config.remove("provider");
    serde_json::from_value(config.into()).ok()
}
