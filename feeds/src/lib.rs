//! Feeds: from a provider's bytes to normalised [`model::Update`]s.
//!
//! The way of the data: `supervise` dials and keeps connections, a provider folder under `provider/` translates its
//! frames, `outlet` hands batches to whoever sequences them. `registry` knows the providers by name and their
//! configuration; `access` keeps their keys out of sight; `capture` records what a provider sent and plays it again. Nothing here knows the gateway.

pub mod access;
pub mod adapter;
pub mod capture;
pub mod counters;
pub mod model;
pub mod outlet;
pub mod provider;
pub mod registry;
pub mod simulate;
pub mod supervise;
