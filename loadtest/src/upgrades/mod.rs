//! Upgrades per second: connect, ask for a WebSocket, wait for the first byte of `hello`, reset, and again. Beside it the
//! least that an HTTP library does for that: hyper that answers a bare 101.

pub mod bare;
mod caller;

use crate::clock::{SECOND_NS, now_ns};
use crate::report::{Latency, Ratio};
use crate::target::process::{CpuTimes, name_thread, pin};
use crate::target::{Plan, Setting, Target};
use anyhow::ensure;
use caller::{Callers, Until};
use clap::Args;
use serde::Serialize;
use std::fmt::Write;

#[derive(Clone, Debug, Args, Serialize)]
pub struct UpgradesLoad {
    /// Upgrades that are under way at a time
    #[arg(long, default_value_t = 64, value_name = "N")]
    pub concurrency: usize,
    /// Seconds before the measurement begins
    #[arg(long, default_value_t = 1, value_name = "S")]
    pub warmup: u64,
    /// Seconds that are measured
    #[arg(long, default_value_t = 5, value_name = "S")]
    pub seconds: u64,
}

impl UpgradesLoad {
    fn validate(&self) -> anyhow::Result<()> {
        ensure!((1..=4_096).contains(&self.concurrency), "--concurrency is 1 to 4096");
        ensure!((1..=600).contains(&self.seconds), "--seconds is 1 to 600");
        ensure!(self.warmup <= 600, "--warmup is at most 600");
        Ok(())
    }
}

/// One run against one server.
#[derive(Clone, Debug, Serialize)]
pub struct Upgrades {
    pub target: &'static str,
    pub upgrades: u64,
    pub per_second: f64,
    pub cpu_us_per_upgrade: f64,
    pub server_cpu_share: f64,
    pub client_cpu_share: f64,
    pub latency_ms: Latency,
}

#[derive(Clone, Debug, Serialize)]
pub struct UpgradesReport {
    pub load: UpgradesLoad,
    /// Fanwire ÷ bare, of each pair.
    pub per_second: Ratio,
    pub cpu: Ratio,
    pub bare: Vec<Upgrades>,
    pub fanwire: Vec<Upgrades>,
}

impl UpgradesReport {
    /// Pairs of runs in turn.
    pub fn measure(load: &UpgradesLoad, setting: &Setting, pairs: usize) -> anyhow::Result<UpgradesReport> {
        load.validate()?;
        if !pin(setting.client_cpu) {
            eprintln!("warning: CPU {} is not to be had; nothing is pinned", setting.client_cpu);
        }
        name_thread(c"callers");
        let (mut bare, mut fanwire) = (Vec::new(), Vec::new());
        for _ in 0..pairs {
            let server = Target::own(setting, &["bare-upgrade"])?;
            bare.push(run(load, "bare 101", server, Until::Head)?);
            let plan = Plan::serving("shards = 1", "connections_max = 15000");
            fanwire.push(run(load, "fanwire", Target::gateway(setting, &plan)?, Until::FirstFrame)?);
        }
        let ratio = |value: fn(&Upgrades) -> f64| {
            Ratio::over(bare.iter().zip(&fanwire).map(|(bare, fanwire)| value(fanwire) / value(bare)).collect())
        };
        let (per_second, cpu) = (ratio(|run| run.per_second), ratio(|run| run.cpu_us_per_upgrade));
        Ok(UpgradesReport { load: load.clone(), per_second, cpu, bare, fanwire })
    }

    /// A line per run, then the ratios.
    pub fn table(&self) -> String {
        let mut out = "upgrades: per second · server CPU µs each · server / client CPU · p50 / p99 ms\n".to_owned();
        for run in self.bare.iter().zip(&self.fanwire).flat_map(|(a, b)| [a, b]) {
            let Upgrades { target, per_second, cpu_us_per_upgrade, .. } = run;
            let (server, client) = (run.server_cpu_share * 100.0, run.client_cpu_share * 100.0);
            let Latency { p50, p99, .. } = run.latency_ms;
            // Writing to a String cannot fail.
            let _ = writeln!(
                out,
                "  {target:<8} {per_second:.0} · {cpu_us_per_upgrade:.1} · {server:.0}% / {client:.0}% · {p50:.2} / {p99:.2}"
            );
        }
        let _ = writeln!(
            out,
            "  fanwire / bare 101, median (least to most): upgrades/s {}, CPU each {}",
            self.per_second, self.cpu
        );
        out
    }
}

fn run(load: &UpgradesLoad, name: &'static str, server: Target, until: Until) -> anyhow::Result<Upgrades> {
    let mut callers = Callers::new(server.address, until, load.concurrency)?;
    callers.run_until(now_ns() + load.warmup * SECOND_NS)?;
    callers.forget();
    let (begun_ns, cpu, own_cpu) = (now_ns(), CpuTimes::of(server.pid())?, CpuTimes::of(std::process::id())?);
    callers.run_until(begun_ns + load.seconds * SECOND_NS)?;
    let window_ns = (now_ns() - begun_ns) as f64;
    let busy = |pid, before: &CpuTimes| -> anyhow::Result<f64> {
        Ok(CpuTimes::of(pid)?.since(before).iter().map(|thread| thread.run_ns).sum::<u64>() as f64)
    };
    let (server_ns, client_ns) = (busy(server.pid(), &cpu)?, busy(std::process::id(), &own_cpu)?);
    let upgrades = callers.answered();
    ensure!(upgrades > 0, "{name}: no upgrade was answered in {} s", load.seconds);
    let latency_ms = Latency::of(callers.latency());
    drop(callers);
    server.stop()?;
    Ok(Upgrades {
        target: name,
        upgrades,
        per_second: upgrades as f64 / window_ns * SECOND_NS as f64,
        cpu_us_per_upgrade: server_ns / 1e3 / upgrades as f64,
        server_cpu_share: server_ns / window_ns,
        client_cpu_share: client_ns / window_ns,
        latency_ms,
    })
}
