//! The providers by name: configuration as written → problems or an adapter → a running feed.

use crate::adapter::Adapter;
use crate::capture::Head;
use crate::outlet::Outlet;
use crate::provider::alpaca::{Alpaca, AlpacaConfig};
use crate::provider::binance::{Binance, BinanceConfig, Venue};
use crate::provider::generic::{Generic, GenericConfig};
use crate::provider::nhl::{Nhl, NhlConfig};
use crate::supervise::{self, Hosts, Limits, Shutdown, Tap};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

/// Every name that `provider = "…"` may have. A feed is called after it; a generic one has a name of its own.
pub const PROVIDERS: &[&str] = &["binance", "binance_us", "binance_futures", "nhl", "alpaca", "generic"];

/// One `[[feed]]` as written.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(tag = "provider", rename_all = "snake_case")]
pub enum FeedConfig {
    Binance(BinanceConfig),
    BinanceUs(BinanceConfig),
    BinanceFutures(BinanceConfig),
    Nhl(NhlConfig),
    Alpaca(AlpacaConfig),
    Generic(GenericConfig),
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
    /// The feed's name in topics and metrics: the provider's, or of a generic feed its own.
    pub fn provider(&self) -> &str {
        match self {
            FeedConfig::Generic(config) => config.name(),
            FeedConfig::Nhl(_) => "nhl",
            FeedConfig::Alpaca(_) => "alpaca",
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
            FeedConfig::Nhl(config) => {
                config.validate().into_iter().map(|(key, message)| Problem::new(key, message)).collect()
            }
            FeedConfig::Alpaca(config) => config.validate(),
            FeedConfig::Generic(config) => config.validate(),
        }
    }

    /// The limits as meant: an idle time-out is raised to what the provider's pings need.
    pub fn limits(&self) -> Limits {
        match self {
            FeedConfig::Binance(config) => config.limits(Venue::Binance),
            FeedConfig::BinanceUs(config) => config.limits(Venue::BinanceUs),
            FeedConfig::BinanceFutures(config) => config.limits(Venue::BinanceFutures),
            FeedConfig::Nhl(_) => Limits::default(),
            FeedConfig::Alpaca(config) => config.limits.clone(),
            FeedConfig::Generic(config) => config.limits(),
        }
    }

    /// The adapter, with no connection made. Symbols that [`FeedConfig::validate`] complains of are left out.
    pub fn build(&self) -> Box<dyn Adapter> {
        match self {
            FeedConfig::Binance(config) => Box::new(Binance::new(Venue::Binance, config)),
            FeedConfig::BinanceUs(config) => Box::new(Binance::new(Venue::BinanceUs, config)),
            FeedConfig::BinanceFutures(config) => Box::new(Binance::new(Venue::BinanceFutures, config)),
            FeedConfig::Nhl(config) => Box::new(Nhl::new(config.clone())),
            FeedConfig::Alpaca(config) => Box::new(Alpaca::new(config)),
            FeedConfig::Generic(config) => Box::new(Generic::new(config)),
        }
    }
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
    if provider == "nhl" {
        return Ok(Box::new(Nhl::for_replay()));
    }
    if provider == "generic" {
        return Ok(Box::new(Generic::for_replay(head)?));
    }
    if provider == "alpaca" {
        return Ok(Box::new(Alpaca::for_replay(head)?));
    }
    match Venue::by_name(provider) {
        Some(venue) => Ok(Box::new(Binance::for_replay(venue, head)?)),
        None => Err(ReplayError::UnknownProvider(provider.to_owned())),
    }
}
