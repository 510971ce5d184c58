//! What a test can break: hooks into a running simulated exchange.

use super::frames::Frame;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// A handle to the faults of one exchange; clones are the same handle. The default has none.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Broken>);

#[derive(Debug, Default)]
struct Broken {
    /// Messages that are still to be lost, by stream.
    lost: Mutex<BTreeMap<String, u32>>,
    silent: Mutex<BTreeSet<String>>,
    /// Counts the orders to close all sockets.
    closes: watch::Sender<u64>,
    /// Life of a socket in ms; zero: no end.
    lifetime_ms: AtomicU64,
}

impl Faults {
    /// Loses the next `count` diffs of a symbol (`BTCUSDT`): a gap in its `U`/`u` chain.
    pub fn drop_diffs(&self, symbol: &str, count: u32) {
        self.lost().insert(format!("{}@depth@100ms", symbol.to_ascii_lowercase()), count);
    }

    /// Sends nothing more on a stream (`btcusdt@trade`), until [`Faults::unsilence`].
    pub fn silence(&self, stream: &str) {
        self.silent().insert(stream.to_owned());
    }

    pub fn unsilence(&self, stream: &str) {
        self.silent().remove(stream);
    }

    /// Cuts all WebSockets that are open, without a close frame.
    pub fn close_sockets(&self) {
        self.0.closes.send_modify(|closes| *closes += 1);
    }

    /// Cuts each WebSocket opened from now on after that time; zero: never.
    pub fn cut_sockets_after(&self, lifetime: Duration) {
        let lifetime_ms = u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX);
        self.0.lifetime_ms.store(lifetime_ms, Ordering::Relaxed);
    }

    /// Whether a message goes out; uses up one loss.
    pub(super) fn lets_pass(&self, frame: &Frame) -> bool {
        if self.silent().contains(&frame.stream) {
            return false;
        }
        match self.lost().get_mut(&frame.stream) {
            Some(left) if *left > 0 => {
                *left -= 1;
                false
            }
            _ => true,
        }
    }

    pub(super) fn closes(&self) -> watch::Receiver<u64> {
        self.0.closes.subscribe()
    }

    /// `None`: no end.
    pub(super) fn lifetime(&self) -> Option<Duration> {
        let lifetime_ms = self.0.lifetime_ms.load(Ordering::Relaxed);
        (lifetime_ms > 0).then(|| Duration::from_millis(lifetime_ms))
    }

    fn lost(&self) -> MutexGuard<'_, BTreeMap<String, u32>> {
        self.0.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn silent(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.silent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
