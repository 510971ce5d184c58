//! What a pass writes to those who are live: collected for many sets, then sent, by one system call for all where the
//! kernel offers io_uring, else by one for each.

use super::backlog::Owed;
use super::connection::{ConnKey, Connection, Wire};
use super::counters::ShardCounters;
use super::pass::Pass;
use super::ring::Ring;
use super::sets::SetKey;
use super::tick::Tick;
use super::write::{Run, Share, Written, spill, write_all};
use crate::framing::Framing;
use crate::limits::{COPY_KEPT_BYTES_MAX, RING_SENDS_MAX};
use slab::Slab;
use std::io;
use std::ops::Range;

/// What the live members of one set are given.
#[derive(Debug, Default)]
pub(super) struct Parcel {
    pub set: SetKey,
    pub framing: Framing,
    pub owed: Vec<Owed>,
    pub ticked: Vec<Owed>,
    pub at: Vec<u8>,
    /// Their places in [`Outbox::members`].
    pub members: Range<usize>,
    /// The run, where it does not lie in one piece.
    copy: Vec<u8>,
    /// Length of the run.
    bytes: usize,
}

impl Parcel {
    pub fn share<'a>(&'a self, pass: &'a Pass, tick: &'a Tick) -> Share<'a> {
        Share { pass, owed: &self.owed, ticked: &self.ticked, tick, at: &self.at }
    }

    /// The run in one piece.
    fn piece<'a>(&'a mut self, pass: &'a Pass, tick: &'a Tick) -> &'a [u8] {
        let Parcel { framing, owed, ticked, at, copy, bytes, .. } = self;
        let share = Share { pass, owed, ticked, tick, at };
        let piece = Run::parts(&share, *framing).into_one(copy);
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
        self.ring.is_none() || self.members.len() >= RING_SENDS_MAX || self.used >= RING_SENDS_MAX
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
        self.members.clear();
    }

    fn send_each<W: Wire>(
        &mut self,
        connections: &mut Slab<Connection<W>>,
        (pass, tick): (&Pass, &Tick),
        counters: &ShardCounters,
    ) {
        for parcel in &mut self.parcels[..self.used] {
            let Parcel { framing, owed, ticked, at, copy, members, .. } = parcel;
            let members = &self.members[members.clone()];
            let share = Share { pass, owed, ticked, tick, at };
            let run = Run::parts(&share, *framing).gather(members.len(), copy);
            for &member in members {
                let connection = &mut connections[member.0];
                let written = write_all(&mut connection.wire, &run.slices, run.bytes, counters);
                self.dead.extend(conclude(connection, written, &share, *framing, counters).then_some(member));
            }
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
        ShardCounters::add(&counters.ring_submissions, taken.len().div_ceil(RING_SENDS_MAX) as u64);
        let mut outcomes = taken.iter();
        for parcel in &parcels[..*used] {
            let share = parcel.share(pass, tick);
            for (&member, &taken) in members[parcel.members.clone()].iter().zip(&mut outcomes) {
                let written = Written::of(outcome(taken), parcel.bytes, counters);
                let connection = &mut connections[member.0];
                dead.extend(conclude(connection, written, &share, parcel.framing, counters).then_some(member));
            }
        }
    }

    /// Parcels that were sent; their lists of entries go back to their sets.
    pub fn take_sent(&mut self) -> impl Iterator<Item = &mut Parcel> {
        let used = std::mem::take(&mut self.used);
        self.parcels[..used].iter_mut().map(|parcel| {
            if parcel.copy.capacity() > COPY_KEPT_BYTES_MAX {
                parcel.copy = Vec::new();
            }
            parcel
        })
    }
}

fn outcome(taken: i32) -> io::Result<usize> {
    usize::try_from(taken).map_err(|_| io::Error::from_raw_os_error(-taken))
}

/// Takes note of what a member was written. True if its wire is broken.
fn conclude<W>(
    connection: &mut Connection<W>,
    written: Written,
    share: &Share<'_>,
    framing: Framing,
    counters: &ShardCounters,
) -> bool {
    match written {
        Written::All => {
            ShardCounters::add(&counters.deliveries[connection.transport as usize], share.len() as u64);
        }
        // In the framing that was written: the connection's own may be another already, if it is about to leave.
        Written::Short(taken) => spill(connection, share, framing, taken, counters),
        Written::Dead => return true,
    }
    false
}
