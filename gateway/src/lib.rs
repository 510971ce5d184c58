//! Fanwire: the gateway. The way of the data is the order of the modules:
//! `sequencer` → `store` and `log` → `shard` (with `framing`) → `transport` → clients.

pub mod close;
pub mod framing;
pub mod history;
pub mod limits;
pub mod log;
pub mod sequencer;
pub mod shard;
pub mod store;
pub mod transport;
