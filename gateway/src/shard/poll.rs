//! Polls as readers: a poll without a wait asks once, a waiting one hangs on its set until something is newer.
//!
//! Bodies are shared by (set, from, to): a thousand who wait on the same cursor cost one encoding.

use super::answer::{Answer, PollAnswer};
use super::connection::Wire;
use super::core::Core;
use super::counters::{ShardCounters, Transport};
use super::deliver::{frame_snapshot, lost_of};
use super::sets::{Filters, SetKey};
use crate::framing::message::{at, cursor, name};
use crate::framing::{Form, Framing};
use crate::log::{Cursor, Offset};
use bytes::Bytes;
use slab::Slab;
use std::collections::BTreeSet;
use tokio::sync::oneshot;

/// Bodies remembered per set.
const BODIES_MAX: usize = 8;

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

/// The waiting polls of one set, and the bodies made last.
#[derive(Debug, Default)]
pub struct Waiters {
    polls: Slab<WaitingPoll>,
    gathering: bool,
    bodies: Vec<(Option<Cursor>, Offset, Bytes)>,
    /// The last answer to a poll without a cursor.
    whole: Option<(Version, Bytes)>,
}

/// Two equal versions of a set hold the same snapshots.
///
/// Why the count: a topic that is forgotten after its death takes the offset of its `gone` with it. What is left was
/// there before, so the newest offset alone may come back; but then fewer are alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    pub newest: Offset,
    pub alive: usize,
}

impl Waiters {
    pub fn is_empty(&self) -> bool {
        self.polls.is_empty()
    }

    /// Something is newer. True if a time is to be set at which the waiting polls are answered.
    pub fn begin_gathering(&mut self) -> bool {
        !self.polls.is_empty() && !std::mem::replace(&mut self.gathering, true)
    }

    fn body(&self, from: Option<&Cursor>, to: Offset) -> Option<Bytes> {
        self.bodies.iter().find(|(f, t, _)| f.as_ref() == from && *t == to).map(|(_, _, body)| body.clone())
    }

    fn remember(&mut self, from: Option<&Cursor>, to: Offset, body: Bytes) {
        if self.bodies.len() == BODIES_MAX {
            self.bodies.remove(0);
        }
        self.bodies.push((from.cloned(), to, body));
    }
}

impl<W: Wire> Core<W> {
    /// The set that a poll asks about. It is leased: give it back with [`Core::poll_left`].
    pub fn poll_set(&mut self, filters: Filters, framing: Framing, now_ms: i64) -> SetKey {
        self.settle(now_ms);
        let set = self.sets.intern(filters, framing, &mut self.index);
        self.sets.get_mut(set).leases += 1;
        set
    }

    /// What is newer than `from` in the set, now.
    pub fn poll(&mut self, set: SetKey, from: Option<&Cursor>) -> PollAnswer {
        if let Some(body) = self.sets.get(set).waiters.body(from, self.position) {
            return PollAnswer::Body(body);
        }
        let answer = self.answer(&self.sets.get(set).topics, from);
        let nothing = answer.entries.is_empty() && answer.snapshots.is_empty() && !answer.full;
        if nothing && from.is_some() {
            return PollAnswer::Nothing;
        }
        let framing = self.sets.get(set).framing;
        let Some(body) = self.body(&answer, framing) else { return PollAnswer::Hold };
        let body = Bytes::from(body);
        ShardCounters::add(&self.counters.polls_encoded, 1);
        let position = self.position;
        self.sets.get_mut(set).waiters.remember(from, position, body.clone());
        PollAnswer::Body(body)
    }

    /// What a snapshot of the set is a snapshot of: changes whenever any of its topics does.
    pub fn version(&self, set: SetKey) -> Version {
        let topics = || self.sets.get(set).topics.iter().filter_map(|id| self.index.get(*id));
        Version {
            newest: topics().map(|topic| topic.newest.offset).max().unwrap_or_default(),
            alive: topics().filter(|topic| topic.retired.is_none()).count(),
        }
    }

    /// Snapshots of the whole set. The cursor in a shared body may be older than the position; it loses nothing.
    pub fn poll_whole(&mut self, set: SetKey) -> PollAnswer {
        let version = self.version(set);
        if let Some((_, body)) = self.sets.get(set).waiters.whole.as_ref().filter(|(as_of, _)| *as_of == version) {
            return PollAnswer::Body(body.clone());
        }
        let answer = self.poll(set, None);
        if let PollAnswer::Body(body) = &answer {
            self.sets.get_mut(set).waiters.whole = Some((version, body.clone()));
        }
        answer
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

    /// When the next waiting polls are due, Unix ms.
    pub fn next_poll_due(&self) -> Option<i64> {
        self.gathering.front().map(|(due, _)| *due)
    }

    /// Answers the waiting polls whose time of gathering is over.
    pub fn serve_polls(&mut self, now_ms: i64) {
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
                PollAnswer::Nothing => {}
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
                    PollAnswer::Hold => reply.send(format!(r#"{{"cursor":"{cursor}","messages":[]}}"#).into()),
                };
            }
        }
    }

    /// `{"cursor":…,"messages":[…]}`; `None` if a snapshot must be held. Cut at an entry boundary under the body cap.
    fn body(&self, answer: &Answer, framing: Framing) -> Option<Vec<u8>> {
        debug_assert_eq!(framing.form, Form::Json);
        let framing = framing.quiet(!answer.states_offsets());
        let cap = self.settings.limits.poll_body_bytes_max;
        let mut messages = Vec::with_capacity(1_024);
        let mut to = self.position;
        let mut named = BTreeSet::new();
        for (offset, owed, segment) in &answer.entries {
            let entry = segment.framed(framing).slice(owed.position.index);
            if !messages.is_empty() && messages.len() + entry.len() > cap && answer.states_offsets() {
                break;
            }
            let number = segment.entries[owed.position.index as usize].number();
            if framing.ids && named.insert(number) {
                push_message(&mut messages, &[&name(number, &self.index.get(owed.topic)?.name)]);
            }
            push_message(&mut messages, &[entry]);
            to = *offset;
        }
        let cut = answer.entries.last().is_some_and(|(last, ..)| *last > to) && answer.states_offsets();
        if !cut {
            to = self.position;
        }
        for (topic, waiting) in &answer.snapshots {
            let snap = self.store.load(*topic).filter(|snap| snap.link.offset <= self.position)?;
            let pieces = frame_snapshot(&snap, waiting.why, lost_of(&snap, *waiting), framing);
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
