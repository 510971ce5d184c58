//! Says in the log that data was lost because nobody took it fast enough: one line a minute.

use crate::counters::FeedCounters;
use std::sync::atomic::Ordering::Relaxed;

const REPORT_INTERVAL_MS: i64 = 60_000;

#[derive(Debug, Default)]
pub(super) struct Losses {
    events: u64,
    states: u64,
    next_report_ms: i64,
}

impl Losses {
    pub(super) fn report(&mut self, provider: &str, counters: &FeedCounters, now_ms: i64) {
        let (events, states) = (counters.lost_events.load(Relaxed), counters.dropped.load(Relaxed));
        if (events, states) == (self.events, self.states) || now_ms < self.next_report_ms {
            return;
        }
        let (lost_events, dropped_states) = (events - self.events, states - self.states);
        tracing::error!(provider, lost_events, dropped_states, "the updates channel was full: data is lost");
        *self = Losses { events, states, next_report_ms: now_ms + REPORT_INTERVAL_MS };
    }
}
