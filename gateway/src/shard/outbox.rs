//! What a pass writes to those who are live: collected for many sets, then sent, by one system call for all where the
//! kernel offers io_uring, else by one for each.

use super::backlog::{Owed, OwedList};
use super::connection::{ConnKey, Connection, Wire};
use super::counters::{ShardCounters, Transport};
use super::pass::Pass;
use super::ring::Ring;
use super::sets::SetKey;
use super::tick::Tick;
use super::write::{Run, Share, Written, spill, write_all};
use crate::framing::Framing;
use crate::limits::{COPY_KEPT_BYTES_MAX, SENDS_MAX};
use slab::Slab;
use std::io;
use std::ops::Range;

/// What the live members of one set are given.
#[derive(Debug, Default)]
pub(super) struct Parcel {
    pub set: SetKey,
    pub framing: Framing,
    pub owed: OwedList,
    pub ticked: Vec<Owed>,
    pub at: Vec<u8>,
    /// Their places in [`Outbox::members`].
    pub members: Range<usize>,
    /// A scattered run, where many writes are one system call.
    copy: Vec<u8>,
    /// Length of the run.
    bytes: usize,
}

impl Parcel {
    pub fn share<'a>(&'a self, pass: &'a Pass, tick: &'a Tick) -> Share<'a> {
        let Parcel { owed, ticked, at, framing, .. } = self;
        Share { pass, owed, ticked, tick, at, framing: *framing }
    }

    /// The run in one piece.
    fn piece<'a>(&'a mut self, pass: &'a Pass, tick: &'a Tick) -> &'a [u8] {
        let Parcel { framing, owed, ticked, at, copy, bytes, .. } = self;
        let share = Share { pass, owed, ticked, tick, at, framing: *framing };
        let piece = share.in_one_piece(copy);
        *bytes = piece.len();
        piece
    }
}

/// A parcel while it is packed.
#[derive(Debug)]
pub(super) struct Packing<'a> {
    pub parcel: &'a mut Parcel,
    /// Where its live members are put.
    pub live: &'a mut Vec<ConnKey>,
    /// Where members are put that are owed more ends of topics than may be.
    pub beyond: &'a mut Vec<ConnKey>,
}

#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// The first `used` of them wait to be sent; the others keep their buffers, so that a pass allocates nothing.
    parcels: Vec<Parcel>,
    used: usize,
    members: Vec<ConnKey>,
    /// Members whose wire is broken, as found when it was sent.
    pub dead: Vec<ConnKey>,
    /// Members that are owed more ends of topics than may be.
    pub beyond: Vec<ConnKey>,
    /// A scattered run, where each write is a system call of its own.
    copy: Vec<u8>,
    /// `None`: one system call for each write.
    ring: Option<Ring>,
    taken: Vec<i32>,
}

impl Outbox {
    pub fn use_ring(&mut self, ring: Ring) {
        self.ring = Some(ring);
    }

    /// A parcel for `set`.
    pub fn begin(&mut self, set: SetKey, framing: Framing) -> Packing<'_> {
        if self.used == self.parcels.len() {
            self.parcels.push(Parcel::default());
        }
        let parcel = &mut self.parcels[self.used];
        self.used += 1;
        (parcel.set, parcel.framing) = (set, framing);
        parcel.members = self.members.len()..self.members.len();
        Packing { parcel, live: &mut self.members, beyond: &mut self.beyond }
    }

    /// True if it is time to send.
    pub fn is_full(&self) -> bool {
        self.members.len() >= SENDS_MAX || self.used >= SENDS_MAX
    }

    /// Writes to each member what its parcel holds. What a wire does not take stays with its connection.
    pub fn send<W: Wire>(
        &mut self,
        connections: &mut Slab<Connection<W>>,
        (pass, tick): (&Pass, &Tick),
        counters: &ShardCounters,
    ) {
        match self.ring.take() {
            Some(mut ring) => {
                self.send_together(&mut ring, connections, (pass, tick), counters);
                self.ring = Some(ring);
            }
            None => self.send_each(connections, (pass, tick), counters),
        }
    }

    fn send_each<W: Wire>(
        &mut self,
        connections: &mut Slab<Connection<W>>,
        (pass, tick): (&Pass, &Tick),
        counters: &ShardCounters,
    ) {
        for parcel in &mut self.parcels[..self.used] {
            let Parcel { framing, owed, ticked, at, members, .. } = parcel;
            let members = &self.members[members.clone()];
            let share = Share { pass, owed, ticked, tick, at, framing: *framing };
            let run = Run::gather(&share, members.len(), &mut self.copy);
            let mut whole = 0;
            for &member in members {
                let connection = &mut connections[member.0];
                match write_all(&mut connection.wire, &run.slices, run.bytes, counters) {
                    Written::All => whole += share.len(),
                    short_or_dead => conclude(connection, member, short_or_dead, &share, counters, &mut self.dead),
                }
            }
            count_deliveries(*framing, whole, counters);
        }
    }

    fn send_together<W: Wire>(
        &mut self,
        ring: &mut Ring,
        connections: &mut Slab<Connection<W>>,
        (pass, tick): (&Pass, &Tick),
        counters: &ShardCounters,
    ) {
        let Outbox { parcels, used, members, dead, taken, .. } = self;
        // Invariant: a ring is only used where every wire is a socket.
        let socket = |member: &ConnKey| connections[member.0].wire.socket().expect("a socket");
        let sends = parcels[..*used].iter_mut().flat_map(|parcel| {
            let members = &members[parcel.members.clone()];
            let piece = parcel.piece(pass, tick);
            members.iter().map(move |member| (socket(member), piece))
        });
        ring.send_all(sends, taken);
        ShardCounters::add(&counters.ring_submissions, taken.len().div_ceil(SENDS_MAX) as u64);
        let mut outcomes = taken.iter();
        for parcel in &mut parcels[..*used] {
            let share = parcel.share(pass, tick);
            let mut whole = 0;
            for (&member, &taken) in members[parcel.members.clone()].iter().zip(&mut outcomes) {
                match Written::of(outcome(taken), parcel.bytes, counters) {
                    Written::All => whole += share.len(),
                    short_or_dead => {
                        conclude(&mut connections[member.0], member, short_or_dead, &share, counters, dead);
                    }
                }
            }
            count_deliveries(parcel.framing, whole, counters);
            if parcel.copy.capacity() > COPY_KEPT_BYTES_MAX {
                parcel.copy = Vec::new();
            }
        }
    }

    /// Parcels that were sent, the last that is known of them.
    pub fn take_sent(&mut self) -> &mut [Parcel] {
        self.members.clear();
        let used = std::mem::take(&mut self.used);
        &mut self.parcels[..used]
    }
}

fn outcome(taken: i32) -> io::Result<usize> {
    usize::try_from(taken).map_err(|_| io::Error::from_raw_os_error(-taken))
}

/// Cost: once for each parcel, and without a look at its members, whose memory the kernel's work has driven out of the
/// caches.
fn count_deliveries(framing: Framing, entries: usize, counters: &ShardCounters) {
    ShardCounters::add(&counters.deliveries[Transport::of(framing.form) as usize], entries as u64);
}

/// Takes note of a member that was not written all.
fn conclude<W>(
    connection: &mut Connection<W>,
    member: ConnKey,
    written: Written,
    share: &Share<'_>,
    counters: &ShardCounters,
    dead: &mut Vec<ConnKey>,
) {
    match written {
        Written::Short(taken) => spill(connection, share, taken, counters),
        _ => dead.push(member),
    }
}
