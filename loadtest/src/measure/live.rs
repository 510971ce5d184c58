//! The line on a terminal that shows how a run goes.

use super::LOOK_NS;
use crate::client::Fleet;
use crate::clock::{SECOND_NS, now_ns};
use crate::publisher::Progress;
use std::io::{IsTerminal, Write};
use std::sync::atomic::Ordering;

/// Whose deliveries are shown.
pub trait Subscribers {
    /// Takes what arrives, at most until `until_ns`.
    fn turn(&mut self, until_ns: u64) -> anyhow::Result<()>;
    /// Of all of them, so far.
    fn deliveries(&self) -> u64;
}

impl Subscribers for Fleet {
    fn turn(&mut self, until_ns: u64) -> anyhow::Result<()> {
        Fleet::turn(self, until_ns)
    }

    fn deliveries(&self) -> u64 {
        self.tallies.iter().map(|tally| tally.deliveries).sum()
    }
}

pub struct Live {
    shown: bool,
    label: String,
}

impl Live {
    pub fn new(label: String) -> Live {
        Live { shown: std::io::stderr().is_terminal(), label }
    }

    pub fn show(&self, text: impl FnOnce() -> String) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K{}: {}", self.label, text());
        }
    }

    pub fn clear(&self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }

    /// Runs the subscribers until `until_ns`, with a word each second.
    pub fn run_until(
        &self,
        until_ns: u64,
        subscribers: &mut impl Subscribers,
        progress: &Progress,
    ) -> anyhow::Result<()> {
        let (mut shown_ns, mut shown) = (now_ns(), subscribers.deliveries());
        loop {
            let now = now_ns();
            if now >= until_ns {
                return Ok(());
            }
            if now >= shown_ns + SECOND_NS {
                let deliveries = subscribers.deliveries();
                let per_second = (deliveries - shown) as f64 * SECOND_NS as f64 / (now - shown_ns) as f64;
                let (sent, late) = (progress.sent.load(Ordering::Relaxed), progress.late.load(Ordering::Relaxed));
                let left = (until_ns - now) / SECOND_NS;
                self.show(|| format!("{sent} published ({late} late), {per_second:.0} deliveries/s, {left} s to go"));
                (shown_ns, shown) = (now, deliveries);
            }
            subscribers.turn(until_ns.min(now + LOOK_NS))?;
        }
    }
}
