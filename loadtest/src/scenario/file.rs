//! A scenario as written: TOML, of which every key is known. What the keys mean is checked later (`check`).

use crate::floor::FloorKind;
use crate::target::GatewayKeys;
use crate::workload::{Kind, Transport};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub title: String,
    #[serde(default)]
    pub publish: PublishSection,
    #[serde(default)]
    pub time: TimeSection,
    #[serde(default)]
    pub run: RunSection,
    /// Those who are measured, and those who roam.
    pub subscribers: Vec<SubscribersSection>,
    /// Sections and keys of the gateway's own configuration.
    #[serde(default)]
    pub gateway: GatewayKeys,
    #[serde(default)]
    pub goals: GoalsSection,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PublishSection {
    pub kind: Kind,
    pub topics: usize,
    /// Messages per second, over all topics.
    pub rate: u64,
    /// Instead: a share of what FLOOR-A can deliver on one CPU, which is measured first; 0: `rate` holds.
    pub rate_of_floor: f64,
    pub burst: u64,
    pub data_bytes: usize,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeSection {
    pub warmup_s: u64,
    pub seconds: u64,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunSection {
    /// Runs of a floor and of the gateway in turn.
    pub compare: bool,
    pub floor: FloorKind,
    pub floor_tick_ms: u64,
    pub gateways: usize,
    pub client_processes: usize,
    pub seed: u64,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubscribersSection {
    /// By default the transport.
    pub name: Option<String>,
    pub transport: Transport,
    pub count: usize,
    /// Topics of each, chosen at random; by default one.
    pub topics: Option<usize>,
    /// All topics, by one pattern.
    #[serde(default)]
    pub pattern: bool,
    /// Options of the protocol; 0: not given.
    #[serde(default)]
    pub rate_hz: u64,
    #[serde(default)]
    pub linger_ms: u64,
    /// Of a long-poll; by default 25.
    pub wait_s: Option<u64>,
    /// Of plain polling; by default 1000.
    pub poll_interval_ms: Option<u64>,
    /// At most one of these: what they do beside listening.
    pub churn: Option<Churn>,
    pub stall: Option<Stall>,
    pub slow: Option<Slow>,
    pub storm: Option<StormKeys>,
}

/// Connections end, and are followed by others.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Churn {
    /// On average.
    pub lifetime_ms: u64,
    /// Longest time between two.
    pub away_ms: u64,
}

/// They stop reading now and then.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stall {
    pub longest_ms: u64,
}

/// They read, but slowly.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slow {
    pub bytes_per_s: u64,
}

/// All break off at once.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StormKeys {
    /// Seconds after the window began.
    pub at_s: u64,
    /// Time over which they come back.
    pub over_ms: u64,
}

/// What is to be reached; a key that is not given is not asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GoalsSection {
    /// Medians over the pairs.
    pub cpu_ratio_max: Option<f64>,
    pub p50_ratio_max: Option<f64>,
    pub p99_ratio_max: Option<f64>,
    /// Of the gateway's runs, medians.
    pub deliveries_per_second_min: Option<f64>,
    pub p50_ms_max: Option<f64>,
    pub p99_ms_max: Option<f64>,
    pub resident_bytes_per_subscriber_max: Option<f64>,
    pub lags_max: Option<f64>,
    pub storm_back_ms_max: Option<f64>,
    pub storm_others_p99_ratio_max: Option<f64>,
    pub listen_overflows_max: Option<f64>,
}

impl Default for PublishSection {
    fn default() -> PublishSection {
        PublishSection { kind: Kind::Event, topics: 1, rate: 100, rate_of_floor: 0.0, burst: 1, data_bytes: 120 }
    }
}

impl Default for TimeSection {
    fn default() -> TimeSection {
        TimeSection { warmup_s: 2, seconds: 10 }
    }
}

impl Default for RunSection {
    fn default() -> RunSection {
        let (gateways, client_processes, seed) = (1, 1, 1);
        RunSection { compare: false, floor: FloorKind::Send, floor_tick_ms: 0, gateways, client_processes, seed }
    }
}
