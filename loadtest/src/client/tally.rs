//! What connections together have received, and how late.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Latencies above this are put down as this: two minutes, in ns.
const LATENCY_NS_MAX: u64 = 120_000_000_000;

#[derive(Debug, Serialize, Deserialize)]
pub struct Tally {
    /// Messages of the publisher that arrived as entries, or as news in a plain poll's snapshot.
    pub deliveries: u64,
    pub snapshots: u64,
    /// Snapshots that stood in for entries because the reader was behind.
    pub lags: u64,
    /// Snapshots that a `rate` gave instead of a delta.
    pub ticks: u64,
    /// Events that such a snapshot, or a plain poll's, did not hold any more.
    pub lost: u64,
    /// Answers to polls, and those of them that said that nothing changed.
    pub answers: u64,
    pub unchanged: u64,
    pub bytes: u64,
    pub reads: u64,
    /// From the time a message was due to be sent until it was read, ns; of messages due since `timed_from_ns`.
    #[serde(with = "recorded")]
    pub latency: Histogram<u64>,
    pub timed_from_ns: u64,
}

/// An empty histogram of latencies.
pub fn latencies() -> Histogram<u64> {
    // Cannot fail: the bounds are constants that fit three digits.
    Histogram::new_with_bounds(1_000, LATENCY_NS_MAX, 3).expect("constant bounds")
}

impl Default for Tally {
    fn default() -> Tally {
        Tally {
            deliveries: 0,
            snapshots: 0,
            lags: 0,
            ticks: 0,
            lost: 0,
            answers: 0,
            unchanged: 0,
            bytes: 0,
            reads: 0,
            latency: latencies(),
            timed_from_ns: u64::MAX,
        }
    }
}

impl Tally {
    pub fn delivered(&mut self, sent_ns: u64, now_ns: u64) {
        self.deliveries += 1;
        if sent_ns >= self.timed_from_ns {
            self.latency.saturating_record(now_ns.saturating_sub(sent_ns));
        }
    }

    /// Adds what others received.
    pub fn add(&mut self, other: &Tally) {
        self.deliveries += other.deliveries;
        self.snapshots += other.snapshots;
        self.lags += other.lags;
        self.ticks += other.ticks;
        self.lost += other.lost;
        self.answers += other.answers;
        self.unchanged += other.unchanged;
        self.bytes += other.bytes;
        self.reads += other.reads;
        // Cannot fail: all histograms have the same bounds.
        let _ = self.latency.add(&other.latency);
    }
}

/// A histogram as its values and how often each was recorded.
pub mod recorded {
    use super::{Histogram, latencies};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn pairs(histogram: &Histogram<u64>) -> Vec<(u64, u64)> {
        histogram.iter_recorded().map(|step| (step.value_iterated_to(), step.count_at_value())).collect()
    }

    pub fn histogram(pairs: &[(u64, u64)]) -> Histogram<u64> {
        let mut histogram = latencies();
        pairs.iter().for_each(|(value, count)| histogram.saturating_record_n(*value, *count));
        histogram
    }

    pub fn serialize<S: Serializer>(histogram: &Histogram<u64>, out: S) -> Result<S::Ok, S::Error> {
        pairs(histogram).serialize(out)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Histogram<u64>, D::Error> {
        Ok(histogram(&Vec::deserialize(input)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_survives_its_json() {
        let mut tally = Tally { timed_from_ns: 0, lost: 3, ..Tally::default() };
        (1..5_000).for_each(|n| tally.delivered(0, n * n * 37));
        let read: Tally = serde_json::from_str(&serde_json::to_string(&tally).unwrap()).unwrap();
        assert_eq!((read.deliveries, read.lost), (4_999, 3));
        assert_eq!(read.latency, tally.latency);
        let mut sum = Tally::default();
        sum.add(&tally);
        sum.add(&read);
        assert_eq!((sum.deliveries, sum.latency.len()), (9_998, 9_998));
    }
}
