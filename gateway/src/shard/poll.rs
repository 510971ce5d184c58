//! Polls as readers: a poll without a wait asks once, a waiting one hangs on its set until something is newer.
//!
//! Bodies are shared by (set, from, to): a thousand who wait on the same cursor cost one encoding.

use super::answer::{Answer, PollAnswer};
use super::connection::Wire;
use super::core::Core;
use super::counters::{ShardCounters, Transport};
use super::deliver::{frame_snapshot, lost_of};
use super::filters::Filters;
use super::sets::{SetKey, Terms};
use crate::framing::message::{at, cursor, name};
use crate::framing::{Form, Framing};
use crate::limits::{BODIES_BYTES_MAX, BODIES_MAX, TooManyTopics};
use crate::log::{Cursor, Offset};
use crate::mutation::{self, Mutation};
use crate::store::Snapshot;
use bytes::Bytes;
use slab::Slab;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use tokio::sync::oneshot;

/// A place in a set's line of waiting polls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollKey {
    pub set: SetKey,
    slot: usize,
}

#[derive(Debug)]
pub struct WaitingPoll {
    pub cursor: Cursor,
    pub reply: oneshot::Sender<Bytes>,
}

/// The waiting polls of one set.
#[derive(Debug, Default)]
pub struct Waiters {
    polls: Slab<WaitingPoll>,
    gathering: bool,
}

impl Waiters {
    pub fn is_empty(&self) -> bool {
        self.polls.is_empty()
    }

    /// Something is newer. True if a time is to be set at which the waiting polls are answered.
    pub fn begin_gathering(&mut self) -> bool {
        !self.polls.is_empty() && !std::mem::replace(&mut self.gathering, true)
    }
}

/// What a body is true as of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version {
    /// Offset of the newest entry.
    pub newest: Offset,
    /// Sum of the births of all that lives: the newest entry alone would come back to an older value when a topic that
    /// ended is forgotten.
    pub lives: u64,
}

/// What a body answers: which set, from where, as of where. A body without a cursor is true as of the set's version,
/// whatever else the log holds after it.
type Question = (u64, Option<Cursor>, Version);

/// The bodies made last, for all who ask the same. Invariant ENCODE-ONCE for polls, BOUNDED in number and bytes.
#[derive(Debug, Default)]
pub struct Bodies {
    bodies: VecDeque<(Question, Bytes)>,
    bytes: usize,
}

impl Bodies {
    fn find(&self, question: &Question) -> Option<Bytes> {
        // Newest first: a burst of equal polls finds its body at once.
        self.bodies.iter().rev().find(|(known, _)| known == question).map(|(_, body)| body.clone())
    }

    fn remember(&mut self, question: Question, body: Bytes) {
        self.bytes += body.len();
        self.bodies.push_back((question, body));
        while self.bodies.len() > BODIES_MAX || self.bytes > BODIES_BYTES_MAX {
            let Some((_, oldest)) = self.bodies.pop_front() else { break };
            self.bytes -= oldest.len();
        }
    }
}

impl<W: Wire> Core<W> {
    /// The set that a poll asks about. It is leased: give it back with [`Core::poll_left`].
    pub fn poll_set(&mut self, filters: Filters, framing: Framing, now_ms: i64) -> Result<SetKey, TooManyTopics> {
        self.settle(now_ms);
        let set = self.sets.intern(Terms::new(filters, framing, 0, false), &mut self.index)?;
        self.sets.get_mut(set).leases += 1;
        Ok(set)
    }

    /// The set met the cap on topics: no cursor of it would be true. Whoever waits asks again, and is refused.
    pub(super) fn refuse_polls(&mut self, set: SetKey) {
        let polls = self.sets.get_mut(set).waiters.polls.drain().count();
        ShardCounters::subtract(&self.counters.connections[Transport::LongPoll as usize], polls as u64);
        self.sets.left(set, &mut self.index);
    }

    /// What is newer than `from` in the set, now; without `from`, the snapshots of the whole set.
    pub fn poll(&mut self, set: SetKey, from: Option<&Cursor>) -> PollAnswer {
        self.poll_as_of(set, from, Version { newest: self.position, lives: 0 })
    }

    /// Snapshots of the whole set, the same body as long as the set's version is the same. The cursor in it may be older
    /// than the position; it loses nothing.
    pub fn poll_whole(&mut self, set: SetKey) -> PollAnswer {
        self.poll_as_of(set, None, self.version(set))
    }

    fn poll_as_of(&mut self, set: SetKey, from: Option<&Cursor>, as_of: Version) -> PollAnswer {
        if self.sets.get(set).limited {
            return PollAnswer::TooManyTopics;
        }
        let question = (self.sets.get(set).serial, from.cloned(), as_of);
        if let Some(body) = self.bodies.find(&question) {
            return PollAnswer::Body(body);
        }
        if self.position < self.known_from {
            return PollAnswer::Hold;
        }
        let answer = self.answer(&self.sets.get(set).topics, from);
        let nothing = answer.entries.is_empty() && answer.snapshots.is_empty() && !answer.full;
        if nothing && from.is_some() {
            return PollAnswer::Nothing;
        }
        let framing = self.sets.get(set).terms.framing;
        let Some(snapshots) = self.snapshots_to_tell(&answer) else { return PollAnswer::Hold };
        let bytes: usize = snapshots.iter().map(|snapshot| snapshot.data(framing.num_string).len()).sum();
        if bytes > self.settings.limits.snapshot_body_bytes_max {
            return PollAnswer::TooBig;
        }
        let Some(body) = self.body(&answer, &snapshots, framing) else { return PollAnswer::Hold };
        let body = Bytes::from(body);
        ShardCounters::add(&self.counters.polls_encoded, 1);
        self.bodies.remember(question, body.clone());
        PollAnswer::Body(body)
    }

    /// What the set's snapshots are as of: changes whenever any of its topics does.
    pub fn version(&self, set: SetKey) -> Version {
        let topics = self.sets.get(set).topics.iter().filter_map(|id| self.index.get(*id));
        topics.fold(Version::default(), |version, topic| Version {
            newest: version.newest.max(topic.newest.offset),
            lives: version.lives.wrapping_add(if topic.retired.is_none() { topic.born.0 } else { 0 }),
        })
    }

    /// The body of a poll whose wait ended without news.
    pub fn poll_empty(&self) -> Bytes {
        let cursor = cursor(self.log.epoch(), self.position);
        format!(r#"{{"cursor":"{cursor}","messages":[]}}"#).into()
    }

    /// Hangs a poll on its set.
    pub fn poll_wait(&mut self, set: SetKey, poll: WaitingPoll) -> PollKey {
        let slot = self.sets.get_mut(set).waiters.polls.insert(poll);
        ShardCounters::add(&self.counters.connections[Transport::LongPoll as usize], 1);
        PollKey { set, slot }
    }

    /// The client of a waiting poll went away, or its time is up.
    pub fn poll_gone(&mut self, key: PollKey) {
        let polls = &mut self.sets.get_mut(key.set).waiters.polls;
        // A slot that was answered may be another's by now; only one whose client is gone is taken away.
        if polls.contains(key.slot) && polls[key.slot].reply.is_closed() {
            polls.remove(key.slot);
            ShardCounters::subtract(&self.counters.connections[Transport::LongPoll as usize], 1);
            self.sets.left(key.set, &mut self.index);
        }
    }

    /// Ends the lease that [`Core::poll_set`] gave.
    pub fn poll_left(&mut self, set: SetKey) {
        self.sets.get_mut(set).leases -= 1;
        self.sets.left(set, &mut self.index);
    }

    /// Answers the waiting polls whose time of gathering is over.
    pub(super) fn serve_polls(&mut self, now_ms: i64) {
        while let Some(&(due, set)) = self.gathering.front().filter(|(due, _)| *due <= now_ms) {
            self.gathering.pop_front();
            if !self.serve_waiting(set) {
                self.gathering.push_back((due + 1, set));
                return;
            }
        }
    }

    /// False if a snapshot has to be held: the polls stay.
    fn serve_waiting(&mut self, set: SetKey) -> bool {
        if !self.sets.contains(set) {
            return true;
        }
        let keys: Vec<usize> = self.sets.get(set).waiters.polls.iter().map(|(slot, _)| slot).collect();
        for slot in keys {
            let from = self.sets.get(set).waiters.polls[slot].cursor.clone();
            match self.poll(set, Some(&from)) {
                PollAnswer::Body(body) => {
                    let waiting = self.sets.get_mut(set).waiters.polls.remove(slot);
                    ShardCounters::subtract(&self.counters.connections[Transport::LongPoll as usize], 1);
                    // The client may be gone; then nobody needs the body.
                    let _ = waiting.reply.send(body);
                }
                PollAnswer::Nothing | PollAnswer::TooBig | PollAnswer::TooManyTopics => {}
                PollAnswer::Hold => return false,
            }
        }
        self.sets.get_mut(set).waiters.gathering = false;
        self.sets.left(set, &mut self.index);
        true
    }

    /// Answers every waiting poll at once, as at a drain: with what is being gathered, or with nothing.
    pub fn answer_all_polls(&mut self) {
        let keys: Vec<SetKey> = self.sets.iter_mut().map(|(key, _)| key).collect();
        for key in keys {
            let polls: Vec<WaitingPoll> = self.sets.get_mut(key).waiters.polls.drain().collect();
            ShardCounters::subtract(&self.counters.connections[Transport::LongPoll as usize], polls.len() as u64);
            for WaitingPoll { cursor, reply } in polls {
                let _ = match self.poll(key, Some(&cursor)) {
                    PollAnswer::Body(body) => reply.send(body),
                    PollAnswer::Nothing => reply.send(self.poll_empty()),
                    // The client keeps the cursor that it has.
                    PollAnswer::Hold | PollAnswer::TooBig | PollAnswer::TooManyTopics => {
                        reply.send(format!(r#"{{"cursor":"{cursor}","messages":[]}}"#).into())
                    }
                };
            }
        }
    }

    /// The snapshots of an answer, taken before any is encoded; `None` if one is newer than what this shard has read.
    fn snapshots_to_tell(&self, answer: &Answer) -> Option<Vec<Arc<Snapshot>>> {
        let told = |snapshot: &Arc<Snapshot>| snapshot.link.offset <= self.position;
        answer.snapshots.iter().map(|(topic, _)| self.store.load(*topic).filter(told)).collect()
    }

    /// `{"cursor":…,"messages":[…]}`; `None` if a snapshot must be held. Cut at an entry boundary under the body cap.
    fn body(&self, answer: &Answer, snapshots: &[Arc<Snapshot>], framing: Framing) -> Option<Vec<u8>> {
        debug_assert_eq!(framing.form, Form::Json);
        let may_cut = answer.is_of_entries();
        let framing = framing.quiet(!may_cut);
        let cap = self.settings.limits.poll_body_bytes_max;
        let mut messages = Vec::with_capacity(1_024);
        let mut to = self.position;
        let mut named = BTreeSet::new();
        for (offset, owed) in &answer.entries {
            // Evicted between question and answer: the client asks again with its old cursor and gets a snapshot.
            let segment = self.log.segment(owed.position.segment)?;
            let entry = segment.framed(framing).slice(owed.position.index);
            if !messages.is_empty() && messages.len() + entry.len() > cap && may_cut {
                break;
            }
            if framing.ids && named.insert(owed.topic) {
                let topic = self.index.get(owed.topic)?;
                let n = segment.entries[owed.position.index as usize].n();
                push_message(&mut messages, &[&name(n, &topic.name)]);
            }
            push_message(&mut messages, &[entry]);
            to = *offset;
        }
        let is_whole = mutation::on(Mutation::CutBodyCalledWhole);
        let cut = may_cut && !is_whole && answer.entries.last().is_some_and(|(last, _)| *last > to);
        if cut {
            ShardCounters::add(&self.counters.polls_cut, 1);
        } else {
            to = self.position;
        }
        for ((_, waiting), snap) in answer.snapshots.iter().zip(snapshots) {
            let pieces = frame_snapshot(snap, waiting.why, lost_of(snap, *waiting), framing);
            push_message(&mut messages, &pieces.iter().map(|piece| &piece[..]).collect::<Vec<_>>());
        }
        let cursor = cursor(self.log.epoch(), to);
        if answer.full {
            push_message(&mut messages, &[&at(&cursor, true)]);
        }
        let mut body = format!(r#"{{"cursor":"{cursor}","messages":["#).into_bytes();
        body.extend_from_slice(&messages);
        body.extend_from_slice(b"]}");
        Some(body)
    }
}

fn push_message(messages: &mut Vec<u8>, pieces: &[&[u8]]) {
    if !messages.is_empty() {
        messages.push(b',');
    }
    pieces.iter().for_each(|piece| messages.extend_from_slice(piece));
}
