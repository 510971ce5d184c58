//! How a subscriber of a crowd reads: all at once, slowly, or not at all for a while.

use super::{Act, Crowd, Manners, READ_BYTES_MAX};
use crate::client::connection::{Phase, Taking, plain};
use crate::client::ledger::Breach;
use crate::clock::now_ns;
use anyhow::Context;
use rand::Rng;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

/// How much later one stops reading whose connection is not there yet, ms.
const PATIENCE_MS: u64 = 200;
/// Reads of one that takes its bytes at a pace, and the bytes of each at least.
const SIPS_PER_SECOND: usize = 10;
const SIP_BYTES_MIN: usize = 128;

impl Crowd {
    pub(super) fn stall(&mut self, number: usize) -> anyhow::Result<()> {
        if self.slots[number].line.as_ref().is_some_and(|line| line.phase == Phase::Connecting) {
            // It has not asked yet: it would be cut off for that, not for being slow.
            self.later(PATIENCE_MS, number, Act::Stall);
            return Ok(());
        }
        let Manners { stall_ms, long_stall_ms, .. } = self.manners;
        let long = long_stall_ms > 0 && self.random.random_bool(0.1);
        let ms = if long { long_stall_ms } else { self.random.random_range(stall_ms / 3..=stall_ms) };
        let slot = &mut self.slots[number];
        slot.stalled = true;
        slot.may_end |= long;
        self.doings.stalls += 1;
        self.doings.long_stalls += u64::from(long);
        self.later(ms, number, Act::ReadOn);
        self.watch(number, EventFlags::empty())
    }

    pub(super) fn read_on(&mut self, number: usize) -> anyhow::Result<()> {
        self.slots[number].stalled = false;
        if self.manners.read_bytes_per_s == 0 {
            let pause = self.random.random_range(self.manners.stall_ms..=self.manners.stall_ms * 4);
            self.later(pause, number, Act::Stall);
        }
        self.watch(number, EventFlags::IN)
    }

    fn watch(&self, number: usize, flags: EventFlags) -> anyhow::Result<()> {
        let slot = &self.slots[number];
        let Some(line) = &slot.line else { return Ok(()) };
        let data = EventData::new_u64(number as u64 | u64::from(slot.session) << 32);
        epoll::modify(&self.epoll, &line.socket, data, flags).context("epoll")
    }

    /// The socket is connected: sends the request.
    pub(super) fn ask(&mut self, number: usize) -> Result<(), Breach> {
        let slot = &mut self.slots[number];
        let Some(line) = slot.line.as_mut() else { return Ok(()) };
        let sent = send(&line.socket, &slot.request, SendFlags::NOSIGNAL);
        if sent != Ok(slot.request.len()) {
            return Err(plain("request", format!("{} bytes sent", slot.request.len()), format!("{sent:?}")));
        }
        line.phase = Phase::Head;
        slot.request = Vec::new();
        let flags = if slot.stalled { EventFlags::empty() } else { EventFlags::IN };
        self.watch(number, flags).map_err(|error| plain("epoll", "a change of interest", error.to_string()))
    }

    pub(super) fn read(&mut self, number: usize) -> Result<(), Breach> {
        let slot = &mut self.slots[number];
        let Some(line) = slot.line.as_mut() else { return Ok(()) };
        let pace = if slot.habit.stalls && !self.settled { self.manners.read_bytes_per_s } else { 0 };
        let room = if pace > 0 { (pace as usize / SIPS_PER_SECOND).max(SIP_BYTES_MIN) } else { READ_BYTES_MAX };
        let length = match recv(&line.socket, &mut self.buffer[..room], RecvFlags::empty()) {
            Ok((0, _)) | Err(Errno::CONNRESET) if slot.may_end => {
                self.doings.ended += 1;
                if let Some(line) = slot.line.take() {
                    self.away(number, line);
                }
                return Ok(());
            }
            Ok((0, _)) => return Err(plain("stream", "more", format!("its end, of {:?}", slot.habit.topics))),
            Ok((length, _)) => length,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Err(error) => return Err(plain("stream", "more", error.to_string())),
        };
        slot.heard_ns = now_ns();
        self.tally.bytes += length as u64;
        self.tally.reads += 1;
        let (stamps, tally, answer) = (&self.stamps, &mut self.tally, &mut self.answer);
        let mut taking = Taking { stamps, tally, now_ns: slot.heard_ns, answer };
        line.take(&self.buffer[..length], &mut taking)?;
        if !slot.was_live && line.listener.is_live() {
            slot.was_live = true;
            // A poll that has nothing to say waits by nature.
            if line.transport().is_stream() {
                self.arrivals.saturating_record(slot.heard_ns - slot.since_ns);
            }
        }
        if !self.answer.is_empty() {
            let sent = send(&line.socket, &self.answer, SendFlags::NOSIGNAL);
            let length = self.answer.len();
            self.answer.clear();
            if sent != Ok(length) && !slot.may_end {
                return Err(plain("answer", format!("{length} bytes sent"), format!("{sent:?}")));
            }
        }
        match (length as u64 * 1_000).checked_div(pace) {
            Some(rest_ms) => self.pause(number, rest_ms),
            None => Ok(()),
        }
    }

    /// It took its share, and takes no more for a while.
    fn pause(&mut self, number: usize, ms: u64) -> Result<(), Breach> {
        self.slots[number].stalled = true;
        self.later(ms, number, Act::ReadOn);
        let paused = self.watch(number, EventFlags::empty());
        paused.map_err(|error| plain("epoll", "a change of interest", error.to_string()))
    }
}
