//! One sequencer batch, encoded: immutable once published, shared by every reader.

use super::recuts::Recuts;
use super::{Epoch, Link, Offset, Position, Seq, TopicId};
use crate::framing::{Framed, Framing, VARIANTS, entry};
use std::sync::{Arc, OnceLock};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// `snap why:"born"`: the topic begins.
    Born,
    /// `snap why:"reset"`: the adapter lost sync and states the whole anew.
    Reset,
    Delta,
    Append,
    Mark,
    /// The topic is over.
    Gone,
    /// `snap why:"rate"`: more events than the snapshot holds came within one tick of a rate class. Never in the log.
    Rate,
}

/// One numbered item of the log. Its bytes lie in its segment.
#[derive(Clone, Debug)]
pub struct Entry {
    pub topic: TopicId,
    pub kind: EntryKind,
    pub seq: Seq,
    /// The topic's entry before this one, whatever incarnation of the name it belongs to; `None` at its first.
    pub before: Option<Link>,
    /// Gateway time, Unix ms.
    pub ts: i64,
    /// The topic's name; `None` but on [`EntryKind::Born`], where readers learn it.
    pub name: Option<Arc<str>>,
    pub(crate) cuts: entry::Cuts,
}

impl Entry {
    /// The number of the topic's incarnation that the entry belongs to.
    pub fn n(&self) -> u64 {
        self.cuts.n
    }
}

/// Entries of consecutive offsets and their bytes in every framing that somebody asked for.
#[derive(Debug)]
pub struct Segment {
    pub number: u64,
    pub first: Offset,
    pub epoch: Epoch,
    pub entries: Box<[Entry]>,
    /// As the sequencer encoded it: WebSocket, live, plain.
    plain: Framed,
    /// Cut from `plain` by whoever asks first. Invariant ENCODE-ONCE: each at most once.
    others: OnceLock<Box<Others>>,
    /// Of all segments of the log; a tick's has its own.
    pub(crate) recuts: Arc<Recuts>,
}

type Others = [OnceLock<Framed>; VARIANTS];

impl Segment {
    pub fn last(&self) -> Offset {
        Offset(self.first.0 + self.entries.len() as u64 - 1)
    }

    pub fn offset_of(&self, index: u32) -> Offset {
        Offset(self.first.0 + u64::from(index))
    }

    pub fn link_of(&self, index: u32) -> Link {
        Link { offset: self.offset_of(index), position: Position { segment: self.number, index } }
    }

    /// Bytes that count against the log's byte limit: the plain encoding and the entries' own size.
    pub fn weight(&self) -> usize {
        self.plain_bytes() + self.entries.len() * (size_of::<Entry>() + size_of::<u32>()) + size_of::<Segment>()
    }

    /// Bytes of all entries as the sequencer encoded them.
    pub(crate) fn plain_bytes(&self) -> usize {
        self.plain.bytes.len()
    }

    /// All entries in `framing`, made on first use.
    pub fn framed(&self, framing: Framing) -> &Framed {
        if framing == Framing::default() {
            return &self.plain;
        }
        let others = self.others.get_or_init(|| {
            self.recuts.hold(size_of::<Others>());
            Box::new(std::array::from_fn(|_| OnceLock::new()))
        });
        others[framing.index()].get_or_init(|| entry::recut(self, framing))
    }

    /// The name of an entry's topic, which may have been forgotten everywhere else.
    pub fn name_of(&self, index: u32) -> Arc<str> {
        const BEFORE: usize = br#""topic":""#.len();
        let (start, end) = self.entries[index as usize].cuts.topic;
        let name = &self.json(index)[usize::from(start) + BEFORE..usize::from(end) - 1];
        // Names are ASCII.
        String::from_utf8_lossy(name).into()
    }

    /// Of a reset of an event topic, how many events the provider lost (`Some(None)`: nobody knows); `None` of any other
    /// entry.
    pub fn lost_of(&self, index: u32) -> Option<Option<u64>> {
        const MEMBER: &[u8] = br#","lost":"#;
        let entry = &self.entries[index as usize];
        let head = self.json(index).get(..entry.cuts.data_start()).filter(|_| entry.kind == EntryKind::Reset)?;
        let at = head.windows(MEMBER.len()).position(|part| part == MEMBER)? + MEMBER.len();
        let digits: String =
            head[at..].iter().take_while(|byte| byte.is_ascii_digit()).map(|b| char::from(*b)).collect();
        // `null` has no digits.
        Some(digits.parse().ok())
    }

    /// The plain JSON of one entry, `o` included.
    pub fn json(&self, index: u32) -> &[u8] {
        &self.plain.slice(index)[usize::from(self.entries[index as usize].cuts.head)..]
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        let Some(others) = self.others.get() else { return };
        let bytes: usize = others.iter().filter_map(OnceLock::get).map(|framed| framed.bytes.capacity()).sum();
        self.recuts.release(bytes + size_of::<Others>());
    }
}

/// A segment being filled by the sequencer.
#[derive(Debug, Default)]
pub struct SegmentDraft {
    pub(crate) entries: Vec<Entry>,
    pub(crate) plain: Framed,
}

impl SegmentDraft {
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn bytes(&self) -> usize {
        self.plain.bytes.len()
    }

    pub fn kind_of(&self, index: usize) -> EntryKind {
        self.entries[index].kind
    }

    /// Takes what was drafted as the segment `number`, whose first entry has offset `first`.
    pub(crate) fn seal(&mut self, number: u64, first: Offset, epoch: Epoch, recuts: Arc<Recuts>) -> Segment {
        let plain = Framed { bytes: self.plain.bytes.as_slice().into(), ends: self.plain.ends.as_slice().into() };
        self.plain.bytes.clear();
        self.plain.ends.clear();
        let entries = self.entries.drain(..).collect();
        Segment { number, first, epoch, entries, plain, others: OnceLock::new(), recuts }
    }
}
