//! Comings and goings: what is due when, who arrives, who leaves and comes back.

use super::copy::Copy;
use super::guest::farewell;
use super::{Act, Crowd, Manners};
use crate::client::Violation;
use crate::client::connection::{Connection, plain};
use crate::client::dial::dial;
use crate::client::ledger::Breach;
use crate::client::query::Query;
use crate::clock::{MILLISECOND_NS, SECOND_NS, now_ns};
use rand::Rng;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::net::{SendFlags, send};
use std::cmp::Reverse;
use std::ops::RangeInclusive;

/// Connections begun in one turn, so that those that are open have theirs.
const DIALS_PER_TURN: usize = 64;
/// Longest time until a subscriber has its snapshots.
const WHOLE_TIME_NS: u64 = 30 * SECOND_NS;
/// Longest wait that a poll asks for, seconds.
const POLL_WAIT_S: u64 = 5;
/// Longest silence of a stream: heartbeats come more often.
const SILENCE_NS: u64 = 40 * SECOND_NS;
/// How long those stay away who go far, ms.
const FAR_MS: RangeInclusive<u64> = 20_000..=40_000;

impl Crowd {
    /// All connections break at once; everybody is back, with a cursor, within `over_ns` from `from_ns`.
    pub fn scatter(&mut self, from_ns: u64, over_ns: u64) {
        let count = self.slots.len() as u64;
        for number in 0..self.slots.len() {
            let Some(line) = self.slots[number].line.take() else { continue };
            self.doings.leaves += 1;
            self.doings.open -= 1;
            let slot = &mut self.slots[number];
            (slot.kept, slot.resume) = (Some(line.listener), true);
            slot.session = slot.session.wrapping_add(1);
            let due_ns = from_ns + over_ns * number as u64 / count;
            self.timers.push(Reverse((due_ns, number, slot.session, Act::Arrive)));
        }
    }

    pub(super) fn act(&mut self) -> anyhow::Result<()> {
        let mut dials = 0;
        while let Some(&Reverse((_, number, session, act))) = self.timers.peek().filter(|r| r.0.0 <= now_ns()) {
            if act == Act::Arrive && dials == DIALS_PER_TURN {
                return Ok(());
            }
            self.timers.pop();
            if self.slots[number].session != session {
                continue;
            }
            match act {
                Act::Arrive => {
                    dials += 1;
                    self.arrive(number)?;
                }
                _ if self.slots[number].line.is_none() => {}
                Act::Leave if !self.settled => {
                    self.check_life(number).map_err(|breach| Violation { connection: number, breach })?;
                    self.leave(number);
                }
                Act::Stall if !self.settled => self.stall(number)?,
                Act::ReadOn if self.slots[number].stalled => self.read_on(number)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn arrive(&mut self, number: usize) -> anyhow::Result<()> {
        let slot = &mut self.slots[number];
        let Some(mut copy) = slot.kept.take() else { return Ok(()) };
        let transport = slot.habit.transports[self.random.random_range(0..slot.habit.transports.len())];
        let socket = dial(self.target, number, slot.habit.stalls)?;
        slot.session = slot.session.wrapping_add(1);
        (slot.stalled, slot.may_end, slot.was_live) = (false, false, false);
        slot.since_ns = now_ns();
        slot.heard_ns = slot.since_ns;
        let data = EventData::new_u64(number as u64 | u64::from(slot.session) << 32);
        epoll::add(&self.epoll, &socket, data, EventFlags::OUT)?;
        let (query, cursor) = (Query::new(&slot.habit.topics, POLL_WAIT_S), copy.begin(slot.resume));
        let (line, request) = Connection::begin(socket, transport, query, cursor, copy);
        (slot.line, slot.request) = (Some(line), request.into_bytes());
        self.doings.arrivals += 1;
        self.doings.resumes += u64::from(slot.resume);
        self.doings.open += 1;
        let (roams, stalls) = (slot.habit.roams, slot.habit.stalls);
        if roams {
            let life = self.random.random_range(self.manners.life_ms / 10..=self.manners.life_ms * 19 / 10);
            self.later(life, number, Act::Leave);
        }
        if stalls && self.manners.read_bytes_per_s == 0 {
            let pause = self.random.random_range(0..=self.manners.stall_ms);
            self.later(pause, number, Act::Stall);
        }
        Ok(())
    }

    pub(super) fn later(&mut self, ms: u64, number: usize, act: Act) {
        let session = self.slots[number].session;
        self.timers.push(Reverse((now_ns() + ms * MILLISECOND_NS, number, session, act)));
    }

    /// Before it leaves: it was served while it was there.
    fn check_life(&self, number: usize) -> Result<(), Breach> {
        let slot = &self.slots[number];
        let Some(line) = slot.line.as_ref().filter(|_| !slot.stalled && !slot.habit.stalls) else { return Ok(()) };
        let now = now_ns();
        if !line.listener.is_live() && now - slot.since_ns > WHOLE_TIME_NS {
            return Err(plain("time", "a whole subscriber", format!("none, of {:?}", slot.habit.topics)));
        }
        if now - slot.heard_ns > SILENCE_NS {
            return Err(plain(
                "time",
                "a sign of life",
                format!("none for {} ms", (now - slot.heard_ns) / MILLISECOND_NS),
            ));
        }
        Ok(())
    }

    fn leave(&mut self, number: usize) {
        let Some(line) = self.slots[number].line.take() else { return };
        if self.random.random_bool(0.5)
            && let Some(farewell) = farewell(&line)
        {
            // Whether it arrives is not what is tried.
            let _ = send(&line.socket, &farewell, SendFlags::NOSIGNAL);
        }
        self.doings.leaves += 1;
        self.away(number, line);
    }

    /// The connection is over; the client will be back.
    pub(super) fn away(&mut self, number: usize, line: Connection<Copy>) {
        self.doings.open -= 1;
        let Manners { away_ms, far_share, resume_share, .. } = self.manners;
        let (resume, far) = (self.random.random_bool(resume_share), self.random.random_bool(far_share));
        let away = if far { FAR_MS } else { 0..=away_ms };
        let away = self.random.random_range(away);
        let slot = &mut self.slots[number];
        // Dropping the line closes its socket, which also leaves the epoll.
        slot.kept = Some(line.listener);
        slot.session = slot.session.wrapping_add(1);
        slot.resume = resume;
        self.later(if self.settled { 0 } else { away }, number, Act::Arrive);
    }
}
