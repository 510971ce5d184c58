//! What a measurement says, as a table for people and as JSON for programs.

use crate::course::{Sample, distribution};
use crate::machine::Machine;
use crate::measure::Measurement;
use crate::target::process::ThreadTime;
use crate::workload::{Transport, Workload};
use hdrhistogram::Histogram;
use serde::Serialize;
use std::fmt::{self, Write};

/// Above this share of a CPU the clients are the bottleneck, and latencies are theirs.
const CLIENT_SHARE_MAX: f64 = 0.85;
/// Above this share of late messages the publisher is.
const LATE_SHARE_MAX: f64 = 0.05;
/// Above this share other programs took the server's CPU.
const WAITED_SHARE_MAX: f64 = 0.15;

/// One run, reduced to what is told of it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// `fanwire`, `floor`, or a peer's name.
    pub target: String,
    pub transport: String,
    pub workload: Workload,
    pub machine: Machine,
    pub seconds: f64,
    pub published: u64,
    pub late: u64,
    pub latest_ms: f64,
    pub deliveries: u64,
    pub deliveries_per_second: f64,
    pub bytes_per_second: f64,
    pub cpu_us_per_delivery: f64,
    pub server_cpu_share: f64,
    pub server_waited_share: f64,
    pub server_threads: Vec<Thread>,
    /// From the gateway's metrics; `None` of a floor.
    pub writes_per_delivery: Option<f64>,
    pub writes_short: Option<u64>,
    pub passes: Option<u64>,
    pub commits: Option<u64>,
    pub reads_per_delivery: f64,
    pub latency_ms: Latency,
    /// Steps that hold any delivery: upper end in ms, and how many.
    pub latency_histogram: Vec<(f64, u64)>,
    /// The window, second by second.
    pub samples: Vec<Sample>,
    pub snapshots: u64,
    pub lags: u64,
    pub lost: u64,
    pub resident_bytes: u64,
    pub resident_bytes_per_subscriber: f64,
    pub client_cpu_share: f64,
    pub client_threads: Vec<Thread>,
    pub warnings: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Thread {
    pub name: String,
    pub us_per_delivery: f64,
    pub cpu_share: f64,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct Latency {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p99_9: f64,
    pub p99_99: f64,
    pub max: f64,
}

impl Latency {
    pub(crate) fn of(histogram: &Histogram<u64>) -> Latency {
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e6;
        let max = histogram.max() as f64 / 1e6;
        Latency { p50: at(0.5), p90: at(0.9), p99: at(0.99), p99_9: at(0.999), p99_99: at(0.9999), max }
    }
}

impl Report {
    pub fn new(workload: &Workload, measured: &Measurement) -> Report {
        let seconds = measured.window_ns as f64 / 1e9;
        let deliveries = measured.deliveries.max(1) as f64;
        let threads = |threads: &[ThreadTime]| -> Vec<Thread> {
            let told = |thread: &ThreadTime| Thread {
                name: thread.name.clone(),
                us_per_delivery: thread.run_ns as f64 / 1e3 / deliveries,
                cpu_share: thread.run_ns as f64 / measured.window_ns as f64,
            };
            threads.iter().filter(|thread| thread.run_ns > 0).map(told).collect()
        };
        let counters = measured.counters;
        Report {
            target: measured.target.clone(),
            transport: measured.transport.clone(),
            workload: workload.clone(),
            machine: Machine::here(),
            seconds,
            published: measured.published,
            late: measured.late,
            latest_ms: measured.latest_ns as f64 / 1e6,
            deliveries: measured.deliveries,
            deliveries_per_second: measured.deliveries as f64 / seconds,
            bytes_per_second: measured.bytes as f64 / seconds,
            cpu_us_per_delivery: measured.cpu_us_per_delivery(),
            server_cpu_share: measured.server_share(),
            server_waited_share: measured.server_waited(),
            server_threads: threads(&measured.server),
            writes_per_delivery: counters.map(|c| c.writes as f64 / c.deliveries.max(1) as f64),
            writes_short: counters.map(|c| c.writes_short),
            passes: counters.map(|c| c.passes),
            commits: counters.map(|c| c.commits),
            reads_per_delivery: measured.reads as f64 / deliveries,
            latency_ms: Latency::of(&measured.tally.latency),
            latency_histogram: distribution(&measured.tally.latency),
            samples: measured.samples.clone(),
            snapshots: measured.tally.snapshots,
            lags: measured.tally.lags,
            lost: measured.tally.lost,
            resident_bytes: measured.resident_bytes,
            resident_bytes_per_subscriber: measured.resident_per_subscriber,
            client_cpu_share: measured.client_share(),
            client_threads: threads(&measured.client),
            warnings: warnings(measured),
        }
    }

    /// The report as a table of two columns.
    pub fn table(&self) -> String {
        let mut rows: Vec<(String, String)> = Vec::new();
        let mut row = |name: &str, value: String| rows.push((name.to_owned(), value));
        row(
            "deliveries",
            format!("{} in {:.1} s = {:.0}/s", self.deliveries, self.seconds, self.deliveries_per_second),
        );
        row("bytes", format!("{:.2} MB/s", self.bytes_per_second / 1e6));
        row("server CPU per delivery", format!("{:.2} µs", self.cpu_us_per_delivery));
        for thread in &self.server_threads {
            row(&format!("  thread {}", thread.name), share(thread));
        }
        row(
            "server CPU",
            format!("{} (waited for it {})", percent(self.server_cpu_share), percent(self.server_waited_share)),
        );
        if let (Some(writes), Some(short)) = (self.writes_per_delivery, self.writes_short) {
            row("writes per delivery", format!("{writes:.3} ({short} short)"));
        }
        if let (Some(passes), Some(commits)) = (self.passes, self.commits) {
            row("passes, commits", format!("{passes}, {commits}"));
        }
        row("reads per delivery", format!("{:.3}", self.reads_per_delivery));
        row("latency p50 p90 p99 p99.9 p99.99 max", self.latency_ms.to_string());
        row("published", format!("{} ({} late, at most {:.1} ms)", self.published, self.late, self.latest_ms));
        row(
            "proof",
            format!("{} snapshots, then all in order; {} lags, {} lost", self.snapshots, self.lags, self.lost),
        );
        let per_subscriber = self.resident_bytes_per_subscriber;
        row(
            "resident memory",
            format!("{:.1} MB, {per_subscriber:.0} bytes per connection", self.resident_bytes as f64 / 1e6),
        );
        row("client CPU", percent(self.client_cpu_share));
        for thread in &self.client_threads {
            row(&format!("  thread {}", thread.name), share(thread));
        }
        let Workload { subscribers, topics, per_subscriber, rate, data_bytes, .. } = self.workload;
        let mut out = format!(
            "{} over {}: {subscribers} subscribers × {per_subscriber} of {topics} topics, {rate} messages/s of {data_bytes} bytes\n",
            self.target, self.transport
        );
        let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, value) in rows {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "  {name:<width$}  {value}");
        }
        for warning in &self.warnings {
            let _ = writeln!(out, "  warning: {warning}");
        }
        out
    }
}

fn share(thread: &Thread) -> String {
    format!("{:.3} µs per delivery, {}", thread.us_per_delivery, percent(thread.cpu_share))
}

fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

fn warnings(measured: &Measurement) -> Vec<String> {
    let mut warnings = Vec::new();
    let (client, waited) = (measured.client_share(), measured.server_waited());
    if client > CLIENT_SHARE_MAX {
        warnings
            .push(format!("the clients used {} of their CPU: latencies are theirs, not the server's", percent(client)));
    }
    if measured.late as f64 > LATE_SHARE_MAX * measured.published as f64 {
        warnings.push(format!(
            "{} of {} messages were sent late: the publisher was held up",
            measured.late, measured.published
        ));
    }
    if waited > WAITED_SHARE_MAX {
        warnings
            .push(format!("the server waited {} of the time for its CPU: other programs ran there", percent(waited)));
    }
    warnings
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Latency { p50, p90, p99, p99_9, p99_99, max } = self;
        write!(f, "{p50:.2}  {p90:.2}  {p99:.2}  {p99_9:.2}  {p99_99:.2}  {max:.2} ms")
    }
}

/// Pairs of runs, floor and gateway in turn.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    pub transport: Transport,
    pub cpu: Ratio,
    pub p50: Ratio,
    pub p99: Ratio,
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
            floor,
            fanwire,
        }
    }

    /// A line per run, then the ratios.
    pub fn table(&self) -> String {
        let mut out =
            format!("{}: CPU µs per delivery · threads · writes per delivery · p50 / p99 ms\n", self.transport);
        for report in self.floor.iter().zip(&self.fanwire).flat_map(|(a, b)| [a, b]) {
            let told = |t: &Thread| format!("{} {:.2}", t.name, t.us_per_delivery);
            let shown = report.server_threads.iter().filter(|thread| thread.us_per_delivery >= 0.005);
            let threads: Vec<String> = shown.map(told).collect();
            let Latency { p50, p99, .. } = report.latency_ms;
            let writes = report.writes_per_delivery.unwrap_or(1.0);
            let (target, cpu, threads) = (&report.target, report.cpu_us_per_delivery, threads.join(", "));
            let _ = writeln!(out, "  {target:<8} {cpu:.2} · {threads} · {writes:.2} · {p50:.2} / {p99:.2}");
            for warning in &report.warnings {
                let _ = writeln!(out, "           warning: {warning}");
            }
        }
        let Comparison { cpu, p50, p99, .. } = self;
        let _ = writeln!(out, "  fanwire / floor, median (least to most): CPU {cpu}, p50 {p50}, p99 {p99}");
        out
    }
}
