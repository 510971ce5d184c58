//! What runs without and with somebody slow came to, side by side.

use super::{Scenario, SlowLoad};
use crate::report::{Latency, Ratio};
use crate::target::Setting;
use serde::Serialize;
use std::fmt::{self, Write};

/// What one run came to. Memory in bytes; latencies are the others', from the stall's begin to the end.
#[derive(Clone, Debug, Serialize)]
pub struct SlowRun {
    /// False: the same run without anybody slow.
    pub disturbed: bool,
    pub latency_ms: Latency,
    /// Of the subscribers of the shard that does nothing.
    pub latency_aside_ms: Option<Latency>,
    /// Subscribers that are measured.
    pub others: usize,
    pub deliveries: u64,
    pub resident_before: u64,
    /// The most of the samples during the stall.
    pub resident_during: u64,
    pub resident_after: u64,
    pub allocated_before: u64,
    pub allocated_during: u64,
    pub allocated_after: u64,
    /// Slow subscribers that lagged, were told so, and were whole again.
    pub returned: usize,
    pub ended: usize,
    /// Events that the slow ones were told they lost.
    pub lost: u64,
    pub write_stalled: u64,
    pub late: u64,
    pub published: u64,
}

/// Runs in turn without and with somebody slow.
#[derive(Clone, Debug, Serialize)]
pub struct SlowReport {
    pub load: SlowLoad,
    /// The others' p99 with somebody slow over that without, pair by pair.
    pub p99: Ratio,
    pub p50: Ratio,
    pub calm: Vec<SlowRun>,
    pub disturbed: Vec<SlowRun>,
}

impl SlowReport {
    pub fn measure(load: &SlowLoad, setting: &Setting, pairs: usize) -> anyhow::Result<SlowReport> {
        let (mut calm, mut disturbed) = (Vec::new(), Vec::new());
        for _ in 0..pairs {
            calm.push(super::run(load, setting, false)?);
            disturbed.push(super::run(load, setting, true)?);
        }
        let ratio = |value: fn(&Latency) -> f64| {
            let runs = calm.iter().zip(&disturbed);
            Ratio::over(runs.map(|(a, b)| value(&b.latency_ms) / value(&a.latency_ms)).collect())
        };
        let (p99, p50) = (ratio(|latency| latency.p99), ratio(|latency| latency.p50));
        Ok(SlowReport { load: load.clone(), p99, p50, calm, disturbed })
    }
}

impl SlowReport {
    /// A line per run, then the ratios.
    pub fn table(&self) -> String {
        let SlowLoad { scenario, subscribers, slow, stall_ms, rate, data_bytes, transport, .. } = &self.load;
        let who = match scenario {
            Scenario::Block => "one of two shards stops".to_owned(),
            _ => format!("{slow} of them stop reading"),
        };
        let mut out = format!(
            "{scenario} over {transport}: {subscribers} subscribers, {who} for {stall_ms} ms; {rate} messages/s of {data_bytes} bytes\n  \
             run        others · p50 / p99 / max ms · resident MB before, during, after · allocated MB · returned, ended, lost\n"
        );
        for run in self.calm.iter().zip(&self.disturbed).flat_map(|(a, b)| [a, b]) {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "  {run}");
        }
        let _ = writeln!(out, "  disturbed / calm, median (least to most): p50 {}, p99 {}", self.p50, self.p99);
        out
    }
}

impl fmt::Display for SlowRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mb = |bytes: u64| bytes as f64 / 1e6;
        let Latency { p50, p99, max, .. } = self.latency_ms;
        write!(
            f,
            "{:<9}  {} · {p50:.2} / {p99:.2} / {max:.2} · {:.1}, {:.1}, {:.1} · {:.1}, {:.1}, {:.1} · {}, {}, {}",
            if self.disturbed { "disturbed" } else { "calm" },
            self.others,
            mb(self.resident_before),
            mb(self.resident_during),
            mb(self.resident_after),
            mb(self.allocated_before),
            mb(self.allocated_during),
            mb(self.allocated_after),
            self.returned,
            self.ended,
            self.lost
        )
    }
}
