//! A token bucket in four bytes and without a timer, so that an idle connection pays nothing for its limit. Pure: time is
//! an argument.

/// Tokens of one connection. The clock runs in tokens: so many a second.
#[derive(Clone, Copy, Debug, Default)]
pub struct Budget {
    /// When the bucket is full again, on that clock; it wraps.
    full_at: u32,
}

impl Budget {
    /// Takes a token; false if the bucket is empty. It holds `burst` of them.
    pub fn take(&mut self, per_second: u32, burst: u32, now_ms: i64) -> bool {
        let now = ((now_ms.max(0) as u64).wrapping_mul(per_second.into()) / 1_000) as u32;
        let missing = self.full_at.wrapping_sub(now);
        // More than it holds cannot be missing: it has been full for so long that the clock wrapped, or time went back.
        let missing = if missing > burst { 0 } else { missing };
        if missing == burst {
            return false;
        }
        self.full_at = now.wrapping_add(missing + 1);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(budget: &mut Budget, tries: usize, now_ms: i64) -> usize {
        (0..tries).filter(|_| budget.take(10, 5, now_ms)).count()
    }

    #[test]
    fn a_burst_then_the_rate() {
        let mut budget = Budget::default();
        let start = 1_795_393_785_000;
        assert_eq!(taken(&mut budget, 100, start), 5);
        assert_eq!(taken(&mut budget, 100, start + 99), 0);
        assert_eq!(taken(&mut budget, 100, start + 100), 1);
        assert_eq!(taken(&mut budget, 100, start + 400), 3);
        // However long it rests, it holds no more than a burst.
        assert_eq!(taken(&mut budget, 100, start + 3_600_000), 5);
        // Over ten seconds, tried all the time.
        let through: usize = (0..1_000).map(|n| taken(&mut budget, 3, start + 3_600_000 + n * 10)).sum();
        assert_eq!(through, 99);
    }

    #[test]
    fn a_clock_that_wraps_or_goes_back_gives_a_full_bucket() {
        let mut budget = Budget::default();
        let wrap = (1 << 32) * 100;
        assert_eq!(taken(&mut budget, 100, wrap / 4), 5);
        assert_eq!(taken(&mut budget, 100, wrap - 100), 5);
        assert_eq!(taken(&mut budget, 100, wrap + 100), 2);
        assert_eq!(taken(&mut budget, 100, wrap - 50_000), 5);
        // Half of the clock's round later.
        assert_eq!(taken(&mut budget, 100, wrap + wrap / 2), 5);
    }
}
