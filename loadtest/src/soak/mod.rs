//! The soak: a crowd that comes and goes, slow ones among it, feeds that break, topics that are born and retired all the
//! time; every message proven, and the gateway's memory, descriptors and close reasons watched until the end.

pub mod publish;
pub mod report;
pub mod samples;

use crate::clock::{MILLISECOND_NS, SECOND_NS, now_ns};
use crate::crowd::account::Account;
use crate::crowd::guest::Habit;
use crate::crowd::{Crowd, Doings, Manners};
use crate::measure::pin_clients;
use crate::report::Latency;
use crate::target::counters::Page;
use crate::target::process::name_thread;
use crate::target::{Plan, Setting, Target};
use crate::workload::Transport;
use anyhow::{Context, bail, ensure};
use publish::{Board, FLOOD, LIVES, Rates};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng, seq::index};
use report::{SoakReport, failures};
use samples::{Sample, Sampler, growth};
use serde::Serialize;
use std::fmt::Write;
use std::sync::atomic::Ordering;

/// How often the gateway is looked at, and a line is told.
const SAMPLE_NS: u64 = 10 * SECOND_NS;
/// How often the crowd's loop looks at the clock.
const LOOK_NS: u64 = 20 * MILLISECOND_NS;
/// Longest time until everybody has the last message, after the end.
const DRAIN_NS: u64 = 60 * SECOND_NS;
/// Hot topics that a subscriber has.
const HOT_PER_SUBSCRIBER: usize = 4;
/// Bytes of log: full within the warm-up, so that its memory stands still afterwards.
const LOG_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// How often it is asked at the end whether the feeds are back.
const FEEDS_LOOK_NS: u64 = SECOND_NS / 4;
/// `feed_state` of a feed that works, if not as well as it could.
const FEED_DEGRADED: u64 = 2;

#[derive(Clone, Debug, clap::Args, Serialize)]
pub struct SoakLoad {
    /// Minutes of it (the warm-up included)
    #[arg(long, default_value_t = 60.0, value_name = "N")]
    pub minutes: f64,
    /// Subscribers, WebSocket and SSE mixed; one in a hundred polls, another one polls and streams in turn
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    pub subscribers: usize,
    /// How many of them stop reading now and then
    #[arg(long, default_value_t = 60, value_name = "N")]
    pub slow: usize,
    /// Longest stall of those, ms; every tenth is four times as long, and above the gateway's `write_stall_ms`, which is three
    /// times that, so that a busy machine does not turn one into the other
    #[arg(long, default_value_t = 24_000, value_name = "MS")]
    pub stall_ms: u64,
    /// The gateway's `pending_entries_max`: beyond it the slow ones lag
    #[arg(long, default_value_t = 4_096, value_name = "N")]
    pub pending_entries: usize,
    /// Connections that end, and are followed by others, per second
    #[arg(long, default_value_t = 200, value_name = "HZ")]
    pub churn: u64,
    /// Topics that live for the whole run; each subscriber has four
    #[arg(long, default_value_t = 40, value_name = "N")]
    pub hot: usize,
    /// Messages per second over all of those
    #[arg(long, default_value_t = 40, value_name = "HZ")]
    pub rate: u64,
    /// Messages per second on the topic of the slow ones
    #[arg(long, default_value_t = 300, value_name = "HZ")]
    pub flood: u64,
    /// Topics born, and retired, per second
    #[arg(long, default_value_t = 1_000, value_name = "HZ")]
    pub births: u64,
    /// Subscribers that read all those births and retirements
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub life_readers: usize,
    /// Seconds after which the simulated providers break and the publisher begins a new request, again and again
    #[arg(long, default_value_t = 30, value_name = "S")]
    pub cut_s: u64,
    /// Most that allocated memory may grow after the warm-up (a quarter of the time, at most 5 minutes), MiB
    #[arg(long, default_value_t = 16.0, value_name = "MIB")]
    pub growth_mib_max: f64,
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
}

impl SoakLoad {
    fn validate(&self) -> anyhow::Result<()> {
        ensure!((0.2..=1_440.0).contains(&self.minutes), "--minutes is 0.2 to 1440");
        ensure!((100..=19_000).contains(&self.subscribers), "--subscribers is 100 to 19000");
        ensure!((1_000..=60_000).contains(&self.stall_ms), "--stall-ms is 1000 to 60000");
        ensure!(self.slow * 2 <= self.subscribers, "--slow is at most half of --subscribers");
        ensure!((HOT_PER_SUBSCRIBER..=1_000).contains(&self.hot), "--hot is {HOT_PER_SUBSCRIBER} to 1000");
        ensure!((1..=self.subscribers as u64).contains(&self.churn), "--churn is 1 to --subscribers");
        ensure!(self.cut_s >= 5, "--cut-s is 5 or more");
        Ok(())
    }

    fn plan(&self) -> Plan {
        let limits = format!(
            "connections_max = {}\npending_entries_max = {}\nlog_bytes_max = {LOG_BYTES_MAX}\n\
             write_stall_ms = {}",
            self.subscribers * 2 + 100,
            self.pending_entries,
            self.stall_ms * 3
        );
        let Plan { config, .. } = Plan::serving("shards = 1\nheartbeat_ms = 5000\ndrain_s = 5\npage = false", &limits);
        let cut = self.cut_s.to_string();
        Plan { command: ["demo", "--cut-feeds-s", &cut].map(String::from).to_vec(), config }
    }

    fn rates(&self) -> Rates {
        let alive = (self.births / 4).max(1);
        Rates { hot: self.rate, flood: self.flood, births: self.births, alive, reconnect_s: self.cut_s }
    }

    fn manners(&self) -> Manners {
        let life_ms = self.subscribers as u64 * 1_000 / self.churn;
        let (stall_ms, seed) = (self.stall_ms, self.seed);
        Manners { life_ms, stall_ms, long_stall_ms: stall_ms * 4, seed, ..Manners::default() }
    }

    fn duration_ns(&self) -> u64 {
        (self.minutes * 60e9) as u64
    }

    /// Everybody, each with its habits; `due` says when who comes.
    fn invite(&self, crowd: &mut Crowd, board: &Board, due: impl Fn(usize) -> u64) {
        let mut random = SmallRng::seed_from_u64(self.seed);
        let streams = vec![Transport::Websocket, Transport::Sse];
        let share = (self.subscribers / 100).max(1);
        for number in 0..self.subscribers {
            let chosen = index::sample(&mut random, self.hot, HOT_PER_SUBSCRIBER);
            let mut names: Vec<&str> = chosen.iter().map(|topic| board.topic(topic)).collect();
            let mut patterns: Vec<&str> = Vec::new();
            let (mut transports, mut stalls) = (streams.clone(), false);
            match number {
                n if n < self.slow => (names, stalls) = (vec![names[0], FLOOD], true),
                n if n < self.slow + share => transports.push(Transport::LongPoll),
                n if n < self.slow + 2 * share => transports = vec![Transport::LongPoll],
                n if n < self.slow + 4 * share => {
                    patterns = vec!["quote.binance.*", "trade.binance.*", "score.nhl.*", "feed.*"]
                }
                n if n < self.slow + 4 * share + self.life_readers => (names, patterns) = (Vec::new(), vec![LIVES]),
                _ => {}
            }
            let exact = names.iter().map(|name| name.as_bytes().into()).collect();
            let topics = names.iter().chain(&patterns).copied().collect::<Vec<_>>().join(",");
            let roams = random.random_bool(0.98);
            crowd.add(Habit { topics, exact, transports, stalls, roams }, due(number));
        }
    }
}

/// Runs it. `tell` is given a line now and then. An error is a violation, or a gateway that broke.
pub fn run(load: &SoakLoad, setting: &Setting, mut tell: impl FnMut(&str)) -> anyhow::Result<SoakReport> {
    load.validate()?;
    pin_clients(setting.client_cpu);
    name_thread(c"crowd");
    let target = Target::gateway(setting, &load.plan())?;
    let board = Board::new(load.hot);
    board.give_birth(target.address)?;
    let mut crowd = Crowd::new(target.address, load.manners())?;
    let start_ns = now_ns();
    // Faster than later on, but not all at once.
    let per_second = load.churn.max(1) * 5;
    load.invite(&mut crowd, &board, |number| start_ns + number as u64 * SECOND_NS / per_second);
    crowd.tally.timed_from_ns = start_ns;
    let mut soak = Soak { load, target: &target, board: &board, crowd, samples: Vec::new(), start_ns };
    let outcome = std::thread::scope(|scope| {
        let publishing = std::thread::Builder::new()
            .name("publisher".into())
            .spawn_scoped(scope, || publish::publish(&board, load.rates(), target.address))
            .context("the publisher's thread")?;
        let outcome = soak.watch(&mut tell);
        board.stop.store(true, Ordering::Relaxed);
        let settled = outcome.and_then(|()| soak.settle(&publishing));
        let published = publishing.join().unwrap_or_else(|_| bail!("the publisher panicked"));
        settled.and(published)
    });
    outcome?;
    let report = soak.conclude()?;
    target.stop()?;
    Ok(report)
}

struct Soak<'a> {
    load: &'a SoakLoad,
    target: &'a Target,
    board: &'a Board,
    crowd: Crowd,
    samples: Vec<Sample>,
    start_ns: u64,
}

impl Soak<'_> {
    fn watch(&mut self, tell: &mut impl FnMut(&str)) -> anyhow::Result<()> {
        let mut sampler = Sampler::new(self.target, self.start_ns)?;
        let end_ns = self.start_ns + self.load.duration_ns();
        let mut next_ns = self.start_ns + SAMPLE_NS;
        loop {
            let now = now_ns();
            if now >= end_ns {
                return Ok(());
            }
            if now >= next_ns {
                next_ns += SAMPLE_NS;
                let (sample, _) = sampler.take(self.target, now)?;
                tell(&self.progress(&sample));
                self.samples.push(sample);
            }
            self.crowd.turn(end_ns.min(now + LOOK_NS))?;
        }
    }

    fn progress(&self, sample: &Sample) -> String {
        let Sample { at_s, resident, allocated, open_files, connections, topics, server_cpu, client_cpu, .. } = sample;
        let Doings { arrivals, resumes, stalls, ended, open, .. } = self.crowd.doings;
        let mb = |bytes: &u64| *bytes as f64 / 1e6;
        let mut line =
            format!("{at_s:>6.0} s  {open} open ({connections} streams), {arrivals} came ({resumes} back), ");
        // Writing to a String cannot fail.
        let _ = write!(
            line,
            "{stalls} stalls, {ended} ended; {} born, {topics} topics; ",
            self.board.births.load(Ordering::Relaxed)
        );
        let _ = write!(
            line,
            "{} messages; CPU {:.0}% + {:.0}%; ",
            self.crowd.tally.deliveries,
            server_cpu * 100.0,
            client_cpu * 100.0
        );
        let _ = write!(line, "resident {:.1} MB, allocated {:.1} MB, {open_files} files", mb(resident), mb(allocated));
        line
    }

    /// Everybody comes back and gets everything, and so do the feeds.
    fn settle<T>(&mut self, publishing: &std::thread::ScopedJoinHandle<'_, T>) -> anyhow::Result<()> {
        self.crowd.settle()?;
        let deadline = now_ns() + DRAIN_NS;
        let (mut feeds, mut look_ns) = (false, 0);
        loop {
            let over = publishing.is_finished();
            self.crowd.turn(now_ns() + LOOK_NS)?;
            if !feeds && now_ns() > look_ns {
                look_ns = now_ns() + FEEDS_LOOK_NS;
                feeds = self.page()?.sum("feed_state", "\"binance\"") <= FEED_DEGRADED;
            }
            match self.crowd.first_behind(|topic| self.board.newest(topic)) {
                None if over && feeds => return Ok(()),
                Some(violation) if now_ns() > deadline => return Err(violation.into()),
                None if now_ns() > deadline => bail!("the publisher ended: {over}; the feed came back: {feeds}"),
                _ => {}
            }
        }
    }

    fn page(&self) -> anyhow::Result<Page> {
        Page::fetch(self.target.admin.context("a gateway has an admin listener")?)
    }

    fn conclude(mut self) -> anyhow::Result<SoakReport> {
        let now = now_ns();
        let (last, page) = Sampler::new(self.target, self.start_ns)?.take(self.target, now)?;
        let warm_s = (self.load.minutes * 15.0).min(300.0);
        let warm: Vec<Sample> = self.samples.iter().filter(|sample| sample.at_s >= warm_s).cloned().collect();
        let shares = |value: fn(&Sample) -> f64| warm.iter().map(value).sum::<f64>() / warm.len().max(1) as f64;
        let Account { messages, lags, lost, full, .. } = self.crowd.account();
        let Doings { arrivals, resumes, leaves, stalls, long_stalls, ended, .. } = self.crowd.doings;
        let seconds = (now - self.start_ns) as f64 / 1e9;
        let mut report = SoakReport {
            load: self.load.clone(),
            seconds,
            messages,
            messages_per_second: messages as f64 / seconds,
            deliveries: self.crowd.tally.deliveries,
            latency_ms: Latency::of(&self.crowd.tally.latency),
            arrivals,
            resumes,
            full,
            leaves,
            stalls,
            long_stalls,
            ended,
            lags,
            lags_of_readers: self.crowd.account_of_readers().lags,
            lost,
            births: self.board.births.load(Ordering::Relaxed),
            retirements: self.board.retirements.load(Ordering::Relaxed),
            publish_requests: self.board.requests.load(Ordering::Relaxed),
            feed_dials: page.sum("feed_dials_total", ""),
            feed_fetch_failures: page.sum("feed_fetch_failures_total", ""),
            closes: page.by_label("closes_total", "reason"),
            server_cpu: shares(|sample| sample.server_cpu),
            client_cpu: shares(|sample| sample.client_cpu),
            allocated_growth: growth(&warm, |sample| sample.allocated),
            resident_growth: growth(&warm, |sample| sample.resident),
            open_files_at_end: last.open_files,
            connections_at_end: self.crowd.doings.open,
            samples: std::mem::take(&mut self.samples),
            failures: Vec::new(),
        };
        report.failures = failures(&report, &page);
        Ok(report)
    }
}
