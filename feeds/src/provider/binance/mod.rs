//! Binance spot, Binance.US and Binance USD-M futures.

mod config;
mod venue;

pub use config::{BinanceConfig, BookSource, Kind, Silence, TickerStream, TradeStream};
pub use venue::Venue;

use crate::adapter::{Adapter, Input, Link, Output, Subscription};
use crate::capture::Head;
use crate::registry::ReplayError;

/// The adapter.
pub struct Binance {
    venue: Venue,
    links: Vec<Link>,
    subscriptions: Vec<Subscription>,
}

impl Binance {
    pub fn new(venue: Venue, _config: &BinanceConfig) -> Binance {
        Binance { venue, links: Vec::new(), subscriptions: Vec::new() }
    }

    /// Configures itself from a capture's connection addresses.
    pub fn for_replay(venue: Venue, _head: &Head) -> Result<Binance, ReplayError> {
        Ok(Binance { venue, links: Vec::new(), subscriptions: Vec::new() })
    }
}

impl Adapter for Binance {
    fn provider(&self) -> &str {
        self.venue.name()
    }

    fn links(&self) -> &[Link] {
        &self.links
    }

    fn subscriptions(&self) -> &[Subscription] {
        &self.subscriptions
    }

    fn handle(&mut self, _input: Input<'_>, _now_ms: i64, _output: &mut Output) {}
}
