//! A book kept in sync from changes and REST snapshots: Binance's "How to manage a local order book correctly".
//!
//! Pure. The caller fetches when [`Outcome`] says so and publishes the [`Levels`] when it says so.

use super::message::{Depth, Diff};
use crate::book::Levels;
use std::collections::VecDeque;

/// Changes kept while a snapshot is on its way; 100 s of them.
const BUFFERED_MAX: usize = 1_000;

/// One symbol's book.
#[derive(Debug)]
pub(super) struct DiffBook {
    is_futures: bool,
    levels: Levels,
    sync: Sync,
    /// A snapshot was asked for and has not come.
    is_fetching: bool,
    /// It was in sync before: getting there again is a resync.
    was_synced: bool,
}

#[derive(Debug)]
enum Sync {
    /// Waits for a snapshot; what comes meanwhile is kept.
    Lost(VecDeque<Diff>),
    /// Has the snapshot of this id; the next change must overlap it.
    Seeded(i64),
    /// Every change up to this id is in.
    Synced(i64),
}

/// What an input meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing to publish: kept for later, or known already.
    Nothing,
    /// The levels may have changed.
    Changed,
    /// In sync for the first time, or `true`: again.
    Synced { again: bool },
    /// A sequence is broken or the book is crossed: it is wrong from here on, a snapshot is needed.
    Broken,
    /// The snapshot was older than the changes kept: another is needed.
    SnapshotTooOld,
}

impl DiffBook {
    pub(super) fn new(is_futures: bool) -> DiffBook {
        let sync = Sync::Lost(VecDeque::new());
        DiffBook { is_futures, levels: Levels::default(), sync, is_fetching: false, was_synced: false }
    }

    pub(super) fn levels(&self) -> &Levels {
        &self.levels
    }

    pub(super) fn is_synced(&self) -> bool {
        !matches!(self.sync, Sync::Lost(_))
    }

    /// The connection is gone: what comes next does not follow. True if the book was in sync until now.
    pub(super) fn lose(&mut self) -> bool {
        let was_synced = self.is_synced();
        self.sync = Sync::Lost(VecDeque::new());
        was_synced
    }

    /// Should a snapshot be asked for now? Says so once until [`DiffBook::fetch_ended`].
    pub(super) fn wants_fetch(&mut self) -> bool {
        !self.is_synced() && !std::mem::replace(&mut self.is_fetching, true)
    }

    /// The snapshot that was asked for came, or will not come.
    pub(super) fn fetch_ended(&mut self) {
        self.is_fetching = false;
    }

    pub(super) fn diff(&mut self, diff: Diff) -> Outcome {
        match &mut self.sync {
            Sync::Lost(buffered) => {
                if buffered.len() == BUFFERED_MAX {
                    buffered.pop_front();
                }
                buffered.push_back(diff);
                Outcome::Nothing
            }
            Sync::Seeded(id) => {
                let id = *id;
                if self.is_before(&diff, id) {
                    return Outcome::Nothing;
                }
                if self.follows_snapshot(&diff, id) {
                    return self.apply(&diff);
                }
                self.sync = Sync::Lost(VecDeque::from([diff]));
                Outcome::SnapshotTooOld
            }
            Sync::Synced(id) => {
                let id = *id;
                if diff.last <= id {
                    return Outcome::Nothing;
                }
                if follows(&diff, id) {
                    return self.apply(&diff);
                }
                self.sync = Sync::Lost(VecDeque::from([diff]));
                Outcome::Broken
            }
        }
    }

    /// A snapshot; ignored while the book is in sync.
    pub(super) fn snapshot(&mut self, snapshot: &Depth) -> Outcome {
        let Sync::Lost(buffered) = &mut self.sync else { return Outcome::Nothing };
        let buffered = std::mem::take(buffered);
        let is_too_old = buffered
            .iter()
            .find(|diff| !self.is_before(diff, snapshot.last))
            .is_some_and(|diff| !self.follows_snapshot(diff, snapshot.last));
        if is_too_old {
            self.sync = Sync::Lost(buffered);
            return Outcome::SnapshotTooOld;
        }
        self.levels = Levels::new(&snapshot.bids, &snapshot.asks);
        self.sync = Sync::Seeded(snapshot.last);
        for diff in buffered {
            let outcome = self.diff(diff);
            if matches!(outcome, Outcome::Broken | Outcome::SnapshotTooOld) {
                return outcome;
            }
        }
        if self.levels.is_crossed() {
            return self.broken();
        }
        Outcome::Synced { again: std::mem::replace(&mut self.was_synced, true) }
    }

    fn apply(&mut self, diff: &Diff) -> Outcome {
        self.levels.apply(&diff.bids, &diff.asks);
        self.sync = Sync::Synced(diff.last);
        if self.levels.is_crossed() { self.broken() } else { Outcome::Changed }
    }

    fn broken(&mut self) -> Outcome {
        self.sync = Sync::Lost(VecDeque::new());
        Outcome::Broken
    }

    /// Is all of `diff` in the snapshot of `id`?
    fn is_before(&self, diff: &Diff, id: i64) -> bool {
        if self.is_futures { diff.last < id } else { diff.last <= id }
    }

    /// Spot: `U <= lastUpdateId + 1`. Futures: `U <= lastUpdateId`, or nothing lies between (`pu <= lastUpdateId`):
    /// their ids are shared by all symbols, so a symbol's own may skip the snapshot's.
    fn follows_snapshot(&self, diff: &Diff, id: i64) -> bool {
        match diff.previous {
            Some(previous) if self.is_futures => diff.first <= id || previous <= id,
            _ => diff.first <= id + 1,
        }
    }
}

/// Does `diff` begin no later than right after `id`? It may overlap: a second connection cuts elsewhere.
fn follows(diff: &Diff, id: i64) -> bool {
    match diff.previous {
        Some(previous) => previous <= id,
        None => diff.first <= id.saturating_add(1),
    }
}

#[cfg(test)]
mod tests;
