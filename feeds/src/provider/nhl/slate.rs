//! The slate: one line for each game that the league names for the evening, and when to look again.

use super::GAMES_MAX;
use super::config::NhlConfig;
use super::game::changed;
use super::poll::Poll;
use super::translate::Told;
use crate::model::{Object, Topic, Update};
use std::collections::BTreeMap;

#[derive(Debug)]
pub(super) struct Slate {
    pub topic: Topic,
    pub poll: Poll,
    /// The games it names, each as the source tells it that speaks for the game.
    lines: BTreeMap<i64, Told>,
    /// As last published; `None` before the first body.
    published: Option<Object>,
}

impl Slate {
    pub fn new(url: String) -> Slate {
        let topic = Topic::new("slate.nhl").expect("a literal that is a name");
        Slate { topic, poll: Poll::new(url), lines: BTreeMap::new(), published: None }
    }

    /// Sets a game's line, if there is room for it.
    pub fn name(&mut self, told: Told) {
        if self.lines.contains_key(&told.id) || self.lines.len() < GAMES_MAX {
            self.lines.insert(told.id, told);
        }
    }

    /// Takes over what play-by-play tells of a game; false if the slate does not name it.
    pub fn correct(&mut self, told: &Told) -> bool {
        let line = self.lines.get_mut(&told.id);
        line.is_some_and(|line| {
            line.clone_from(told);
            true
        })
    }

    /// Takes all other games off.
    pub fn keep(&mut self, named: &[i64]) {
        self.lines.retain(|id, _| named.contains(id));
    }

    pub fn publish(&mut self, updates: &mut Vec<Update>) {
        let line = |(id, told): (&i64, &Told)| (id.to_string().into(), told.line.clone().into());
        let lines: Object = self.lines.iter().map(line).collect();
        updates.extend(changed(&self.topic, self.published.as_ref(), &lines));
        self.published = Some(lines);
    }

    /// How long its last body may be relied on.
    pub fn interval_ms(&self, config: &NhlConfig, now_ms: i64) -> u64 {
        let intervals = self.lines.values().map(|told| told.interval_ms(config, now_ms));
        intervals.min().unwrap_or(config.idle_interval_ms)
    }
}
