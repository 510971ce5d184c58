//! The subscribers of a peer: any number of dialogues on one thread and one epoll.

use super::dialogue::Dialogue;
use super::message::{Ear, Tape};
use crate::audience::{Group, Share, seats};
use crate::client::Violation;
use crate::client::connection::plain;
use crate::client::dial::dial;
use crate::client::ledger::Breach;
use crate::client::tally::Tally;
use crate::clock::{SECOND_NS, now_ns, timespec};
use crate::measure::live::Subscribers;
use crate::workload::{Transport, Workload};
use anyhow::{Context, bail};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use std::net::SocketAddrV4;

/// Readiness events taken at a time.
const EVENTS_MAX: usize = 1_024;
/// Bytes read at a time; one buffer for all connections.
const READ_BYTES_MAX: usize = 256 * 1024;
/// Connections that are being opened at a time.
const OPENING_MAX: usize = 64;
/// Longest time in which all connections have to be open and subscribed.
const OPEN_TIME_NS: u64 = 60 * SECOND_NS;

struct Member {
    socket: OwnedFd,
    is_connected: bool,
    is_ready: bool,
    dialogue: Box<dyn Dialogue>,
    tape: Tape,
    /// Bytes of what is not whole yet.
    rest: Vec<u8>,
}

pub struct PeerFleet {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
    buffer: Vec<u8>,
    answer: Vec<u8>,
    members: Vec<Member>,
    ready: usize,
    tally: Tally,
}

impl PeerFleet {
    /// Opens all subscribers and waits until the peer has them. `subscriber` makes one for its topics; `progress` is told
    /// how many there are.
    pub fn open(
        workload: &Workload,
        address: SocketAddrV4,
        subscriber: impl Fn(&[u32]) -> Box<dyn Dialogue>,
        mut progress: impl FnMut(usize),
    ) -> anyhow::Result<PeerFleet> {
        let mut fleet = PeerFleet {
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            events: Vec::with_capacity(EVENTS_MAX),
            buffer: vec![0; READ_BYTES_MAX],
            answer: Vec::new(),
            members: Vec::with_capacity(workload.subscribers),
            ready: 0,
            tally: Tally::default(),
        };
        let deadline = now_ns() + OPEN_TIME_NS;
        // The same choice of topics that Fanwire's subscribers make.
        let groups = [Group::of(workload, Transport::Websocket)];
        let seats = seats(workload, &groups, Share { process: 0, processes: 1 });
        while fleet.ready < seats.len() {
            while fleet.members.len() < seats.len().min(fleet.ready + OPENING_MAX) {
                let topics = &seats[fleet.members.len()].topics;
                fleet.add(address, subscriber(topics), Tape::new(topics))?;
            }
            fleet.turn(now_ns() + SECOND_NS / 10)?;
            progress(fleet.ready);
            if now_ns() > deadline {
                bail!("only {} of {} subscribers were subscribed in time", fleet.ready, seats.len());
            }
        }
        Ok(fleet)
    }

    /// What all of them received.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Latencies are those of messages that are due from then on.
    pub fn time_from(&mut self, window_ns: u64) {
        self.tally.timed_from_ns = window_ns;
    }

    /// True while somebody was not given the newest message of a topic, whose number `last` says.
    pub fn is_behind(&self, last: impl Fn(u32) -> u64) -> bool {
        self.members.iter().any(|member| member.tape.missing(&last) > 0)
    }

    /// Counts what was not delivered up to the end as lost.
    pub fn count_missing(&mut self, last: impl Fn(u32) -> u64) {
        self.tally.lost += self.members.iter().map(|member| member.tape.missing(&last)).sum::<u64>();
    }

    fn add(&mut self, address: SocketAddrV4, dialogue: Box<dyn Dialogue>, tape: Tape) -> anyhow::Result<()> {
        let number = self.members.len();
        let socket = dial(address, number, false)?;
        epoll::add(&self.epoll, &socket, EventData::new_u64(number as u64), EventFlags::OUT)?;
        self.members.push(Member { socket, is_connected: false, is_ready: false, dialogue, tape, rest: Vec::new() });
        Ok(())
    }

    /// The socket is connected: says what is said first.
    fn begin(&mut self, number: usize) -> Result<(), Breach> {
        let member = &mut self.members[number];
        member.is_connected = true;
        member.dialogue.begin(&mut self.answer);
        epoll::modify(&self.epoll, &member.socket, EventData::new_u64(number as u64), EventFlags::IN)
            .map_err(|error| plain("epoll", "a change of interest", error.to_string()))?;
        self.say(number)
    }

    /// Sends what is to be said.
    fn say(&mut self, number: usize) -> Result<(), Breach> {
        let sent = send(&self.members[number].socket, &self.answer, SendFlags::NOSIGNAL);
        let length = self.answer.len();
        self.answer.clear();
        if sent == Ok(length) {
            return Ok(());
        }
        Err(plain("what a subscriber says", format!("{length} bytes sent"), format!("{sent:?}")))
    }

    fn read(&mut self, number: usize) -> Result<(), Breach> {
        let member = &mut self.members[number];
        let length = match recv(&member.socket, &mut self.buffer[..], RecvFlags::empty()) {
            Ok((0, _)) => return Err(plain("stream", "more", "its end")),
            Ok((length, _)) => length,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Err(error) => return Err(plain("stream", "more", error.to_string())),
        };
        self.tally.bytes += length as u64;
        self.tally.reads += 1;
        let Member { dialogue, tape, rest, .. } = member;
        let mut ear = Ear { tape, tally: &mut self.tally, now_ns: now_ns(), answer: &mut self.answer };
        take(dialogue.as_mut(), rest, &self.buffer[..length], &mut ear)?;
        if !member.is_ready && member.dialogue.is_ready() {
            member.is_ready = true;
            self.ready += 1;
        }
        if self.answer.is_empty() { Ok(()) } else { self.say(number) }
    }
}

/// Takes what was read; what is not whole is kept in `rest` for the next call.
fn take(dialogue: &mut dyn Dialogue, rest: &mut Vec<u8>, read: &[u8], ear: &mut Ear<'_>) -> Result<(), Breach> {
    if rest.is_empty() {
        let taken = dialogue.take(read, ear)?;
        rest.extend_from_slice(&read[taken..]);
        return Ok(());
    }
    rest.extend_from_slice(read);
    let taken = dialogue.take(rest, ear)?;
    rest.drain(..taken);
    Ok(())
}

impl Subscribers for PeerFleet {
    fn turn(&mut self, until_ns: u64) -> anyhow::Result<()> {
        let left = timespec(until_ns.saturating_sub(now_ns()));
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&left)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).context("epoll"),
        }
        for index in 0..self.events.len() {
            let number = self.events[index].data.u64() as usize;
            let outcome = if self.members[number].is_connected { self.read(number) } else { self.begin(number) };
            outcome.map_err(|breach| Violation { connection: number, breach })?;
        }
        Ok(())
    }

    fn deliveries(&self) -> u64 {
        self.tally.deliveries
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::client::websocket::ACCEPT;

    /// What a dialogue came to.
    #[derive(Debug)]
    pub(crate) struct Heard {
        pub deliveries: u64,
        pub lost: u64,
        pub answer: Vec<u8>,
    }

    pub(crate) fn head_of_upgrade() -> Vec<u8> {
        let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
        format!("{head}Sec-WebSocket-Accept: {ACCEPT}\r\n\r\n").into_bytes()
    }

    /// Plays a peer's bytes to a new subscriber one by one, which must leave it ready.
    pub(crate) fn play(mut dialogue: Box<dyn Dialogue>, topics: &[u32], stream: &[u8]) -> Heard {
        let (mut tape, mut tally, mut answer, mut rest) = (Tape::new(topics), Tally::default(), Vec::new(), Vec::new());
        dialogue.begin(&mut answer);
        assert!(!dialogue.is_ready() && answer.ends_with(b"\r\n\r\n"));
        answer.clear();
        for byte in stream.chunks(1) {
            let mut ear = Ear { tape: &mut tape, tally: &mut tally, now_ns: 9, answer: &mut answer };
            take(dialogue.as_mut(), &mut rest, byte, &mut ear).unwrap();
        }
        assert!(dialogue.is_ready() && rest.is_empty());
        Heard { deliveries: tally.deliveries, lost: tally.lost, answer }
    }
}
