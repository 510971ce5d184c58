//! The normalised model: what an adapter may say about the world, independent of provider and transport.
//!
//! Owns exact numbers ([`Decimal`]), JSON-shaped state ([`Value`], [`Object`]), names ([`Topic`], [`Pattern`]) and the
//! unit of ingest ([`Update`], [`Batch`]). Knows no provider, no clock, no socket.

mod decimal;
mod json;
mod number;
mod patch;
mod time;
mod topic;
mod update;
mod value;

pub use decimal::{Decimal, DecimalError, SCALE_MAX};
pub use json::{JsonError, parse_object, parse_value, write_text};
pub use number::{BareNumber, Number, blank_is_absent};
pub use patch::{compose, diff, merge};
pub use time::{utc_date, utc_ms};
pub use topic::{Pattern, Topic, TopicError, token};
pub use update::{Batch, Change, Update};
pub use value::{Key, Object, Value};
