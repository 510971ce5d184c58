//! The providers: one folder each, with the same file names in each.
//!
//! `mod.rs` is the adapter (links, subscriptions, limits), `config.rs` what may be configured, `message.rs` the wire
//! structs, `translate.rs` the pure way from bytes to updates. A folder holds no clock and no socket. What the score
//! providers share is in `score`.

pub mod binance;
pub mod espn;
pub mod mlb;
pub mod nba;
pub mod nhl;
