//! A client that keeps to the protocol's letter and fails at the first message that breaks it, and the truth that it
//! compares with. Shared by the simulator and by the run over real sockets; it shares no code with the gateway's
//! framing, merging or matching, so that no bug is hidden twice.
//!
//! Knows no engine, no socket and no schedule: bytes and what was published go in, panics come out.

mod filters;
mod message;
mod reader;
mod topics;
pub mod trace;
mod truth;

pub use filters::Filters;
pub use message::Unframed;
pub use reader::{Asked, Form, Reader};
pub use truth::{Act, Truth};

/// The offset in a cursor.
pub fn offset_of(cursor: &str) -> u64 {
    let offset = cursor.split_once(':').and_then(|(_, offset)| offset.parse().ok());
    offset.unwrap_or_else(|| panic!("{cursor:?} is no cursor"))
}
