//! The clients: any number of subscribers on one thread and one epoll, none of which believes what it is told.

pub mod connection;
pub mod dial;
pub mod ledger;
pub mod poll;
pub mod query;
pub mod replica;
pub mod sse;
pub mod tally;
pub mod websocket;

use crate::audience::{Group, Seat, Share, seats};
use crate::clock::{MILLISECOND_NS, SECOND_NS, now_ns, timespec};
use crate::payload::StampFinder;
use crate::workload::Workload;
use anyhow::{Context, bail};
use connection::{Connection, Phase, Taking, plain};
use ledger::{Breach, Ledger, Newest};
use query::Query;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
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
    /// Of all client processes.
    number: usize,
    target: usize,
    group: usize,
    /// Time between its polls; 0 of all others.
    interval_ns: u64,
    asked_ns: u64,
    /// Its messages are counted in [`Fleet::aside`].
    aside: bool,
    /// The target may end it.
    may_end: bool,
    ended: bool,
}

/// Who is to be opened, and where they connect to: every so many of them to each target.
#[derive(Clone, Copy, Debug)]
pub struct Invitation<'a> {
    pub workload: &'a Workload,
    pub groups: &'a [Group],
    pub targets: &'a [SocketAddrV4],
    pub share: Share,
    /// The kernel holds little for the first so many.
    pub narrow: usize,
}

pub struct Fleet {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
    buffer: Vec<u8>,
    answer: Vec<u8>,
    members: Vec<Member>,
    requests: Vec<String>,
    /// Who polls next, and when.
    polls: BinaryHeap<Reverse<(u64, usize)>>,
    stamps: StampFinder,
    /// By group.
    pub tallies: Vec<Tally>,
    /// Of those that are told apart: slow ones, or those of a shard that does nothing.
    pub aside: Tally,
    /// How long it took to open them all.
    pub open_ns: u64,
}

impl Fleet {
    /// Opens all that are invited and waits until each has its snapshots. `progress` is told how many are open.
    pub fn open(invitation: &Invitation<'_>, mut progress: impl FnMut(usize)) -> anyhow::Result<Fleet> {
        let Invitation { workload, groups, share, .. } = *invitation;
        let mut fleet = Fleet::empty(groups.len())?;
        let seats = seats(workload, groups, share);
        let start_ns = now_ns();
        let mut whole = 0;
        while whole < seats.len() {
            while fleet.members.len() < seats.len().min(whole + OPENING_MAX) {
                fleet.dial(invitation, &seats[fleet.members.len()])?;
            }
            fleet.turn(now_ns() + SECOND_NS / 10)?;
            whole = fleet.members.iter().filter(|member| member.connection.listener.is_whole()).count();
            progress(whole);
            if now_ns() > start_ns + OPEN_TIME_NS {
                bail!("only {whole} of {} subscribers had their snapshots in time", seats.len());
            }
        }
        fleet.requests = Vec::new();
        fleet.open_ns = now_ns() - start_ns;
        Ok(fleet)
    }

    fn empty(groups: usize) -> anyhow::Result<Fleet> {
        Ok(Fleet {
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            events: Vec::with_capacity(EVENTS_MAX),
            buffer: vec![0; READ_BYTES_MAX],
            answer: Vec::new(),
            members: Vec::new(),
            requests: Vec::new(),
            polls: BinaryHeap::new(),
            stamps: StampFinder::default(),
            tallies: (0..groups).map(|_| Tally::default()).collect(),
            aside: Tally::default(),
            open_ns: 0,
        })
    }

    fn dial(&mut self, invitation: &Invitation<'_>, seat: &Seat) -> anyhow::Result<()> {
        let Invitation { workload, groups, targets, narrow, .. } = *invitation;
        let (number, group, index) = (seat.number, &groups[seat.group], self.members.len());
        let target = number % targets.len();
        let socket = dial::dial(targets[target], number, number < narrow)?;
        epoll::add(&self.epoll, &socket, EventData::new_u64(index as u64), EventFlags::OUT)?;
        let ledger = Ledger::new(workload.prefix(), &seat.topics);
        let ledger = if seat.audited { ledger.audited() } else { ledger };
        let query = Query::of(seat, group, workload);
        let (connection, request) = Connection::begin(socket, group.transport, query, None, ledger);
        self.requests.push(request);
        let interval_ns = group.poll_interval_ms * MILLISECOND_NS;
        let (group, asked_ns) = (seat.group, now_ns());
        let (aside, may_end, ended) = (false, false, false);
        self.members.push(Member { connection, number, target, group, interval_ns, asked_ns, aside, may_end, ended });
        Ok(())
    }

    /// Waits until something is readable, at most until `until_ns`, and takes it.
    pub fn turn(&mut self, until_ns: u64) -> anyhow::Result<()> {
        self.poll_due()?;
        let next_ns = self.polls.peek().map_or(until_ns, |Reverse((due_ns, _))| until_ns.min(*due_ns));
        let left = timespec(next_ns.saturating_sub(now_ns()));
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&left)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).context("epoll"),
        }
        for index in 0..self.events.len() {
            let index = self.events[index].data.u64() as usize;
            let outcome = match self.members[index].connection.phase {
                Phase::Connecting => self.ask(index),
                _ => self.read(index),
            };
            outcome.map_err(|breach| self.violation(index, breach))?;
        }
        Ok(())
    }

    /// Takes what comes until `until_ns`.
    pub fn run_until(&mut self, until_ns: u64) -> anyhow::Result<()> {
        while now_ns() < until_ns {
            self.turn(until_ns)?;
        }
        Ok(())
    }

    fn violation(&self, index: usize, breach: Breach) -> Violation {
        Violation { connection: self.members[index].number, breach }
    }

    /// Asks again where it is time to. By the clock, not by the last answer: a slow answer must not spare the target work.
    fn poll_due(&mut self) -> anyhow::Result<()> {
        while let Some(&Reverse((due_ns, index))) = self.polls.peek().filter(|next| next.0.0 <= now_ns()) {
            self.polls.pop();
            let member = &mut self.members[index];
            member.asked_ns = due_ns;
            if let Some(request) = member.connection.ask_again() {
                self.answer.extend(request.into_bytes());
                self.say(index).map_err(|breach| self.violation(index, breach))?;
            }
        }
        Ok(())
    }

    /// The socket is connected: sends the request.
    fn ask(&mut self, index: usize) -> Result<(), Breach> {
        let connection = &mut self.members[index].connection;
        let request = self.requests[index].as_bytes();
        let sent = send(&connection.socket, request, SendFlags::NOSIGNAL);
        if sent != Ok(request.len()) {
            return Err(plain("request", format!("{} bytes sent", request.len()), format!("{sent:?}")));
        }
        connection.phase = Phase::Head;
        epoll::modify(&self.epoll, &connection.socket, EventData::new_u64(index as u64), EventFlags::IN)
            .map_err(|error| plain("epoll", "a change of interest", error.to_string()))
    }

    fn read(&mut self, index: usize) -> Result<(), Breach> {
        let Member { connection, group, aside, may_end, interval_ns, asked_ns, .. } = &mut self.members[index];
        let length = match recv(&connection.socket, &mut self.buffer[..], RecvFlags::empty()) {
            Ok((0, _)) | Err(Errno::CONNRESET) if *may_end => return self.end(index),
            Ok((0, _)) => return Err(plain("stream", "more", "its end")),
            Ok((length, _)) => length,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Err(error) => return Err(plain("stream", "more", error.to_string())),
        };
        let tally = if *aside { &mut self.aside } else { &mut self.tallies[*group] };
        tally.bytes += length as u64;
        tally.reads += 1;
        let (stamps, answer) = (&self.stamps, &mut self.answer);
        let mut taking = Taking { stamps, tally, now_ns: now_ns(), answer };
        connection.take(&self.buffer[..length], &mut taking)?;
        if connection.rests() {
            self.polls.push(Reverse((*asked_ns + *interval_ns, index)));
        }
        if self.answer.is_empty() { Ok(()) } else { self.say(index) }
    }

    /// Sends what is to be said: a pong, or the next poll.
    fn say(&mut self, index: usize) -> Result<(), Breach> {
        let Member { connection, may_end, .. } = &self.members[index];
        let sent = send(&connection.socket, &self.answer, SendFlags::NOSIGNAL);
        let length = self.answer.len();
        self.answer.clear();
        // Who may be ended answers pings of before its end.
        if sent == Ok(length) || *may_end {
            return Ok(());
        }
        Err(plain("answer", format!("{length} bytes sent"), format!("{sent:?}")))
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

    /// What all have received together.
    pub fn total(&self) -> Tally {
        let mut total = Tally::default();
        self.tallies.iter().for_each(|tally| total.add(tally));
        total
    }

    /// Latencies are those of messages that are due from then on.
    pub fn time_from(&mut self, ns: u64) {
        self.tallies.iter_mut().for_each(|tally| tally.timed_from_ns = ns);
    }

    /// What of all that was published some connection has not been given; `last` says the number of a topic's newest.
    pub fn first_behind(&self, last: impl Fn(u32) -> u64) -> Option<Violation> {
        let mut open = self.members.iter().filter(|member| !member.ended);
        open.find_map(|Member { connection, number, .. }| {
            let breach = connection.listener.first_behind(&last)?;
            Some(Violation { connection: *number, breach })
        })
    }

    /// How many are audited.
    pub fn audited(&self) -> usize {
        self.members.iter().filter(|member| member.connection.listener.is_audited()).count()
    }

    /// The first subscriber of a target that holds another state than the target's snapshots tell.
    pub fn first_unlike(&self, target: usize, newest: &Newest) -> Option<Violation> {
        let mut there = self.members.iter().filter(|member| member.target == target && !member.ended);
        there.find_map(|Member { connection, number, .. }| {
            let breach = connection.listener.first_unlike(newest)?;
            Some(Violation { connection: *number, breach })
        })
    }
}
