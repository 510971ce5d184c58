//! Subscribers that do not just listen: they come and go, read slowly, or all break off at once and come back. They run
//! on a thread of their own beside those that are measured, and prove what they are told like them.

pub mod report;

use crate::audience::{Group, Seat, Share, seats};
use crate::audit;
use crate::client::query::Query;
use crate::client::tally::latencies;
use crate::clock::{MILLISECOND_NS, SECOND_NS, now_ns};
use crate::crowd::guest::Habit;
use crate::crowd::{Crowd, Manners};
use crate::measure::DRAIN_TIME_NS;
use crate::publisher::Schedule;
use crate::scan::whole;
use crate::target::kernel::listen_overflows;
use crate::target::process::name_thread;
use crate::workload::Workload;
use anyhow::{Context, bail};
use report::{Roamed, Storm};
use std::net::SocketAddrV4;
use std::sync::atomic::{AtomicBool, Ordering};

/// How fast they come at first, per second.
const ARRIVALS_PER_SECOND: u64 = 2_000;
/// Longest time until all of them have come.
const OPEN_TIME_NS: u64 = 90 * SECOND_NS;
/// How often the loop looks at the clock.
const LOOK_NS: u64 = 20 * MILLISECOND_NS;
/// Their thread gives way to that of the measured by so much.
const NICENESS: i32 = 10;

/// Subscribers of one kind, and what they do.
#[derive(Clone, Debug, PartialEq)]
pub struct Roamers {
    pub group: Group,
    pub manner: Manner,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Manner {
    /// A connection lasts so long on average; another follows it, mostly with the cursor.
    Churn { lifetime_ms: u64, away_ms: u64 },
    /// They stop reading now and then, for so long at most.
    Stall { longest_ms: u64 },
    /// They take so many bytes a second.
    Slow { bytes_per_s: u64 },
    /// So long after the window began all break off, and come back over so long.
    Storm { at_s: u64, over_ms: u64 },
}

impl Roamers {
    fn manners(&self, seed: u64) -> Manners {
        let calm = Manners { far_share: 0.0, seed, ..Manners::default() };
        match self.manner {
            Manner::Churn { lifetime_ms, away_ms } => Manners { life_ms: lifetime_ms, away_ms, ..calm },
            Manner::Stall { longest_ms } => Manners { stall_ms: longest_ms, ..calm },
            Manner::Slow { bytes_per_s } => Manners { read_bytes_per_s: bytes_per_s, ..calm },
            Manner::Storm { .. } => calm,
        }
    }

    fn roams(&self) -> bool {
        matches!(self.manner, Manner::Churn { .. })
    }

    fn habit(&self, seat: &Seat, workload: &Workload) -> Habit {
        Habit {
            topics: Query::of(seat, &self.group, workload).text().to_owned(),
            exact: seat.topics.iter().map(|topic| workload.topic(*topic as usize).into_bytes().into()).collect(),
            transports: vec![self.group.transport],
            stalls: matches!(self.manner, Manner::Stall { .. } | Manner::Slow { .. }),
            roams: self.roams(),
        }
    }
}

/// A group of roamers in a run.
pub struct Excursion<'a> {
    roamers: &'a Roamers,
    workload: &'a Workload,
    target: SocketAddrV4,
    crowd: Crowd,
    storm: Option<Storm>,
}

impl<'a> Excursion<'a> {
    /// All of them come. Those that only listen at first are whole when this returns.
    pub fn open(roamers: &'a Roamers, workload: &'a Workload, target: SocketAddrV4, seed: u64) -> anyhow::Result<Self> {
        let mut crowd = Crowd::new(target, roamers.manners(seed))?;
        let start_ns = now_ns();
        let workload_of_seats = Workload { seed, ..workload.clone() };
        for seat in seats(&workload_of_seats, std::slice::from_ref(&roamers.group), Share::ALL) {
            let due_ns = start_ns + seat.number as u64 * SECOND_NS / ARRIVALS_PER_SECOND;
            crowd.add(roamers.habit(&seat, workload), due_ns);
        }
        let all = roamers.group.subscribers as u64;
        while crowd.doings.arrivals < all || (!roamers.roams() && crowd.waiting() > 0) {
            if now_ns() > start_ns + OPEN_TIME_NS {
                bail!("{} of {all} {} were not whole in time", crowd.waiting(), roamers.group.name);
            }
            crowd.turn(now_ns() + LOOK_NS)?;
        }
        Ok(Excursion { roamers, workload, target, crowd, storm: None })
    }

    /// Runs until the schedule's end or until it is `over`, then sees that all of them have everything.
    fn run(mut self, schedule: Schedule, over: &AtomicBool) -> anyhow::Result<Roamed> {
        // Nobody but the measured is disturbed if it is not to be had.
        let _ = rustix::process::nice(NICENESS);
        name_thread(c"roamers");
        let window_ns = schedule.start_ns + self.workload.warmup * SECOND_NS;
        self.crowd.tally.timed_from_ns = window_ns;
        self.roam_until(window_ns, over)?;
        let arrivals = self.crowd.doings.arrivals;
        self.crowd.arrivals = latencies();
        if let Manner::Storm { at_s, over_ms } = self.roamers.manner {
            self.roam_until(window_ns + at_s * SECOND_NS, over)?;
            self.storm(window_ns, over_ms)?;
        }
        self.roam_until(schedule.end_ns(), over)?;
        let arrivals = self.crowd.doings.arrivals - arrivals;
        self.settle(over)?;
        let seconds = self.workload.seconds;
        Ok(Roamed::new(&self.roamers.group, &self.crowd, arrivals as f64 / seconds as f64, self.storm))
    }

    fn roam_until(&mut self, until_ns: u64, over: &AtomicBool) -> anyhow::Result<()> {
        while now_ns() < until_ns && !over.load(Ordering::Relaxed) {
            self.crowd.turn(until_ns.min(now_ns() + LOOK_NS))?;
        }
        Ok(())
    }

    /// All break off; returns when the last is back and whole.
    fn storm(&mut self, window_ns: u64, over_ms: u64) -> anyhow::Result<()> {
        let overflows = listen_overflows()?;
        let begun_ns = now_ns();
        self.crowd.scatter(begun_ns, over_ms * MILLISECOND_NS);
        while self.crowd.waiting() > 0 {
            if now_ns() > begun_ns + OPEN_TIME_NS {
                bail!("{} were not back in time after the storm", self.crowd.waiting());
            }
            // To count them takes longer than to serve one.
            let look_ns = now_ns() + LOOK_NS;
            while now_ns() < look_ns {
                self.crowd.turn(look_ns)?;
            }
        }
        let end_ns = now_ns();
        self.storm = Some(Storm {
            from_s: (begun_ns - window_ns) as f64 / 1e9,
            to_s: (end_ns - window_ns) as f64 / 1e9,
            over_ms,
            back_ms: (end_ns - begun_ns) as f64 / 1e6,
            listen_overflows: listen_overflows()? - overflows,
            others: None,
        });
        Ok(())
    }

    /// Everybody is there and has the last message.
    fn settle(&mut self, over: &AtomicBool) -> anyhow::Result<()> {
        self.crowd.settle()?;
        let deadline = now_ns() + DRAIN_TIME_NS + 2 * SECOND_NS;
        let workload = self.workload;
        let newest = |name: &[u8]| {
            let number = name.strip_prefix(workload.prefix().as_bytes()).and_then(whole);
            number.map_or(0, |number| workload.messages_of(number as u32))
        };
        while let Some(violation) = self.crowd.first_behind(newest).filter(|_| !over.load(Ordering::Relaxed)) {
            if now_ns() > deadline {
                return Err(violation.into());
            }
            self.crowd.turn(now_ns() + LOOK_NS)?;
        }
        if over.load(Ordering::Relaxed) {
            return Ok(());
        }
        let newest = audit::newest(workload, self.target).context("the snapshots to compare with")?;
        self.crowd.first_unlike(workload.prefix(), &newest).map_or(Ok(()), |violation| Err(violation.into()))
    }
}

/// Runs the excursions on threads of their own beside `observe`.
pub fn beside<T>(
    excursions: Vec<Excursion<'_>>,
    schedule: Schedule,
    observe: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<(T, Vec<Roamed>)> {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let run = |excursion: Excursion<'_>| excursion.run(schedule, &over);
        let mut threads = Vec::new();
        for excursion in excursions {
            let thread = std::thread::Builder::new().name("roamers".into());
            threads.push(thread.spawn_scoped(scope, move || run(excursion)).context("the roamers' thread")?);
        }
        let observed = observe();
        // Who waits for what will not come is not asked any more.
        over.store(observed.is_err(), Ordering::Relaxed);
        let mut roamed = Vec::new();
        for thread in threads {
            roamed.push(thread.join().unwrap_or_else(|_| bail!("the roamers' thread panicked")));
        }
        let observed = observed?;
        Ok((observed, roamed.into_iter().collect::<anyhow::Result<_>>()?))
    })
}
