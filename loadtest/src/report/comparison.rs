//! Pairs of runs, floor and gateway in turn, and the ratios between them.

use super::{Latency, Report, Thread};
use crate::workload::Transport;
use serde::Serialize;
use std::fmt::{self, Write};

/// Fewer pairs than this make a rough median.
pub const PAIRS_WANTED: usize = 7;

#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// Of the gateway's first group.
    pub transport: Transport,
    /// Server CPU per delivery, ksoftirqd included.
    pub cpu: Ratio,
    pub p50: Ratio,
    pub p99: Ratio,
    pub deliveries_per_second: Ratio,
    pub pairs: usize,
    pub floor: Vec<Report>,
    pub fanwire: Vec<Report>,
}

/// One figure of each pair of runs over the other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ratio {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

impl Ratio {
    fn of(floor: &[Report], fanwire: &[Report], value: impl Fn(&Report) -> f64) -> Ratio {
        Ratio::over(floor.iter().zip(fanwire).map(|(a, b)| value(b) / value(a)).collect())
    }

    /// The median and the spread of ratios.
    pub fn over(mut ratios: Vec<f64>) -> Ratio {
        ratios.sort_by(f64::total_cmp);
        let middle = ratios.len() / 2;
        let median = match ratios.len() {
            0 => f64::NAN,
            odd if odd % 2 == 1 => ratios[middle],
            _ => (ratios[middle - 1] + ratios[middle]) / 2.0,
        };
        let (least, most) = (ratios.first().copied(), ratios.last().copied());
        Ratio { median, least: least.unwrap_or(f64::NAN), most: most.unwrap_or(f64::NAN) }
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} ({:.2} to {:.2})", self.median, self.least, self.most)
    }
}

impl Comparison {
    pub fn new(transport: Transport, floor: Vec<Report>, fanwire: Vec<Report>) -> Comparison {
        Comparison {
            transport,
            cpu: Ratio::of(&floor, &fanwire, |report| report.cpu_us_per_delivery),
            p50: Ratio::of(&floor, &fanwire, |report| report.latency_ms.p50),
            p99: Ratio::of(&floor, &fanwire, |report| report.latency_ms.p99),
            deliveries_per_second: Ratio::of(&floor, &fanwire, |report| report.deliveries_per_second),
            pairs: fanwire.len().min(floor.len()),
            floor,
            fanwire,
        }
    }

    /// A line per run, then the ratios.
    pub fn table(&self) -> String {
        let mut out =
            format!("{}: CPU µs per delivery · threads · writes per delivery · p50 / p99 ms\n", self.transport);
        for report in self.floor.iter().zip(&self.fanwire).flat_map(|(a, b)| [a, b]) {
            out.push_str(&line(report));
        }
        let Comparison { cpu, p50, p99, deliveries_per_second, pairs, .. } = self;
        // Writing to a String cannot fail.
        let _ = writeln!(out, "  fanwire / floor, median (least to most): CPU {cpu}, p50 {p50}, p99 {p99}");
        let _ = writeln!(out, "  deliveries/s {deliveries_per_second}; {pairs} pairs{}", rough(*pairs));
        if let Some(floor) = self.floor.first() {
            let _ = writeln!(out, "  instructions of the floor: {}", floor.instructions());
        }
        out
    }
}

fn rough(pairs: usize) -> String {
    if pairs < PAIRS_WANTED { format!(": rough, {PAIRS_WANTED} are wanted") } else { String::new() }
}

fn line(report: &Report) -> String {
    let told = |t: &Thread| format!("{} {:.2}", t.name, t.us_per_delivery);
    let shown = report.server_threads.iter().filter(|thread| thread.us_per_delivery >= 0.005);
    let mut threads: Vec<String> = shown.map(told).collect();
    let ksoftirqd = report.ksoftirqd_us_per_delivery.filter(|us| *us >= 0.005);
    threads.extend(ksoftirqd.map(|us| format!("ksoftirqd {us:.2}")));
    let Latency { p50, p99, .. } = report.latency_ms;
    let writes = report.writes_per_delivery.unwrap_or(1.0);
    let (target, cpu, threads) = (report.target.to_string(), report.cpu_us_per_delivery, threads.join(", "));
    let mut out = format!("  {target:<8} {cpu:.2} · {threads} · {writes:.2} · {p50:.2} / {p99:.2}\n");
    for warning in &report.warnings {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "           warning: {warning}");
    }
    out
}
