//! Subscribers that come and go: they connect, leave at any byte, come back with the cursor over another transport, stop
//! reading for a while. On one thread and one epoll; each holds a [`Copy`] that proves all it is told.

pub mod copy;
pub mod guest;
pub mod poll;

use crate::client::Violation;
use crate::client::connection::{Taking, plain};
use crate::client::dial::dial;
use crate::client::ledger::Breach;
use crate::client::tally::Tally;
use crate::clock::{MILLISECOND_NS, SECOND_NS, now_ns, timespec};
use crate::payload::StampFinder;
use anyhow::Context;
use copy::{Account, Copy};
use guest::{Habit, Line};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddrV4;

/// Readiness events taken at a time.
const EVENTS_MAX: usize = 1_024;
/// Bytes read at a time; one buffer for all connections.
const READ_BYTES_MAX: usize = 256 * 1024;
/// Connections begun in one turn, so that those that are open have theirs.
const DIALS_PER_TURN: usize = 64;
/// How much later one stops reading whose connection is not there yet, ms.
const PATIENCE_MS: u64 = 200;
/// Longest time until a subscriber has its snapshots.
const WHOLE_TIME_NS: u64 = 30 * SECOND_NS;
/// Longest silence of a stream: heartbeats come more often.
const SILENCE_NS: u64 = 40 * SECOND_NS;

/// How those that roam live. Times in ms.
#[derive(Clone, Copy, Debug)]
pub struct Manners {
    /// Mean time of a connection; each lasts between a tenth and twice of it.
    pub life_ms: u64,
    /// A stall lasts between a third of it and this.
    pub stall_ms: u64,
    /// Every tenth stall lasts so long that the gateway ends the connection (`write_stall_ms`).
    pub long_stall_ms: u64,
    pub seed: u64,
}

/// What the crowd did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Doings {
    pub arrivals: u64,
    /// Of those, with a cursor.
    pub resumes: u64,
    pub leaves: u64,
    pub stalls: u64,
    /// Stalls after which the gateway may have ended the connection.
    pub long_stalls: u64,
    /// Ends that the gateway brought about after such a stall.
    pub ended: u64,
    /// Open now.
    pub open: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    Arrive,
    Leave,
    Stall,
    ReadOn,
}

struct Slot {
    habit: Habit,
    /// `None` while it is away.
    line: Option<Line>,
    /// What it holds while it is away.
    kept: Option<Copy>,
    request: Vec<u8>,
    /// Counts its connections, so that timers and events of a former one are told apart.
    session: u32,
    resume: bool,
    stalled: bool,
    may_end: bool,
    since_ns: u64,
    heard_ns: u64,
}

pub struct Crowd {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
    buffer: Vec<u8>,
    answer: Vec<u8>,
    stamps: StampFinder,
    slots: Vec<Slot>,
    timers: BinaryHeap<Reverse<(u64, usize, u32, Act)>>,
    random: SmallRng,
    manners: Manners,
    target: SocketAddrV4,
    /// Nobody leaves or stops reading any more.
    settled: bool,
    pub tally: Tally,
    pub doings: Doings,
}

impl Crowd {
    pub fn new(target: SocketAddrV4, manners: Manners) -> anyhow::Result<Crowd> {
        Ok(Crowd {
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            events: Vec::with_capacity(EVENTS_MAX),
            buffer: vec![0; READ_BYTES_MAX],
            answer: Vec::new(),
            stamps: StampFinder::default(),
            slots: Vec::new(),
            timers: BinaryHeap::new(),
            random: SmallRng::seed_from_u64(manners.seed),
            manners,
            target,
            settled: false,
            tally: Tally::default(),
            doings: Doings::default(),
        })
    }

    /// One more subscriber, which comes at `due_ns`. Returns its number.
    pub fn add(&mut self, habit: Habit, due_ns: u64) -> usize {
        let number = self.slots.len();
        let kept = Some(Copy::new(habit.exact.clone(), !habit.stalls));
        self.slots.push(Slot {
            habit,
            line: None,
            kept,
            request: Vec::new(),
            session: 0,
            resume: false,
            stalled: false,
            may_end: false,
            since_ns: 0,
            heard_ns: 0,
        });
        self.timers.push(Reverse((due_ns, number, 0, Act::Arrive)));
        number
    }

    /// Everybody comes back, reads and stays.
    pub fn settle(&mut self) -> anyhow::Result<()> {
        self.settled = true;
        let now = now_ns();
        for number in 0..self.slots.len() {
            let session = self.slots[number].session;
            match self.slots[number].line {
                None => self.timers.push(Reverse((now, number, session, Act::Arrive))),
                Some(_) if self.slots[number].stalled => self.read_on(number)?,
                Some(_) => {}
            }
        }
        Ok(())
    }

    pub fn copy(&self, number: usize) -> Option<&Copy> {
        let slot = &self.slots[number];
        slot.line.as_ref().map(Line::copy).or(slot.kept.as_ref())
    }

    /// Everything that all of them were told.
    pub fn account(&self) -> Account {
        let copies = (0..self.slots.len()).filter_map(|number| self.copy(number));
        copies.map(|copy| copy.account).fold(Account::default(), |sum, one| sum.plus(&one))
    }

    /// The same of those who never stop reading.
    pub fn account_of_readers(&self) -> Account {
        let readers = (0..self.slots.len()).filter(|&number| !self.slots[number].habit.stalls);
        readers.filter_map(|n| self.copy(n)).fold(Account::default(), |sum, copy| sum.plus(&copy.account))
    }

    /// The first that is not connected and whole, or whose newest message of an exact topic is not the last published.
    pub fn first_behind(&self, newest: impl Fn(&[u8]) -> u64) -> Option<Violation> {
        self.slots.iter().enumerate().find_map(|(connection, slot)| {
            let violation = |expected: String, got: String| Violation {
                connection,
                breach: plain("the end was not delivered", expected, got),
            };
            let Some(line) = &slot.line else { return Some(violation("a connection".into(), "none".into())) };
            let copy = line.copy();
            // A poll is whole when it is answered; between two answers it is live.
            if !copy.is_live() {
                return Some(violation("a whole subscriber".into(), format!("{:?}", slot.habit.topics)));
            }
            copy.exact().iter().find_map(|topic| {
                let (last, got) = (newest(topic), copy.newest(topic));
                let name = String::from_utf8_lossy(topic);
                (got != Some(last)).then(|| violation(format!("message {last} of {name}"), format!("{got:?}")))
            })
        })
    }

    /// Does what is due, then takes what comes, at most until `until_ns`.
    pub fn turn(&mut self, until_ns: u64) -> anyhow::Result<()> {
        self.act()?;
        let next = self.timers.peek().map_or(until_ns, |Reverse((due, ..))| until_ns.min(*due));
        let left = timespec(next.saturating_sub(now_ns()));
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&left)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).context("epoll"),
        }
        for index in 0..self.events.len() {
            let data = self.events[index].data.u64();
            let (number, session) = ((data & 0xFFFF_FFFF) as usize, (data >> 32) as u32);
            if self.slots[number].session != session {
                continue;
            }
            let outcome = match &self.slots[number].line {
                Some(line) if line.is_connecting() => self.ask(number),
                Some(_) if !self.slots[number].stalled => self.read(number),
                _ => Ok(()),
            };
            outcome.map_err(|breach| Violation { connection: number, breach })?;
        }
        Ok(())
    }

    fn act(&mut self) -> anyhow::Result<()> {
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
        let Some(copy) = slot.kept.take() else { return Ok(()) };
        let way = slot.habit.ways[self.random.random_range(0..slot.habit.ways.len())];
        let socket = dial(self.target, number, slot.habit.stalls)?;
        slot.session = slot.session.wrapping_add(1);
        (slot.stalled, slot.may_end) = (false, false);
        slot.since_ns = now_ns();
        slot.heard_ns = slot.since_ns;
        let data = EventData::new_u64(number as u64 | u64::from(slot.session) << 32);
        epoll::add(&self.epoll, &socket, data, EventFlags::OUT)?;
        let (line, request) = Line::begin(socket, way, &slot.habit.topics, copy, slot.resume);
        (slot.line, slot.request) = (Some(line), request);
        self.doings.arrivals += 1;
        self.doings.resumes += u64::from(slot.resume);
        self.doings.open += 1;
        let (roams, stalls) = (slot.habit.roams, slot.habit.stalls);
        if roams {
            let life = self.random.random_range(self.manners.life_ms / 10..=self.manners.life_ms * 19 / 10);
            self.later(life, number, Act::Leave);
        }
        if stalls {
            let pause = self.random.random_range(0..=self.manners.stall_ms);
            self.later(pause, number, Act::Stall);
        }
        Ok(())
    }

    fn later(&mut self, ms: u64, number: usize, act: Act) {
        let session = self.slots[number].session;
        self.timers.push(Reverse((now_ns() + ms * MILLISECOND_NS, number, session, act)));
    }

    /// Before it leaves: it was served while it was there.
    fn check_life(&self, number: usize) -> Result<(), Breach> {
        let slot = &self.slots[number];
        let Some(line) = slot.line.as_ref().filter(|_| !slot.stalled && !slot.habit.stalls) else { return Ok(()) };
        let now = now_ns();
        if !line.copy().is_live() && now - slot.since_ns > WHOLE_TIME_NS {
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
            && let Some(farewell) = line.farewell()
        {
            // Whether it arrives is not what is tried.
            let _ = send(line.socket(), &farewell, SendFlags::NOSIGNAL);
        }
        self.doings.leaves += 1;
        self.away(number, line);
    }

    /// The connection is over; the client will be back.
    fn away(&mut self, number: usize, line: Line) {
        self.doings.open -= 1;
        let (resume, far) = (self.random.random_bool(0.75), self.random.random_bool(0.03));
        let away = if far { 20_000..=40_000 } else { 0..=2_000 };
        let away = self.random.random_range(away);
        let slot = &mut self.slots[number];
        // Dropping the line closes its socket, which also leaves the epoll.
        slot.kept = Some(line.into_copy());
        slot.session = slot.session.wrapping_add(1);
        slot.resume = resume;
        self.later(if self.settled { 0 } else { away }, number, Act::Arrive);
    }

    fn stall(&mut self, number: usize) -> anyhow::Result<()> {
        if self.slots[number].line.as_ref().is_some_and(Line::is_connecting) {
            // It has not asked yet: it would be cut off for that, not for being slow.
            self.later(PATIENCE_MS, number, Act::Stall);
            return Ok(());
        }
        let long = self.random.random_bool(0.1);
        let Manners { stall_ms, long_stall_ms, .. } = self.manners;
        let ms = if long { long_stall_ms } else { self.random.random_range(stall_ms / 3..=stall_ms) };
        let slot = &mut self.slots[number];
        slot.stalled = true;
        slot.may_end |= long;
        self.doings.stalls += 1;
        self.doings.long_stalls += u64::from(long);
        self.later(ms, number, Act::ReadOn);
        self.watch(number, EventFlags::empty())
    }

    fn read_on(&mut self, number: usize) -> anyhow::Result<()> {
        self.slots[number].stalled = false;
        let pause = self.random.random_range(self.manners.stall_ms..=self.manners.stall_ms * 4);
        self.later(pause, number, Act::Stall);
        self.watch(number, EventFlags::IN)
    }

    fn watch(&self, number: usize, flags: EventFlags) -> anyhow::Result<()> {
        let slot = &self.slots[number];
        let Some(line) = &slot.line else { return Ok(()) };
        let data = EventData::new_u64(number as u64 | u64::from(slot.session) << 32);
        epoll::modify(&self.epoll, line.socket(), data, flags).context("epoll")
    }

    /// The socket is connected: sends the request.
    fn ask(&mut self, number: usize) -> Result<(), Breach> {
        let slot = &mut self.slots[number];
        let Some(line) = slot.line.as_mut() else { return Ok(()) };
        let sent = send(line.socket(), &slot.request, SendFlags::NOSIGNAL);
        if sent != Ok(slot.request.len()) {
            return Err(plain("request", format!("{} bytes sent", slot.request.len()), format!("{sent:?}")));
        }
        line.asked();
        slot.request = Vec::new();
        let flags = if slot.stalled { EventFlags::empty() } else { EventFlags::IN };
        self.watch(number, flags).map_err(|error| plain("epoll", "a change of interest", error.to_string()))
    }

    fn read(&mut self, number: usize) -> Result<(), Breach> {
        let slot = &mut self.slots[number];
        let Some(line) = slot.line.as_mut() else { return Ok(()) };
        let length = match recv(line.socket(), &mut self.buffer[..], RecvFlags::empty()) {
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
        if !self.answer.is_empty() {
            let sent = send(line.socket(), &self.answer, SendFlags::NOSIGNAL);
            let length = self.answer.len();
            self.answer.clear();
            if sent != Ok(length) && !slot.may_end {
                return Err(plain("answer", format!("{length} bytes sent"), format!("{sent:?}")));
            }
        }
        Ok(())
    }
}

impl Account {
    fn plus(self, other: &Account) -> Account {
        Account {
            messages: self.messages + other.messages,
            lags: self.lags + other.lags,
            lost: self.lost + other.lost,
            births: self.births + other.births,
            ends: self.ends + other.ends,
            full: self.full + other.full,
        }
    }
}
