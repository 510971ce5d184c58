//! The providers: one folder each, with the same file names in each.
//!
//! `mod.rs` is the adapter (links, subscriptions, limits), `config.rs` what may be configured, `message.rs` the wire
//! structs, `translate.rs` the pure way from bytes to updates. A folder holds no clock and no socket.

pub mod alpaca;
pub mod binance;
pub mod generic;
pub mod nhl;
