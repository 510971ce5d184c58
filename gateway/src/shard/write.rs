//! Bytes onto a wire: the gathered run of the fast lane, the rest of a begun message, and a backlog's pending items.
//!
//! Knows frames and where a short write cut one; knows no sets and no other connection.

use super::backlog::{Backlog, Gone, Item, Owed};
use super::connection::{Connection, Wire};
use super::counters::ShardCounters;
use super::pass::Pass;
use super::tick::Tick;
use crate::framing::{Framed, Framing};
use crate::limits::{COPIED_BYTES_MAX, GATHER_MAX, PIECES_MAX};
use crate::log::{EntryKind, Log, Segment};
use crate::mutation::{self, Mutation};
use bytes::Bytes;
use smallvec::SmallVec;
use std::io::{self, ErrorKind, IoSlice};
use std::ops::Range;
use std::sync::Arc;

/// What a write came to.
pub(super) enum Written {
    All,
    /// This many bytes, then the wire took no more.
    Short(usize),
    Dead,
}

/// How far one step of a connection's turn came.
pub(super) enum Progress {
    Bytes(usize),
    /// The wire takes nothing now.
    None,
    /// Nothing was written, but what is to be written changed.
    Elsewhere,
}

impl Progress {
    pub fn of(taken: usize) -> Progress {
        if taken == 0 { Progress::None } else { Progress::Bytes(taken) }
    }
}

/// What the members of a set are to be given together.
pub(super) struct Share<'a> {
    pub pass: &'a Pass,
    /// Entries of the log.
    pub owed: &'a [Owed],
    /// Entries of a tick, after those.
    pub ticked: &'a [Owed],
    /// The tick that `ticked` points into.
    pub tick: &'a Tick,
    /// The framed `at` that ends it; empty if none is due.
    pub at: &'a [u8],
    /// That of the set. A member's own may be another already, if it is about to leave.
    pub framing: Framing,
}

impl<'a> Share<'a> {
    pub fn len(&self) -> usize {
        self.owed.len() + self.ticked.len()
    }

    /// All of it in one piece: as it lies, or copied together.
    pub fn in_one_piece(&self, copy: &'a mut Vec<u8>) -> &'a [u8] {
        let mut pieces = self.pieces();
        match (pieces.next(), pieces.next()) {
            (Some(one), None) => one,
            _ => self.copied(copy),
        }
    }

    fn copied(&self, copy: &'a mut Vec<u8>) -> &'a [u8] {
        copy.clear();
        self.pieces().for_each(|piece| copy.extend_from_slice(piece));
        copy
    }

    fn pieces(&self) -> impl Iterator<Item = &'a [u8]> {
        let at = Some(self.at).filter(|at| !at.is_empty());
        Pieces { entries: self.entries(), framing: self.framing, begun: None }.chain(at)
    }

    fn entries(&self) -> impl Iterator<Item = (&'a Segment, &'a Owed)> {
        let (pass, tick) = (self.pass, self.tick);
        let ticked = self.ticked.iter().map(move |owed| (tick.segment(), owed));
        self.owed.iter().map(move |owed| (&**pass.segment_of(owed), owed)).chain(ticked)
    }
}

/// The pieces of what every live member of a set is owed; entries that lie side by side are one.
struct Pieces<'a, I> {
    entries: I,
    framing: Framing,
    /// The piece that the next entry may go on with: number of its segment, the segment's bytes, and which of them.
    begun: Option<(u64, &'a Framed, Range<usize>)>,
}

impl<'a, I: Iterator<Item = (&'a Segment, &'a Owed)>> Iterator for Pieces<'a, I> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let bytes = |(_, framed, range): (u64, &'a Framed, Range<usize>)| &framed.bytes[range];
        for (segment, owed) in &mut self.entries {
            let framed = segment.framed(self.framing);
            let (number, range) = (owed.position.segment, framed.range(owed.position.index));
            match &mut self.begun {
                Some((begun, _, before)) if *begun == number && before.end == range.start => before.end = range.end,
                begun => {
                    if let Some(done) = begun.replace((number, framed, range)) {
                        return Some(bytes(done));
                    }
                }
            }
        }
        self.begun.take().map(bytes)
    }
}

/// The bytes that every live member of a set is owed.
pub(super) struct Run<'a> {
    pub slices: SmallVec<[IoSlice<'a>; PIECES_MAX]>,
    pub bytes: usize,
}

impl<'a> Run<'a> {
    /// A scattered run is copied together once, for all members, where several share it, it is small, or it has many pieces:
    /// one slice per write is 5–15% cheaper than many.
    pub fn gather(share: &Share<'a>, lanes: usize, copy: &'a mut Vec<u8>) -> Run<'a> {
        let (count, bytes) = share.pieces().fold((0, 0), |(count, bytes), piece| (count + 1, bytes + piece.len()));
        let scattered = count > PIECES_MAX || (count > 1 && (lanes > 1 || bytes <= COPIED_BYTES_MAX));
        let slices = match scattered {
            true => SmallVec::from_iter([IoSlice::new(share.copied(copy))]),
            false => share.pieces().map(IoSlice::new).collect(),
        };
        Run { slices, bytes }
    }
}

impl Written {
    /// What the wire said of a write of `bytes`.
    pub fn of(written: io::Result<usize>, bytes: usize, counters: &ShardCounters) -> Written {
        ShardCounters::add(&counters.writes, 1);
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
}

pub(super) fn write_all<W: Wire>(
    wire: &mut W,
    slices: &[IoSlice<'_>],
    bytes: usize,
    counters: &ShardCounters,
) -> Written {
    loop {
        match wire.write(slices) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            written => break Written::of(written, bytes, counters),
        }
    }
}

/// The wire took `taken` bytes of the run: the rest of the frame it cut stays with the connection as bytes, the entries
/// after it as positions.
pub(super) fn spill<W>(connection: &mut Connection<W>, share: &Share<'_>, taken: usize, counters: &ShardCounters) {
    let (transport, framing) = (connection.transport, share.framing);
    let backlog = connection.backlog();
    // The kernel noted the short write, so a writable edge follows.
    backlog.blocked = true;
    let mut left = taken;
    let mut whole = 0;
    for (n, (segment, owed)) in share.entries().enumerate() {
        let frame = segment.framed(framing).slice(owed.position.index);
        if left == 0 {
            if whole > 0 && mutation::on(Mutation::SpillLosesEntry) {
                left = usize::MAX;
                continue;
            }
            queue(backlog, share, n, framing);
            continue;
        }
        if left < frame.len() {
            backlog.unsent.push(Bytes::copy_from_slice(&frame[left..]));
        }
        left = left.saturating_sub(frame.len());
        whole += 1;
    }
    if !share.at.is_empty() && left == 0 {
        backlog.owes_at.get_or_insert(false);
    } else {
        backlog.unsent.extend(share.at.get(left..).filter(|rest| !rest.is_empty()).map(Bytes::copy_from_slice));
    }
    ShardCounters::add(&counters.deliveries[transport as usize], whole);
}

/// Queues one entry of a share for a connection that is not simply live.
fn queue(backlog: &mut Backlog, share: &Share<'_>, n: usize, framing: Framing) {
    match share.owed.get(n) {
        Some(owed) => enqueue(backlog, share.pass.segment_of(owed), *owed, framing),
        None => {
            let owed = share.ticked[n - share.owed.len()];
            backlog.conflate(owed.topic, share.tick.from(&owed));
        }
    }
}

/// Queues all of a share.
pub(super) fn queue_all(backlog: &mut Backlog, share: &Share<'_>, framing: Framing) {
    (0..share.len()).for_each(|n| queue(backlog, share, n, framing));
    if !share.at.is_empty() {
        backlog.owes_at.get_or_insert(false);
    }
}

/// Queues an entry for a connection that is not simply live.
pub(super) fn enqueue(backlog: &mut Backlog, segment: &Segment, owed: Owed, framing: Framing) {
    // By offset: a mark has the seq of the state before it.
    let offset = segment.offset_of(owed.position.index);
    let known = backlog.joining.get(&owed.topic).is_some_and(|held| offset <= held.offset);
    if owed.kind == EntryKind::Gone {
        let framed = |quiet| segment.framed(framing.quiet(framing.quiet || quiet));
        let bytes = |quiet| Bytes::copy_from_slice(framed(quiet).slice(owed.position.index));
        backlog.push_gone(Gone { topic: owed.topic, live: bytes(false), quiet: bytes(true) });
    } else if !backlog.is_waiting(owed.topic) && !known {
        // Of one that waits, the snapshot will hold this.
        backlog.push_entry(owed);
    }
}

/// Writes the rest of a begun message.
pub(super) fn write_unsent<W: Wire>(connection: &mut Connection<W>, counters: &ShardCounters) -> io::Result<Progress> {
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
pub(super) fn write_pending<W: Wire>(
    connection: &mut Connection<W>,
    log: &Log,
    counters: &ShardCounters,
) -> io::Result<Progress> {
    let framing = connection.framing_now();
    let quiet = framing.quiet;
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
