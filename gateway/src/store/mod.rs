//! The snapshot store: the newest state of every topic, written by the sequencer, read by anyone without a lock.
//!
//! Invariant: a snapshot is stored before the log entry that made it is published. So whoever has read the log to an
//! offset finds snapshots at least that new; one that is newer is held until the reader catches up (SNAPSHOT-FIRST).

mod encodings;
mod snapshot;

pub(crate) use encodings::Encodings;
pub use snapshot::{Content, Event, Kind, Snapshot};

use crate::log::{Offset, TopicId};
use crate::sync::{AtomicU64, Slot};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Snapshots by dense topic id.
#[derive(Debug, Default)]
pub struct Store {
    slots: boxcar::Vec<Slot<Snapshot>>,
    encodings: Arc<Encodings>,
    /// Offset of the newest entry that a slot may show; the log may end before it for a moment.
    shown: AtomicU64,
}

impl Store {
    pub fn new() -> Store {
        Store::default()
    }

    /// The topic's newest snapshot; `None` if the slot is empty.
    pub fn load(&self, topic: TopicId) -> Option<Arc<Snapshot>> {
        self.slots.get(topic.index()).and_then(|slot| slot.load_full())
    }

    /// All topics there are now, in no particular order.
    pub fn all(&self) -> impl Iterator<Item = Arc<Snapshot>> + '_ {
        self.slots.iter().filter_map(|(_, slot)| slot.load_full())
    }

    /// Snapshots encoded since the start, in one form of numbers. Invariant ENCODE-ONCE: never more than were stored.
    pub fn snapshots_encoded(&self, num_string: bool) -> u64 {
        self.encodings.made(num_string)
    }

    /// Where its snapshots count their encodings.
    pub(crate) fn encodings(&self) -> &Arc<Encodings> {
        &self.encodings
    }

    /// What was loaded before this call shows nothing beyond this offset. Whoever takes all topics for what there is has
    /// to read the log so far first: of a topic that ended, nothing is left that would say when.
    pub fn shown(&self) -> Offset {
        Offset(self.shown.load(Ordering::Acquire))
    }

    /// The slots are about to show everything up to this offset. Sequencer only.
    pub(crate) fn begin(&self, last: Offset) {
        self.shown.store(last.0, Ordering::Release);
    }

    /// A new, empty slot. Sequencer only.
    pub(crate) fn add_slot(&self) -> TopicId {
        TopicId(self.slots.push(Slot::empty()) as u32)
    }

    /// Replaces what the slot holds. Sequencer only.
    pub(crate) fn put(&self, topic: TopicId, snapshot: Option<Arc<Snapshot>>) {
        if let Some(slot) = self.slots.get(topic.index()) {
            slot.store(snapshot);
        }
    }
}
