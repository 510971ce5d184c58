//! Handing out: what a pass or a tick brings goes to the members of the marked sets. The live ones are in the fast lane
//! (one run of bytes for all, one write for each); for the others it is queued.

use super::backlog::Backlog;
use super::connection::Wire;
use super::core::Core;
use super::counters::ShardCounters;
use super::outbox::{Outbox, Packing};
use super::sets::SetKey;
use super::tick::Tick;
use super::write::queue_all;
use crate::close::CloseReason;
use crate::framing::message::{at, cursor};
use crate::framing::wrap;
use crate::limits::{ENDS_BEYOND_MAX, LINGER_BYTES_MAX};

impl<W: Wire> Core<W> {
    /// Hands out the entries of the pass: every member of a marked set is written to once, or has them queued.
    pub(super) fn hand_out(&mut self, now_ms: i64) {
        let mut marked = std::mem::take(&mut self.sets.marked);
        self.hand_out_to(marked.drain(..), None, now_ms);
        // The buffer goes back, so that the next pass allocates nothing.
        self.sets.marked = marked;
        self.drop_handed_out();
        if self.pass.bytes() > LINGER_BYTES_MAX {
            self.hand_out_lingering(now_ms);
            self.drop_handed_out();
        }
    }

    /// Lets go of segments that nobody is owed an entry of any more.
    pub(super) fn drop_handed_out(&mut self) {
        self.pass.drop_before(self.sets.lingers.oldest());
    }

    /// Hands out what these sets are owed, in one write for each live member; after a tick, what the tick says and the `at`.
    pub(super) fn hand_out_to(&mut self, sets: impl IntoIterator<Item = SetKey>, tick: Option<&Tick>, now_ms: i64) {
        let mut outbox = std::mem::take(&mut self.outbox);
        for key in sets {
            self.pack(&mut outbox, key, tick, now_ms);
            if outbox.is_full() {
                self.send_off(&mut outbox, tick);
            }
        }
        self.send_off(&mut outbox, tick);
        let beyond = std::mem::take(&mut outbox.beyond);
        self.outbox = outbox;
        for member in beyond {
            if self.stays_beyond(member, now_ms) {
                self.close(member, CloseReason::TooFarBehind, None);
            }
        }
    }

    /// Packs what a set is owed for its live members, and queues it for the others.
    fn pack(&mut self, outbox: &mut Outbox, key: SetKey, tick: Option<&Tick>, now_ms: i64) {
        let set = self.sets.get(key);
        let delivers = !set.owed.is_empty() || !set.ticked.is_empty();
        let is_throttled = set.is_throttled();
        let at = if is_throttled { self.note_cursor(key, delivers, tick.is_some(), now_ms) } else { Vec::new() };
        if !delivers && at.is_empty() {
            return;
        }
        let Core { sets, connections, ready, counters, pass, no_tick, settings, .. } = self;
        let pending_max = settings.limits.pending_entries_max;
        let set = sets.get_mut(key);
        let Packing { parcel, live, beyond } = outbox.begin(key, set.terms.framing);
        // The parcel's lists are empty and hold nothing on the heap.
        std::mem::swap(&mut parcel.owed, &mut set.owed);
        std::mem::swap(&mut parcel.ticked, &mut set.ticked);
        parcel.at = at;
        let share = parcel.share(pass, tick.unwrap_or(no_tick));
        for &member in &set.members {
            let connection = &mut connections[member.0];
            if connection.closing.is_some() {
                continue;
            }
            if connection.backlog.is_none() {
                live.push(member);
                continue;
            }
            let framing = connection.framing;
            let backlog = connection.backlog();
            let waited = backlog.waiting() > 0;
            queue_all(backlog, &share, framing);
            if count_lags(backlog, waited, pending_max, counters) {
                beyond.push(member);
            }
            ready.push(member);
        }
        parcel.members.end = live.len();
    }

    fn send_off(&mut self, outbox: &mut Outbox, tick: Option<&Tick>) {
        outbox.send(&mut self.connections, (&self.pass, tick.unwrap_or(&self.no_tick)), &self.counters);
        // The lists go back to the set that they were made for, so that a pass allocates nothing.
        for parcel in outbox.take_sent() {
            parcel.owed.clear();
            parcel.ticked.clear();
            let set = self.sets.get_mut(parcel.set);
            std::mem::swap(&mut parcel.owed, &mut set.owed);
            std::mem::swap(&mut parcel.ticked, &mut set.ticked);
        }
        for member in outbox.dead.drain(..) {
            self.end(member, CloseReason::PeerGone);
        }
    }

    /// The framed `at` of a throttled set after a tick, if it says more than the last one. Before it, notes that one is
    /// due.
    fn note_cursor(&mut self, key: SetKey, delivers: bool, ticks: bool, now_ms: i64) -> Vec<u8> {
        let set = self.sets.get(key);
        if set.terms.limited {
            return Vec::new();
        }
        if !ticks {
            if delivers {
                self.sets.wish_at(key, self.position, now_ms);
            }
            return Vec::new();
        }
        let through = self.through(set);
        let form = set.terms.framing.form;
        let set = self.sets.get_mut(key);
        if delivers {
            set.delivered = set.delivered.max(self.position);
        }
        if through <= set.stated || through < set.untold {
            return Vec::new();
        }
        set.stated = through;
        let cursor = cursor(self.log.epoch(), through);
        wrap(form, &at(&cursor, false), Some(&cursor))
    }
}

/// Lets a backlog lag that grew too long. True if it is owed more ends of topics than may be, which no snapshot makes up
/// for.
fn count_lags(backlog: &mut Backlog, waited: bool, pending_max: usize, counters: &ShardCounters) -> bool {
    let conflated = !waited && backlog.blocked && backlog.waiting() > 0;
    ShardCounters::add(&counters.lags, u64::from(conflated));
    if backlog.entries > pending_max {
        ShardCounters::add(&counters.lags, 1);
        backlog.lag();
    }
    backlog.gones > pending_max + ENDS_BEYOND_MAX
}
