//! A game's plays over time: each body is the whole list, and only what changed since the last one goes out.

use crate::model::{Change, Key, Object, Topic, Update};
use std::collections::{BTreeMap, BTreeSet};

/// Most plays that are remembered of one game, removed ones included; a long play-off game has about 700.
const PLAYS_MAX: usize = 4_000;

/// One play, normalised.
#[derive(Clone, Debug, PartialEq)]
pub struct Play {
    pub id: Key,
    /// Where it stands among the game's plays; ids and times may run backwards.
    pub order: i64,
    /// When it happened, in Unix ms; `None` where the provider gives no time of day.
    pub te: Option<i64>,
    /// The event that goes out, without `id`, `order`, `action` and `rev`.
    pub event: Object,
}

/// Sorts plays by their order and keeps each id once; also says how many were taken out.
///
/// Why once: two entries with one id would edit each other for ever.
pub fn in_order(mut plays: Vec<Play>) -> (Vec<Play>, u64) {
    let given = plays.len();
    plays.sort_by_key(|play| play.order);
    let mut seen = BTreeSet::new();
    plays.retain(|play| seen.insert(play.id.clone()));
    let repeated = given - plays.len();
    (plays, repeated as u64)
}

/// What has been said about one play.
#[derive(Debug)]
struct Said {
    /// Changes since it was first said; goes on rising if a removed play returns.
    rev: i64,
    /// As last said. `present` is false once it was removed.
    play: Play,
    present: bool,
}

/// What has been said about a game's plays.
#[derive(Debug, Default)]
pub(super) struct PlayLog {
    said: BTreeMap<Key, Said>,
}

impl PlayLog {
    /// The order of the latest play that stands; `None` before the first.
    pub fn last_order(&self) -> Option<i64> {
        self.said.values().filter(|said| said.present).map(|said| said.play.order).max()
    }

    /// The events that lead from what was said to `plays`: removals first, then the rest in the provider's order.
    /// `whole`: every play of the body could be read, so a play that is not in it was removed.
    pub fn advance(&mut self, topic: &Topic, plays: Vec<Play>, whole: bool) -> Vec<Update> {
        let mut events = if whole { self.remove_missing(&plays) } else { Vec::new() };
        events.extend(plays.into_iter().filter_map(|play| self.say(play)));
        let update = |(te, event)| Update::new(topic.clone(), te, Change::Event(event));
        events.into_iter().map(update).collect()
    }

    fn remove_missing(&mut self, plays: &[Play]) -> Vec<(Option<i64>, Object)> {
        let kept: BTreeSet<&Key> = plays.iter().map(|play| &play.id).collect();
        let is_gone = |(id, said): &(&Key, &mut Said)| said.present && !kept.contains(id);
        let mut gone: Vec<&mut Said> = self.said.iter_mut().filter(is_gone).map(|(_, said)| said).collect();
        gone.sort_by_key(|said| said.play.order);
        let remove = |said: &mut Said| {
            said.present = false;
            said.rev += 1;
            event("remove", said)
        };
        gone.into_iter().map(remove).collect()
    }

    /// `None` if nothing about the play is new, or if there is no room for another.
    fn say(&mut self, play: Play) -> Option<(Option<i64>, Object)> {
        let Some(said) = self.said.get_mut(&play.id) else {
            if self.said.len() >= PLAYS_MAX {
                return None;
            }
            let said = Said { rev: 0, play, present: true };
            let add = event("add", &said);
            self.said.insert(said.play.id.clone(), said);
            return Some(add);
        };
        if said.present && said.play == play {
            return None;
        }
        let action = if said.present { "edit" } else { "add" };
        *said = Said { rev: said.rev + 1, play, present: true };
        Some(event(action, said))
    }
}

fn event(action: &str, said: &Said) -> (Option<i64>, Object) {
    let Play { id, order, te, event } = &said.play;
    let event = event.clone().with("id", id.as_str()).with("order", *order);
    (*te, event.with("action", action).with("rev", said.rev))
}
