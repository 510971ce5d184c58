//! What a soak came to: the figures, and what must not be.

use super::SoakLoad;
use super::samples::Sample;
use crate::report::Latency;
use crate::target::counters::Page;
use serde::Serialize;
use std::fmt::Write;

/// The gateway's default `backoff_max_ms`, in seconds: connections that are cut this soon are not stable, so the pauses grow.
const FEED_PAUSE_S_MAX: u64 = 60;
/// Descriptors of the gateway beside those of its connections, at most.
const OTHER_FILES_MAX: u64 = 100;
/// Close reasons that the crowd brings about itself.
const EXPECTED_CLOSES: [&str; 3] = ["normal", "peer_gone", "write_stalled"];

/// What the soak came to.
#[derive(Clone, Debug, Serialize)]
pub struct SoakReport {
    pub load: SoakLoad,
    pub seconds: f64,
    pub messages: u64,
    pub messages_per_second: f64,
    pub deliveries: u64,
    pub latency_ms: Latency,
    pub arrivals: u64,
    pub resumes: u64,
    pub full: u64,
    pub leaves: u64,
    pub stalls: u64,
    pub long_stalls: u64,
    pub ended: u64,
    pub lags: u64,
    /// Of subscribers that never stop reading.
    pub lags_of_readers: u64,
    pub lost: u64,
    pub births: u64,
    pub retirements: u64,
    pub publish_requests: u64,
    pub feed_dials: u64,
    pub feed_fetch_failures: u64,
    pub closes: Vec<(String, u64)>,
    pub server_cpu: f64,
    pub client_cpu: f64,
    /// By the straight line through the samples after the warm-up, bytes.
    pub allocated_growth: f64,
    pub resident_growth: f64,
    pub open_files_at_end: u64,
    pub connections_at_end: u64,
    pub samples: Vec<Sample>,
    /// What must not be, beside a violation (which ends the run at once).
    pub failures: Vec<String>,
}

/// What must not be at the end.
pub fn failures(report: &SoakReport, page: &Page) -> Vec<String> {
    let mut failures = Vec::new();
    for (reason, count) in &report.closes {
        if *count > 0 && !EXPECTED_CLOSES.contains(&reason.as_str()) {
            failures.push(format!("{count} connections were closed as {reason}"));
        }
    }
    let stalled = page.sum("closes_total", "\"write_stalled\"");
    let mut hold = |holds: bool, failure: String| {
        if !holds {
            failures.push(failure);
        }
    };
    hold(stalled <= report.long_stalls, format!("{stalled} write_stalled, but {} long stalls", report.long_stalls));
    hold(report.births == report.retirements, format!("{} born, {} retired", report.births, report.retirements));
    let overtaken = page.sum("shard_overtaken_total", "");
    hold(overtaken == 0, format!("{overtaken} times a shard was overtaken"));
    let refused = page.sum("connections_refused_total", "");
    hold(refused == 0, format!("{refused} connections were refused"));
    let files = report.open_files_at_end.saturating_sub(report.connections_at_end);
    hold(files <= OTHER_FILES_MAX, format!("{files} descriptors beside those of the open connections"));
    let (growth, most) = (report.allocated_growth / 1024.0 / 1024.0, report.load.growth_mib_max);
    hold(growth <= most, format!("allocated memory grew by {growth:.1} MiB after the warm-up, above {most}"));
    let dials = dials_min(report.seconds as u64, report.load.cut_s);
    hold(report.feed_dials >= dials, format!("{} dials of feeds that were cut, below {dials}", report.feed_dials));
    failures
}

/// Fewest dials of a feed that is cut again and again: each pause is at most the longest back-off, after which it stands
/// until the next cut. The last pause may not be over yet.
fn dials_min(seconds: u64, cut_s: u64) -> u64 {
    seconds / (FEED_PAUSE_S_MAX + cut_s)
}

impl SoakReport {
    pub fn table(&self) -> String {
        let mut out = String::new();
        let mut row = |name: &str, value: String| {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "  {name:<24}{value}");
        };
        row("time", format!("{:.0} s", self.seconds));
        row("messages proven", format!("{} = {:.0}/s", self.messages, self.messages_per_second));
        row("latency p50 … p99.99 max", self.latency_ms.to_string());
        let Self { arrivals, resumes, full, leaves, stalls, ended, lags, lags_of_readers, lost, .. } = self;
        row("connections", format!("{arrivals} came ({resumes} with a cursor, {full} told anew), {leaves} left"));
        row(
            "slow ones",
            format!(
                "{stalls} stalls, {ended} ended; {lags} lags ({lags_of_readers} of who always reads), {lost} events told lost"
            ),
        );
        row("topics", format!("{} born, {} retired", self.births, self.retirements));
        row("publish requests", self.publish_requests.to_string());
        row("feeds", format!("{} dials, {} failed fetches", self.feed_dials, self.feed_fetch_failures));
        let closes: Vec<String> =
            self.closes.iter().filter(|(_, n)| *n > 0).map(|(reason, n)| format!("{reason} {n}")).collect();
        row("closes", closes.join(", "));
        row(
            "CPU",
            format!("server {:.0}%, crowd and publisher {:.0}%", self.server_cpu * 100.0, self.client_cpu * 100.0),
        );
        let mib = |bytes: f64| bytes / 1024.0 / 1024.0;
        row(
            "growth after warm-up",
            format!("allocated {:.2} MiB, resident {:.2} MiB", mib(self.allocated_growth), mib(self.resident_growth)),
        );
        row(
            "open files at the end",
            format!("{} with {} connections", self.open_files_at_end, self.connections_at_end),
        );
        for failure in &self.failures {
            row("FAILED", failure.clone());
        }
        row(
            "verdict",
            if self.failures.is_empty() { "good".into() } else { format!("{} failures", self.failures.len()) },
        );
        out
    }
}
