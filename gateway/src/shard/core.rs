//! The pure heart of a shard: log position, topic table, sets, connections. No I/O but through [`Wire`], no clock.

use super::backlog::Owed;
use super::connection::{ConnId, ConnKey, Connection, Peer, Wire};
use super::counters::{ShardCounters, Transport};
use super::index::{Index, Observed};
use super::outbox::Outbox;
use super::pass::Pass;
use super::ring::Ring;
use super::sets::{SetKey, Sets};
use super::tick::Tick;
use crate::close::CloseReason;
use crate::framing::message::{bye, error, hello};
use crate::framing::{Form, Framing, websocket, wrap};
use crate::limits::{ANSWERS_PENDING_MAX, Limits, PASS_BYTES_MAX, TooManyTopics};
use crate::log::{Entry, Link, Log, Offset, Reader, Segment};
use crate::store::Store;
use slab::Slab;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub struct CoreSettings {
    pub heartbeat_ms: u64,
    /// How long waiting polls gather entries after the first, ms.
    pub poll_gather_ms: u64,
    pub paces: Paces,
    pub limits: Limits,
}

/// What clients may choose from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paces {
    /// Rates, Hz, beside 0 for unthrottled.
    pub rates_hz: Vec<u32>,
    /// Latency budgets, ms, beside 0 for none.
    pub lingers_ms: Vec<u32>,
}

#[derive(Debug)]
pub struct Core<W> {
    pub(super) store: Arc<Store>,
    pub(super) log: Arc<Log>,
    pub(super) reader: Reader,
    /// Everything up to here was read and handed out.
    pub(super) position: Offset,
    /// Older cursors get everything anew: this shard does not know what died before. For a moment after it was overtaken the
    /// position is before that too, and no cursor may be stated.
    pub(super) known_from: Offset,
    pub(super) index: Index,
    pub(super) sets: Sets,
    pub(super) connections: Slab<Connection<W>>,
    pub(super) pass: Pass,
    /// A tick that says nothing.
    pub(super) no_tick: Tick,
    /// Connections with a backlog that may take bytes.
    pub(super) ready: Vec<ConnKey>,
    /// Connections that ended in this pass.
    pub(super) ended: Vec<(ConnKey, ConnId, CloseReason)>,
    /// Sets whose waiting polls are due, with the time.
    pub(super) gathering: std::collections::VecDeque<(i64, SetKey)>,
    pub(super) bodies: super::poll::Bodies,
    pub(super) outbox: Outbox,
    pub(super) settings: CoreSettings,
    pub(super) counters: Arc<ShardCounters>,
    next_id: u64,
    id_step: u64,
    /// How far the wall clock is ahead of the shard's clock, ms.
    wall_ahead_ms: i64,
}

impl<W: Wire> Core<W> {
    /// `shard` of `shards`: so that connection ids are unique in the gateway.
    pub fn new(
        store: Arc<Store>,
        log: Arc<Log>,
        settings: CoreSettings,
        counters: Arc<ShardCounters>,
        (shard, shards): (u64, u64),
    ) -> Core<W> {
        let reader = log.reader_at_beginning();
        let no_tick = Tick::empty(log.epoch().clone());
        let sets = Sets::new(settings.limits.topics_per_connection_max);
        Core {
            store,
            log,
            reader,
            position: Offset(0),
            known_from: Offset(0),
            index: Index::default(),
            sets,
            connections: Slab::new(),
            pass: Pass::default(),
            no_tick,
            ready: Vec::new(),
            ended: Vec::new(),
            gathering: Default::default(),
            bodies: Default::default(),
            outbox: Outbox::default(),
            settings,
            counters,
            next_id: shard,
            id_step: shards,
            wall_ahead_ms: 0,
        }
    }

    /// Writes to many subscribers by one system call from now on. Every wire has to be a socket.
    pub fn use_ring(&mut self, ring: Ring) {
        self.outbox.use_ring(ring);
    }

    /// Says what the wall clock shows: clients are told that, and entries carry it. Everything else goes by `now_ms`, the
    /// clock that every call brings and that nobody sets.
    pub fn set_wall_clock(&mut self, wall_ms: i64, now_ms: i64) {
        self.wall_ahead_ms = wall_ms - now_ms;
    }

    pub fn position(&self) -> Offset {
        self.position
    }

    pub fn log(&self) -> &Arc<Log> {
        &self.log
    }

    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    pub fn index(&self) -> &Index {
        &self.index
    }

    pub fn counters(&self) -> &Arc<ShardCounters> {
        &self.counters
    }

    pub fn settings(&self) -> &CoreSettings {
        &self.settings
    }

    pub fn connection(&mut self, key: ConnKey) -> Option<&mut Connection<W>> {
        self.connections.get_mut(key.0)
    }

    /// True if there is no streaming connection.
    pub fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    pub fn keys(&self) -> Vec<ConnKey> {
        self.connections.iter().map(|(key, _)| ConnKey(key)).collect()
    }

    /// Reads the log to where it ends now and hands everything out: the fast lane is written, the others' backlogs are
    /// filled. Not to where it ends by then: under load that would never be reached, and no cursor that a client can hold
    /// is beyond the end at the call.
    pub fn settle(&mut self, now_ms: i64) {
        let end = self.log.end();
        while self.position < end && self.read_some(now_ms) {
            self.hand_out(now_ms);
        }
        self.bury();
    }

    /// Reads up to a pass's worth. False if there was nothing.
    fn read_some(&mut self, now_ms: i64) -> bool {
        let (mut bytes, mut found) = (0, false);
        while bytes < PASS_BYTES_MAX {
            match self.reader.read(&self.log) {
                Ok(None) => break,
                Ok(Some(segment)) => {
                    bytes += segment.weight();
                    self.mark(&segment, now_ms);
                    self.pass.push(segment);
                }
                Err(_) => {
                    self.hand_out_lingering(now_ms);
                    self.hand_out(now_ms);
                    self.rebuild(now_ms);
                }
            }
            found = true;
        }
        found
    }

    /// Notes a segment's entries and marks the sets that are owed them.
    fn mark(&mut self, segment: &Arc<Segment>, now_ms: i64) {
        ShardCounters::add(&self.counters.segments_read, 1);
        for (index, entry) in (0u32..).zip(segment.entries.iter()) {
            let link = segment.link_of(index);
            let observed = self.observe(entry, link);
            let Some(topic) = self.index.get_mut(entry.topic) else { continue };
            let owed = Owed { position: link.position, topic: entry.topic, kind: entry.kind, seq: entry.seq };
            for &key in &topic.sets {
                self.sets.owe(key, owed, now_ms);
                if self.sets.get_mut(key).waiters.begin_gathering() {
                    self.gathering.push_back((now_ms + self.settings.poll_gather_ms as i64, key));
                }
            }
            if topic.rated.is_empty() {
                continue;
            }
            if observed == Observed::Ended {
                self.part(owed, link, segment, now_ms);
            } else {
                let lost = segment.lost_of(index);
                topic
                    .rated
                    .iter_mut()
                    .for_each(|rated| self.sets.classes.observe(rated, owed.topic, link, lost, now_ms));
            }
        }
        self.position = segment.last();
        if let Some(first) = segment.entries.first() {
            let wall_ms = now_ms + self.wall_ahead_ms;
            let waited = wall_ms.saturating_sub(first.ts).max(0) as u64;
            self.counters.observe_latency(waited, segment.entries.len() as u64);
        }
        self.tell_limited();
    }

    /// Brings the topic table, and what sets cover, up to an entry.
    fn observe(&mut self, entry: &Entry, link: Link) -> Observed {
        let in_use = |name: &Arc<str>| self.index.get(entry.topic).is_some_and(|topic| topic.name != *name);
        if entry.name.as_ref().is_some_and(in_use) {
            // The slot's former topic left the log, and the slot was given away, before this shard could bury it.
            let keys = self.index.forget(entry.topic);
            self.sets.uncover(entry.topic, &keys);
        }
        let observed = self.index.observe(entry, link);
        match observed {
            Observed::New => self.sets.cover(entry.topic, &mut self.index),
            Observed::Reborn => self.sets.count_life(self.index.get(entry.topic), 1),
            Observed::Ended => self.sets.count_life(self.index.get(entry.topic), -1),
            Observed::Else => {}
        }
        observed
    }

    /// Members of sets that met the cap on topics are told so, once, and get no cursor from now on.
    pub(super) fn tell_limited(&mut self) {
        for key in self.sets.take_newly_limited() {
            ShardCounters::add(&self.counters.topics_limited, 1);
            let most = self.settings.limits.topics_per_connection_max;
            let message = TooManyTopics { most }.to_string();
            for member in self.sets.get(key).members.clone() {
                let Some(connection) = self.connections.get_mut(member.0) else { continue };
                connection.framing.quiet = true;
                if !std::mem::replace(&mut connection.limited, true) {
                    self.counters.count_error("topics_limit");
                    self.send(member, &error(None, "topics_limit", &message, Some("topics")), None);
                }
            }
            self.refuse_polls(key);
        }
    }

    /// Forgets topics whose `gone` has left the log.
    fn bury(&mut self) {
        let evicted = self.log.gone_evicted();
        while let Some(id) = self.index.next_grave(evicted) {
            let keys = self.index.forget(id);
            self.sets.uncover(id, &keys);
        }
        self.counters.sets.store(self.sets.len() as u64, std::sync::atomic::Ordering::Relaxed);
        self.counters.topics.store(self.index.live() as u64, std::sync::atomic::Ordering::Relaxed);
    }

    /// Adopts a wire. `prelude` goes out before `hello` (an HTTP response head).
    pub fn open(
        &mut self,
        wire: W,
        peer: Peer,
        transport: Transport,
        framing: Framing,
        prelude: Vec<u8>,
        now_ms: i64,
    ) -> ConnKey {
        self.next_id += self.id_step;
        let id = ConnId(self.next_id);
        let mut connection = Connection {
            id,
            wire,
            peer,
            transport,
            framing,
            linger_ms: 0,
            limited: false,
            set: None,
            since: Offset(0),
            member: 0,
            errors: 0,
            commands: Default::default(),
            heard_s: (now_ms / 1_000) as u32,
            asked: 0,
            closing: None,
            lingering: false,
            backlog: None,
        };
        let mut first = prelude;
        if !matches!(connection.peer, Peer::Echo(_)) {
            let wall_ms = now_ms + self.wall_ahead_ms;
            let hello = hello(id.0, self.log.epoch(), self.settings.heartbeat_ms, wall_ms);
            first.extend_from_slice(&wrap(framing.form, &hello, None));
        }
        connection.backlog().push_control(first);
        let slot = transport as usize;
        ShardCounters::add(&self.counters.connections[slot], 1);
        ShardCounters::add(&self.counters.opened[slot], 1);
        let key = ConnKey(self.connections.insert(connection));
        self.ready.push(key);
        key
    }

    /// The connection, unless it is ending.
    pub(super) fn open_connection(&mut self, key: ConnKey) -> Option<&mut Connection<W>> {
        self.connections.get_mut(key.0).filter(|connection| connection.closing.is_none())
    }

    /// Queues a control message, framed for the connection.
    pub fn send(&mut self, key: ConnKey, json: &[u8], id: Option<&str>) {
        if let Some(form) = self.open_connection(key).map(|connection| connection.framing.form) {
            self.send_raw(key, wrap(form, json, id));
        }
    }

    /// Queues bytes that are framed already (a pong, a ping).
    pub fn send_raw(&mut self, key: ConnKey, bytes: Vec<u8>) {
        let Some(connection) = self.open_connection(key) else { return };
        let backlog = connection.backlog();
        if backlog.blocked && backlog.answers() >= ANSWERS_PENDING_MAX {
            // BOUNDED: no word would reach it.
            let id = connection.id;
            connection.closing = Some(CloseReason::WriteStalled);
            connection.lingering = true;
            return self.ended.push((key, id, CloseReason::WriteStalled));
        }
        backlog.push_control(bytes);
        self.ready.push(key);
    }

    /// Begins the end: what is owed is dropped, the reason is told, and the connection ends once that is written.
    pub fn close(&mut self, key: ConnKey, reason: CloseReason, retry_ms: Option<u64>) {
        let Some(connection) = self.connections.get_mut(key.0) else { return };
        if connection.closing.is_some() {
            return;
        }
        connection.closing = Some(reason);
        let row = reason.row();
        let form = connection.framing.form;
        let backlog = connection.backlog();
        if matches!(reason, CloseReason::Draining) {
            // What was accepted reaches every subscriber that is not lagging; the rest of the line is given up.
            backlog.stop_snapshots();
        } else {
            backlog.forget_owed();
        }
        if matches!(reason, CloseReason::Draining) {
            let mut farewell = Vec::new();
            if let (Form::Sse, Some(retry_ms)) = (form, retry_ms) {
                farewell.extend_from_slice(format!("retry: {retry_ms}\n").as_bytes());
            }
            farewell.extend_from_slice(&wrap(form, &bye(row.word, retry_ms), None));
            backlog.push_control(farewell);
        }
        if form == Form::WebSocket {
            backlog.push_control(websocket::close_frame(row.code, row.word));
        }
        self.ready.push(key);
    }

    /// Queues the last bytes of a connection that its peer ends.
    pub fn farewell(&mut self, key: ConnKey, bytes: Vec<u8>) {
        let Some(connection) = self.connections.get_mut(key.0) else { return };
        connection.closing = Some(CloseReason::Normal);
        let backlog = connection.backlog();
        backlog.forget_owed();
        backlog.push_control(bytes);
        self.ready.push(key);
    }

    /// Forgets a connection; the caller drops its wire.
    pub fn remove(&mut self, key: ConnKey, reason: CloseReason) -> Option<W> {
        let connection = self.connections.try_remove(key.0)?;
        if let Some(set) = connection.set {
            self.leave(set, key, connection.member);
        }
        ShardCounters::subtract(&self.counters.connections[connection.transport as usize], 1);
        self.counters.count_close(reason);
        Some(connection.wire)
    }

    /// Takes a member out of its set.
    pub(super) fn leave(&mut self, set: SetKey, key: ConnKey, member: u32) {
        let members = &mut self.sets.get_mut(set).members;
        debug_assert_eq!(members[member as usize], key);
        members.swap_remove(member as usize);
        if let Some(moved) = members.get(member as usize).and_then(|moved| self.connections.get_mut(moved.0)) {
            moved.member = member;
        }
        self.sets.left(set, &mut self.index);
    }

    /// Connections that ended since the last call.
    pub fn take_ended(&mut self) -> Vec<(ConnKey, ConnId, CloseReason)> {
        std::mem::take(&mut self.ended)
    }

    /// The peer's end of the connection is gone.
    pub fn lost(&mut self, key: ConnKey) {
        if let Some(connection) = self.connections.get_mut(key.0) {
            let id = connection.id;
            self.ended.push((key, id, CloseReason::PeerGone));
        }
    }

    /// Connections whose wire has taken nothing for `limit_ms`; they are to be ended at once, since no word would
    /// reach them.
    pub fn stalled(&mut self, now_ms: i64, limit_ms: i64) -> Vec<(ConnKey, CloseReason)> {
        let mut stalled = Vec::new();
        for (key, connection) in &mut self.connections {
            let Some(backlog) = connection.backlog.as_mut().filter(|backlog| backlog.blocked) else { continue };
            if now_ms - *backlog.blocked_since_ms.get_or_insert(now_ms) > limit_ms {
                connection.closing = Some(CloseReason::WriteStalled);
                connection.lingering = true;
                stalled.push((ConnKey(key), CloseReason::WriteStalled));
            }
        }
        stalled
    }

    /// When something is to be done next though nothing comes in, Unix ms: waiting polls, ticks.
    pub fn next_due(&self) -> Option<i64> {
        let polls = self.gathering.front().map(|(due_ms, _)| *due_ms);
        [polls, self.sets.lingers.next_due(), self.sets.classes.next_due()].into_iter().flatten().min()
    }

    /// Does what is due: answers polls, hands out what waits for a tick.
    pub fn serve_due(&mut self, now_ms: i64) {
        self.serve_polls(now_ms);
        self.serve_ticks(now_ms);
    }

    /// Says goodbye once what is owed is written, if the connection is not behind; at once if it is.
    pub fn drain(&mut self, key: ConnKey, retry_ms: u64) {
        self.close(key, CloseReason::Draining, Some(retry_ms));
    }

    /// True if some connection waits for its turn.
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The wire takes bytes again.
    pub fn writable(&mut self, key: ConnKey) {
        let Some(connection) = self.connections.get_mut(key.0) else { return };
        if let Some(backlog) = connection.backlog.as_mut().filter(|backlog| backlog.blocked) {
            backlog.blocked = false;
            self.ready.push(key);
        }
    }

    /// States the cursor to a live connection once what is queued is written, as a heartbeat does; nothing to one that
    /// is not whole (its `at` comes anyway) or takes no bytes.
    pub fn state_cursor(&mut self, key: ConnKey) {
        let Some(connection) = self.open_connection(key) else { return };
        if connection.limited && connection.framing.form == Form::Sse && !connection.is_blocked() {
            // A sign of life all the same: a comment.
            return self.send_raw(key, b":\n\n".to_vec());
        }
        if connection.set.is_some() && connection.is_live() && !connection.is_blocked() {
            connection.backlog().ends_with_at = true;
            self.ready.push(key);
        }
    }
}
