//! Fanwire: the gateway. The way of the data is the order of the modules:
//! `sequencer` → `store` and `log` → `shard` (with `framing`) → `transport` → clients.

pub mod admin;
pub mod app;
pub mod close;
pub mod codes;
pub mod command;
pub mod config;
pub mod framing;
pub mod history;
pub mod hooks;
pub mod limits;
pub mod log;
pub mod memory;
pub mod metrics;
pub mod mutation;
pub mod sequencer;
pub mod shard;
pub mod store;
mod sync;
pub mod transport;
