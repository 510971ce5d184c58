//! The slate: one line for each game that the provider names for the day, and when to look again.

use super::poll::Poll;
use super::{GAMES_MAX, Pace, Told};
use crate::model::{Change, Key, Object, Topic, Update, diff};
use std::collections::BTreeMap;

/// Bodies in a row with an older version that are dropped before one is believed: the provider counts anew.
const OLDER_BODIES_MAX: u32 = 10;

#[derive(Debug)]
pub(super) struct Slate {
    pub topic: Topic,
    pub poll: Poll,
    /// Index in the adapter's subscriptions.
    pub subscription: usize,
    /// The games it names, each as the source tells it that speaks for the game.
    lines: BTreeMap<Key, Told>,
    /// As last published; `None` before the first body.
    published: Option<Object>,
    /// Of the last believed body; `None` before it, and where bodies have none.
    version: Option<i64>,
    /// Bodies dropped as older since the last believed one.
    older: u32,
}

impl Slate {
    pub fn new(topic: Topic, subscription: usize) -> Slate {
        let (poll, lines) = (Poll::default(), BTreeMap::new());
        Slate { topic, poll, subscription, lines, published: None, version: None, older: 0 }
    }

    /// True for a body to be dropped: from an edge node that is behind.
    pub fn is_older(&mut self, version: Option<i64>) -> bool {
        let behind = matches!((version, self.version), (Some(new), Some(last)) if new < last);
        self.older = if behind { self.older + 1 } else { 0 };
        if (1..=OLDER_BODIES_MAX).contains(&self.older) {
            return true;
        }
        (self.version, self.older) = (version.or(self.version), 0);
        false
    }

    /// Sets a game's line, if there is room for it.
    pub fn name(&mut self, told: Told) {
        if self.lines.contains_key(&told.id) || self.lines.len() < GAMES_MAX {
            self.lines.insert(told.id.clone(), told);
        }
    }

    /// Takes over what a game's own body tells of it; false if the slate does not name it.
    pub fn correct(&mut self, told: &Told) -> bool {
        let line = self.lines.get_mut(&told.id);
        line.is_some_and(|line| {
            line.clone_from(told);
            true
        })
    }

    /// Takes all other games off.
    pub fn keep(&mut self, named: &[Key]) {
        self.lines.retain(|id, _| named.contains(id));
    }

    pub fn publish(&mut self, updates: &mut Vec<Update>) {
        let line = |(id, told): (&Key, &Told)| (id.clone(), told.line.clone().into());
        let lines: Object = self.lines.iter().map(line).collect();
        updates.extend(changed(&self.topic, self.published.as_ref(), &lines));
        self.published = Some(lines);
    }

    /// How long its last body may be relied on.
    pub fn interval_ms(&self, pace: &Pace, now_ms: i64) -> u64 {
        let intervals = self.lines.values().map(|told| told.interval_ms(pace, now_ms));
        intervals.min().unwrap_or(pace.idle_ms)
    }
}

/// The update that leads from `old` to `new`; `None` if they say the same.
pub(super) fn changed(topic: &Topic, old: Option<&Object>, new: &Object) -> Option<Update> {
    let change = match old {
        None => Change::State(new.clone()),
        Some(old) => Change::Patch(diff(old, new)?),
    };
    Some(Update::new(topic.clone(), None, change))
}
