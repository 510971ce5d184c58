//! What a run against a peer says: the figures of a [`Report`](crate::report::Report) that a peer has, by the same
//! names, so that both are read alike.

use super::Way;
use crate::client::tally::Tally;
use crate::course::{Look, Sample, Used, distribution, samples};
use crate::machine::Machine;
use crate::measure::usage::Usage;
use crate::publisher::Progress;
use crate::report::{Doubts, Latency, Thread};
use crate::workload::Workload;
use serde::Serialize;
use std::sync::atomic::Ordering;

/// What was seen and used in the window.
#[derive(Debug)]
pub struct Seen {
    pub usage: Usage,
    pub looks: Vec<Look>,
    pub used: Vec<Used>,
    /// Resident bytes before and after the subscribers were opened.
    pub resident: (u64, u64),
}

#[derive(Clone, Debug, Serialize)]
pub struct PeerReport {
    pub target: String,
    pub transport: String,
    pub workload: Workload,
    pub machine: Machine,
    pub seconds: f64,
    pub published: u64,
    pub late: u64,
    pub deliveries: u64,
    pub deliveries_per_second: f64,
    pub bytes_per_second: f64,
    /// Of all threads of all its processes, and of ksoftirqd on their CPU.
    pub cpu_us_per_delivery: f64,
    /// `None`: it is not visible.
    pub ksoftirqd_us_per_delivery: Option<f64>,
    pub server_cpu_share: f64,
    pub server_waited_share: f64,
    pub server_threads: Vec<Thread>,
    /// Below 1 several messages came in one read.
    pub reads_per_delivery: f64,
    pub latency_ms: Latency,
    pub latency_histogram: Vec<(f64, u64)>,
    pub samples: Vec<Sample>,
    /// Messages that a subscriber was never given.
    pub lost: u64,
    pub resident_bytes: u64,
    pub resident_bytes_per_subscriber: f64,
    pub client_cpu_share: f64,
    pub client_threads: Vec<Thread>,
    pub warnings: Vec<String>,
}

impl PeerReport {
    /// `tally` and `progress`: of the whole run.
    pub fn new(
        workload: &Workload,
        (name, way): (&str, Way),
        seen: &Seen,
        tally: &Tally,
        progress: &Progress,
    ) -> PeerReport {
        let in_window = |of: fn(&Look) -> u64| seen.looks.last().map_or(0, of) - seen.looks.first().map_or(0, of);
        let (window_ns, deliveries) = (in_window(|look| look.at_ns), in_window(|look| look.deliveries));
        let seconds = window_ns as f64 / 1e9;
        let per_delivery_us = |ns: u64| ns as f64 / 1e3 / deliveries.max(1) as f64;
        let Usage { server, client, ksoftirqd_ns, .. } = &seen.usage;
        let server_ns: u64 = server.iter().map(|thread| thread.run_ns).sum();
        let client_share = client.iter().map(|thread| thread.run_ns).sum::<u64>() as f64 / window_ns as f64;
        let threads = |threads| Thread::all(threads, deliveries, window_ns);
        let (published, late) = (progress.sent.load(Ordering::Relaxed), progress.late.load(Ordering::Relaxed));
        let doubts = Doubts::new(client, server, window_ns, late, published);
        let (resident_before, resident_bytes) = seen.resident;
        let grown = resident_bytes as f64 - resident_before as f64;
        PeerReport {
            target: name.to_owned(),
            transport: way.to_string(),
            workload: workload.clone(),
            machine: Machine::here(),
            seconds,
            published,
            late,
            deliveries,
            deliveries_per_second: deliveries as f64 / seconds,
            bytes_per_second: in_window(|look| look.bytes) as f64 / seconds,
            cpu_us_per_delivery: per_delivery_us(server_ns + ksoftirqd_ns.unwrap_or(0)),
            ksoftirqd_us_per_delivery: ksoftirqd_ns.map(per_delivery_us),
            server_cpu_share: server_ns as f64 / window_ns as f64,
            server_waited_share: doubts.server_waited,
            server_threads: threads(server),
            reads_per_delivery: in_window(|look| look.reads) as f64 / deliveries.max(1) as f64,
            latency_ms: Latency::of(&tally.latency),
            latency_histogram: distribution(&tally.latency),
            samples: samples(&seen.looks, &seen.used),
            lost: tally.lost,
            resident_bytes,
            resident_bytes_per_subscriber: grown / workload.subscribers as f64,
            client_cpu_share: client_share,
            client_threads: threads(client),
            warnings: doubts.warnings(),
        }
    }
}
