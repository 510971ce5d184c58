//! The providers by name: configuration as written → problems or an adapter → a running feed.

use crate::adapter::Adapter;
use crate::capture::Head;
use crate::outlet::Outlet;
use crate::provider::binance::{Binance, BinanceConfig, Venue};
use crate::provider::espn::{Espn, EspnConfig};
use crate::provider::mlb::{Mlb, MlbConfig};
use crate::provider::nba::{Nba, NbaConfig};
use crate::provider::nhl::{Nhl, NhlConfig};
use crate::supervise::{self, Hosts, Limits, Shutdown, Tap};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tokio::task::JoinHandle;

/// Every name that `provider = "…"` may have.
pub const PROVIDERS: &[&str] = &["binance", "binance_us", "binance_futures", "nhl", "mlb", "nba", "espn"];

/// One `[[feed]]` as written.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(tag = "provider", rename_all = "snake_case")]
pub enum FeedConfig {
    Binance(BinanceConfig),
    BinanceUs(BinanceConfig),
    BinanceFutures(BinanceConfig),
    Nhl(NhlConfig),
    Mlb(MlbConfig),
    Nba(NbaConfig),
    Espn(EspnConfig),
}

/// Something wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Relative to the feed: `symbols[2]`, `limits.backoff_min_ms`.
    pub key: String,
    pub message: String,
}

impl Problem {
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Problem {
        Problem { key: key.into(), message: message.into() }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.key, self.message)
    }
}

/// A capture cannot be played. Whose fault: the caller's or the file's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    #[error("no provider is called '{0}'; there are {PROVIDERS:?}")]
    UnknownProvider(String),
    #[error("the capture does not say what was subscribed to: {0}")]
    NothingSubscribed(&'static str),
}

impl FeedConfig {
    pub fn provider(&self) -> &'static str {
        match self {
            FeedConfig::Nhl(_) => "nhl",
            FeedConfig::Mlb(_) => "mlb",
            FeedConfig::Nba(_) => "nba",
            FeedConfig::Espn(_) => "espn",
            FeedConfig::Binance(_) => Venue::Binance.name(),
            FeedConfig::BinanceUs(_) => Venue::BinanceUs.name(),
            FeedConfig::BinanceFutures(_) => Venue::BinanceFutures.name(),
        }
    }

    /// Everything that is wrong, at once; empty if the feed can be built.
    pub fn validate(&self) -> Vec<Problem> {
        match self {
            FeedConfig::Binance(config) | FeedConfig::BinanceUs(config) | FeedConfig::BinanceFutures(config) => {
                config.validate()
            }
            FeedConfig::Nhl(config) | FeedConfig::Mlb(config) | FeedConfig::Nba(config) => config.validate(),
            FeedConfig::Espn(config) => config.validate(),
        }
    }

    /// The leagues it tells the scores of, as topics name them.
    pub fn leagues(&self) -> Vec<String> {
        match self {
            FeedConfig::Binance(_) | FeedConfig::BinanceUs(_) | FeedConfig::BinanceFutures(_) => Vec::new(),
            FeedConfig::Nhl(_) | FeedConfig::Mlb(_) | FeedConfig::Nba(_) => vec![self.provider().into()],
            FeedConfig::Espn(config) => config.league_names(),
        }
    }

    /// The limits as meant: an idle time-out is raised to what the provider's pings need.
    pub fn limits(&self) -> Limits {
        match self {
            FeedConfig::Binance(config) => config.limits(Venue::Binance),
            FeedConfig::BinanceUs(config) => config.limits(Venue::BinanceUs),
            FeedConfig::BinanceFutures(config) => config.limits(Venue::BinanceFutures),
            FeedConfig::Nhl(_) | FeedConfig::Mlb(_) | FeedConfig::Nba(_) | FeedConfig::Espn(_) => Limits::default(),
        }
    }

    /// The adapter, with no connection made. Symbols that [`FeedConfig::validate`] complains of are left out.
    pub fn build(&self) -> Box<dyn Adapter> {
        match self {
            FeedConfig::Binance(config) => Box::new(Binance::new(Venue::Binance, config)),
            FeedConfig::BinanceUs(config) => Box::new(Binance::new(Venue::BinanceUs, config)),
            FeedConfig::BinanceFutures(config) => Box::new(Binance::new(Venue::BinanceFutures, config)),
            FeedConfig::Nhl(config) => Box::new(Nhl::new(config)),
            FeedConfig::Mlb(config) => Box::new(Mlb::new(config)),
            FeedConfig::Nba(config) => Box::new(Nba::new(config)),
            FeedConfig::Espn(config) => Box::new(Espn::new(config)),
        }
    }
}

/// Leagues that an earlier feed tells already, as (index of the feed, league, the earlier provider).
///
/// Why refused: topics are keyed by league and game id, and two sources of one game would take turns in telling it.
pub fn leagues_told_twice(feeds: &[FeedConfig]) -> Vec<(usize, String, &'static str)> {
    let mut owners: BTreeMap<String, &'static str> = BTreeMap::new();
    let mut twice = Vec::new();
    for (n, feed) in feeds.iter().enumerate() {
        for league in feed.leagues() {
            match owners.get(&league) {
                Some(owner) if *owner != feed.provider() => twice.push((n, league, *owner)),
                _ => drop(owners.insert(league, feed.provider())),
            }
        }
    }
    twice
}

/// Starts a feed on the current tokio runtime (time and I/O enabled). It ends on `shutdown` or when `outlet`'s receiver
/// is gone. `hosts`: one per process, shared by all feeds. `tap` sees the wire, for recording.
pub fn spawn(
    config: &FeedConfig,
    outlet: Outlet,
    hosts: &Hosts,
    shutdown: Shutdown,
    tap: Option<Box<dyn Tap>>,
) -> JoinHandle<()> {
    let (adapter, limits) = (config.build(), config.limits());
    tokio::spawn(supervise::run(adapter, outlet, limits, hosts.clone(), shutdown, tap))
}

/// The adapter that plays a capture, configured from the capture itself.
pub fn for_replay(provider: &str, head: &Head) -> Result<Box<dyn Adapter>, ReplayError> {
    match provider {
        "nhl" => return Ok(Box::new(Nhl::for_replay())),
        "mlb" => return Ok(Box::new(Mlb::for_replay())),
        "nba" => return Ok(Box::new(Nba::for_replay())),
        "espn" => return Ok(Box::new(Espn::for_replay())),
        _ => {}
    }
    match Venue::by_name(provider) {
        Some(venue) => Ok(Box::new(Binance::for_replay(venue, head)?)),
        None => Err(ReplayError::UnknownProvider(provider.to_owned())),
    }
}
