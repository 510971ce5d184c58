//! Delivery: the fast lane (one gathered run of bytes, one write per member) and the backlog of those who are not live.

use super::backlog::{Backlog, Basis, Gone, Item, Owed, Waiting};
use super::connection::{ConnKey, Connection, Wire};
use super::core::Core;
use super::counters::ShardCounters;
use super::sets::SetKey;
use crate::close::CloseReason;
use crate::framing::message::{Lost, Why, at, cursor, snapshot};
use crate::framing::{Form, Framing, websocket, wrap};
use crate::limits::{COPIED_BYTES_MAX, ENDS_BEYOND_MAX, GATHER_MAX, IOVECS_MAX, TURN_BYTES_MAX};
use crate::log::{EntryKind, Log, Segment, TopicId};
use crate::store::{Content, Snapshot};
use bytes::Bytes;
use smallvec::SmallVec;
use std::io::{self, ErrorKind, IoSlice};
use std::sync::Arc;

/// What a write came to.
enum Written {
    All,
    /// This many bytes, then the wire took no more.
    Short(usize),
    Dead,
}

/// How far one step of a connection's turn came.
enum Progress {
    Bytes(usize),
    /// The wire takes nothing now.
    None,
    /// Nothing was written, but what is to be written changed.
    Elsewhere,
}

impl Progress {
    fn of(taken: usize) -> Progress {
        if taken == 0 { Progress::None } else { Progress::Bytes(taken) }
    }
}

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

/// The bytes that every live member of a set is owed.
struct Run<'a> {
    slices: SmallVec<[IoSlice<'a>; 8]>,
    bytes: usize,
}

impl<'a> Run<'a> {
    /// Entries that lie side by side become one slice. A scattered run is copied together once, for all members, where
    /// several share it or it is small: one slice per write is 5–15% cheaper than many.
    fn gather(
        pass: &'a [Arc<Segment>],
        owed: &[Owed],
        framing: Framing,
        lanes: usize,
        scratch: &'a mut Vec<u8>,
    ) -> Run<'a> {
        let mut parts: SmallVec<[&[u8]; 8]> = SmallVec::new();
        let mut last: Option<(u64, std::ops::Range<usize>)> = None;
        for owed in owed {
            let framed = segment_of(pass, owed).framed(framing);
            let range = framed.range(owed.position.index);
            match &mut last {
                Some((segment, before)) if *segment == owed.position.segment && before.end == range.start => {
                    before.end = range.end;
                    let whole = before.clone();
                    *parts.last_mut().expect("a part for `last`") = &framed.bytes[whole];
                }
                _ => {
                    parts.push(&framed.bytes[range.clone()]);
                    last = Some((owed.position.segment, range));
                }
            }
        }
        let bytes = parts.iter().map(|part| part.len()).sum();
        if parts.len() > IOVECS_MAX || (parts.len() > 1 && (lanes > 1 || bytes <= COPIED_BYTES_MAX)) {
            scratch.clear();
            parts.iter().for_each(|part| scratch.extend_from_slice(part));
            return Run { slices: SmallVec::from_iter([IoSlice::new(scratch)]), bytes };
        }
        Run { slices: parts.into_iter().map(IoSlice::new).collect(), bytes }
    }
}

fn segment_of<'a>(pass: &'a [Arc<Segment>], owed: &Owed) -> &'a Arc<Segment> {
    // Segments of a pass are consecutive, but for a jump when the shard was overtaken, after which the pass is empty.
    &pass[(owed.position.segment - pass[0].number) as usize]
}

fn write_all<W: Wire>(wire: &mut W, slices: &[IoSlice<'_>], bytes: usize, counters: &ShardCounters) -> Written {
    ShardCounters::add(&counters.writes, 1);
    let written = loop {
        match wire.write(slices) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            written => break written,
        }
    };
    match written {
        Ok(taken) if taken == bytes => {
            ShardCounters::add(&counters.delivered_bytes, bytes as u64);
            Written::All
        }
        Ok(0) => Written::Dead,
        Ok(taken) => {
            ShardCounters::add(&counters.writes_short, 1);
            ShardCounters::add(&counters.delivered_bytes, taken as u64);
            Written::Short(taken)
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            ShardCounters::add(&counters.writes_short, 1);
            Written::Short(0)
        }
        Err(_) => Written::Dead,
    }
}

/// The wire took `taken` bytes of the run: the rest of the frame it cut stays with the connection as bytes, the entries
/// after it as positions.
fn spill<W>(
    connection: &mut Connection<W>,
    pass: &[Arc<Segment>],
    owed: &[Owed],
    taken: usize,
    counters: &ShardCounters,
) {
    let (framing, transport) = (connection.framing, connection.transport);
    let backlog = connection.backlog();
    // The kernel noted the short write, so a writable edge follows.
    backlog.blocked = true;
    let mut left = taken;
    let mut whole = 0;
    for one in owed {
        let frame = segment_of(pass, one).framed(framing).slice(one.position.index);
        if left >= frame.len() {
            left -= frame.len();
            whole += 1;
        } else if left > 0 {
            backlog.unsent.push(Bytes::copy_from_slice(&frame[left..]));
            left = 0;
            whole += 1;
        } else {
            enqueue(backlog, segment_of(pass, one), *one, framing);
        }
    }
    ShardCounters::add(&counters.deliveries[transport as usize], whole);
}

/// Queues an entry for a connection that is not simply live.
pub(super) fn enqueue(backlog: &mut Backlog, segment: &Segment, owed: Owed, framing: Framing) {
    if owed.kind == EntryKind::Gone {
        let bytes = |quiet| Bytes::copy_from_slice(segment.framed(framing.quiet(quiet)).slice(owed.position.index));
        backlog.push_gone(Gone { topic: owed.topic, live: bytes(false), quiet: bytes(true) });
    } else if !backlog.is_waiting(owed.topic) {
        // Of one that waits, the snapshot will hold this.
        backlog.push_entry(owed);
    }
}

/// Writes the rest of a begun message.
fn write_unsent<W: Wire>(connection: &mut Connection<W>, counters: &ShardCounters) -> io::Result<Progress> {
    let Some(backlog) = connection.backlog.as_mut() else { return Ok(Progress::Elsewhere) };
    let slices: SmallVec<[IoSlice<'_>; 3]> = backlog.unsent.iter().map(|piece| IoSlice::new(piece)).collect();
    let bytes = slices.iter().map(|slice| slice.len()).sum();
    let taken = taken_of(write_all(&mut connection.wire, &slices, bytes, counters), bytes)?;
    drop(slices);
    let mut left = taken;
    backlog.unsent.retain(|piece| {
        let gone = left.min(piece.len());
        left -= gone;
        *piece = piece.split_off(gone);
        !piece.is_empty()
    });
    Ok(Progress::of(taken))
}

fn taken_of(written: Written, bytes: usize) -> io::Result<usize> {
    match written {
        Written::All => Ok(bytes),
        Written::Short(taken) => Ok(taken),
        Written::Dead => Err(ErrorKind::BrokenPipe.into()),
    }
}

/// Writes entries and control messages, in order.
fn write_pending<W: Wire>(connection: &mut Connection<W>, log: &Log, counters: &ShardCounters) -> io::Result<Progress> {
    let quiet = !connection.is_live();
    let framing = connection.framing.quiet(quiet);
    let Some(backlog) = connection.backlog.as_mut() else { return Ok(Progress::Elsewhere) };
    let mut held: SmallVec<[(Option<Arc<Segment>>, u32); 16]> = SmallVec::new();
    for item in backlog.pending.iter().take(GATHER_MAX) {
        match item {
            Item::Control(_) | Item::Gone(_) => held.push((None, 0)),
            Item::Entry(owed) => match log.segment(owed.position.segment) {
                Some(segment) => held.push((Some(segment), owed.position.index)),
                // Evicted while it waited: this subscriber lags, however short its list is.
                None => {
                    ShardCounters::add(&counters.lags, 1);
                    backlog.lag();
                    return Ok(Progress::Elsewhere);
                }
            },
        }
    }
    let slices: SmallVec<[IoSlice<'_>; 16]> = backlog
        .pending
        .iter()
        .zip(&held)
        .map(|(item, (segment, index))| match (item, segment) {
            (Item::Control(bytes), _) => IoSlice::new(bytes),
            (Item::Gone(gone), _) => IoSlice::new(if quiet { &gone.quiet } else { &gone.live }),
            (Item::Entry(_), Some(segment)) => IoSlice::new(segment.framed(framing).slice(*index)),
            (Item::Entry(_), None) => IoSlice::new(&[]),
        })
        .collect();
    let lengths: SmallVec<[usize; 16]> = slices.iter().map(|slice| slice.len()).collect();
    let bytes = lengths.iter().sum();
    let taken = taken_of(write_all(&mut connection.wire, &slices, bytes, counters), bytes)?;
    let (mut left, mut whole, mut cut) = (taken, 0, None);
    for (length, slice) in lengths.iter().zip(&slices) {
        if left == 0 {
            break;
        }
        whole += 1;
        if left < *length {
            cut = Some(Bytes::copy_from_slice(&slice[left..]));
        }
        left = left.saturating_sub(*length);
    }
    drop(slices);
    backlog.unsent.extend(cut);
    let (mut entries, mut gones) = (0, 0);
    for item in backlog.pending.drain(..whole) {
        entries += usize::from(matches!(item, Item::Entry(_)));
        gones += usize::from(matches!(item, Item::Gone(_)));
    }
    backlog.entries -= entries;
    backlog.gones -= gones;
    ShardCounters::add(&counters.deliveries[connection.transport as usize], (entries + gones) as u64);
    Ok(Progress::of(taken))
}
