//! Every limit of supervision, as configured per feed.

use crate::registry::Problem;
use serde::{Deserialize, Serialize};

/// `[feed.limits]`. Zero is refused except where a key says what it means.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// First pause before dialling again, in ms; doubled with each failure, jittered by half.
    pub backoff_min_ms: u64,
    /// Longest pause before dialling again, in ms.
    pub backoff_max_ms: u64,
    /// A connection that lived this long, in ms, sets the back-off to its start.
    pub stable_ms: u64,
    /// Longest time for DNS, TCP, TLS and the WebSocket handshake together, in ms.
    pub dial_timeout_ms: u64,
    /// A socket without a byte (pings count) for this long is closed and dialled again, in ms; raised to what the
    /// venue's pings need (Binance 50000, futures 400000). 0: never.
    pub idle_timeout_ms: u64,
    /// Largest frame or message that is read, in bytes. At least 16 MiB is wise: Coinbase starts with 5 MB.
    pub frame_bytes_max: usize,
    /// Longest time for an HTTP answer with its body, in ms.
    pub fetch_timeout_ms: u64,
    /// Largest HTTP body that is read, after decompression, in bytes.
    pub body_bytes_max: usize,
    /// HTTP requests at the same time.
    pub fetches_at_once: usize,
    /// HTTP requests that wait for their turn; above it new ones fail at once.
    pub fetches_waiting_max: usize,
    /// Most connection attempts per host in 5 minutes, over all feeds of the process (Binance allows 300).
    pub dials_per_5min: usize,
    /// Most HTTP requests per host and minute, over all feeds of the process.
    pub fetches_per_min: usize,
    /// Frames read ahead per connection while the adapter is busy.
    pub frames_ahead_max: usize,
    /// How often silence and status are looked at, in ms; at most 500.
    pub watch_interval_ms: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            backoff_min_ms: 1_000,
            backoff_max_ms: 60_000,
            stable_ms: 60_000,
            dial_timeout_ms: 10_000,
            idle_timeout_ms: 90_000,
            frame_bytes_max: 16 << 20,
            fetch_timeout_ms: 20_000,
            body_bytes_max: 64 << 20,
            fetches_at_once: 4,
            fetches_waiting_max: 10_000,
            dials_per_5min: 150,
            fetches_per_min: 300,
            frames_ahead_max: 1_024,
            watch_interval_ms: 250,
        }
    }
}

impl Limits {
    /// Appends what is wrong; keys are relative to the feed.
    pub fn check(&self, problems: &mut Vec<Problem>) {
        let never_zero = [
            ("backoff_min_ms", self.backoff_min_ms),
            ("dial_timeout_ms", self.dial_timeout_ms),
            ("frame_bytes_max", self.frame_bytes_max as u64),
            ("fetch_timeout_ms", self.fetch_timeout_ms),
            ("body_bytes_max", self.body_bytes_max as u64),
            ("fetches_at_once", self.fetches_at_once as u64),
            ("fetches_waiting_max", self.fetches_waiting_max as u64),
            ("dials_per_5min", self.dials_per_5min as u64),
            ("fetches_per_min", self.fetches_per_min as u64),
            ("frames_ahead_max", self.frames_ahead_max as u64),
            ("watch_interval_ms", self.watch_interval_ms),
        ];
        for (key, _) in never_zero.iter().filter(|(_, value)| *value == 0) {
            problems.push(Problem::new(format!("limits.{key}"), "must be above zero"));
        }
        if self.backoff_max_ms < self.backoff_min_ms {
            problems.push(Problem::new("limits.backoff_max_ms", "must not be below backoff_min_ms"));
        }
        if self.watch_interval_ms > 500 {
            problems.push(Problem::new("limits.watch_interval_ms", "must be at most 500"));
        }
    }
}
