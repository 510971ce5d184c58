//! Where a feed's updates leave: a bounded channel that never makes a feed wait.
//!
//! Invariant SLOW-ALONE: when the channel is full the feed reads on; what it has to say is held per topic, states
//! conflated to the newest, events counted as lost. Invariant BOUNDED: the number of topics held has a cap.
//! Order: per topic everything leaves in the order it came; topics may overtake each other while any is held.

mod held;
mod line;

use crate::counters::{FeedCounters, add, set};
use crate::inlet::Inlet;
use crate::model::{Batch, Update};
use crossbeam_channel::TrySendError;
use held::Held;
use std::sync::Arc;

/// Most topics held back while the channel is full.
pub const HELD_TOPICS_MAX: usize = 100_000;
/// Most updates in one batch that leaves from what was held.
const FLUSH_UPDATES_MAX: usize = 1_024;

/// The sending end of one feed.
#[derive(Debug)]
pub struct Outlet {
    provider: Arc<str>,
    sender: Inlet<Batch>,
    held: Held,
    counters: Arc<FeedCounters>,
    is_closed: bool,
}

impl Outlet {
    /// `provider` names the source of every batch; `sender` should be bounded.
    pub fn new(provider: &str, sender: impl Into<Inlet<Batch>>) -> Outlet {
        Outlet::with_cap(provider, sender, HELD_TOPICS_MAX)
    }

    /// The same with another cap on the topics held.
    pub fn with_cap(provider: &str, sender: impl Into<Inlet<Batch>>, held_topics_max: usize) -> Outlet {
        Outlet {
            provider: provider.into(),
            sender: sender.into(),
            held: Held::new(held_topics_max),
            counters: Arc::default(),
            is_closed: false,
        }
    }

    /// The feed's counters, for metrics.
    pub fn counters(&self) -> Arc<FeedCounters> {
        self.counters.clone()
    }

    pub fn provider(&self) -> &Arc<str> {
        &self.provider
    }

    /// Sends `updates` (left empty) as one batch, or holds them if the channel is full. Never waits.
    pub fn publish(&mut self, received_ms: i64, updates: &mut Vec<Update>) {
        if updates.is_empty() {
            return;
        }
        let updates = std::mem::take(updates);
        if !self.flush(received_ms) {
            return self.hold(updates);
        }
        if let Some(unsent) = self.send(received_ms, updates) {
            self.hold(unsent);
        }
    }

    /// Tries again to send what is held; true if nothing is held any more.
    pub fn flush(&mut self, now_ms: i64) -> bool {
        while !self.held.is_empty() && !self.sender.is_full() {
            let updates = self.held.take(FLUSH_UPDATES_MAX);
            if let Some(unsent) = self.send(now_ms, updates) {
                // Only if another feed took the room meanwhile.
                self.held.put_back(unsent);
                break;
            }
        }
        set(&self.counters.held_topics, self.held.topics() as u64);
        self.held.is_empty()
    }

    /// True while something waits for room: the driver then calls [`Outlet::flush`] from time to time.
    pub fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// True once the receiver is gone: the feed has nothing to live for.
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    fn send(&mut self, received_ms: i64, updates: Vec<Update>) -> Option<Vec<Update>> {
        let count = updates.len() as u64;
        match self.sender.try_send(Batch { provider: self.provider.clone(), received_ms, updates }) {
            Ok(()) => {
                add(&self.counters.batches, 1);
                add(&self.counters.updates, count);
                None
            }
            Err(TrySendError::Full(batch)) => Some(batch.updates),
            Err(TrySendError::Disconnected(_)) => {
                self.is_closed = true;
                None
            }
        }
    }

    fn hold(&mut self, updates: Vec<Update>) {
        for update in updates {
            let fate = self.held.add(update);
            add(&self.counters.conflated, fate.conflated);
            add(&self.counters.lost_events, fate.lost_events);
            add(&self.counters.dropped, fate.dropped);
        }
        set(&self.counters.held_topics, self.held.topics() as u64);
    }
}

#[cfg(test)]
mod tests;
