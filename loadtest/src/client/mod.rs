//! The clients: any number of subscribers on one thread and one epoll, none of which believes what it is told.

pub mod connection;
pub mod ledger;
pub mod sse;
pub mod tally;
pub mod websocket;

use crate::clock::{SECOND_NS, now_ns, timespec};
use crate::payload::StampFinder;
use crate::workload::{Transport, Workload};
use anyhow::{Context, bail};
use connection::{Connection, Phase, Taking, plain};
use ledger::{Breach, Ledger};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, connect, recv, send, sockopt};
use std::net::{Ipv4Addr, SocketAddrV4};
use tally::Tally;

/// Readiness events taken at a time.
const EVENTS_MAX: usize = 1_024;
/// Bytes read at a time; one buffer for all connections.
const READ_BYTES_MAX: usize = 256 * 1024;
/// Connections that are being opened at a time.
const OPENING_MAX: usize = 256;
/// Connections per source address 127.0.0.x: well below the number of free ports.
const PER_SOURCE_MAX: usize = 10_000;
/// Longest time in which all connections have to be open and whole.
const OPEN_TIME_NS: u64 = 60 * SECOND_NS;

/// A breach, and the connection that saw it.
#[derive(Debug, thiserror::Error)]
#[error("connection {connection}: {breach}")]
pub struct Violation {
    pub connection: usize,
    pub breach: Breach,
}

pub struct Fleet {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
    buffer: Vec<u8>,
    answer: Vec<u8>,
    connections: Vec<Connection>,
    requests: Vec<String>,
    stamps: StampFinder,
    pub tally: Tally,
}

impl Fleet {
    /// Opens all subscribers of `workload` and waits until each has its snapshots. `progress` is told how many are.
    pub fn open(
        workload: &Workload,
        transport: Transport,
        target: SocketAddrV4,
        mut progress: impl FnMut(usize),
    ) -> anyhow::Result<Fleet> {
        let mut fleet = Fleet {
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            events: Vec::with_capacity(EVENTS_MAX),
            buffer: vec![0; READ_BYTES_MAX],
            answer: Vec::new(),
            connections: Vec::with_capacity(workload.subscribers),
            requests: Vec::new(),
            stamps: StampFinder::default(),
            tally: Tally::default(),
        };
        let deadline = now_ns() + OPEN_TIME_NS;
        let subscriptions = workload.subscriptions();
        let mut whole = 0;
        while whole < subscriptions.len() {
            while fleet.connections.len() < subscriptions.len().min(whole + OPENING_MAX) {
                fleet.dial(workload, transport, target, &subscriptions[fleet.connections.len()])?;
            }
            fleet.turn(now_ns() + SECOND_NS / 10)?;
            whole = fleet.connections.iter().filter(|connection| connection.ledger.is_whole()).count();
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
    ) -> anyhow::Result<()> {
        let number = self.connections.len();
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)
            .context("a subscriber's socket (is the limit of open files too low?)")?;
        if target.ip().is_loopback() {
            let source = Ipv4Addr::new(127, 0, 0, 2 + (number / PER_SOURCE_MAX) as u8);
            bind(&socket, &SocketAddrV4::new(source, 0)).context("a source address")?;
        }
        sockopt::set_tcp_nodelay(&socket, true)?;
        match connect(&socket, &target) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(error).with_context(|| format!("cannot connect to {target}")),
        }
        epoll::add(&self.epoll, &socket, EventData::new_u64(number as u64), EventFlags::OUT)?;
        let names: Vec<String> = topics.iter().map(|topic| workload.topic(*topic as usize)).collect();
        let names = names.join(",");
        self.requests.push(match transport {
            Transport::Websocket => websocket::request(&names),
            Transport::Sse => sse::request(&names),
        });
        self.connections.push(Connection::new(socket, transport, Ledger::new(workload.prefix(), topics)));
        Ok(())
    }

    /// Waits until something is readable, at most until `until_ns`, and takes it.
    pub fn turn(&mut self, until_ns: u64) -> anyhow::Result<()> {
        let left = timespec(until_ns.saturating_sub(now_ns()));
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&left)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).context("epoll"),
        }
        for index in 0..self.events.len() {
            let number = self.events[index].data.u64() as usize;
            let outcome = match self.connections[number].phase {
                Phase::Connecting => self.ask(number),
                _ => self.read(number),
            };
            outcome.map_err(|breach| Violation { connection: number, breach })?;
        }
        Ok(())
    }

    /// The socket is connected: sends the request.
    fn ask(&mut self, number: usize) -> Result<(), Breach> {
        let connection = &mut self.connections[number];
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
        let connection = &mut self.connections[number];
        let length = match recv(&connection.socket, &mut self.buffer[..], RecvFlags::empty()) {
            Ok((0, _)) => return Err(plain("stream", "more", "its end")),
            Ok((length, _)) => length,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Err(error) => return Err(plain("stream", "more", error.to_string())),
        };
        self.tally.bytes += length as u64;
        self.tally.reads += 1;
        let (stamps, tally, answer) = (&self.stamps, &mut self.tally, &mut self.answer);
        let mut taking = Taking { stamps, tally, now_ns: now_ns(), answer };
        connection.take(&self.buffer[..length], &mut taking)?;
        if !self.answer.is_empty() {
            let sent = send(&connection.socket, &self.answer, SendFlags::NOSIGNAL);
            let length = self.answer.len();
            self.answer.clear();
            if sent != Ok(length) {
                return Err(plain("pong", format!("{length} bytes sent"), format!("{sent:?}")));
            }
        }
        Ok(())
    }

    /// What of all that was published some connection has not been given; `last` says the number of a topic's newest.
    pub fn first_behind(&self, last: impl Fn(u32) -> u64) -> Option<Violation> {
        self.connections.iter().enumerate().find_map(|(connection, state)| {
            let breach = state.ledger.first_behind(&last)?;
            Some(Violation { connection, breach })
        })
    }
}
