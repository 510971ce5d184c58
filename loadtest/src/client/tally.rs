//! What all connections together have received.

use hdrhistogram::Histogram;

/// Latencies above this are put down as this: two minutes, in ns.
const LATENCY_NS_MAX: u64 = 120_000_000_000;

#[derive(Debug)]
pub struct Tally {
    /// Messages of the publisher that arrived as entries.
    pub deliveries: u64,
    pub snapshots: u64,
    /// Snapshots that stood in for entries, as their `why` said.
    pub lags: u64,
    /// Events that such a snapshot said were not delivered.
    pub lost: u64,
    pub bytes: u64,
    pub reads: u64,
    /// From the time a message was due to be sent until it was read, ns; of messages due since `timed_from_ns`.
    pub latency: Histogram<u64>,
    pub timed_from_ns: u64,
}

impl Default for Tally {
    fn default() -> Tally {
        // Cannot fail: the bounds are constants that fit three digits.
        let latency = Histogram::new_with_bounds(1_000, LATENCY_NS_MAX, 3).expect("constant bounds");
        let (deliveries, snapshots, lags, lost, bytes, reads) = (0, 0, 0, 0, 0, 0);
        Tally { deliveries, snapshots, lags, lost, bytes, reads, latency, timed_from_ns: u64::MAX }
    }
}

impl Tally {
    pub fn delivered(&mut self, sent_ns: u64, now_ns: u64) {
        self.deliveries += 1;
        if sent_ns >= self.timed_from_ns {
            self.latency.saturating_record(now_ns.saturating_sub(sent_ns));
        }
    }
}
