//! Which subscriptions are silent for longer than they may be.
//!
//! Why per subscription: a mistyped stream keeps its socket alive with pings and never sends data.

/// Indices are those of [`crate::adapter::Adapter::subscriptions`].
#[derive(Debug, Default)]
pub struct Watchdog {
    watches: Vec<Watch>,
}

#[derive(Debug)]
struct Watch {
    silence_ms: Option<u64>,
    /// Last sign of life, or the moment since which one may be expected.
    since_ms: i64,
    is_stale: bool,
    is_down: bool,
}

impl Watchdog {
    /// Takes in subscriptions that appeared since the last call, and limits that changed (a game that began or ended).
    pub fn watch(&mut self, mut silences: impl ExactSizeIterator<Item = Option<u64>>, now_ms: i64) {
        for (watch, silence_ms) in self.watches.iter_mut().zip(silences.by_ref()) {
            if watch.silence_ms != silence_ms {
                (watch.silence_ms, watch.since_ms) = (silence_ms, now_ms);
            }
        }
        let fresh = |silence_ms| Watch { silence_ms, since_ms: now_ms, is_stale: false, is_down: false };
        self.watches.extend(silences.map(fresh));
    }

    pub fn len(&self) -> usize {
        self.watches.len()
    }

    pub fn is_empty(&self) -> bool {
        self.watches.is_empty()
    }

    /// Data came; true if the subscription was stale until now.
    pub fn alive(&mut self, index: usize, now_ms: i64) -> bool {
        let Some(watch) = self.watches.get_mut(index) else { return false };
        watch.since_ms = now_ms;
        watch.is_down = false;
        std::mem::take(&mut watch.is_stale)
    }

    /// Its connection is gone; true if the subscription becomes stale by this.
    pub fn link_down(&mut self, index: usize) -> bool {
        let Some(watch) = self.watches.get_mut(index) else { return false };
        watch.is_down = true;
        !std::mem::replace(&mut watch.is_stale, true)
    }

    /// Its connection is back; true if it is fresh by this alone, because any silence of it is normal.
    pub fn link_up(&mut self, index: usize, now_ms: i64) -> bool {
        let Some(watch) = self.watches.get_mut(index) else { return false };
        watch.since_ms = now_ms;
        let was_down = std::mem::take(&mut watch.is_down);
        if was_down && watch.silence_ms.is_none() { std::mem::take(&mut watch.is_stale) } else { false }
    }

    /// Has it been silent for longer than it may be, since its last sign of life or the last [`Watchdog::restart`]?
    /// `None`: any silence of it is normal.
    pub fn is_silent(&self, index: usize, now_ms: i64) -> Option<bool> {
        let watch = self.watches.get(index)?;
        Some((now_ms - watch.since_ms).max(0).unsigned_abs() > watch.silence_ms?)
    }

    /// Something was done about its silence: wait anew. What is stale stays so until data comes.
    pub fn restart(&mut self, index: usize, now_ms: i64) {
        if let Some(watch) = self.watches.get_mut(index) {
            watch.since_ms = now_ms;
        }
    }

    /// Those that become stale now.
    pub fn check(&mut self, now_ms: i64) -> Vec<usize> {
        let mut silent = Vec::new();
        for (index, watch) in self.watches.iter_mut().enumerate() {
            let Some(limit) = watch.silence_ms else { continue };
            // A clock set back starts the wait anew.
            watch.since_ms = watch.since_ms.min(now_ms);
            if !watch.is_stale && (now_ms - watch.since_ms).unsigned_abs() > limit {
                watch.is_stale = true;
                silent.push(index);
            }
        }
        silent
    }

    /// How many are stale, and how many can be.
    pub fn stale(&self) -> (usize, usize) {
        (self.watches.iter().filter(|watch| watch.is_stale).count(), self.watches.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watchdog(silences: &[Option<u64>]) -> Watchdog {
        let mut watchdog = Watchdog::default();
        watchdog.watch(silences.iter().copied(), 0);
        watchdog
    }

    #[test]
    fn silence_is_noticed_once_and_life_ends_it() {
        let mut watchdog = watchdog(&[Some(1_000), None, Some(5_000)]);
        assert!(watchdog.check(1_000).is_empty());
        assert_eq!(watchdog.check(1_001), [0]);
        assert!(watchdog.check(2_000).is_empty());
        assert_eq!(watchdog.check(9_000), [2]);
        assert_eq!(watchdog.stale(), (2, 3));
        assert!(watchdog.alive(0, 9_000));
        assert!(!watchdog.alive(0, 9_001));
        assert!(watchdog.check(10_001).is_empty());
        assert_eq!(watchdog.check(10_002), [0]);
    }

    #[test]
    fn a_lost_connection_makes_all_stale_and_only_quiet_ones_come_back_with_it() {
        let mut watchdog = watchdog(&[Some(1_000), None]);
        assert!(watchdog.link_down(0) && watchdog.link_down(1) && !watchdog.link_down(1));
        assert!(!watchdog.link_up(0, 10), "waits for data");
        assert!(watchdog.link_up(1, 10), "any silence is normal");
        assert!(!watchdog.link_up(1, 10));
        assert!(watchdog.alive(0, 20));
    }

    #[test]
    fn a_restart_waits_anew_and_leaves_the_mark() {
        let mut watchdog = watchdog(&[Some(1_000), None]);
        assert_eq!(watchdog.check(2_000), [0]);
        assert_eq!((watchdog.is_silent(0, 2_000), watchdog.is_silent(1, 2_000)), (Some(true), None));
        watchdog.restart(0, 2_000);
        assert_eq!(watchdog.is_silent(0, 3_000), Some(false));
        assert!(watchdog.alive(0, 3_000), "it was stale all the time");
    }

    #[test]
    fn subscriptions_may_be_added() {
        let mut watchdog = watchdog(&[Some(100)]);
        watchdog.watch([Some(100), Some(100)].into_iter(), 1_000);
        assert_eq!(watchdog.check(1_050), [0]);
        assert_eq!(watchdog.check(1_101), [1]);
        assert!(!watchdog.alive(7, 0), "unknown indices are harmless");
    }
}
