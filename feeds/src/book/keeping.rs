//! One symbol's book, from snapshot over changes to the next break.

use super::{Level, Levels, Shown};
use crate::adapter::Output;
use crate::model::Topic;

/// In sync from a snapshot until it is lost.
#[derive(Debug, Default)]
pub(crate) struct Book {
    levels: Levels,
    is_synced: bool,
    /// What the venue says no more of: `None` where it sends whole books.
    depth: Option<usize>,
    /// The venue's number of the last change, if it numbers them.
    last: Option<i64>,
    shown: Shown,
}

impl Book {
    pub(crate) fn new(depth: Option<usize>) -> Book {
        Book { depth, ..Book::default() }
    }

    /// The venue said what depth it sends.
    pub(crate) fn set_depth(&mut self, depth: usize) {
        self.depth = Some(depth);
    }

    pub(crate) fn is_synced(&self) -> bool {
        self.is_synced
    }

    pub(crate) fn levels(&self) -> &Levels {
        &self.levels
    }

    /// `None` while out of sync, or where nothing is numbered.
    pub(crate) fn last(&self) -> Option<i64> {
        self.last
    }

    /// A whole book, in sync whatever was before.
    pub(crate) fn snapshot(&mut self, bids: &[Level], asks: &[Level], last: Option<i64>) {
        self.levels = Levels::new(bids, asks);
        self.cut();
        (self.is_synced, self.last) = (true, last);
    }

    /// A change that follows; while out of sync it is not looked at.
    pub(crate) fn apply(&mut self, bids: &[Level], asks: &[Level], last: Option<i64>) {
        if self.is_synced {
            self.levels.apply(bids, asks);
            self.cut();
            self.last = last;
        }
    }

    fn cut(&mut self) {
        if let Some(depth) = self.depth {
            self.levels.truncate(depth);
        }
    }

    /// Says the best `levels`; false if the book is out of sync or crossed, so that nothing is said.
    pub(crate) fn show(&mut self, topic: &Topic, levels: usize, te: Option<i64>, output: &mut Output) -> bool {
        let is_right = self.is_synced && !self.levels.is_crossed();
        if is_right {
            self.shown.show(topic, self.levels.top(levels), te, output);
        }
        is_right
    }

    /// What comes next does not follow. True if the book was in sync until now: what is shown is old.
    pub(crate) fn lose(&mut self, topic: &Topic, output: &mut Output) -> bool {
        let was_synced = std::mem::take(&mut self.is_synced);
        (self.levels, self.last) = (Levels::default(), None);
        if was_synced {
            self.shown.break_off(topic, output);
        }
        was_synced
    }

    /// An open connection makes no old book fresh.
    pub(crate) fn say_broken(&self, topic: &Topic, output: &mut Output) {
        self.shown.say_broken(topic, output);
    }
}
