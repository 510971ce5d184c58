//! The ring of segments: one writer, any number of readers, none of whom waits for another.

use super::recuts::Recuts;
use super::{Entry, EntryKind, Epoch, Link, Offset, Position, Segment, SegmentDraft};
use crate::framing::Framing;
use crate::mutation::{self, Mutation};
use crate::sync::{AtomicU64, Slot, spin_loop};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How much the log keeps. Both bounds hold at once; the oldest segments go first.
#[derive(Clone, Copy, Debug)]
pub struct LogLimits {
    /// Segments; rounded up to a power of two.
    pub segments_max: usize,
    pub bytes_max: usize,
}

/// The reader's side, shared by all.
#[derive(Debug)]
pub struct Log {
    slots: Box<[Slot<Segment>]>,
    epoch: Epoch,
    /// Number of the next segment to be published.
    head: AtomicU64,
    /// Number of the oldest segment kept.
    tail: AtomicU64,
    /// Offset of the newest published entry.
    end: AtomicU64,
    /// Offset of the newest evicted [`EntryKind::Gone`]: an older cursor may hold topics that no entry would delete.
    gone_evicted: AtomicU64,
    bytes: AtomicU64,
    recuts: Arc<Recuts>,
}

/// The reader fell out of the ring: what it had not read is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overtaken;

impl Log {
    pub fn new(epoch: Epoch, limits: LogLimits) -> (Arc<Log>, LogWriter) {
        let capacity = limits.segments_max.next_power_of_two().max(2);
        let log = Arc::new(Log {
            slots: (0..capacity).map(|_| Slot::empty()).collect(),
            epoch,
            head: AtomicU64::new(0),
            tail: AtomicU64::new(0),
            end: AtomicU64::new(0),
            gone_evicted: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            recuts: Arc::default(),
        });
        let writer =
            LogWriter { log: Arc::clone(&log), limits, held: VecDeque::new(), bytes: 0, head: 0, next: Offset(1) };
        (log, writer)
    }

    pub fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// Offset of the newest published entry; 0 if there is none.
    pub fn end(&self) -> Offset {
        Offset(self.end.load(Ordering::Acquire))
    }

    pub fn gone_evicted(&self) -> Offset {
        Offset(self.gone_evicted.load(Ordering::Acquire))
    }

    /// Segments and bytes held now.
    pub fn held(&self) -> (u64, u64) {
        let tail = self.tail.load(Ordering::Acquire);
        let bytes = self.bytes.load(Ordering::Relaxed) + self.recuts.held_bytes();
        (self.head.load(Ordering::Acquire).saturating_sub(tail), bytes)
    }

    /// Segments recut into `framing` since the start. Invariant ENCODE-ONCE: never more than were published.
    pub fn segments_recut(&self, framing: Framing) -> u64 {
        self.recuts.segments(framing)
    }

    /// The segment `number`, if it is still held.
    pub fn segment(&self, number: u64) -> Option<Arc<Segment>> {
        if number < self.tail.load(Ordering::Acquire) {
            return None;
        }
        // Cost: the slot may hold a later segment by now, hence the check of the number.
        self.slot(number).load_full().filter(|segment| segment.number == number)
    }

    fn slot(&self, number: u64) -> &Slot<Segment> {
        &self.slots[number as usize & (self.slots.len() - 1)]
    }

    /// A reader at the oldest entry kept.
    pub fn reader_at_tail(&self) -> Reader {
        Reader { next: self.tail.load(Ordering::Acquire) }
    }

    /// A reader from before the first entry ever. If that is gone, it is overtaken at its first step: whoever has to know
    /// all topics must not begin in the midst unawares.
    pub fn reader_at_beginning(&self) -> Reader {
        Reader { next: 0 }
    }

    /// A reader that has read everything there is now, and the offset of the newest entry that it counts as read.
    pub fn reader_at_head(&self) -> (Reader, Offset) {
        loop {
            let head = self.head.load(Ordering::Acquire);
            match head.checked_sub(1).map(|last| self.segment(last)) {
                None => return (Reader { next: head }, Offset(0)),
                Some(Some(last)) => return (Reader { next: head }, last.last()),
                // Evicted already, so there is a newer one.
                Some(None) => spin_loop(),
            }
        }
    }

    /// Links of one topic's entries after `cursor`, oldest first, walking back from its newest entry. `None` if one of
    /// them was evicted, or if there are more than `most`: then a snapshot answers.
    pub fn entries_after(&self, cursor: Offset, newest: Link, most: usize) -> Option<Vec<Link>> {
        let mut found = Vec::new();
        let mut at = Some(newest);
        let from = Offset(cursor.0 - u64::from(cursor.0 > 0 && mutation::on(Mutation::EntryRepeated)));
        while let Some(link) = at.filter(|link| link.offset > from) {
            if found.len() == most {
                return None;
            }
            let segment = self.segment(link.position.segment)?;
            found.push(link);
            at = segment.entries[link.position.index as usize].before;
        }
        found.reverse();
        Some(found)
    }
}

/// Where a reader stands: it has read all segments before `next`.
#[derive(Clone, Copy, Debug)]
pub struct Reader {
    next: u64,
}

impl Reader {
    /// The next segment; `Ok(None)` at the head.
    pub fn read(&mut self, log: &Log) -> Result<Option<Arc<Segment>>, Overtaken> {
        if self.next >= log.head.load(Ordering::Acquire) {
            return Ok(None);
        }
        let segment = log.segment(self.next).ok_or(Overtaken)?;
        self.next += 1;
        Ok(Some(segment))
    }
}

/// The writer's side, owned by the sequencer. What it shares it only writes: what it has to know of that it keeps itself.
#[derive(Debug)]
pub struct LogWriter {
    log: Arc<Log>,
    limits: LogLimits,
    /// Oldest first.
    held: VecDeque<Arc<Segment>>,
    /// Weight of `held`.
    bytes: usize,
    /// Number of the next segment.
    head: u64,
    next: Offset,
}

impl LogWriter {
    pub fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// Offset that the next drafted entry will have, given how many are drafted.
    pub fn next_offset(&self, drafted: usize) -> Offset {
        Offset(self.next.0 + drafted as u64)
    }

    /// The link that the entry at `index` of the draft will have.
    pub fn next_link(&self, index: usize) -> Link {
        Link { offset: self.next_offset(index), position: Position { segment: self.head, index: index as u32 } }
    }

    /// Publishes the draft as one segment. Hands every evicted entry's topic and offset to `evicted`.
    pub fn publish(&mut self, draft: &mut SegmentDraft, mut evicted: impl FnMut(&Entry, Offset)) {
        if draft.is_empty() {
            return;
        }
        let number = self.head;
        let segment = Arc::new(draft.seal(number, self.next, self.log.epoch.clone(), Arc::clone(&self.log.recuts)));
        let weight = segment.weight();
        self.make_room(weight, &mut evicted);
        let end = segment.last();
        self.bytes += weight;
        self.next = Offset(end.0 + 1);
        self.head += 1;
        self.held.push_back(Arc::clone(&segment));
        self.log.slot(number).store(Some(segment));
        self.log.bytes.store(self.bytes as u64, Ordering::Relaxed);
        self.log.end.store(end.0, Ordering::Release);
        self.log.head.store(self.head, Ordering::Release);
    }

    /// Evicts until a segment of `weight` fits. A segment above the byte limit still gets in, alone.
    fn make_room(&mut self, weight: usize, evicted: &mut impl FnMut(&Entry, Offset)) {
        let count_max = self.log.slots.len().min(self.limits.segments_max.max(1));
        while !self.held.is_empty()
            && (self.held.len() >= count_max || self.held_bytes() + weight > self.limits.bytes_max)
        {
            self.evict_oldest(evicted);
        }
    }

    fn held_bytes(&self) -> usize {
        self.bytes + self.log.recuts.held_bytes() as usize
    }

    fn evict_oldest(&mut self, evicted: &mut impl FnMut(&Entry, Offset)) {
        let Some(segment) = self.held.pop_front() else { return };
        for (index, entry) in (0u32..).zip(segment.entries.iter()) {
            let offset = segment.offset_of(index);
            if entry.kind == EntryKind::Gone {
                self.log.gone_evicted.store(offset.0, Ordering::Release);
            }
            evicted(entry, offset);
        }
        // Invariant: `gone_evicted` and `tail` move before the slot empties, so a reader that misses the segment also
        // sees why.
        self.log.tail.store(segment.number + 1, Ordering::Release);
        self.log.slot(segment.number).store(None);
        self.bytes -= segment.weight();
    }
}
