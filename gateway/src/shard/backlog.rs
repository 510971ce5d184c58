//! What a connection is owed when it is not simply live: the rest of a frame, entries and control messages in order,
//! topics waiting for their snapshot, and the `at` that ends it.

use crate::framing::message::Why;
use crate::log::{EntryKind, Offset, Position, Seq, TopicId};
use crate::mutation::{self, Mutation};
use bytes::Bytes;
use smallvec::SmallVec;
use std::collections::{HashMap, HashSet, VecDeque};

/// An entry that a subscriber is to be given: a place in the log, not a copy.
#[derive(Clone, Copy, Debug)]
pub struct Owed {
    pub position: Position,
    pub topic: TopicId,
    pub kind: EntryKind,
    pub seq: Seq,
}

/// What a set is owed: mostly one entry at a time.
pub type OwedList = SmallVec<[Owed; 1]>;

impl Owed {
    /// The seq that a reader has who was given everything of the topic before this entry.
    pub fn seq_before(&self) -> Seq {
        match self.kind {
            EntryKind::Mark | EntryKind::Gone => self.seq,
            // Of a state topic a reset advances the seq, of an event topic it does not: there `lost` is counted.
            EntryKind::Reset | EntryKind::Rate => self.seq,
            EntryKind::Born | EntryKind::Delta | EntryKind::Append => Seq(self.seq.0 - 1),
        }
    }
}

/// One thing to write, in order.
#[derive(Debug)]
pub enum Item {
    Entry(Owed),
    /// A topic's end, which no snapshot could make up for: kept as bytes, so that eviction cannot take it.
    Gone(Gone),
    /// A framed control message.
    Control(Bytes),
}

/// The `gone` of a topic, framed as an entry that states its cursor and as one that does not.
#[derive(Debug)]
pub struct Gone {
    pub topic: TopicId,
    pub live: Bytes,
    pub quiet: Bytes,
}

/// Against what a snapshot's `lost` is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The reader had nothing before: nothing is lost.
    Nothing,
    /// The reader was given events through this seq.
    Delivered(Seq),
    /// The reader said that it has everything through this offset.
    Stated(Offset),
    /// Nobody knows what the reader has.
    Unknown,
}

/// A topic in line for its snapshot.
#[derive(Clone, Copy, Debug)]
pub struct Waiting {
    pub why: Why,
    pub basis: Basis,
    /// The state at the last tick of the topic's rate class is what is told, after which the reader is a member.
    pub ticked: bool,
}

impl Waiting {
    /// For the newest state.
    pub fn newest(why: Why, basis: Basis) -> Waiting {
        Waiting { why, basis, ticked: false }
    }
}

/// How far a reader holds a throttled topic of whose class it is not a member yet.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    pub offset: Offset,
    pub seq: Seq,
}

#[derive(Debug, Default)]
pub struct Backlog {
    /// The rest of a frame that the wire took in part. Nothing else goes into that frame.
    pub unsent: SmallVec<[Bytes; 3]>,
    pub pending: VecDeque<Item>,
    /// How many of `pending` are entries: what the cap is about.
    pub entries: usize,
    /// How many of `pending` are ends of topics.
    pub gones: usize,
    line: VecDeque<TopicId>,
    waiting: HashMap<TopicId, Waiting>,
    /// Throttled topics that were told as they are, and of whose class the reader becomes a member at the next tick.
    pub joining: HashMap<TopicId, Held>,
    /// An `at` is due, but some class has to tick before.
    pub awaits_tick: bool,
    /// `Some(full)`: an `at` is due once everything else is written.
    pub owes_at: Option<bool>,
    /// An `at` is to follow, though the entries before it state their own cursors.
    pub ends_with_at: bool,
    /// The wire takes no more bytes until it says so.
    pub blocked: bool,
    /// When it began to be blocked without any progress, Unix ms; `None` if it is not.
    pub blocked_since_ms: Option<i64>,
}

impl Backlog {
    /// Entries state cursors only while no snapshot and no `at` is due.
    pub fn is_live(&self) -> bool {
        self.waiting.is_empty() && self.joining.is_empty() && self.owes_at.is_none()
            || mutation::on(Mutation::LiveTooSoon)
    }

    /// A snapshot or an `at` is to be written now.
    pub fn goes_on(&self) -> bool {
        !self.waiting.is_empty() || (self.joining.is_empty() && self.owes_an_at())
    }

    pub fn owes_an_at(&self) -> bool {
        self.owes_at.is_some() || self.ends_with_at
    }

    /// The `at` that is due now that everything else is written, and whether it says `full`.
    pub fn take_at(&mut self) -> Option<bool> {
        let ends_with_at = std::mem::take(&mut self.ends_with_at);
        self.owes_at.take().or(ends_with_at.then_some(false))
    }

    pub fn push_entry(&mut self, owed: Owed) {
        self.pending.push_back(Item::Entry(owed));
        self.entries += 1;
    }

    /// Control messages among what is pending.
    pub fn answers(&self) -> usize {
        self.pending.len() - self.entries - self.gones
    }

    /// Queues a topic's end. Its snapshot is not waited for any more.
    pub fn push_gone(&mut self, gone: Gone) {
        self.stop_waiting(gone.topic);
        self.pending.push_back(Item::Gone(gone));
        self.gones += 1;
    }

    /// The pending entries are given up: their topics wait for a snapshot instead. Ends of topics stay, in order.
    pub fn lag(&mut self) {
        // An end ends the wait that an entry before it began here; a wait from before is for a later life.
        let mut begun = HashSet::new();
        let mut lowered = HashMap::new();
        for item in std::mem::take(&mut self.pending) {
            match item {
                Item::Gone(_) if mutation::on(Mutation::LagDropsEnds) => continue,
                Item::Entry(owed) => {
                    // Until a full answer has ended, the reader may hold a former life of what is born meanwhile.
                    let basis = match owed.kind {
                        EntryKind::Born if self.owes_at == Some(true) => Basis::Unknown,
                        _ => Basis::Delivered(owed.seq_before()),
                    };
                    self.joining.remove(&owed.topic);
                    if self.wait(owed.topic, Waiting::newest(Why::Lag, basis)) {
                        begun.insert(owed.topic);
                    } else if !begun.contains(&owed.topic)
                        && let Some(before) = self.lower(owed.topic, owed.seq_before())
                    {
                        lowered.entry(owed.topic).or_insert(before);
                    }
                    continue;
                }
                Item::Gone(ref gone) if begun.remove(&gone.topic) => self.stop_waiting(gone.topic),
                Item::Gone(ref gone) => {
                    if let Some(before) = lowered.remove(&gone.topic) {
                        self.waiting.insert(gone.topic, before);
                    }
                }
                _ => {}
            }
            self.pending.push_back(item);
        }
        self.entries = 0;
        self.owes_at.get_or_insert(false);
    }

    /// A tick changed a throttled topic, and this reader cannot take the change as it comes: it is told the state at the
    /// tick instead. `from`: the seq that members have.
    pub fn conflate(&mut self, topic: TopicId, from: Seq) {
        // Who is no member yet is told otherwise.
        if self.joining.contains_key(&topic) {
            return;
        }
        let why = if self.blocked { Why::Lag } else { Why::Rate };
        self.wait(topic, Waiting { why, basis: Basis::Delivered(from), ticked: true });
        self.owes_at.get_or_insert(false);
    }

    pub fn push_control(&mut self, bytes: impl Into<Bytes>) {
        self.pending.push_back(Item::Control(bytes.into()));
    }

    /// Puts a topic in line; one that waits already keeps its place and its older basis, and false is returned.
    pub fn wait(&mut self, topic: TopicId, waiting: Waiting) -> bool {
        let std::collections::hash_map::Entry::Vacant(vacant) = self.waiting.entry(topic) else { return false };
        vacant.insert(waiting);
        self.line.push_back(topic);
        true
    }

    /// A topic waits on the ground that the reader would be given entries that it will not be given: what it is told is
    /// counted from before them. Returns how it waited until now, if that changed.
    fn lower(&mut self, topic: TopicId, seq: Seq) -> Option<Waiting> {
        let waiting = self.waiting.get_mut(&topic)?;
        match waiting.basis {
            Basis::Delivered(counted) if counted > seq => {
                let lower = Waiting { basis: Basis::Delivered(seq), ..*waiting };
                Some(std::mem::replace(waiting, lower))
            }
            _ => None,
        }
    }

    /// The topic's class changed: its newest state is to be told, not that of a tick.
    pub fn wait_for_newest(&mut self, topic: TopicId) {
        if let Some(waiting) = self.waiting.get_mut(&topic) {
            waiting.ticked = false;
        }
    }

    pub fn is_waiting(&self, topic: TopicId) -> bool {
        !self.waiting.is_empty() && self.waiting.contains_key(&topic)
    }

    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The topic at the head of the line.
    pub fn first_waiting(&mut self) -> Option<(TopicId, Waiting)> {
        while let Some(&topic) = self.line.front() {
            if let Some(waiting) = self.waiting.get(&topic) {
                return Some((topic, *waiting));
            }
            self.line.pop_front();
        }
        None
    }

    /// Drops what is owed of topics: the connection ends. The rest of a begun frame and control messages stay (the
    /// first of which may be the response head).
    pub fn forget_owed(&mut self) {
        self.pending.retain(|item| matches!(item, Item::Control(_)));
        (self.entries, self.gones) = (0, 0);
        self.stop_snapshots();
    }

    /// Drops the line of waiting topics: the connection ends. It is not whole any more, and the `at` that would make it so
    /// stays owed: what is still written states no cursor.
    pub fn stop_snapshots(&mut self) {
        if !self.is_live() {
            self.owes_at.get_or_insert(false);
        }
        if mutation::on(Mutation::DrainStatesCursors) {
            self.owes_at = None;
        }
        self.line.clear();
        self.waiting.clear();
        self.joining.clear();
    }

    /// The topic got its snapshot, died, or is not wanted any more.
    pub fn stop_waiting(&mut self, topic: TopicId) {
        self.waiting.remove(&topic);
        self.joining.remove(&topic);
        if self.line.front() == Some(&topic) {
            self.line.pop_front();
        }
    }
}
