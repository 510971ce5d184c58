//! Delivery to those who are not simply live: what waits for them, one step of a turn after another.

use super::backlog::{Basis, Held, Waiting};
use super::connection::{ConnKey, Wire};
use super::core::Core;
use super::counters::ShardCounters;
use super::sets::Set;
use super::write::{Progress, write_pending, write_unsent};
use crate::close::CloseReason;
use crate::framing::message::{Lost, Why, at, cursor, snapshot};
use crate::framing::{Form, Framing, websocket, wrap};
use crate::limits::{ENDS_BEYOND_MAX, TURN_BYTES_MAX, TURNS_BEYOND_MAX};
use crate::log::TopicId;
use crate::mutation::{self, Mutation};
use crate::store::{Content, Snapshot};
use bytes::Bytes;
use smallvec::SmallVec;
use std::io;
use std::sync::Arc;

impl<W: Wire> Core<W> {
    /// Whether a connection is owed more ends of topics than may be, now that it had its turn: a pass may bring thousands
    /// at once to one that is owed a snapshot or an `at`, and takes all that it is given.
    pub(super) fn stays_beyond(&mut self, key: ConnKey, now_ms: i64) -> bool {
        for _ in 0..TURNS_BEYOND_MAX {
            if !self.drive(key, now_ms) {
                break;
            }
        }
        let most = self.settings.limits.pending_entries_max + ENDS_BEYOND_MAX;
        let backlog = self.connections.get(key.0).and_then(|connection| connection.backlog.as_ref());
        backlog.is_some_and(|backlog| backlog.gones > most)
    }

    pub(super) fn end(&mut self, key: ConnKey, reason: CloseReason) {
        if let Some(connection) = self.connections.get_mut(key.0) {
            let reason = *connection.closing.get_or_insert(reason);
            connection.backlog().forget_owed();
            self.ended.push((key, connection.id, reason));
        }
    }

    /// Gives every connection that waits its turn. Those whose turn was too short stay for the next call.
    pub fn serve_ready(&mut self, now_ms: i64) {
        let mut turn = std::mem::take(&mut self.ready);
        turn.sort_unstable();
        turn.dedup();
        for key in turn {
            if self.drive(key, now_ms) {
                self.ready.push(key);
            }
        }
    }

    /// Writes what one connection is owed, as long as the wire takes it. True if it wants another turn.
    fn drive(&mut self, key: ConnKey, now_ms: i64) -> bool {
        let mut budget = TURN_BYTES_MAX;
        loop {
            let Some(connection) = self.connections.get_mut(key.0) else { return false };
            let closing = connection.closing;
            let Some(backlog) = connection.backlog.as_mut() else { return false };
            if backlog.blocked {
                return false;
            }
            if budget == 0 {
                return true;
            }
            let written = if !backlog.unsent.is_empty() {
                write_unsent(connection, &self.counters)
            } else if !backlog.pending.is_empty() {
                write_pending(connection, &self.log, &self.counters)
            } else if let Some(reason) = closing {
                self.end(key, reason);
                return false;
            } else if let Some(set) =
                connection.set.filter(|set| backlog.goes_on() && !self.sets.get(*set).owed.is_empty())
                && !mutation::on(Mutation::LingerPassedOver)
            {
                // Held back by its latency budget: it comes before any snapshot and before any `at`.
                self.hand_out_to([set], None, now_ms);
                continue;
            } else if self.position < self.known_from {
                // The topic table is ahead of the log: the segment is on its way.
                return true;
            } else if let Some((topic, waiting)) = backlog.first_waiting() {
                match self.next_snapshot(key, topic, waiting) {
                    Next::Hold => return true,
                    Next::Skip => continue,
                    Next::Ready(snapshot) => self.write_snapshot(key, &snapshot, waiting, now_ms),
                }
            } else if !backlog.joining.is_empty() {
                // Whole at the next tick.
                return false;
            } else if !backlog.owes_an_at() {
                connection.backlog = None;
                return false;
            } else if self.is_early(key) {
                self.await_tick(key, now_ms);
                return false;
            } else {
                self.push_at(key, now_ms);
                continue;
            };
            match written {
                Ok(Progress::None) => self.block(key, now_ms),
                Ok(Progress::Elsewhere) => {}
                Ok(Progress::Bytes(bytes)) => {
                    budget = budget.saturating_sub(bytes);
                    if let Some(connection) = self.connections.get_mut(key.0) {
                        connection.backlog().blocked_since_ms = None;
                    }
                }
                Err(_) => {
                    self.end(key, CloseReason::PeerGone);
                    return false;
                }
            }
        }
    }

    fn block(&mut self, key: ConnKey, now_ms: i64) {
        if let Some(connection) = self.connections.get_mut(key.0) {
            let backlog = connection.backlog();
            backlog.blocked = true;
            backlog.blocked_since_ms.get_or_insert(now_ms);
        }
    }

    /// Its classes are further behind than it: what they have ticked is older than its subscription, or than a life that it
    /// was not told of.
    fn is_early(&self, key: ConnKey) -> bool {
        let connection = &self.connections[key.0];
        let early = |set: &Set| self.through(set) < connection.since.max(set.untold);
        !connection.limited && connection.set.is_some_and(|set| early(self.sets.get(set)))
    }

    /// The `at` that is due follows the next ticks.
    fn await_tick(&mut self, key: ConnKey, now_ms: i64) {
        let connection = &mut self.connections[key.0];
        if !std::mem::replace(&mut connection.backlog().awaits_tick, true) {
            self.sets.classes.joiners.push(key);
        }
        let rates = connection.set.map(|set| self.sets.get(set).rates.clone());
        rates.into_iter().flatten().for_each(|rate| self.sets.classes.wish(rate, now_ms));
    }

    /// Queues the `at` of a connection that was delivered everything that its classes have ticked.
    fn push_at(&mut self, key: ConnKey, now_ms: i64) {
        let connection = &mut self.connections[key.0];
        let full = connection.backlog().take_at() == Some(true);
        if connection.limited {
            return;
        }
        let set = connection.set;
        let through = set.map_or(self.position, |set| self.through(self.sets.get(set)));
        if let Some(set) = set.filter(|_| through < self.position) {
            // A class is behind, if only for the sake of others' topics: another follows after its tick.
            self.sets.wish_at(set, self.position, now_ms);
        }
        let cursor = cursor(self.log.epoch(), through);
        let connection = &mut self.connections[key.0];
        let message = wrap(connection.framing.form, &at(&cursor, full), Some(&cursor));
        connection.backlog().push_control(message);
    }

    /// The snapshot that the topic at the head of the line gets, if it can be told now.
    fn next_snapshot(&mut self, key: ConnKey, topic: TopicId, waiting: Waiting) -> Next {
        let alive = self.index.get(topic).is_some_and(|topic| topic.retired.is_none());
        // It may have come into the line from entries that were pending when the client gave the topic up, or its slot
        // may be another topic's by now.
        let set = self.connections.get(key.0).and_then(|connection| connection.set);
        let wanted = set.is_some_and(|set| self.sets.get(set).topics.contains(&topic));
        if !alive || !wanted {
            return self.skip(key, topic);
        }
        if waiting.ticked
            && let Some(rate) = set.and_then(|set| self.sets.get(set).rated.get(&topic))
        {
            let rated = self.index.get(topic).and_then(|indexed| indexed.rated(*rate));
            return rated.and_then(|rated| rated.at.clone()).map_or_else(|| self.skip(key, topic), Next::Ready);
        }
        // Invariant SNAPSHOT-FIRST: one that is newer than what this shard has read is held until it has read that far;
        // a topic that died meanwhile tells so in the log.
        match self.store.load(topic) {
            Some(snapshot) if snapshot.link.offset <= self.position || mutation::on(Mutation::SnapshotNotHeld) => {
                Next::Ready(snapshot)
            }
            _ => Next::Hold,
        }
    }

    fn skip(&mut self, key: ConnKey, topic: TopicId) -> Next {
        if let Some(connection) = self.connections.get_mut(key.0) {
            connection.backlog().stop_waiting(topic);
        }
        Next::Skip
    }

    fn write_snapshot(&mut self, key: ConnKey, snap: &Snapshot, waiting: Waiting, now_ms: i64) -> io::Result<Progress> {
        let connection = &mut self.connections[key.0];
        let lost = lost_of(snap, waiting);
        if let Lost::Count(lost) = lost {
            ShardCounters::add(&self.counters.lost_events, lost);
        }
        let pieces = frame_snapshot(snap, waiting.why, lost, connection.framing);
        ShardCounters::add(&self.counters.deliveries[connection.transport as usize], 1);
        let set = connection.set;
        let backlog = connection.backlog();
        backlog.stop_waiting(snap.topic);
        backlog.unsent = pieces;
        let rate = set.and_then(|set| self.sets.get(set).rated.get(&snap.topic)).copied();
        if let Some(rate) = rate.filter(|_| !waiting.ticked) {
            let held = Held { offset: snap.link.offset, seq: snap.seq };
            self.join(key, snap.topic, rate, held, now_ms);
        }
        write_unsent(&mut self.connections[key.0], &self.counters)
    }
}

enum Next {
    Ready(Arc<Snapshot>),
    /// Not yet: the shard has to read on first.
    Hold,
    /// Not any more.
    Skip,
}

/// How many events the reader of this snapshot will never see.
pub(super) fn lost_of(snap: &Snapshot, waiting: Waiting) -> Lost {
    let Content::Events(events) = &snap.content else { return Lost::Unsaid };
    match waiting.basis {
        Basis::Nothing => Lost::Unsaid,
        Basis::Unknown => Lost::Unknown,
        // A seq from before this birth is of a former life, of whose end nothing is known here.
        Basis::Delivered(seq) if seq.0 + 1 < snap.n => Lost::Unknown,
        Basis::Delivered(seq) => {
            let had = seq.0 + u64::from(mutation::on(Mutation::LostMiscounted));
            Lost::Count(snap.from.0.saturating_sub(had))
        }
        // Born after the reader's cursor: it may hold a former life of the name, of which events may be missing.
        Basis::Stated(offset) if snap.n > offset.0 => Lost::Unknown,
        Basis::Stated(offset) => {
            let whole_life = snap.from.0 < snap.n;
            let oldest_seen = events.first().is_some_and(|oldest| oldest.offset <= offset);
            if whole_life || oldest_seen { Lost::Count(0) } else { Lost::Unknown }
        }
    }
}

/// A whole snapshot message: its head, the shared data, its tail.
pub(super) fn frame_snapshot(snap: &Snapshot, why: Why, lost: Lost, framing: Framing) -> SmallVec<[Bytes; 3]> {
    let (json_head, data) = snapshot(snap, why, lost, framing.num_string);
    let mut head = Vec::with_capacity(json_head.len() + 16);
    let tail: &'static [u8] = match framing.form {
        Form::WebSocket => {
            websocket::write_head(websocket::TEXT, json_head.len() + data.len() + 1, &mut head);
            b"}"
        }
        Form::Sse => {
            head.extend_from_slice(b"data: ");
            b"}\n\n"
        }
        Form::Json => b"}",
    };
    head.extend_from_slice(&json_head);
    SmallVec::from([head.into(), data, Bytes::from_static(tail)])
}
