//! Simulated providers: they speak the providers' own wire formats over loopback, so the demo and the tests use the
//! real adapters with no network.
//!
//! Each is a pure, seeded model ([`alpaca::Market`], [`binance::Market`], [`nhl::Evening`]) to which time is an argument, and a thin server
//! over it. Absent: anything a provider's adapter uses; what an adapter reads was not written by its own code.

pub mod alpaca;
pub mod binance;
mod http;
pub mod nhl;

/// The servers' wall clock; the models never read it.
fn unix_ms() -> i64 {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
}
