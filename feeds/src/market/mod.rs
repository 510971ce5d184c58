//! Markets: what exchanges have in common between their bytes and their topics.
//!
//! A provider of this kind is a [`Protocol`]: what is sent, and what a frame means. [`Venue`] makes an adapter of it:
//! links, subscriptions, pings, breaks. The [`Market`] holds what must be remembered of each symbol (ids of trades, the
//! book, the last bars) and turns what a protocol read into updates. Binance has an adapter of its own, since it names
//! its streams in URLs, and uses the parts. Knows no venue, no clock, no socket.

mod bars;
mod config;
mod exchange;
mod names;
mod protocol;
mod quote;
mod retry;
mod subscriptions;
mod symbol;
mod table;
mod topics;
mod trades;
mod venue;

pub use config::{Kind, Silence, VenueConfig};

pub(crate) use bars::{Bar, Bars, Closing};
pub(crate) use config::{check_symbols, check_url, recorded};
pub(crate) use exchange::Exchange;
pub(crate) use names::{by_ending, is_asset, kept_name, pair, same_name};
pub(crate) use protocol::{Ping, Place, Protocol, Rules, Unreadable, read};
pub(crate) use quote::quote;
pub(crate) use retry::{RETRY_MAX_MS, retry_ms};
pub(crate) use symbol::Symbol;
pub(crate) use table::{Market, SymbolId};
pub(crate) use topics::Topics;
pub(crate) use trades::{Continuity, Order, Side, Trade, TradeIds};
use venue::Venue;
