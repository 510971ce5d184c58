//! Millions of topics born and retired, with readers of their pattern along: nothing may stay behind of them.
//!
//! The publisher goes as fast as the slowest reader takes the ends of topics, so that the count is what a reader proved,
//! not what was thrown at it.

use crate::clock::{MILLISECOND_NS, SECOND_NS, now_ns};
use crate::crowd::guest::Habit;
use crate::crowd::{Crowd, Manners};
use crate::measure::pin_clients;
use crate::payload::write_retirement;
use crate::publisher::Stream;
use crate::soak::publish::{LIVES, life, write_birth};
use crate::soak::samples::{Sample, Sampler, growth};
use crate::target::process::name_thread;
use crate::target::{Plan, Setting, Target};
use crate::workload::Transport;
use anyhow::{Context, bail, ensure};
use serde::Serialize;
use std::net::SocketAddrV4;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Topics in one chunk of lines.
const CHUNK_TOPICS: u64 = 200;
/// Topics retired ahead of the slowest reader, at most.
const AHEAD_MAX: u64 = 4_000;
/// Longest time without any progress.
const STALL_NS: u64 = 30 * SECOND_NS;
/// Samples before this share of the count are the warm-up: the log fills.
const WARM_SHARE: f64 = 0.2;
/// Samples that a run takes, at least.
const SAMPLES_MIN: u64 = 20;

#[derive(Clone, Debug, clap::Args, Serialize)]
pub struct BirthsLoad {
    /// Topics born and retired
    #[arg(long, default_value_t = 10_000_000, value_name = "N")]
    pub count: u64,
    /// Topics alive at a time
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    pub alive: u64,
    /// Subscribers of the pattern that covers them all, WebSocket and SSE in turn
    #[arg(long, default_value_t = 2, value_name = "N")]
    pub readers: usize,
    /// Ends the run after so many seconds, with the count that was reached
    #[arg(long, default_value_t = 3_600, value_name = "S")]
    pub seconds_max: u64,
    /// Most that allocated memory may grow after the first fifth, MiB
    #[arg(long, default_value_t = 8.0, value_name = "MIB")]
    pub growth_mib_max: f64,
}

#[derive(Clone, Debug, Serialize)]
pub struct BirthsReport {
    pub load: BirthsLoad,
    pub seconds: f64,
    pub born: u64,
    pub retired: u64,
    /// What every reader was told: births and ends, each proven.
    pub messages: u64,
    pub lags: u64,
    pub topics_at_end: u64,
    pub allocated_growth: f64,
    pub resident_growth: f64,
    pub samples: Vec<Sample>,
}

#[derive(Debug, Default)]
struct Board {
    born: AtomicU64,
    retired: AtomicU64,
    /// Ends that the slowest reader was told.
    read: AtomicU64,
    stop: AtomicBool,
}

pub fn run(load: &BirthsLoad, setting: &Setting, mut tell: impl FnMut(&str)) -> anyhow::Result<BirthsReport> {
    ensure!(load.count > load.alive && load.alive > 0, "--alive is fewer than --count");
    ensure!((1..=50).contains(&load.readers), "--readers is 1 to 50");
    pin_clients(setting.client_cpu);
    name_thread(c"readers");
    let limits = "log_bytes_max = 33554432\npending_entries_max = 8192";
    let target = Target::gateway(setting, &Plan::serving("shards = 1\npage = false", limits))?;
    let mut crowd = Crowd::new(target.address, Manners::default())?;
    let transports = [Transport::Websocket, Transport::Sse].into_iter().cycle().take(load.readers);
    let readers: Vec<usize> = transports.map(|transport| crowd.add(reader(transport), now_ns())).collect();
    let deadline = now_ns() + STALL_NS;
    while crowd.first_behind(|_| 0).is_some() {
        ensure!(now_ns() < deadline, "the readers were not whole in time");
        crowd.turn(now_ns() + MILLISECOND_NS)?;
    }
    let board = Board::default();
    std::thread::scope(|scope| {
        let publishing = std::thread::Builder::new()
            .name("publisher".into())
            .spawn_scoped(scope, || publish(&board, load, target.address))
            .context("the publisher's thread")?;
        let watched = watch(load, &target, &mut crowd, &readers, &board, &mut tell);
        board.stop.store(true, Ordering::Relaxed);
        let published = publishing.join().unwrap_or_else(|_| bail!("the publisher panicked"));
        let report = watched?;
        published.and(Ok(report))
    })
    .and_then(|report| target.stop().map(|()| report))
}

fn reader(transport: Transport) -> Habit {
    let (topics, exact, transports) = (LIVES.to_owned(), Vec::new(), vec![transport]);
    Habit { topics, exact, transports, stalls: false, roams: false }
}

/// Births and retirements in chunks, each ahead of the readers by a little only.
fn publish(board: &Board, load: &BirthsLoad, target: SocketAddrV4) -> anyhow::Result<()> {
    let (mut stream, mut lines, mut sent) = (Stream::open(target)?, Vec::new(), 0);
    let (mut born, mut retired) = (0, 0);
    while retired < load.count {
        // Told to stop, it still retires what it gave birth to.
        let stopped = board.stop.load(Ordering::Relaxed);
        if stopped && retired == born {
            break;
        }
        if !stopped && retired >= board.read.load(Ordering::Relaxed) + AHEAD_MAX {
            crate::clock::wait_until(now_ns() + MILLISECOND_NS / 5);
            continue;
        }
        lines.clear();
        let until = if stopped { born } else { load.count.min(born + CHUNK_TOPICS) };
        sent += until - born;
        (born..until).for_each(|number| write_birth(number, &mut lines));
        born = until;
        let alive = if stopped || born == load.count { 0 } else { load.alive };
        let until = born.saturating_sub(alive).min(retired + 2 * CHUNK_TOPICS).max(retired);
        sent += until - retired;
        (retired..until).for_each(|number| write_retirement(&life(number), &mut lines));
        retired = until;
        stream.send(&lines)?;
        board.born.store(born, Ordering::Relaxed);
        board.retired.store(retired, Ordering::Relaxed);
    }
    let accepted = stream.finish()?;
    ensure!(accepted == sent, "the gateway accepted {accepted} of {sent} lines");
    Ok(())
}

fn watch(
    load: &BirthsLoad,
    target: &Target,
    crowd: &mut Crowd,
    readers: &[usize],
    board: &Board,
    tell: &mut impl FnMut(&str),
) -> anyhow::Result<BirthsReport> {
    let start_ns = now_ns();
    let mut sampler = Sampler::new(target, start_ns)?;
    let (mut samples, mut moved_ns, mut told_ns): (Vec<(u64, Sample)>, u64, u64) = (Vec::new(), start_ns, start_ns);
    let every = (load.count / SAMPLES_MIN).max(1);
    loop {
        crowd.turn(now_ns() + MILLISECOND_NS)?;
        let ends = |number: &usize| crowd.copy(*number).map_or(0, |copy| copy.account.ends);
        let read = readers.iter().map(ends).min().unwrap_or(0);
        let now = now_ns();
        if board.read.swap(read, Ordering::Relaxed) != read {
            moved_ns = now;
        }
        if now > start_ns + load.seconds_max * SECOND_NS {
            board.stop.store(true, Ordering::Relaxed);
        }
        let retired = board.retired.load(Ordering::Relaxed);
        let due = samples.last().is_none_or(|(last, _)| read >= last + every) || now > told_ns + 10 * SECOND_NS;
        if due {
            let (sample, _) = sampler.take(target, now)?;
            tell(&progress(&sample, read));
            samples.push((read, sample));
            told_ns = now;
        }
        let over = retired == board.born.load(Ordering::Relaxed) && read == retired;
        if over && (retired == load.count || board.stop.load(Ordering::Relaxed)) {
            break;
        }
        ensure!(now < moved_ns + STALL_NS, "the readers were told {read} of {retired} ends, and no more");
    }
    conclude(load, target, crowd, board, samples, start_ns)
}

fn progress(sample: &Sample, read: u64) -> String {
    let Sample { at_s, resident, allocated, topics, server_cpu, client_cpu, .. } = sample;
    let mb = |bytes: &u64| *bytes as f64 / 1e6;
    format!(
        "{at_s:>6.0} s  {read} born and retired, {topics} topics; CPU {:.0}% + {:.0}%; resident {:.1} MB, allocated {:.1} MB",
        server_cpu * 100.0,
        client_cpu * 100.0,
        mb(resident),
        mb(allocated)
    )
}

fn conclude(
    load: &BirthsLoad,
    target: &Target,
    crowd: &Crowd,
    board: &Board,
    samples: Vec<(u64, Sample)>,
    start_ns: u64,
) -> anyhow::Result<BirthsReport> {
    let now = now_ns();
    let (last, page) = Sampler::new(target, start_ns)?.take(target, now)?;
    let (born, retired) = (board.born.load(Ordering::Relaxed), board.retired.load(Ordering::Relaxed));
    let warm_from = (retired as f64 * WARM_SHARE) as u64;
    let warm: Vec<Sample> = samples.iter().filter(|(read, _)| *read >= warm_from).map(|(_, s)| s.clone()).collect();
    let account = crowd.account();
    let report = BirthsReport {
        load: load.clone(),
        seconds: (now - start_ns) as f64 / 1e9,
        born,
        retired,
        messages: account.messages,
        lags: account.lags,
        topics_at_end: last.topics,
        allocated_growth: growth(&warm, |sample| sample.allocated),
        resident_growth: growth(&warm, |sample| sample.resident),
        samples: samples.into_iter().map(|(_, sample)| sample).collect(),
    };
    let readers = load.readers as u64;
    ensure!(
        account.births == born * readers && account.ends == retired * readers,
        "{} births and {} ends were told to {readers} readers, of {born} and {retired}",
        account.births,
        account.ends
    );
    ensure!(last.topics == 0, "{} topics are left", last.topics);
    let closes = page.sum("closes_total", "");
    ensure!(closes == 0, "{closes} readers were closed");
    Ok(report)
}

impl BirthsReport {
    pub fn table(&self) -> String {
        let Self { born, retired, seconds, messages, lags, topics_at_end, .. } = self;
        let mib = |bytes: f64| bytes / 1024.0 / 1024.0;
        format!(
            "{born} topics born, {retired} retired in {seconds:.0} s ({:.0} lives/s); {messages} messages proven, {lags} lags\n  \
             topics at the end {topics_at_end}; growth after the first fifth: allocated {:.2} MiB, resident {:.2} MiB\n",
            *retired as f64 / seconds,
            mib(self.allocated_growth),
            mib(self.resident_growth)
        )
    }

    /// Why the run fails; `None` if it does not.
    pub fn failure(&self) -> Option<String> {
        let growth = self.allocated_growth / 1024.0 / 1024.0;
        let most = self.load.growth_mib_max;
        (growth > most).then(|| format!("allocated memory grew by {growth:.1} MiB, above {most}"))
    }
}
