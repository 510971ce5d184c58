//! The pure heart of a shard: log position, topic table, sets, connections. No I/O but through [`Wire`], no clock.

use super::backlog::{Basis, Death, Item, Owed, Waiting};
use super::connection::{ConnId, ConnKey, Connection, Peer, Wire};
use super::counters::{ShardCounters, Transport};
use super::index::Index;
use super::sets::{SetKey, Sets};
use crate::close::CloseReason;
use crate::framing::message::{Why, bye, hello};
use crate::framing::{Form, Framing, websocket, wrap};
use crate::limits::{ANSWERS_PENDING_MAX, Limits};
use crate::log::{Log, Offset, Reader, Segment, Seq, TopicId};
use crate::store::Store;
use slab::Slab;
use std::collections::HashMap;
use std::sync::Arc;

/// Bytes of log read before they are handed out: bounds what a pass holds when much has come at once.
const PASS_BYTES_MAX: usize = 4 * 1024 * 1024;

#[derive(Clone, Debug)]
pub struct CoreSettings {
    pub heartbeat_ms: u64,
    /// How long waiting polls gather entries after the first, ms.
    pub poll_gather_ms: u64,
    pub limits: Limits,
}

#[derive(Debug)]
pub struct Core<W> {
    pub(super) store: Arc<Store>,
    pub(super) log: Arc<Log>,
    reader: Reader,
    /// Everything up to here was read and handed out.
    pub(super) position: Offset,
    /// Older cursors get everything anew: this shard does not know what died before.
    pub(super) known_from: Offset,
    pub(super) index: Index,
    pub(super) sets: Sets,
    pub(super) connections: Slab<Connection<W>>,
    /// Segments read but not yet handed out.
    pub(super) pass: Vec<Arc<Segment>>,
    /// Sets that are owed entries of `pass`.
    pub(super) marked: Vec<SetKey>,
    /// Connections with a backlog that may take bytes.
    pub(super) ready: Vec<ConnKey>,
    /// Connections that ended in this pass.
    pub(super) ended: Vec<(ConnKey, ConnId, CloseReason)>,
    /// Sets whose waiting polls are due, with the time.
    pub(super) gathering: std::collections::VecDeque<(i64, SetKey)>,
    pub(super) scratch: Vec<u8>,
    pub(super) settings: CoreSettings,
    pub(super) counters: Arc<ShardCounters>,
    next_id: u64,
    id_step: u64,
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
        let reader = log.reader_at_tail();
        Core {
            store,
            log,
            reader,
            position: Offset(0),
            known_from: Offset(0),
            index: Index::default(),
            sets: Sets::default(),
            connections: Slab::new(),
            pass: Vec::new(),
            marked: Vec::new(),
            ready: Vec::new(),
            ended: Vec::new(),
            gathering: Default::default(),
            scratch: Vec::new(),
            settings,
            counters,
            next_id: shard,
            id_step: shards,
        }
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

    pub fn keys(&self) -> Vec<ConnKey> {
        self.connections.iter().map(|(key, _)| ConnKey(key)).collect()
    }

    /// Reads the log to its head and hands everything out: the fast lane is written, the others' backlogs are filled.
    pub fn settle(&mut self, now_ms: i64) {
        while self.read_some(now_ms) {
            self.hand_out();
        }
        self.bury();
    }

    /// Reads up to a pass's worth. False if there was nothing.
    fn read_some(&mut self, now_ms: i64) -> bool {
        let mut bytes = 0;
        while bytes < PASS_BYTES_MAX {
            match self.reader.read(&self.log) {
                Ok(None) => break,
                Ok(Some(segment)) => {
                    bytes += segment.weight();
                    self.mark(&segment, now_ms);
                    self.pass.push(segment);
                }
                Err(_) => {
                    self.hand_out();
                    self.rebuild(now_ms);
                }
            }
        }
        !self.pass.is_empty()
    }

    /// Notes a segment's entries and marks the sets that are owed them.
    fn mark(&mut self, segment: &Segment, now_ms: i64) {
        ShardCounters::add(&self.counters.segments_read, 1);
        for (index, entry) in (0u32..).zip(segment.entries.iter()) {
            let link = segment.link_of(index);
            let in_use = |name: &Arc<str>| self.index.get(entry.topic).is_some_and(|topic| topic.name != *name);
            if entry.name.as_ref().is_some_and(in_use) {
                // The slot's former topic left the log, and the slot was given away, before this shard could bury it.
                let keys = self.index.forget(entry.topic);
                self.sets.uncover(entry.topic, &keys);
            }
            if self.index.observe(entry, link) {
                self.sets.cover(entry.topic, &mut self.index);
            }
            let Some(topic) = self.index.get(entry.topic) else { continue };
            let owed = Owed { position: link.position, topic: entry.topic, kind: entry.kind, seq: entry.seq };
            for &key in &topic.sets {
                let set = self.sets.get_mut(key);
                if !set.members.is_empty() {
                    if set.owed.is_empty() {
                        self.marked.push(key);
                    }
                    set.owed.push(owed);
                }
                if set.waiters.begin_gathering() {
                    self.gathering.push_back((now_ms + self.settings.poll_gather_ms as i64, key));
                }
            }
        }
        self.position = segment.last();
        if let Some(first) = segment.entries.first() {
            let waited = now_ms.saturating_sub(first.ts).max(0) as u64;
            self.counters.observe_latency(waited, segment.entries.len() as u64);
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

    /// The log evicted entries before this shard read them: the topic table is made anew and every subscriber lags.
    fn rebuild(&mut self, now_ms: i64) {
        ShardCounters::add(&self.counters.overtaken, 1);
        tracing::warn!("the shard was overtaken by the log's eviction; its subscribers get snapshots");
        let old = std::mem::take(&mut self.index);
        self.reader = self.log.reader_at_tail();
        for snapshot in self.store.all() {
            self.index.learn(&snapshot);
        }
        // Cost: one scan of what the log holds, so that retired topics are known again too.
        let mut position = self.position;
        while let Ok(Some(segment)) = self.reader.read(&self.log) {
            for (index, entry) in (0u32..).zip(segment.entries.iter()) {
                self.index.observe(entry, segment.link_of(index));
            }
            position = segment.last();
        }
        self.position = position;
        self.known_from = position;
        let deaths = self.deaths_since(&old);
        self.sets.recover(&mut self.index);
        self.resync_all(&old, &deaths, now_ms);
    }

    /// Lives that ended while this shard did not read, by the sets that covered them.
    fn deaths_since(&mut self, old: &Index) -> HashMap<SetKey, Vec<Death>> {
        let lives_on = |topic: TopicId, born: Offset| {
            self.index.get(topic).is_some_and(|topic| topic.born == born && topic.retired.is_none())
        };
        let mut deaths: HashMap<SetKey, Vec<Death>> = HashMap::new();
        for (id, topic) in old.iter().filter(|(id, topic)| topic.retired.is_none() && !lives_on(*id, topic.born)) {
            for set in &topic.sets {
                let (name, n, offset) = (Arc::clone(&topic.name), topic.born.0, Offset(0));
                deaths.entry(*set).or_default().push(Death { topic: id, name, n, seq: topic.seq, offset });
            }
        }
        deaths
    }

    fn resync_all(&mut self, old: &Index, deaths: &HashMap<SetKey, Vec<Death>>, now_ms: i64) {
        for (key, connection) in &mut self.connections {
            let Some(set) = connection.set else { continue };
            self.ready.push(ConnKey(key));
            let backlog = connection.backlog();
            super::deliver::drop_entries(backlog);
            for death in deaths.get(&set).into_iter().flatten() {
                backlog.stop_waiting(death.topic);
                backlog.pending.push_back(Item::Death(death.clone()));
            }
            for &topic in &self.sets.get(set).topics {
                // What this shard had not read of, nobody here was given; what had the slot before had lower seqs.
                let seq = old.get(topic).map_or(Seq(0), |topic| topic.seq);
                let basis = Basis::Delivered(seq);
                if self.index.get(topic).is_some_and(|topic| topic.retired.is_none()) {
                    backlog.wait(topic, Waiting { why: Why::Lag, basis });
                }
            }
            backlog.owes_at.get_or_insert(false);
        }
        for (key, set) in self.sets.iter_mut() {
            if set.waiters.begin_gathering() {
                self.gathering.push_back((now_ms, key));
            }
        }
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
            set: None,
            member: 0,
            errors: 0,
            heard_s: (now_ms / 1_000) as u32,
            closing: None,
            lingering: false,
            backlog: None,
        };
        let mut first = prelude;
        if !matches!(connection.peer, Peer::Echo(_)) {
            let hello = hello(id.0, self.log.epoch(), self.settings.heartbeat_ms, now_ms);
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

    /// Queues a control message, framed for the connection.
    pub fn send(&mut self, key: ConnKey, json: &[u8], id: Option<&str>) {
        if let Some(connection) = self.connections.get(key.0) {
            self.send_raw(key, wrap(connection.framing.form, json, id));
        }
    }

    /// Queues bytes that are framed already (a pong, a ping).
    pub fn send_raw(&mut self, key: ConnKey, bytes: Vec<u8>) {
        let Some(connection) = self.connections.get_mut(key.0).filter(|connection| !connection.lingering) else {
            return;
        };
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
        ShardCounters::add(&self.counters.closes[reason.index()], 1);
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

    /// States the cursor to a live connection, as a heartbeat does; nothing to one that is not whole.
    pub fn state_cursor(&mut self, key: ConnKey) {
        let Some(connection) = self.connections.get_mut(key.0) else { return };
        if connection.set.is_some() && connection.closing.is_none() && connection.backlog.is_none() {
            connection.backlog().ends_with_at = true;
            self.ready.push(key);
        }
    }
}
