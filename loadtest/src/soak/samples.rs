//! The gateway as seen from outside, again and again: memory, descriptors, counters; and whether its memory grows.

use crate::target::Target;
use crate::target::counters::Page;
use crate::target::process::{CpuTimes, open_files, resident_bytes};
use anyhow::Context;
use serde::Serialize;

/// One look. Bytes; shares are of one CPU, since the look before.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    pub at_s: f64,
    pub resident: u64,
    pub allocated: u64,
    pub log: u64,
    pub open_files: u64,
    pub connections: u64,
    pub topics: u64,
    pub deliveries: u64,
    pub server_cpu: f64,
    pub client_cpu: f64,
}

/// Takes samples of one gateway.
#[derive(Debug)]
pub struct Sampler {
    server: CpuTimes,
    client: CpuTimes,
    at_ns: u64,
    start_ns: u64,
}

impl Sampler {
    pub fn new(target: &Target, now_ns: u64) -> anyhow::Result<Sampler> {
        let (server, client) = (CpuTimes::of(target.pid())?, CpuTimes::of(std::process::id())?);
        Ok(Sampler { server, client, at_ns: now_ns, start_ns: now_ns })
    }

    pub fn take(&mut self, target: &Target, now_ns: u64) -> anyhow::Result<(Sample, Page)> {
        let page = Page::fetch(target.admin.context("a gateway has an admin listener")?)?;
        let (server, client) = (CpuTimes::of(target.pid())?, CpuTimes::of(std::process::id())?);
        let share = |now: &CpuTimes, before: &CpuTimes| {
            let run_ns: u64 = now.since(before).iter().map(|thread| thread.run_ns).sum();
            run_ns as f64 / (now_ns - self.at_ns).max(1) as f64
        };
        let sample = Sample {
            at_s: (now_ns - self.start_ns) as f64 / 1e9,
            resident: resident_bytes(target.pid())?,
            allocated: page.sum("memory_allocated_bytes", ""),
            log: page.sum("log_bytes", ""),
            open_files: open_files(target.pid())?,
            connections: page.sum("connections", ""),
            topics: page.sum("topics", ""),
            deliveries: page.sum("deliveries_total", ""),
            server_cpu: share(&server, &self.server),
            client_cpu: share(&client, &self.client),
        };
        (self.server, self.client, self.at_ns) = (server, client, now_ns);
        Ok((sample, page))
    }
}

/// How much a value grows from the first to the last of the samples, by the straight line that fits them best.
pub fn growth(samples: &[Sample], value: impl Fn(&Sample) -> u64) -> f64 {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return 0.0 };
    let count = samples.len() as f64;
    let mean = |of: &dyn Fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>() / count;
    let (mean_x, mean_y) = (mean(&|s| s.at_s), mean(&|s| value(s) as f64));
    let covered: f64 = samples.iter().map(|s| (s.at_s - mean_x) * (value(s) as f64 - mean_y)).sum();
    let spread: f64 = samples.iter().map(|s| (s.at_s - mean_x).powi(2)).sum();
    if spread > 0.0 { covered / spread * (last.at_s - first.at_s) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at_s: f64, allocated: u64) -> Sample {
        let (resident, log, open_files, connections, topics, deliveries) = (0, 0, 0, 0, 0, 0);
        let (server_cpu, client_cpu) = (0.0, 0.0);
        Sample { at_s, resident, allocated, log, open_files, connections, topics, deliveries, server_cpu, client_cpu }
    }

    #[test]
    fn a_slope_is_seen_and_noise_is_not() {
        let steep: Vec<Sample> = (0..60).map(|n| sample(n as f64 * 10.0, 50_000_000 + n * 100_000)).collect();
        assert!((growth(&steep, |s| s.allocated) - 5_900_000.0).abs() < 1.0);
        let noisy: Vec<Sample> = (0..60).map(|n| sample(n as f64 * 10.0, 50_000_000 + n % 2 * 1_000_000)).collect();
        assert!(growth(&noisy, |s| s.allocated).abs() < 100_000.0);
        assert_eq!(growth(&[], |s| s.allocated), 0.0);
    }
}
