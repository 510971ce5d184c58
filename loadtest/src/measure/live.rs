//! The line on a terminal that shows how a run goes.

use super::LOOK_NS;
use crate::client::Fleet;
use crate::clock::{SECOND_NS, now_ns};
use crate::publisher::Progress;
use std::io::{IsTerminal, Write};
use std::sync::atomic::Ordering;

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

    /// Runs the fleet until `until_ns`, with a word each second.
    pub fn run_until(&self, until_ns: u64, fleet: &mut Fleet, progress: &Progress) -> anyhow::Result<()> {
        let (mut shown_ns, mut shown) = (now_ns(), deliveries(fleet));
        loop {
            let now = now_ns();
            if now >= until_ns {
                return Ok(());
            }
            if now >= shown_ns + SECOND_NS {
                let deliveries = deliveries(fleet);
                let per_second = (deliveries - shown) as f64 * SECOND_NS as f64 / (now - shown_ns) as f64;
                let (sent, late) = (progress.sent.load(Ordering::Relaxed), progress.late.load(Ordering::Relaxed));
                let left = (until_ns - now) / SECOND_NS;
                self.show(|| format!("{sent} published ({late} late), {per_second:.0} deliveries/s, {left} s to go"));
                (shown_ns, shown) = (now, deliveries);
            }
            fleet.turn(until_ns.min(now + LOOK_NS))?;
        }
    }
}

fn deliveries(fleet: &Fleet) -> u64 {
    fleet.tallies.iter().map(|tally| tally.deliveries).sum()
}
