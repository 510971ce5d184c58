//! The log: one ordered sequence of entries, written by the sequencer, read by every shard.
//!
//! A ring of immutable [`Segment`]s, one per sequencer batch, bounded by count and by bytes. A reader that falls out of
//! the ring is told [`Overtaken`]; the writer never waits for it. Pure: no I/O, no clock, spawns nothing.

mod position;
mod recuts;
mod ring;
mod segment;

pub use position::{Cursor, CursorError, Epoch, Link, Offset, Position, Seq, TopicId};
pub use ring::{Log, LogLimits, LogWriter, Overtaken, Reader};
pub use segment::{Entry, EntryKind, Segment, SegmentDraft};
