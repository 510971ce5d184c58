//! The configuration as written. Every key with unit, default and the meaning of zero: `config/fanwire.toml`.

use crate::limits::Limits;
use crate::shard::RingUse;
use serde::{Deserialize, Serialize};

/// One `[[feed]]`.
pub type Feed = feeds::registry::FeedConfig;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct File {
    pub server: ServerSection,
    pub delivery: DeliverySection,
    pub publish: PublishSection,
    pub limits: Limits,
    pub kind: Vec<KindEntry>,
    pub feed: Vec<Feed>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerSection {
    pub listen: String,
    pub admin: String,
    pub shards: usize,
    pub io_uring: RingUse,
    pub heartbeat_ms: u64,
    pub poll_gather_ms: u64,
    pub retry_ms: u64,
    pub drain_s: u64,
    pub origins: Vec<String>,
    pub page: bool,
    pub conformance_echo: bool,
    pub test_hooks: bool,
}

impl Default for ServerSection {
    fn default() -> ServerSection {
        ServerSection {
            listen: "127.0.0.1:8080".into(),
            admin: "127.0.0.1:9090".into(),
            shards: 0,
            io_uring: RingUse::Auto,
            heartbeat_ms: 15_000,
            poll_gather_ms: 20,
            retry_ms: 2_000,
            drain_s: 10,
            origins: Vec::new(),
            page: true,
            conformance_echo: false,
            test_hooks: false,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeliverySection {
    pub rates_hz: Vec<u32>,
    pub lingers_ms: Vec<u32>,
}

impl Default for DeliverySection {
    fn default() -> DeliverySection {
        DeliverySection { rates_hz: vec![1, 2, 4, 10], lingers_ms: vec![5, 10, 20, 50, 100] }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PublishSection {
    pub open_to_loopback: bool,
    pub token: String,
    pub wait_ms: u64,
}

impl Default for PublishSection {
    fn default() -> PublishSection {
        PublishSection { open_to_loopback: true, token: String::new(), wait_ms: 5_000 }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KindEntry {
    pub pattern: String,
    pub kind: String,
    #[serde(default = "keep_default")]
    pub keep: usize,
}

fn keep_default() -> usize {
    100
}
