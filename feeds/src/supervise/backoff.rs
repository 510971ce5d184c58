//! How long to wait before dialling again.

/// Doubles from failure to failure, jittered so that a thousand gateways do not come back at once.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    min_ms: u64,
    max_ms: u64,
    stable_ms: u64,
    failures: u32,
}

impl Backoff {
    pub fn new(min_ms: u64, max_ms: u64, stable_ms: u64) -> Backoff {
        Backoff { min_ms, max_ms, stable_ms, failures: 0 }
    }

    /// The connection is gone after `lived_ms` (0: it never came up). `random` is any number. The pause lies between
    /// half of the doubled value and all of it, and never below `min_ms`.
    pub fn after_close(&mut self, lived_ms: u64, random: u64) -> u64 {
        if lived_ms >= self.stable_ms && lived_ms > 0 {
            self.failures = 0;
        }
        let doubled = self.min_ms.saturating_mul(1u64.checked_shl(self.failures + 1).unwrap_or(u64::MAX));
        let full = doubled.min(self.max_ms).max(self.min_ms);
        self.failures = (self.failures + 1).min(32);
        let half = full / 2;
        (half + random % (full - half + 1)).max(self.min_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_cap_and_jitters() {
        let mut backoff = Backoff::new(1_000, 60_000, 60_000);
        let most: Vec<u64> = (0..9).map(|_| backoff.after_close(0, 0).max(1)).collect();
        assert_eq!(most, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000, 30_000]);
        for random in 0..10_000 {
            let pause = backoff.after_close(0, random * 7_919);
            assert!((30_000..=60_000).contains(&pause), "{pause}");
        }
    }

    #[test]
    fn a_stable_connection_starts_anew() {
        let mut backoff = Backoff::new(1_000, 60_000, 60_000);
        for _ in 0..40 {
            backoff.after_close(59_999, 0);
        }
        assert_eq!(backoff.after_close(59_999, 0), 30_000);
        assert_eq!(backoff.after_close(60_000, 0), 1_000);
    }
}
