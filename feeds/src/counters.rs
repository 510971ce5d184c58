//! What one feed counted, shared with whoever exports metrics: plain atomics, written by the feed, read by anyone.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Sums since the feed's start, except where a field says that it is a gauge.
#[derive(Debug, Default)]
pub struct FeedCounters {
    /// Batches put into the channel.
    pub batches: AtomicU64,
    /// Updates put into the channel.
    pub updates: AtomicU64,
    /// State updates replaced by, or merged into, a newer one because the channel was full.
    pub conflated: AtomicU64,
    /// Events of append logs dropped because the channel was full; readers are told by `Change::Lost`.
    pub lost_events: AtomicU64,
    /// State updates dropped because too many topics were held: the state downstream is wrong until the next snapshot.
    pub dropped: AtomicU64,
    /// Gauge: topics held back because the channel is full.
    pub held_topics: AtomicU64,
    pub frames: AtomicU64,
    pub gaps: AtomicU64,
    pub resyncs: AtomicU64,
    pub checksum_ok: AtomicU64,
    pub checksum_failed: AtomicU64,
    pub refused: AtomicU64,
    pub rejected: AtomicU64,
    pub ignored: AtomicU64,
    /// Gauge: sockets open now.
    pub connections: AtomicU64,
    /// Connections made, first ones included.
    pub dials: AtomicU64,
    pub dial_failures: AtomicU64,
    pub fetches: AtomicU64,
    pub fetch_failures: AtomicU64,
    /// Gauge: subscriptions that are silent for longer than they may be.
    pub stale_subscriptions: AtomicU64,
    /// Gauge: `FeedState` as a number, see [`crate::supervise::FeedState`].
    pub state: AtomicU64,
}

impl FeedCounters {
    /// Takes over what an adapter counted.
    pub fn take_counts(&self, counts: &crate::adapter::Counts) {
        self.frames.store(counts.frames, Relaxed);
        self.gaps.store(counts.gaps, Relaxed);
        self.resyncs.store(counts.resyncs, Relaxed);
        self.checksum_ok.store(counts.checksum_ok, Relaxed);
        self.checksum_failed.store(counts.checksum_failed, Relaxed);
        self.refused.store(counts.refused, Relaxed);
        self.rejected.store(counts.rejected, Relaxed);
        self.ignored.store(counts.ignored, Relaxed);
    }
}

/// Adds to a sum.
pub(crate) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Relaxed);
}

/// Sets a gauge.
pub(crate) fn set(gauge: &AtomicU64, n: u64) {
    gauge.store(n, Relaxed);
}
