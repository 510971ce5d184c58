//! What waits for room in the channel: the topics that have something to say, the longest waiting first.

use super::line::{Fate, Line};
use crate::model::{Topic, Update};
use std::collections::{HashMap, VecDeque};

/// Bounded by the number of topics; each holds one short [`Line`].
#[derive(Debug)]
pub(super) struct Held {
    lines: HashMap<Topic, Line>,
    order: VecDeque<Topic>,
    topics_max: usize,
}

impl Held {
    pub(super) fn new(topics_max: usize) -> Held {
        Held { lines: HashMap::new(), order: VecDeque::new(), topics_max }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub(super) fn topics(&self) -> usize {
        self.lines.len()
    }

    pub(super) fn add(&mut self, update: Update) -> Fate {
        let Update { topic, te, change } = update;
        if let Some(line) = self.lines.get_mut(&topic) {
            return line.add(te, change);
        }
        if self.lines.len() >= self.topics_max {
            return Fate::refused(&change);
        }
        let mut line = Line::default();
        let fate = line.add(te, change);
        self.order.push_back(topic.clone());
        self.lines.insert(topic, line);
        fate
    }

    /// Takes whole topics until there are `updates_max` updates.
    pub(super) fn take(&mut self, updates_max: usize) -> Vec<Update> {
        let mut updates = Vec::new();
        while updates.len() < updates_max {
            let Some(topic) = self.order.pop_front() else { break };
            self.lines.remove(&topic).unwrap_or_default().drain_into(&topic, &mut updates);
        }
        updates
    }

    /// Takes back what [`Held::take`] gave out; nothing may be added in between.
    pub(super) fn put_back(&mut self, updates: Vec<Update>) {
        let younger = std::mem::take(&mut self.order);
        for update in updates {
            if !self.lines.contains_key(&update.topic) {
                self.order.push_back(update.topic.clone());
            }
            self.lines.entry(update.topic).or_default().add(update.te, update.change);
        }
        self.order.extend(younger);
    }
}
