//! One address that is polled: at most one request under way, and longer waits while it fails.

use crate::adapter::{Fetch, Output};

/// Most doublings of the interval after failures.
const DOUBLINGS_MAX: u32 = 5;

#[derive(Debug, Default)]
pub(super) struct Poll {
    /// A request was asked for and not yet answered.
    waiting: bool,
    /// Answers without a good body since the last good one.
    failures: u32,
}

impl Poll {
    pub fn is_waiting(&self) -> bool {
        self.waiting
    }

    /// Notes an answer; false if none was asked for, as in a replay.
    pub fn answered(&mut self, good: bool) -> bool {
        self.failures = if good { 0 } else { self.failures.saturating_add(1) };
        std::mem::take(&mut self.waiting)
    }

    /// Asks for the next body in `interval_ms`, later after failures but not later than `longest_ms`.
    pub fn ask(&mut self, url: String, interval_ms: u64, longest_ms: u64, output: &mut Output) {
        if self.waiting {
            return;
        }
        self.waiting = true;
        let backed_off = interval_ms.saturating_mul(1 << self.failures.min(DOUBLINGS_MAX));
        let delay_ms = if self.failures > 0 { backed_off.min(longest_ms.max(interval_ms)) } else { interval_ms };
        output.fetches.push(Fetch { url, delay_ms });
    }
}
