//! Delivery: the fast lane (one gathered run of bytes, one write per member) and the backlog of those who are not live.

use super::backlog::{Basis, Waiting};
use super::connection::{ConnKey, Wire};
use super::core::Core;
use super::counters::ShardCounters;
use super::sets::SetKey;
use super::write::{Progress, Run, Written, enqueue, segment_of, spill, write_all, write_pending, write_unsent};
use crate::close::CloseReason;
use crate::framing::message::{Lost, Why, at, cursor, snapshot};
use crate::framing::{Form, Framing, websocket, wrap};
use crate::limits::{ENDS_BEYOND_MAX, TURN_BYTES_MAX};
use crate::log::TopicId;
use crate::store::{Content, Snapshot};
use bytes::Bytes;
use smallvec::SmallVec;
use std::io;
use std::sync::Arc;

impl<W: Wire> Core<W> {
    /// Hands out the entries of the pass: every member of a marked set is written to once, or has them queued.
    pub(super) fn hand_out(&mut self) {
        let mut marked = std::mem::take(&mut self.marked);
        for key in marked.drain(..) {
            self.hand_out_to_set(key);
        }
        // The buffer goes back, so that the next pass allocates nothing.
        self.marked = marked;
        self.pass.clear();
    }

    fn hand_out_to_set(&mut self, key: SetKey) {
        let set = self.sets.get_mut(key);
        let owed = std::mem::take(&mut set.owed);
        let mut ended: SmallVec<[ConnKey; 4]> = SmallVec::new();
        let mut beyond: SmallVec<[ConnKey; 4]> = SmallVec::new();
        {
            let set = self.sets.get(key);
            let lanes = set.members.len();
            // Borrowed apart: the run points into `pass` while connections change.
            let (pass, connections) = (&self.pass, &mut self.connections);
            let run = Run::gather(pass, &owed, set.framing, lanes, &mut self.scratch);
            for &member in &set.members {
                let connection = &mut connections[member.0];
                if connection.closing.is_some() {
                    continue;
                }
                if connection.backlog.is_none() {
                    match write_all(&mut connection.wire, &run.slices, run.bytes, &self.counters) {
                        Written::All => {
                            ShardCounters::add(
                                &self.counters.deliveries[connection.transport as usize],
                                owed.len() as u64,
                            );
                            continue;
                        }
                        Written::Short(taken) => spill(connection, pass, &owed, taken, &self.counters),
                        Written::Dead => ended.push(member),
                    }
                    continue;
                }
                let framing = connection.framing;
                let backlog = connection.backlog();
                owed.iter().for_each(|owed| enqueue(backlog, segment_of(pass, owed), *owed, framing));
                let most = self.settings.limits.pending_entries_max;
                if backlog.entries > most {
                    ShardCounters::add(&self.counters.lags, 1);
                    backlog.lag();
                }
                if backlog.gones > most + ENDS_BEYOND_MAX {
                    beyond.push(member);
                }
                self.ready.push(member);
            }
        }
        for member in ended {
            self.end(member, CloseReason::PeerGone);
        }
        for member in beyond {
            self.close(member, CloseReason::TooFarBehind, None);
        }
        // The buffer goes back, so that the next pass allocates nothing.
        let mut owed = owed;
        owed.clear();
        self.sets.get_mut(key).owed = owed;
    }

    fn end(&mut self, key: ConnKey, reason: CloseReason) {
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
            } else if let Some((topic, waiting)) = backlog.first_waiting() {
                match self.next_snapshot(key, topic) {
                    Next::Hold => return true,
                    Next::Skip => continue,
                    Next::Ready(snapshot) => self.write_snapshot(key, &snapshot, waiting),
                }
            } else if let Some(full) = backlog.take_at() {
                let cursor = cursor(self.log.epoch(), self.position);
                let message = wrap(connection.framing.form, &at(&cursor, full), Some(&cursor));
                backlog.push_control(message);
                continue;
            } else {
                connection.backlog = None;
                return false;
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

    /// The snapshot that the topic at the head of the line gets, if it can be told now.
    fn next_snapshot(&mut self, key: ConnKey, topic: TopicId) -> Next {
        let alive = self.index.get(topic).is_some_and(|topic| topic.retired.is_none());
        // It may have come into the line from entries that were pending when the client gave the topic up, or its slot
        // may be another topic's by now.
        let set = self.connections.get(key.0).and_then(|connection| connection.set);
        let wanted = set.is_some_and(|set| self.sets.get(set).topics.contains(&topic));
        if !alive || !wanted {
            if let Some(connection) = self.connections.get_mut(key.0) {
                connection.backlog().stop_waiting(topic);
            }
            return Next::Skip;
        }
        // Invariant SNAPSHOT-FIRST: one that is newer than what this shard has read is held until it has read that far;
        // a topic that died meanwhile tells so in the log.
        match self.store.load(topic) {
            Some(snapshot) if snapshot.link.offset <= self.position => Next::Ready(snapshot),
            _ => Next::Hold,
        }
    }

    fn write_snapshot(&mut self, key: ConnKey, snap: &Snapshot, waiting: Waiting) -> io::Result<Progress> {
        let connection = &mut self.connections[key.0];
        let lost = lost_of(snap, waiting);
        if let Lost::Count(lost) = lost {
            ShardCounters::add(&self.counters.lost_events, lost);
        }
        let pieces = frame_snapshot(snap, waiting.why, lost, connection.framing);
        ShardCounters::add(&self.counters.deliveries[connection.transport as usize], 1);
        let backlog = connection.backlog();
        backlog.stop_waiting(snap.topic);
        backlog.unsent = pieces;
        write_unsent(connection, &self.counters)
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
        Basis::Delivered(seq) => Lost::Count(snap.from.0.saturating_sub(seq.0)),
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
