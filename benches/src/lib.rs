//! What the benches share: an engine that is driven by hand, subscribers whose wires take everything, made-up quotes and
//! commands, and the way to recordings. Everything goes through the gateway's public API.

pub mod audience;
pub mod engine;
pub mod quotes;
pub mod recordings;
pub mod requests;
