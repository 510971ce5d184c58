//! The providers: one folder each, with the same file names in each.
//!
//! `mod.rs` is the adapter (links, subscriptions, limits), `config.rs` what may be configured, `message.rs` the wire
//! structs, `translate.rs` the pure way from bytes to updates. A folder holds no clock and no socket. What the score
//! providers share is in `score`.

pub mod alpaca;
pub mod binance;
pub(crate) mod bitstamp;
pub(crate) mod bybit;
pub(crate) mod coinbase_advanced;
pub(crate) mod coinbase_exchange;
pub mod espn;
pub mod generic;
pub(crate) mod kraken;
pub mod mlb;
pub mod nba;
pub mod nhl;
pub(crate) mod okx;
