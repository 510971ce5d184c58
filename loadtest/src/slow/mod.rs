//! SLOW-ALONE: some subscribers stop reading for a while, or a whole shard does nothing, and the others must not feel it.
//!
//! Proven in every run: the others get every event in order and are never put behind; a slow one returns through `lag`
//! and an `at`, or is ended as `write_stalled`, as the scenario has it. Measured: the others' latencies against a run
//! in which nobody is slow, and the gateway's memory before, during and after.

pub mod report;

use crate::audience::{Group, Share};
use crate::client::{Fleet, Invitation};
use crate::clock::{SECOND_NS, now_ns};
use crate::measure::live::Live;
use crate::measure::{DRAIN_TIME_NS, LEAD_NS, LOOK_NS, pin_clients, publishing_beside};
use crate::publisher::{self, Progress, Schedule};
use crate::report::Latency;
use crate::target::counters::{Page, ask};
use crate::target::process::{name_thread, resident_bytes};
use crate::target::{Plan, Setting, Target};
use crate::workload::{Transport, Workload};
use anyhow::{Context, bail, ensure};
use clap::ValueEnum;
use report::SlowRun;
use serde::Serialize;
use std::fmt;
use std::net::SocketAddrV4;
use std::sync::atomic::Ordering;

/// Bytes of log: few, so that its growth does not hide what is kept for the slow.
const LOG_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How often the gateway's memory is looked at.
const SAMPLE_NS: u64 = SECOND_NS;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scenario {
    /// The slow ones read again before `write_stall_ms`: each gets `why:"lag"`, an `at`, and is live
    Return,
    /// The slow ones stay away for longer: each is ended as `write_stalled`
    Ended,
    /// Nobody is slow, but one of two shards does nothing for the stall; the other one's subscribers are measured
    Block,
}

#[derive(Clone, Debug, clap::Args, Serialize)]
pub struct SlowLoad {
    #[arg(long, value_enum, default_value_t = Scenario::Return)]
    pub scenario: Scenario,
    /// Connections
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    pub subscribers: usize,
    /// How many of them stop reading
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub slow: usize,
    /// Milliseconds for which they (or the shard) stop
    #[arg(long, default_value_t = 30_000, value_name = "MS")]
    pub stall_ms: u64,
    /// The gateway's `write_stall_ms`; by default twice the stall, and a third of it where the slow ones are to be ended
    #[arg(long, value_name = "MS")]
    pub write_stall_ms: Option<u64>,
    /// The gateway's `pending_entries_max`: fewer than by default, so that a stall of seconds is a lag
    #[arg(long, default_value_t = 512, value_name = "N")]
    pub pending_entries: usize,
    /// Messages per second on the one topic
    #[arg(long, default_value_t = 100, value_name = "HZ")]
    pub rate: u64,
    /// Bytes of JSON in one event
    #[arg(long, default_value_t = 400, value_name = "BYTES")]
    pub data_bytes: usize,
    /// Seconds of publishing before and after the stall
    #[arg(long, default_value_t = 5, value_name = "S")]
    pub around: u64,
    #[arg(long, value_enum, default_value_t = Transport::Websocket)]
    pub transport: Transport,
    /// Most that the gateway's memory may grow during the stall, MiB and KiB for each slow subscriber
    #[arg(long, default_value_t = 16, value_name = "MIB")]
    pub growth_mib_max: u64,
    #[arg(long, default_value_t = 96, value_name = "KIB")]
    pub growth_slow_kib_max: u64,
}

impl SlowLoad {
    fn shards(&self) -> u64 {
        if self.scenario == Scenario::Block { 2 } else { 1 }
    }

    fn write_stall_ms(&self) -> u64 {
        let by_default = if self.scenario == Scenario::Ended { self.stall_ms / 3 } else { self.stall_ms * 2 };
        self.write_stall_ms.unwrap_or(by_default)
    }

    fn workload(&self) -> anyhow::Result<Workload> {
        ensure!(self.transport.is_stream(), "--transport is websocket or sse");
        ensure!(self.slow < self.subscribers, "--slow is fewer than --subscribers");
        ensure!((100..=600_000).contains(&self.stall_ms), "--stall-ms is 100 to 600000");
        let ends = self.scenario == Scenario::Ended;
        let (stall, limit) = (self.stall_ms, self.write_stall_ms());
        ensure!((limit < stall) == ends, "a stall of {stall} ms and write_stall_ms = {limit} do not fit the scenario");
        let workload = Workload {
            subscribers: self.subscribers,
            rate: self.rate,
            data_bytes: self.data_bytes,
            warmup: self.around,
            seconds: self.stall_ms.div_ceil(1_000) + self.around,
            ..Workload::of_one_topic()
        };
        workload.validate()?;
        Ok(workload)
    }

    fn plan(&self) -> Plan {
        let server = format!("shards = {}\ntest_hooks = true", self.shards());
        let limits = format!(
            "connections_max = {}\npending_entries_max = {}\nlog_bytes_max = {LOG_BYTES_MAX}\n\
             log_segments_max = 8192\nwrite_stall_ms = {}",
            self.subscribers + 100,
            self.pending_entries,
            self.write_stall_ms()
        );
        Plan::serving(&server, &limits)
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scenario::Return => "return",
            Scenario::Ended => "ended",
            Scenario::Block => "block",
        })
    }
}

/// One run, with all its proofs.
pub fn run(load: &SlowLoad, setting: &Setting, disturbed: bool) -> anyhow::Result<SlowRun> {
    let workload = load.workload()?;
    let live = Live::new(format!("{} {}", load.scenario, if disturbed { "disturbed" } else { "calm" }));
    pin_clients(setting.client_cpu);
    name_thread(c"subscribers");
    let target = Target::gateway(setting, &load.plan())?;
    publisher::give_birth(&workload, target.address)?;
    let narrow = if load.scenario == Scenario::Block { 0 } else { load.slow };
    let groups = [Group::of(&workload, load.transport)];
    let (targets, share) = ([target.address], Share::ALL);
    let invitation = Invitation { workload: &workload, groups: &groups, targets: &targets, share, narrow };
    let mut fleet = Fleet::open(&invitation, |whole| {
        live.show(|| format!("{whole} of {} subscribers are open", workload.subscribers));
    })?;
    let schedule = Schedule::of(&workload, now_ns() + LEAD_NS);
    let progress = Progress::default();
    let outcome = publishing_beside(&workload, schedule, &targets, &progress, || {
        let mut trial = Trial { load, disturbed, fleet: &mut fleet, target: &target, progress: &progress, live: &live };
        trial.run(&workload, schedule)
    });
    live.clear();
    let run = outcome?;
    drop(fleet);
    target.stop()?;
    Ok(run)
}

/// Memory of the gateway at one moment, bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Memory {
    resident: u64,
    allocated: u64,
}

struct Trial<'a> {
    load: &'a SlowLoad,
    disturbed: bool,
    fleet: &'a mut Fleet,
    target: &'a Target,
    progress: &'a Progress,
    live: &'a Live,
}

impl Trial<'_> {
    fn run(&mut self, workload: &Workload, schedule: Schedule) -> anyhow::Result<SlowRun> {
        let stall_ns = schedule.start_ns + workload.warmup * SECOND_NS;
        let aside = self.aside();
        ensure!(aside.len() < self.fleet.len(), "no subscriber is left to be measured");
        aside.iter().for_each(|&number| self.fleet.set_aside(number));
        self.fleet.time_from(stall_ns);
        self.fleet.aside.timed_from_ns = stall_ns;
        self.live.run_until(stall_ns, self.fleet, self.progress)?;
        let before = self.memory()?;
        self.begin_stall(&aside)?;
        let during = self.run_sampling(stall_ns + self.load.stall_ms * 1_000_000)?;
        self.end_stall(&aside)?;
        self.live.run_until(schedule.end_ns(), self.fleet, self.progress)?;
        self.await_end(workload)?;
        let after = self.memory()?;
        self.prove(&aside)?;
        self.prove_memory(before, during)?;
        let page = self.page()?;
        let tally = self.fleet.total();
        let stopped = if self.stops_reading() { &aside[..] } else { &[] };
        let blocked = self.load.scenario == Scenario::Block;
        Ok(SlowRun {
            disturbed: self.disturbed,
            latency_ms: Latency::of(&tally.latency),
            latency_aside_ms: blocked.then(|| Latency::of(&self.fleet.aside.latency)),
            others: self.fleet.len() - aside.len(),
            deliveries: tally.deliveries,
            resident_before: before.resident,
            resident_during: during.resident,
            resident_after: after.resident,
            allocated_before: before.allocated,
            allocated_during: during.allocated,
            allocated_after: after.allocated,
            returned: stopped.iter().filter(|&&number| self.fleet.ledger(number).returns() > 0).count(),
            ended: stopped.iter().filter(|&&number| self.fleet.has_ended(number)).count(),
            lost: self.fleet.aside.lost,
            write_stalled: page.sum("closes_total", "\"write_stalled\""),
            late: self.progress.late.load(Ordering::Relaxed),
            published: self.progress.sent.load(Ordering::Relaxed),
        })
    }

    fn stops_reading(&self) -> bool {
        self.disturbed && self.load.scenario != Scenario::Block
    }

    fn admin(&self) -> anyhow::Result<SocketAddrV4> {
        self.target.admin.context("a gateway has an admin listener")
    }

    fn page(&self) -> anyhow::Result<Page> {
        Page::fetch(self.admin()?)
    }

    fn memory(&self) -> anyhow::Result<Memory> {
        let allocated = self.page()?.sum("memory_allocated_bytes", "");
        Ok(Memory { resident: resident_bytes(self.target.pid())?, allocated })
    }

    /// Who is told apart, in both runs of a pair: the slow ones, or the subscribers of the shard that does nothing.
    fn aside(&self) -> Vec<usize> {
        match self.load.scenario {
            Scenario::Block => {
                let shards = self.load.shards();
                (0..self.fleet.len()).filter(|&number| self.fleet.ledger(number).shard(shards) == 0).collect()
            }
            _ => (0..self.load.slow).collect(),
        }
    }

    fn begin_stall(&mut self, aside: &[usize]) -> anyhow::Result<()> {
        if self.stops_reading() {
            aside.iter().try_for_each(|&number| self.fleet.stop_reading(number))?;
        } else if self.disturbed {
            ask(self.admin()?, "POST", &format!("/debug/block?shard=0&ms={}", self.load.stall_ms))?;
        }
        Ok(())
    }

    fn end_stall(&mut self, aside: &[usize]) -> anyhow::Result<()> {
        if self.stops_reading() {
            let may_end = self.load.scenario == Scenario::Ended;
            aside.iter().try_for_each(|&number| self.fleet.read_on(number, may_end))?;
        }
        Ok(())
    }

    /// Runs the fleet, and looks at the gateway's memory meanwhile. Returns the most of it.
    fn run_sampling(&mut self, until_ns: u64) -> anyhow::Result<Memory> {
        let mut most = self.memory()?;
        while now_ns() < until_ns {
            self.live.run_until(until_ns.min(now_ns() + SAMPLE_NS), self.fleet, self.progress)?;
            let now = self.memory()?;
            most.resident = most.resident.max(now.resident);
            most.allocated = most.allocated.max(now.allocated);
        }
        Ok(most)
    }

    /// Everybody who is still there has the last message, and who is to be ended is.
    fn await_end(&mut self, workload: &Workload) -> anyhow::Result<()> {
        let deadline = now_ns() + DRAIN_TIME_NS;
        let ends = self.stops_reading() && self.load.scenario == Scenario::Ended;
        loop {
            let open = (0..self.load.slow).find(|&number| ends && !self.fleet.has_ended(number));
            // Of who is to be ended only its end is awaited.
            let behind = self.fleet.first_behind(|topic| workload.messages_of(topic));
            let behind = behind.filter(|violation| !ends || violation.connection >= self.load.slow);
            match (behind, open) {
                (None, None) => return Ok(()),
                (Some(violation), _) if now_ns() > deadline => return Err(violation.into()),
                (None, Some(number)) if now_ns() > deadline => bail!("connection {number} should have been ended"),
                _ => self.fleet.turn(now_ns() + LOOK_NS)?,
            }
        }
    }

    fn prove(&self, aside: &[usize]) -> anyhow::Result<()> {
        let (tally, of_aside) = (self.fleet.total(), &self.fleet.aside);
        ensure!(tally.lags == 0, "{} lags among those who read all the time", tally.lags);
        let page = self.page()?;
        let stalled = page.sum("closes_total", "\"write_stalled\"");
        let ends = self.stops_reading() && self.load.scenario == Scenario::Ended;
        let expected = if ends { aside.len() as u64 } else { 0 };
        ensure!(stalled == expected, "{stalled} connections were ended as write_stalled, expected {expected}");
        ensure!(self.stops_reading() || of_aside.lags == 0, "{} lags, but nobody stopped reading", of_aside.lags);
        for &number in aside.iter().filter(|_| self.stops_reading() && !ends) {
            let returns = self.fleet.ledger(number).returns();
            ensure!(returns > 0, "connection {number} stopped reading and was not told that it lags");
        }
        let closed: u64 = page.sum("closes_total", "") - stalled;
        ensure!(closed == 0, "{closed} connections were ended for other reasons");
        Ok(())
    }

    /// BOUNDED: what is kept for those who do not read.
    fn prove_memory(&self, before: Memory, during: Memory) -> anyhow::Result<()> {
        let per_slow =
            if self.stops_reading() { self.load.slow as u64 * self.load.growth_slow_kib_max * 1024 } else { 0 };
        let bound = self.load.growth_mib_max * 1024 * 1024 + per_slow;
        let growth = during.allocated.saturating_sub(before.allocated);
        if growth > bound {
            bail!("memory grew by {growth} bytes during the stall, above {bound}");
        }
        Ok(())
    }
}
