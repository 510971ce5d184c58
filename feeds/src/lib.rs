//! Feeds: from a provider's bytes to normalised [`model::Update`]s.
//!
//! The way of the data: `supervise` dials and keeps connections, a provider folder under `provider/` translates its
//! frames, `outlet` hands batches to whoever sequences them. Nothing here knows the gateway.

pub mod adapter;
pub mod model;
pub mod provider;
pub mod simulate;
