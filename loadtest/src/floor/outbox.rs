//! The three floors differ in this alone: how the bytes of one message go down to its subscribers.

use super::FloorKind;
use super::peers::Peers;
use super::ring::Ring;
use crate::clock::{MILLISECOND_NS, now_ns, timespec};
use anyhow::Context;
use rustix::fd::RawFd;
use rustix::time::Timespec;

#[derive(Debug)]
pub enum Outbox {
    Send,
    Coalesced(Tick),
    IoUring(Box<Submission>),
}

/// Subscribers for whom bytes are gathered.
#[derive(Debug)]
pub struct Tick {
    marked: Vec<usize>,
    /// 0: what one turn of the loop read goes down at its end.
    length_ns: u64,
    due_ns: u64,
}

/// Who is sent to in one submission. Kept, so that nothing is allocated per message.
#[derive(Debug)]
pub struct Submission {
    ring: Ring,
    numbers: Vec<usize>,
    sockets: Vec<RawFd>,
}

impl Outbox {
    pub fn new(kind: FloorKind, tick_ms: u64) -> anyhow::Result<Outbox> {
        Ok(match kind {
            FloorKind::Send => Outbox::Send,
            FloorKind::Coalesced => {
                Outbox::Coalesced(Tick { marked: Vec::new(), length_ns: tick_ms * MILLISECOND_NS, due_ns: 0 })
            }
            FloorKind::IoUring => {
                let ring = Ring::new().context("io_uring is not to be had here")?;
                Outbox::IoUring(Box::new(Submission { ring, numbers: Vec::new(), sockets: Vec::new() }))
            }
        })
    }

    /// One message to all subscribers of its topic.
    pub fn deliver(&mut self, peers: &mut Peers, members: &[usize], frame: &[u8]) -> anyhow::Result<()> {
        match self {
            Outbox::Send => members.iter().try_for_each(|&member| peers.send(member, frame)),
            Outbox::Coalesced(tick) => tick.gather(peers, members, frame),
            Outbox::IoUring(submission) => submission.send(peers, members, frame),
        }
    }

    /// A turn of the loop is over.
    pub fn end_turn(&mut self, peers: &mut Peers) -> anyhow::Result<()> {
        let Outbox::Coalesced(tick) = self else { return Ok(()) };
        if tick.marked.is_empty() || now_ns() < tick.due_ns {
            return Ok(());
        }
        tick.marked.drain(..).try_for_each(|number| peers.flush(number))
    }

    /// How long the loop may wait; `None`: for as long as nothing happens.
    pub fn longest_wait(&self) -> Option<Timespec> {
        match self {
            Outbox::Coalesced(tick) if !tick.marked.is_empty() => Some(timespec(tick.due_ns.saturating_sub(now_ns()))),
            _ => None,
        }
    }
}

impl Tick {
    fn gather(&mut self, peers: &mut Peers, members: &[usize], frame: &[u8]) -> anyhow::Result<()> {
        if self.marked.is_empty() && self.length_ns > 0 {
            self.due_ns = (now_ns() / self.length_ns + 1) * self.length_ns;
        }
        for &member in members {
            if peers.gather(member, frame)? {
                self.marked.push(member);
            }
        }
        Ok(())
    }
}

impl Submission {
    fn send(&mut self, peers: &mut Peers, members: &[usize], frame: &[u8]) -> anyhow::Result<()> {
        self.numbers.clear();
        self.sockets.clear();
        for &member in members {
            match peers.ready_socket(member) {
                Some(socket) => {
                    self.numbers.push(member);
                    self.sockets.push(socket);
                }
                // It is waited for already.
                None => {
                    peers.gather(member, frame)?;
                }
            }
        }
        let (numbers, mut outcome) = (&self.numbers, Ok(()));
        self.ring.send_to_all(frame, &self.sockets, |index, taken| {
            if outcome.is_ok() {
                outcome = peers.sent(numbers[index], frame, taken);
            }
        });
        outcome
    }
}
