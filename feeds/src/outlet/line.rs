//! One topic's held updates, folded to the fewest that have the same effect.

use crate::model::{Change, Object, Topic, Update, compose, merge};

/// Most changes in a line. More than one is rare: only patches that RFC 7396 cannot express as one stay apart.
const CHANGES_MAX: usize = 16;

/// Why the mark stands apart: it says how old the data is, not what it is, so that states fold across it.
#[derive(Debug, Default)]
pub(super) struct Line {
    stale: Option<bool>,
    changes: Vec<(Option<i64>, Change)>,
}

/// What became of an update that had to be held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fate {
    /// State updates that will not be seen by themselves.
    pub conflated: u64,
    /// Events that will not be seen at all.
    pub lost_events: u64,
    /// State updates whose effect is gone.
    pub dropped: u64,
}

impl Fate {
    /// The fate of an update for which there is no room at all.
    pub(super) fn refused(change: &Change) -> Fate {
        match change {
            Change::Event(_) | Change::Lost(_) => Fate { lost_events: 1, ..Fate::default() },
            _ => Fate { dropped: 1, ..Fate::default() },
        }
    }
}

impl Line {
    pub(super) fn add(&mut self, te: Option<i64>, change: Change) -> Fate {
        match change {
            Change::Event(_) => self.lose(te, Some(1), 1),
            Change::Lost(count) => self.lose(te, count, 0),
            Change::Patch(patch) => self.patch(te, patch),
            Change::State(_) | Change::Reset(_) => self.replace(te, change),
            Change::Retire => self.retire(te),
            Change::Stale(stale) => {
                self.stale = Some(stale);
                Fate::default()
            }
        }
    }

    /// "Fresh again" goes before the data, "old" after it.
    pub(super) fn drain_into(self, topic: &Topic, updates: &mut Vec<Update>) {
        let mark = |stale| Update::new(topic.clone(), None, Change::Stale(stale));
        updates.extend((self.stale == Some(false)).then(|| mark(false)));
        updates.extend(self.changes.into_iter().map(|(te, change)| Update::new(topic.clone(), te, change)));
        updates.extend((self.stale == Some(true)).then(|| mark(true)));
    }

    fn lose(&mut self, te: Option<i64>, count: Option<u64>, lost_events: u64) -> Fate {
        match self.changes.last_mut() {
            Some((_, Change::Lost(total))) => *total = total.zip(count).map(|(a, b)| a.saturating_add(b)),
            _ => self.changes.push((te, Change::Lost(count))),
        }
        Fate { lost_events, ..Fate::default() }
    }

    /// A whole state makes the states and patches before it needless; once a reset, always a reset.
    fn replace(&mut self, te: Option<i64>, change: Change) -> Fate {
        let before = self.changes.len();
        let was_reset = self.changes.iter().any(|(_, old)| matches!(old, Change::Reset(_)));
        self.changes.retain(|(_, old)| matches!(old, Change::Retire | Change::Lost(_)));
        let conflated = (before - self.changes.len()) as u64;
        let change = match change {
            Change::State(state) if was_reset => Change::Reset(state),
            change => change,
        };
        self.changes.push((te, change));
        Fate { conflated, ..Fate::default() }
    }

    fn retire(&mut self, te: Option<i64>) -> Fate {
        let conflated = self.changes.len() as u64;
        self.changes.clear();
        self.stale = None;
        self.changes.push((te, Change::Retire));
        Fate { conflated, ..Fate::default() }
    }

    fn patch(&mut self, te: Option<i64>, patch: Object) -> Fate {
        self.changes.push((te, Change::Patch(patch)));
        let mut fate = Fate::default();
        while self.fold_last() {
            fate.conflated += 1;
        }
        if self.changes.len() > CHANGES_MAX {
            self.changes.remove(0);
            fate.dropped += 1;
        }
        fate
    }

    /// Folds the last change, a patch, into the one before it; false if that is not possible.
    fn fold_last(&mut self) -> bool {
        let [.., (old_te, old), (te, Change::Patch(patch))] = self.changes.as_mut_slice() else { return false };
        let folded = match old {
            Change::Patch(first) => compose(first, patch),
            Change::State(state) | Change::Reset(state) => {
                merge(state, patch);
                true
            }
            _ => false,
        };
        if folded {
            *old_te = *te;
            self.changes.pop();
        }
        folded
    }
}
