//! What a shard counts. Written by its own thread alone, with plain stores; merged by the metrics page.

use crate::close::CloseReason;
use crate::codes::CODES;
use crate::framing::Form;
use std::sync::atomic::{AtomicU64, Ordering};

/// How a subscriber is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    WebSocket,
    Sse,
    LongPoll,
    Polling,
}

pub const TRANSPORTS: [Transport; 4] = [Transport::WebSocket, Transport::Sse, Transport::LongPoll, Transport::Polling];

impl Transport {
    /// Of subscribers whose messages have this form.
    pub fn of(form: Form) -> Transport {
        match form {
            Form::WebSocket => Transport::WebSocket,
            Form::Sse => Transport::Sse,
            Form::Json => Transport::LongPoll,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Transport::WebSocket => "websocket",
            Transport::Sse => "sse",
            Transport::LongPoll => "long_poll",
            Transport::Polling => "polling",
        }
    }
}

/// Upper bounds of the latency histogram, ms from an entry's `ts` to the pass that delivers it.
pub const LATENCY_BUCKETS_MS: [u64; 12] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 5_000, 30_000];

#[derive(Debug, Default)]
pub struct ShardCounters {
    /// Open now, by [`Transport`]; of long-polls, waiting.
    pub connections: [AtomicU64; 4],
    /// Opened since the start (of polls: answered), by [`Transport`].
    pub opened: [AtomicU64; 4],
    /// Entries and snapshots written, by [`Transport`].
    pub deliveries: [AtomicU64; 4],
    pub delivered_bytes: AtomicU64,
    /// Writes for subscribers: a system call each, but for those that io_uring takes.
    pub writes: AtomicU64,
    /// 1 if this shard writes through io_uring.
    pub uses_ring: AtomicU64,
    /// Submissions to io_uring, of up to [`crate::limits::SENDS_MAX`] writes each.
    pub ring_submissions: AtomicU64,
    /// Writes that the kernel took in part or not at all.
    pub writes_short: AtomicU64,
    pub passes: AtomicU64,
    pub wakes: AtomicU64,
    pub segments_read: AtomicU64,
    /// Ticks of rate classes that had something to say, and entries made for them, each once for all members.
    pub ticks: AtomicU64,
    pub ticked_entries: AtomicU64,
    /// Subscription sets that met the cap on topics.
    pub topics_limited: AtomicU64,
    /// By [`CloseReason`].
    pub closes: [AtomicU64; CloseReason::ALL.len()],
    /// Errors told, by their place in [`CODES`].
    pub errors: [AtomicU64; CODES.len()],
    pub resumes_entries: AtomicU64,
    pub resumes_snapshots: AtomicU64,
    pub resumes_full: AtomicU64,
    pub lags: AtomicU64,
    pub lost_events: AtomicU64,
    pub overtaken: AtomicU64,
    pub sets: AtomicU64,
    pub topics: AtomicU64,
    /// Bodies of polls made; the other polls were given one that was made already.
    pub polls_encoded: AtomicU64,
    /// Bodies of polls that were cut at their cap.
    pub polls_cut: AtomicU64,
    pub connections_refused: AtomicU64,
    /// Times that accepting waited for the subscribers' turn.
    pub accepts_deferred: AtomicU64,
    pub latency_ms: [AtomicU64; LATENCY_BUCKETS_MS.len() + 1],
    pub latency_ms_sum: AtomicU64,
}

impl ShardCounters {
    pub fn add(counter: &AtomicU64, by: u64) {
        counter.store(counter.load(Ordering::Relaxed) + by, Ordering::Relaxed);
    }

    pub fn subtract(counter: &AtomicU64, by: u64) {
        counter.store(counter.load(Ordering::Relaxed).saturating_sub(by), Ordering::Relaxed);
    }

    /// Takes note of a connection that ended, or was not let in.
    pub fn count_close(&self, reason: CloseReason) {
        ShardCounters::add(&self.closes[reason.index()], 1);
    }

    /// Takes note of an error that a client is told.
    pub fn count_error(&self, code: &str) {
        let known = CODES.iter().position(|known| *known == code);
        debug_assert!(known.is_some(), "{code} is missing among the codes");
        if let Some(place) = known {
            ShardCounters::add(&self.errors[place], 1);
        }
    }

    /// Takes note of `count` entries that waited `ms`.
    pub fn observe_latency(&self, ms: u64, count: u64) {
        let bucket = LATENCY_BUCKETS_MS.iter().position(|bound| ms <= *bound).unwrap_or(LATENCY_BUCKETS_MS.len());
        ShardCounters::add(&self.latency_ms[bucket], count);
        ShardCounters::add(&self.latency_ms_sum, ms * count);
    }
}
