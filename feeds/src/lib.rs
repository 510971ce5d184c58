//! Feeds: from a provider's bytes to normalised [`model::Update`]s.
//!
//! The way of the data: `supervise` dials and keeps connections, a provider folder under `provider/` translates its
//! frames (those of one league share `score`, exchanges `market` and `book`), `outlet` hands batches through an `inlet`
//! to whoever sequences them. `registry` knows the providers by name and their configuration; `access` keeps their keys
//! out of sight; `capture` records what a provider sent and plays it again. Nothing here knows the gateway.

pub mod access;
pub mod adapter;
mod book;
pub mod capture;
pub mod counters;
pub mod inlet;
pub mod market;
pub mod model;
pub mod outlet;
pub mod provider;
pub mod registry;
pub mod score;
pub mod simulate;
pub mod supervise;
