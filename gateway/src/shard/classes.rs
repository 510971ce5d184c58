//! Rate classes: all subscriptions of one rate share a tick of the shard. Which topics changed since the last one, how far
//! a class has delivered, and when it ticks next; what a tick says is made in `tick`.

use super::connection::ConnKey;
use super::filters::Rate;
use super::index::Rated;
use super::linger::{is_due, next_multiple};
use super::sets::SetKey;
use crate::log::{Link, Offset, TopicId};
use std::collections::BTreeSet;

#[derive(Debug, Default)]
pub struct Classes {
    classes: Vec<Class>,
    /// Connections that a next tick brings on: some of their topics become members, or an `at` can be stated. Some may be
    /// gone, or have nothing to wait for, by then.
    pub joiners: Vec<ConnKey>,
}

#[derive(Debug)]
pub struct Class {
    pub rate: Rate,
    /// When it ticks next, Unix ms; `None` while it has nothing to say.
    due_ms: Option<i64>,
    /// Everything up to here was delivered while `changed` is not empty; else everything was.
    through: Offset,
    /// Topics to look at in the next tick.
    changed: Vec<TopicId>,
    /// Sets with a filter of this rate.
    pub sets: BTreeSet<SetKey>,
}

impl Class {
    fn every_ms(&self) -> i64 {
        1_000 / i64::from(self.rate.0.clamp(1, 1_000))
    }
}

impl Classes {
    fn find(&self, rate: Rate) -> Option<&Class> {
        self.classes.iter().find(|class| class.rate == rate)
    }

    /// Sets with a filter of this rate.
    pub fn sets(&self, rate: Rate) -> impl Iterator<Item = SetKey> {
        self.find(rate).into_iter().flat_map(|class| class.sets.iter().copied())
    }

    pub fn get_mut(&mut self, rate: Rate) -> &mut Class {
        let known = self.classes.iter().position(|class| class.rate == rate);
        let at = known.unwrap_or_else(|| {
            let sets = BTreeSet::new();
            self.classes.push(Class { rate, due_ms: None, through: Offset(0), changed: Vec::new(), sets });
            self.classes.len() - 1
        });
        &mut self.classes[at]
    }

    /// Notes that the next tick has to look at a topic. `before`: everything up to there was delivered if nothing else
    /// is noted yet.
    pub fn note(&mut self, rate: Rate, topic: TopicId, before: Offset, now_ms: i64) {
        let class = self.get_mut(rate);
        if class.changed.is_empty() {
            class.through = before;
        }
        class.changed.push(topic);
        self.wish(rate, now_ms);
    }

    /// Takes note of an entry of a throttled topic. `lost`: what it says that its provider lost.
    pub fn observe(&mut self, rated: &mut Rated, topic: TopicId, link: Link, lost: Option<Option<u64>>, now_ms: i64) {
        if let Some(lost) = lost {
            // Once nobody knows, nobody knows.
            let known = rated.lost.unwrap_or(Some(0));
            rated.lost = Some(known.zip(lost).map(|(before, more)| before + more));
        }
        if !std::mem::replace(&mut rated.noted, true) {
            self.note(rated.rate, topic, Offset(link.offset.0 - 1), now_ms);
        }
    }

    /// Lets the class tick, though perhaps no topic of it changed.
    pub fn wish(&mut self, rate: Rate, now_ms: i64) {
        let class = self.get_mut(rate);
        let next = next_multiple(now_ms, class.every_ms());
        class.due_ms.get_or_insert(next);
    }

    pub fn next_due(&self) -> Option<i64> {
        self.classes.iter().filter_map(|class| class.due_ms).min()
    }

    /// Rates whose tick has come, fastest last.
    pub fn take_due(&mut self, now_ms: i64) -> BTreeSet<Rate> {
        let due = |class: &&mut Class| class.due_ms.is_some_and(|due_ms| is_due(due_ms, class.every_ms(), now_ms));
        self.classes.iter_mut().filter(due).map(|class| (class.due_ms.take(), class.rate).1).collect()
    }

    /// Rates that have something to say, due or not.
    pub fn take_all(&mut self) -> BTreeSet<Rate> {
        let wishing = |class: &&mut Class| class.due_ms.is_some();
        self.classes.iter_mut().filter(wishing).map(|class| (class.due_ms.take(), class.rate).1).collect()
    }

    pub fn take_changed(&mut self, rate: Rate) -> Vec<TopicId> {
        std::mem::take(&mut self.get_mut(rate).changed)
    }

    /// The tick is over: all was delivered but for the topics `left`, which wait for the next one.
    pub fn end_tick(&mut self, rate: Rate, left: Vec<TopicId>, now_ms: i64) {
        let class = self.get_mut(rate);
        class.changed = left;
        if !class.changed.is_empty() {
            self.wish(rate, now_ms);
        }
    }

    /// Through which offset the class has delivered; `position` is the shard's.
    pub fn through(&self, rate: Rate, position: Offset) -> Offset {
        let behind = self.find(rate).filter(|class| !class.changed.is_empty());
        behind.map_or(position, |class| class.through.min(position))
    }

    /// Everything that was noted is void: the topic table was made anew.
    pub fn forget_changed(&mut self) {
        self.classes.iter_mut().for_each(|class| class.changed.clear());
    }
}
