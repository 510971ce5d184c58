//! The clients: any number of subscribers on one thread and one epoll, none of which believes what it is told.

pub mod connection;
pub mod dial;
pub mod ledger;
pub mod sse;
pub mod tally;
pub mod websocket;

use crate::clock::{SECOND_NS, now_ns, timespec};
use crate::measure::Subscribers;
use crate::payload::StampFinder;
use crate::workload::{Transport, Workload};
use anyhow::{Context, bail};
use connection::{Connection, Phase, Taking, plain};
use ledger::{Breach, Ledger};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use std::net::SocketAddrV4;
use tally::Tally;

/// Readiness events taken at a time.
const EVENTS_MAX: usize = 1_024;
/// Bytes read at a time; one buffer for all connections.
const READ_BYTES_MAX: usize = 256 * 1024;
/// Connections that are being opened at a time.
const OPENING_MAX: usize = 256;
/// Longest time in which all connections have to be open and whole.
const OPEN_TIME_NS: u64 = 60 * SECOND_NS;

/// A breach, and the connection that saw it.
#[derive(Debug, thiserror::Error)]
#[error("connection {connection}: {breach}")]
pub struct Violation {
    pub connection: usize,
    pub breach: Breach,
}

/// One subscriber of the fleet, and how it behaves.
struct Member {
    connection: Connection<Ledger>,
    /// Its messages are counted in [`Fleet::aside`].
    aside: bool,
    /// The target may end it.
    may_end: bool,
    ended: bool,
}

pub struct Fleet {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
    buffer: Vec<u8>,
    answer: Vec<u8>,
    members: Vec<Member>,
    requests: Vec<String>,
    stamps: StampFinder,
    pub tally: Tally,
    /// Of those that are told apart: slow ones, or those of a shard that does nothing.
    pub aside: Tally,
}

impl Fleet {
    /// Opens all subscribers of `workload` and waits until each has its snapshots. The kernel holds little for the first
    /// `narrow` of them. `progress` is told how many are open.
    pub fn open(
        workload: &Workload,
        transport: Transport,
        target: SocketAddrV4,
        narrow: usize,
        mut progress: impl FnMut(usize),
    ) -> anyhow::Result<Fleet> {
        let mut fleet = Fleet {
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            events: Vec::with_capacity(EVENTS_MAX),
            buffer: vec![0; READ_BYTES_MAX],
            answer: Vec::new(),
            members: Vec::with_capacity(workload.subscribers),
            requests: Vec::new(),
            stamps: StampFinder::default(),
            tally: Tally::default(),
            aside: Tally::default(),
        };
        let deadline = now_ns() + OPEN_TIME_NS;
        let subscriptions = workload.subscriptions();
        let mut whole = 0;
        while whole < subscriptions.len() {
            while fleet.members.len() < subscriptions.len().min(whole + OPENING_MAX) {
                let number = fleet.members.len();
                fleet.dial(workload, transport, target, &subscriptions[number], number < narrow)?;
            }
            fleet.turn(now_ns() + SECOND_NS / 10)?;
            whole = fleet.members.iter().filter(|member| member.connection.listener.is_whole()).count();
            progress(whole);
            if now_ns() > deadline {
                bail!("only {whole} of {} subscribers had their snapshots in time", subscriptions.len());
            }
        }
        fleet.requests = Vec::new();
        Ok(fleet)
    }

    fn dial(
        &mut self,
        workload: &Workload,
        transport: Transport,
        target: SocketAddrV4,
        topics: &[u32],
        narrow: bool,
    ) -> anyhow::Result<()> {
        let number = self.members.len();
        let socket = dial::dial(target, number, narrow)?;
        epoll::add(&self.epoll, &socket, EventData::new_u64(number as u64), EventFlags::OUT)?;
        let names: Vec<String> = topics.iter().map(|topic| workload.topic(*topic as usize)).collect();
        let names = names.join(",");
        self.requests.push(match transport {
            Transport::Websocket => websocket::request(&names),
            Transport::Sse => sse::request(&names),
        });
        let connection = Connection::new(socket, transport, Ledger::new(workload.prefix(), topics));
        self.members.push(Member { connection, aside: false, may_end: false, ended: false });
        Ok(())
    }

    /// The socket is connected: sends the request.
    fn ask(&mut self, number: usize) -> Result<(), Breach> {
        let connection = &mut self.members[number].connection;
        let request = self.requests[number].as_bytes();
        let sent = send(&connection.socket, request, SendFlags::NOSIGNAL);
        if sent != Ok(request.len()) {
            return Err(plain("request", format!("{} bytes sent", request.len()), format!("{sent:?}")));
        }
        connection.phase = Phase::Head;
        epoll::modify(&self.epoll, &connection.socket, EventData::new_u64(number as u64), EventFlags::IN)
            .map_err(|error| plain("epoll", "a change of interest", error.to_string()))
    }

    fn read(&mut self, number: usize) -> Result<(), Breach> {
        let Member { connection, aside, may_end, .. } = &mut self.members[number];
        let length = match recv(&connection.socket, &mut self.buffer[..], RecvFlags::empty()) {
            Ok((0, _)) | Err(Errno::CONNRESET) if *may_end => return self.end(number),
            Ok((0, _)) => return Err(plain("stream", "more", "its end")),
            Ok((length, _)) => length,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Err(error) => return Err(plain("stream", "more", error.to_string())),
        };
        let tally = if *aside { &mut self.aside } else { &mut self.tally };
        tally.bytes += length as u64;
        tally.reads += 1;
        let (stamps, answer) = (&self.stamps, &mut self.answer);
        let mut taking = Taking { stamps, tally, now_ns: now_ns(), answer };
        connection.take(&self.buffer[..length], &mut taking)?;
        if !self.answer.is_empty() {
            let sent = send(&connection.socket, &self.answer, SendFlags::NOSIGNAL);
            let length = self.answer.len();
            self.answer.clear();
            // Who may be ended answers pings of before its end.
            if sent != Ok(length) && !*may_end {
                return Err(plain("pong", format!("{length} bytes sent"), format!("{sent:?}")));
            }
        }
        Ok(())
    }

    /// The target ended a connection that it may end.
    fn end(&mut self, number: usize) -> Result<(), Breach> {
        let member = &mut self.members[number];
        member.ended = true;
        epoll::delete(&self.epoll, &member.connection.socket)
            .map_err(|error| plain("epoll", "one socket less", error.to_string()))
    }

    /// Counts a subscriber apart from the others from now on.
    pub fn set_aside(&mut self, number: usize) {
        self.members[number].aside = true;
    }

    /// Reads nothing from a subscriber until [`Fleet::read_on`].
    pub fn stop_reading(&mut self, number: usize) -> anyhow::Result<()> {
        self.watch(number, EventFlags::empty())
    }

    /// Reads again. `may_end`: the target may have ended the connection meanwhile.
    pub fn read_on(&mut self, number: usize, may_end: bool) -> anyhow::Result<()> {
        self.members[number].may_end = may_end;
        self.watch(number, EventFlags::IN)
    }

    fn watch(&mut self, number: usize, flags: EventFlags) -> anyhow::Result<()> {
        let socket = &self.members[number].connection.socket;
        epoll::modify(&self.epoll, socket, EventData::new_u64(number as u64), flags).context("epoll")
    }

    pub fn ledger(&self, number: usize) -> &Ledger {
        &self.members[number].connection.listener
    }

    /// True if the target ended the connection, as it was permitted to.
    pub fn has_ended(&self, number: usize) -> bool {
        self.members[number].ended
    }

    pub fn len(&self) -> usize {
        self.members.len()
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

impl Subscribers for Fleet {
    fn turn(&mut self, until_ns: u64) -> anyhow::Result<()> {
        let left = timespec(until_ns.saturating_sub(now_ns()));
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&left)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).context("epoll"),
        }
        for index in 0..self.events.len() {
            let number = self.events[index].data.u64() as usize;
            let outcome = match self.members[number].connection.phase {
                Phase::Connecting => self.ask(number),
                _ => self.read(number),
            };
            outcome.map_err(|breach| Violation { connection: number, breach })?;
        }
        Ok(())
    }

    fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    fn first_behind(&self, last: &dyn Fn(u32) -> u64) -> Option<Violation> {
        let open = self.members.iter().enumerate().filter(|(_, member)| !member.ended);
        open.map(|(number, member)| (number, &member.connection.listener)).find_map(|(connection, ledger)| {
            let breach = ledger.first_behind(last)?;
            Some(Violation { connection, breach })
        })
    }

    fn give_up(&mut self, violation: Violation, _last: &dyn Fn(u32) -> u64) -> anyhow::Result<()> {
        Err(violation.into())
    }
}
