//! What one run came to, in figures.

use super::usage::Usage;
use crate::audience::Group;
use crate::client::tally::Tally;
use crate::course::Sample;
use crate::floor::FloorKind;
use crate::roam::report::Roamed;
use crate::target::TargetKind;
use crate::target::instructions::Instructions;

/// What one run came to. Rates and CPU are those of the window; the proof covers the whole run.
#[derive(Debug)]
pub struct Measurement {
    pub target: TargetKind,
    /// `None` of a gateway.
    pub floor: Option<FloorKind>,
    pub gateways: usize,
    pub client_processes: usize,
    pub groups: Vec<Group>,
    pub window_ns: u64,
    /// Messages delivered in the window, over all subscribers.
    pub deliveries: u64,
    pub bytes: u64,
    /// Read calls of the clients.
    pub reads: u64,
    pub usage: Usage,
    /// The error says why none were counted.
    pub instructions: anyhow::Result<Instructions>,
    pub resident_bytes: u64,
    /// Growth of resident memory while the subscribers were opened, per subscriber.
    pub resident_per_subscriber: f64,
    /// The same until the end of the window.
    pub resident_at_end_per_subscriber: f64,
    /// How long it took to open them all.
    pub open_ns: u64,
    pub samples: Vec<Sample>,
    /// Of the whole run, by group.
    pub tallies: Vec<Tally>,
    /// Subscribers that applied all they were told and were compared with snapshots.
    pub audited: usize,
    pub roamed: Vec<Roamed>,
    pub published: u64,
    pub late: u64,
    pub latest_ns: u64,
}

impl Measurement {
    pub fn server_ns(&self) -> u64 {
        self.usage.server.iter().map(|thread| thread.run_ns).sum()
    }

    /// Of the server's threads, and of the kernel's network thread on their CPU.
    pub fn cpu_us_per_delivery(&self) -> f64 {
        (self.server_ns() + self.usage.ksoftirqd_ns.unwrap_or(0)) as f64 / 1_000.0 / self.deliveries.max(1) as f64
    }

    /// Share of the window in which the clients and the publisher had their CPU.
    pub fn client_share(&self) -> f64 {
        self.usage.client.iter().map(|thread| thread.run_ns).sum::<u64>() as f64 / self.window_ns as f64
    }

    pub fn server_share(&self) -> f64 {
        self.server_ns() as f64 / self.window_ns as f64
    }

    /// Of all groups.
    pub fn subscribers(&self) -> usize {
        self.groups.iter().map(|group| group.subscribers).sum()
    }

    /// What all subscribers received.
    pub fn tally(&self) -> Tally {
        let mut total = Tally::default();
        self.tallies.iter().for_each(|tally| total.add(tally));
        total
    }
}
