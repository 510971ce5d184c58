//! What a measurement says, as a table for people and as JSON for programs.

mod comparison;
mod group;
mod table;

pub use comparison::{Comparison, Ratio};
pub use group::GroupReport;
use table::percent;

use crate::course::{Sample, distribution};
use crate::floor::FloorKind;
use crate::machine::Machine;
use crate::measure::Measurement;
use crate::roam::report::Roamed;
use crate::target::TargetKind;
use crate::target::process::ThreadTime;
use crate::workload::{Transport, Workload};
use hdrhistogram::Histogram;
use serde::Serialize;
use std::fmt;

/// Above this share of a CPU the clients are the bottleneck, and latencies are theirs.
const CLIENT_SHARE_MAX: f64 = 0.85;
/// Above this share of late messages the publisher is.
const LATE_SHARE_MAX: f64 = 0.05;
/// Above this share other programs took the server's CPU.
const WAITED_SHARE_MAX: f64 = 0.15;

/// One run, reduced to what is told of it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub target: TargetKind,
    /// `None` of a gateway.
    pub floor: Option<FloorKind>,
    pub gateways: usize,
    pub client_processes: usize,
    /// Of the first group.
    pub transport: Transport,
    pub workload: Workload,
    pub machine: Machine,
    pub seconds: f64,
    pub published: u64,
    pub late: u64,
    pub latest_ms: f64,
    pub deliveries: u64,
    pub deliveries_per_second: f64,
    pub bytes_per_second: f64,
    /// Of the server's threads and of ksoftirqd on their CPU.
    pub cpu_us_per_delivery: f64,
    /// The part of ksoftirqd; `None` if it is not visible.
    pub ksoftirqd_us_per_delivery: Option<f64>,
    /// `None` where `perf stat` counts none: then `instructions_missing` says why.
    pub kernel_instructions_per_delivery: Option<f64>,
    pub user_instructions_per_delivery: Option<f64>,
    pub instructions_missing: Option<String>,
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
    /// The same at the end of the window.
    pub resident_bytes_per_subscriber_at_end: f64,
    /// While the subscribers were opened, each with its first snapshots.
    pub connects_per_second: f64,
    /// Subscribers that applied all they were told and were compared with the gateway's snapshots.
    pub audited: usize,
    pub groups: Vec<GroupReport>,
    /// Who did more than listen.
    pub roamed: Vec<Roamed>,
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

impl Thread {
    /// Those that ran in a window.
    pub fn all(threads: &[ThreadTime], deliveries: u64, window_ns: u64) -> Vec<Thread> {
        let told = |thread: &ThreadTime| Thread {
            name: thread.name.clone(),
            us_per_delivery: thread.run_ns as f64 / 1e3 / deliveries.max(1) as f64,
            cpu_share: thread.run_ns as f64 / window_ns as f64,
        };
        threads.iter().filter(|thread| thread.run_ns > 0).map(told).collect()
    }
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
        let threads = |threads| Thread::all(threads, measured.deliveries, measured.window_ns);
        let Measurement { usage, window_ns, late, published, .. } = measured;
        let doubts = Doubts::new(&usage.client, &usage.server, *window_ns, *late, *published);
        let (counters, tally) = (usage.counters, measured.tally());
        let instructions = measured.instructions.as_ref().ok();
        let per_delivery = measured.server_ns() as f64 / deliveries;
        let groups = measured.groups.iter().zip(&measured.tallies);
        Report {
            target: measured.target,
            floor: measured.floor,
            gateways: measured.gateways,
            client_processes: measured.client_processes,
            transport: measured.groups.first().map_or(Transport::Websocket, |group| group.transport),
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
            ksoftirqd_us_per_delivery: measured.usage.ksoftirqd_ns.map(|ns| ns as f64 / 1e3 / deliveries),
            kernel_instructions_per_delivery: instructions.map(|counted| counted.kernel_per_ns * per_delivery),
            user_instructions_per_delivery: instructions.map(|counted| counted.user_per_ns * per_delivery),
            instructions_missing: measured.instructions.as_ref().err().map(|error| format!("{error:#}")),
            server_cpu_share: measured.server_share(),
            server_waited_share: doubts.server_waited,
            server_threads: threads(&measured.usage.server),
            writes_per_delivery: counters.map(|c| c.writes as f64 / c.deliveries.max(1) as f64),
            writes_short: counters.map(|c| c.writes_short),
            passes: counters.map(|c| c.passes),
            commits: counters.map(|c| c.commits),
            reads_per_delivery: measured.reads as f64 / deliveries,
            latency_ms: Latency::of(&tally.latency),
            latency_histogram: distribution(&tally.latency),
            samples: measured.samples.clone(),
            snapshots: tally.snapshots,
            lags: tally.lags,
            lost: tally.lost,
            resident_bytes: measured.resident_bytes,
            resident_bytes_per_subscriber: measured.resident_per_subscriber,
            resident_bytes_per_subscriber_at_end: measured.resident_at_end_per_subscriber,
            connects_per_second: measured.subscribers() as f64 * 1e9 / measured.open_ns.max(1) as f64,
            audited: measured.audited,
            roamed: measured.roamed.clone(),
            groups: groups.map(|(group, tally)| GroupReport::new(group, tally)).collect(),
            client_cpu_share: measured.client_share(),
            client_threads: threads(&measured.usage.client),
            warnings: doubts.warnings(),
        }
    }
}

/// What may make a run's figures those of something else than the target. Shares are of the window.
#[derive(Clone, Copy, Debug)]
pub struct Doubts {
    busiest_client: f64,
    clients: f64,
    /// In which the server's busiest thread wanted its CPU and did not have it.
    pub server_waited: f64,
    late: u64,
    published: u64,
}

impl Doubts {
    /// The threads of both sides, the busiest first.
    pub fn new(client: &[ThreadTime], server: &[ThreadTime], window_ns: u64, late: u64, published: u64) -> Doubts {
        let share = |ns: u64| ns as f64 / window_ns as f64;
        Doubts {
            busiest_client: share(client.first().map_or(0, |thread| thread.run_ns)),
            clients: share(client.iter().map(|thread| thread.run_ns).sum()),
            server_waited: share(server.first().map_or(0, |thread| thread.wait_ns)),
            late,
            published,
        }
    }

    pub fn warnings(&self) -> Vec<String> {
        let Doubts { busiest_client, clients, server_waited, late, published } = *self;
        let mut warnings = Vec::new();
        if busiest_client > CLIENT_SHARE_MAX {
            let client = percent(busiest_client);
            warnings.push(format!("a client used {client} of its CPU: it was the bottleneck, latencies are its own"));
        } else if clients > CLIENT_SHARE_MAX {
            let clients = percent(clients);
            warnings.push(format!("the clients used {clients} of a CPU: if they share one, latencies are theirs"));
        }
        if late as f64 > LATE_SHARE_MAX * published as f64 {
            warnings.push(format!("{late} of {published} messages were sent late: the publisher was held up"));
        }
        if server_waited > WAITED_SHARE_MAX {
            let waited = percent(server_waited);
            warnings.push(format!("the server waited {waited} of the time for its CPU: other programs ran there"));
        }
        warnings
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Latency { p50, p90, p99, p99_9, p99_99, max } = self;
        write!(f, "{p50:.2}  {p90:.2}  {p99:.2}  {p99_9:.2}  {p99_99:.2}  {max:.2} ms")
    }
}
