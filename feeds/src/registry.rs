//! The providers by name: configuration as written → problems or an adapter → a running feed.

use crate::adapter::Adapter;
use crate::capture::Head;
use crate::market::{Exchange, VenueConfig};
use crate::outlet::Outlet;
use crate::provider::alpaca::{Alpaca, AlpacaConfig};
use crate::provider::binance::{Binance, BinanceConfig, Venue};
use crate::provider::bitstamp::Bitstamp;
use crate::provider::bybit::Bybit;
use crate::provider::coinbase_advanced::CoinbaseAdvanced;
use crate::provider::coinbase_exchange::CoinbaseExchange;
use crate::provider::espn::{Espn, EspnConfig};
use crate::provider::generic::{Generic, GenericConfig};
use crate::provider::kraken::Kraken;
use crate::provider::mlb::{Mlb, MlbConfig};
use crate::provider::nba::{Nba, NbaConfig};
use crate::provider::nhl::{Nhl, NhlConfig};
use crate::provider::okx::Okx;
use crate::score::LeagueConfig;
use crate::supervise::{self, Hosts, Limits, Shutdown, Tap};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tokio::task::JoinHandle;

/// Every name that `provider = "…"` may have. A feed is called after it; a generic one has a name of its own.
pub const PROVIDERS: &[&str] = &[
    "binance",
    "binance_us",
    "binance_futures",
    "kraken",
    "coinbase_advanced",
    "coinbase_exchange",
    "bybit",
    "okx",
    "bitstamp",
    "nhl",
    "mlb",
    "nba",
    "espn",
    "alpaca",
    "generic",
];

/// One `[[feed]]` as written.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(tag = "provider", rename_all = "snake_case")]
pub enum FeedConfig {
    Binance(BinanceConfig),
    BinanceUs(BinanceConfig),
    BinanceFutures(BinanceConfig),
    #[serde(alias = "kraken_v2")]
    Kraken(VenueConfig),
    CoinbaseAdvanced(VenueConfig),
    CoinbaseExchange(VenueConfig),
    Bybit(VenueConfig),
    Okx(VenueConfig),
    Bitstamp(VenueConfig),
    Nhl(NhlConfig),
    Mlb(MlbConfig),
    Nba(NbaConfig),
    Espn(EspnConfig),
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

/// A feed by what its adapter is made of.
enum Family<'a> {
    Binance(Venue, &'a BinanceConfig),
    Exchange(Exchange, &'a VenueConfig),
    League(OneLeague, &'a LeagueConfig),
    Espn(&'a EspnConfig),
    Alpaca(&'a AlpacaConfig),
    Generic(&'a GenericConfig),
}

/// A provider of one league, by which it is called.
struct OneLeague {
    name: &'static str,
    build: fn(&LeagueConfig) -> Box<dyn Adapter>,
    for_replay: fn() -> Box<dyn Adapter>,
}

const NHL: OneLeague =
    OneLeague { name: "nhl", build: |config| Box::new(Nhl::new(config)), for_replay: || Box::new(Nhl::for_replay()) };
const MLB: OneLeague =
    OneLeague { name: "mlb", build: |config| Box::new(Mlb::new(config)), for_replay: || Box::new(Mlb::for_replay()) };
const NBA: OneLeague =
    OneLeague { name: "nba", build: |config| Box::new(Nba::new(config)), for_replay: || Box::new(Nba::for_replay()) };

impl FeedConfig {
    fn family(&self) -> Family<'_> {
        match self {
            FeedConfig::Binance(config) => Family::Binance(Venue::Binance, config),
            FeedConfig::BinanceUs(config) => Family::Binance(Venue::BinanceUs, config),
            FeedConfig::BinanceFutures(config) => Family::Binance(Venue::BinanceFutures, config),
            FeedConfig::Kraken(config) => Family::Exchange(Exchange::of::<Kraken>(), config),
            FeedConfig::CoinbaseAdvanced(config) => Family::Exchange(Exchange::of::<CoinbaseAdvanced>(), config),
            FeedConfig::CoinbaseExchange(config) => Family::Exchange(Exchange::of::<CoinbaseExchange>(), config),
            FeedConfig::Bybit(config) => Family::Exchange(Exchange::of::<Bybit>(), config),
            FeedConfig::Okx(config) => Family::Exchange(Exchange::of::<Okx>(), config),
            FeedConfig::Bitstamp(config) => Family::Exchange(Exchange::of::<Bitstamp>(), config),
            FeedConfig::Nhl(config) => Family::League(NHL, config),
            FeedConfig::Mlb(config) => Family::League(MLB, config),
            FeedConfig::Nba(config) => Family::League(NBA, config),
            FeedConfig::Espn(config) => Family::Espn(config),
            FeedConfig::Alpaca(config) => Family::Alpaca(config),
            FeedConfig::Generic(config) => Family::Generic(config),
        }
    }

    /// The feed's name in topics and metrics: the provider's, or of a generic feed its own.
    pub fn provider(&self) -> &str {
        match self.family() {
            Family::Binance(venue, _) => venue.name(),
            Family::Exchange(exchange, _) => exchange.provider(),
            Family::League(league, _) => league.name,
            Family::Espn(_) => "espn",
            Family::Alpaca(_) => "alpaca",
            Family::Generic(config) => config.name(),
        }
    }

    /// Everything that is wrong, at once; empty if the feed can be built.
    pub fn validate(&self) -> Vec<Problem> {
        match self.family() {
            Family::Binance(_, config) => config.validate(),
            Family::Exchange(exchange, config) => exchange.validate(config),
            Family::League(_, config) => config.validate(),
            Family::Espn(config) => config.validate(),
            Family::Alpaca(config) => config.validate(),
            Family::Generic(config) => config.validate(),
        }
    }

    /// The leagues it tells the scores of, as topics name them.
    pub fn leagues(&self) -> Vec<String> {
        match self.family() {
            Family::Binance(..) | Family::Exchange(..) | Family::Alpaca(_) | Family::Generic(_) => Vec::new(),
            Family::League(league, _) => vec![league.name.into()],
            Family::Espn(config) => config.league_names(),
        }
    }

    /// The limits as meant: an idle time-out is raised to what the provider's pings need.
    pub fn limits(&self) -> Limits {
        match self.family() {
            Family::Binance(venue, config) => config.limits(venue),
            Family::Exchange(exchange, config) => exchange.limits(config),
            Family::League(..) | Family::Espn(_) => Limits::default(),
            Family::Alpaca(config) => config.limits.clone(),
            Family::Generic(config) => config.limits(),
        }
    }

    /// The adapter, with no connection made. Symbols that [`FeedConfig::validate`] complains of are left out.
    pub fn build(&self) -> Box<dyn Adapter> {
        match self.family() {
            Family::Binance(venue, config) => Box::new(Binance::new(venue, config)),
            Family::Exchange(exchange, config) => exchange.build(config),
            Family::League(league, config) => (league.build)(config),
            Family::Espn(config) => Box::new(Espn::new(config)),
            Family::Alpaca(config) => Box::new(Alpaca::new(config)),
            Family::Generic(config) => Box::new(Generic::new(config)),
        }
    }
}

/// Leagues that an earlier feed tells already, as (index of the feed, league, the earlier provider).
///
/// Why refused: topics are keyed by league and game id, and two sources of one game would take turns in telling it.
pub fn leagues_told_twice(feeds: &[FeedConfig]) -> Vec<(usize, String, &str)> {
    let mut owners: BTreeMap<String, &str> = BTreeMap::new();
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
        "nhl" => return Ok((NHL.for_replay)()),
        "mlb" => return Ok((MLB.for_replay)()),
        "nba" => return Ok((NBA.for_replay)()),
        "espn" => return Ok(Box::new(Espn::for_replay())),
        "alpaca" => return Ok(Box::new(Alpaca::for_replay(head)?)),
        "generic" => return Ok(Box::new(Generic::for_replay(head)?)),
        _ => {}
    }
    if let Some(venue) = Venue::by_name(provider) {
        return Ok(Box::new(Binance::for_replay(venue, head)?));
    }
    let exchange = exchange(provider).ok_or_else(|| ReplayError::UnknownProvider(provider.to_owned()))?;
    Ok(exchange.for_replay(head))
}

/// The venue of this name, or of one that it also goes by.
fn exchange(provider: &str) -> Option<Exchange> {
    match provider {
        "kraken" | "kraken_v2" => Some(Exchange::of::<Kraken>()),
        "coinbase_advanced" => Some(Exchange::of::<CoinbaseAdvanced>()),
        "coinbase_exchange" => Some(Exchange::of::<CoinbaseExchange>()),
        "bybit" => Some(Exchange::of::<Bybit>()),
        "okx" => Some(Exchange::of::<Okx>()),
        "bitstamp" => Some(Exchange::of::<Bitstamp>()),
        _ => None,
    }
}
