//! Ids of trades that were corrected: Alpaca gives a corrected trade a new id, readers know it by its first one.

use std::collections::{HashMap, VecDeque};

/// Most corrected trades that are remembered; a day has some dozens.
const RENAMED_MAX: usize = 4_096;

#[derive(Debug, Default)]
pub(super) struct Renamed {
    first: HashMap<String, String>,
    order: VecDeque<String>,
}

impl Renamed {
    /// The id that readers know a trade by.
    pub(super) fn follow(&self, id: String) -> String {
        self.first.get(&id).cloned().unwrap_or(id)
    }

    /// Alpaca calls the trade `new` from now on.
    pub(super) fn note(&mut self, new: String, first: String) {
        if new == first || self.first.insert(new.clone(), first).is_some() {
            return;
        }
        self.order.push_back(new);
        if self.order.len() > RENAMED_MAX {
            self.order.pop_front().map(|oldest| self.first.remove(&oldest));
        }
    }
}
