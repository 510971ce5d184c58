//! Subscribers that come and go: they connect, leave at any byte, come back with the cursor over another transport, stop
//! reading for a while. On one thread and one epoll; each holds a [`Copy`] that proves all it is told.

pub mod account;
pub mod copy;
pub mod guest;
mod life;
mod own;
mod reading;

use crate::client::Violation;
use crate::client::connection::{Connection, Phase, plain};
use crate::client::ledger::Newest;
use crate::client::tally::{Tally, latencies};
use crate::clock::{now_ns, timespec};
use crate::payload::StampFinder;
use account::Account;
use anyhow::Context;
use copy::Copy;
use guest::Habit;
use hdrhistogram::Histogram;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rustix::event::epoll::{self, CreateFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::mem::MaybeUninit;
use std::net::SocketAddrV4;

/// Readiness events taken at a time.
const EVENTS_MAX: usize = 1_024;
/// Bytes read at a time; one buffer for all connections.
const READ_BYTES_MAX: usize = 256 * 1024;

/// How those that roam live, and those that stall. Times in ms.
#[derive(Clone, Copy, Debug)]
pub struct Manners {
    /// Mean time of a connection; each lasts between a tenth and twice of it.
    pub life_ms: u64,
    /// Longest time between two connections.
    pub away_ms: u64,
    /// Share of those who stay away for 20 to 40 s, which may be more than the log holds.
    pub far_share: f64,
    /// Share of those who come back with a cursor.
    pub resume_share: f64,
    /// A stall lasts between a third of it and this.
    pub stall_ms: u64,
    /// Every tenth stall lasts so long that the gateway ends the connection (`write_stall_ms`); 0: none does.
    pub long_stall_ms: u64,
    /// Who stalls does not, but takes so many bytes a second; 0: it stalls.
    pub read_bytes_per_s: u64,
    pub seed: u64,
}

impl Default for Manners {
    fn default() -> Manners {
        Manners {
            life_ms: 60_000,
            away_ms: 2_000,
            far_share: 0.03,
            resume_share: 0.75,
            stall_ms: 10_000,
            long_stall_ms: 0,
            read_bytes_per_s: 0,
            seed: 1,
        }
    }
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
    line: Option<Connection<Copy>>,
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
    /// It has been live since it came.
    was_live: bool,
}

pub struct Crowd {
    epoll: OwnedFd,
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
    /// From a stream's beginning until it was live, ns.
    pub arrivals: Histogram<u64>,
    pub doings: Doings,
}

impl Crowd {
    pub fn new(target: SocketAddrV4, manners: Manners) -> anyhow::Result<Crowd> {
        Ok(Crowd {
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
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
            arrivals: latencies(),
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
            was_live: false,
        });
        self.timers.push(Reverse((due_ns, number, 0, Act::Arrive)));
        number
    }

    /// How many are not live: away, or not told everything yet.
    pub fn waiting(&self) -> usize {
        let live = |slot: &&Slot| slot.line.as_ref().is_some_and(|line| line.listener.is_live());
        self.slots.len() - self.slots.iter().filter(live).count()
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
        slot.line.as_ref().map(|line| &line.listener).or(slot.kept.as_ref())
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
            let copy = &line.listener;
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

    /// The first that holds another state than the snapshots tell.
    pub fn first_unlike(&self, prefix: &str, newest: &Newest) -> Option<Violation> {
        (0..self.slots.len()).find_map(|connection| {
            let breach = self.copy(connection)?.first_unlike(prefix, newest)?;
            Some(Violation { connection, breach })
        })
    }

    /// Does what is due, then takes what comes, at most until `until_ns`.
    pub fn turn(&mut self, until_ns: u64) -> anyhow::Result<()> {
        self.act()?;
        let next = self.timers.peek().map_or(until_ns, |Reverse((due, ..))| until_ns.min(*due));
        let left = timespec(next.saturating_sub(now_ns()));
        let mut room = [const { MaybeUninit::uninit() }; EVENTS_MAX];
        let events: &[epoll::Event] = match epoll::wait(&self.epoll, &mut room, Some(&left)) {
            Ok((events, _)) => events,
            Err(Errno::INTR) => &[],
            Err(error) => return Err(error).context("epoll"),
        };
        for event in events {
            let data = event.data.u64();
            let (number, session) = ((data & 0xFFFF_FFFF) as usize, (data >> 32) as u32);
            if self.slots[number].session != session {
                continue;
            }
            let outcome = match &self.slots[number].line {
                Some(line) if line.phase == Phase::Connecting => self.ask(number),
                Some(_) if !self.slots[number].stalled => self.read(number),
                _ => Ok(()),
            };
            outcome.map_err(|breach| Violation { connection: number, breach })?;
        }
        Ok(())
    }
}
