//! A client that keeps to the protocol's letter and fails at the first message that breaks it, and the truth that it
//! compares with. Shared by the simulator and by the run over real sockets; it shares no code with the gateway's
//! framing, merging or matching, so that no bug is hidden twice.
//!
//! Knows no engine, no socket and no schedule: bytes and what was published go in, panics come out.

mod filters;
mod message;
mod reader;
mod topics;
#[allow(dead_code)] // Why: only the run over sockets keeps what happened.
pub mod trace;
mod truth;

pub use filters::Filters;
#[allow(unused_imports)] // Why: pings come over real sockets alone.
pub use message::{Piece, Unframed};
pub use reader::{Asked, Form, Reader};
pub use truth::{Act, Truth};

/// The offset in a cursor.
pub fn offset_of(cursor: &str) -> u64 {
    let offset = cursor.split_once(':').and_then(|(_, offset)| offset.parse().ok());
    offset.unwrap_or_else(|| panic!("{cursor:?} is no cursor"))
}

/// SAME-WORDS: readers that went on from the same cursor hold the same, and were told the same where entries answered.
pub fn assert_same_words(readers: &[Reader]) {
    let [first, others @ ..] = readers else { return };
    let by_entries = |reader: &Reader| reader.whys.keys().all(|why| matches!(&**why, "born" | "reset"));
    for other in others {
        assert_eq!(first.held, other.held, "{:?} and {:?} end up the same", first.form, other.form);
        if by_entries(first) && by_entries(other) {
            assert_eq!(first.words, other.words, "{:?} and {:?} are told the same", first.form, other.form);
        }
    }
}
