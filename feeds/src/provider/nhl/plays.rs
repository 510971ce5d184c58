//! A game's plays over time: each body is the whole list, and only what changed since the last one goes out.

use super::play::Play;
use crate::model::Object;
use std::collections::BTreeMap;

/// Most plays that are remembered of one game, removed ones included; a long play-off game has about 700.
pub(super) const PLAYS_MAX: usize = 4_000;

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
    said: BTreeMap<i64, Said>,
}

impl PlayLog {
    /// The order of the latest play that stands; `None` before the first.
    pub fn last_order(&self) -> Option<i64> {
        self.said.values().filter(|said| said.present).map(|said| said.play.order).max()
    }

    /// The events that lead from what was said to `plays`: removals first, then the rest in the league's order.
    /// `whole`: every play of the body could be read, so a play that is not in it was removed.
    pub fn advance(&mut self, plays: Vec<Play>, whole: bool) -> Vec<Object> {
        let mut events = if whole { self.remove_missing(&plays) } else { Vec::new() };
        events.extend(plays.into_iter().filter_map(|play| self.say(play)));
        events
    }

    fn remove_missing(&mut self, plays: &[Play]) -> Vec<Object> {
        let kept: std::collections::BTreeSet<i64> = plays.iter().map(|play| play.id).collect();
        let mut gone: Vec<&mut Said> = self
            .said
            .iter_mut()
            .filter(|(id, said)| said.present && !kept.contains(id))
            .map(|(_, said)| said)
            .collect();
        gone.sort_by_key(|said| said.play.order);
        gone.into_iter()
            .map(|said| {
                said.present = false;
                said.rev += 1;
                event("remove", said)
            })
            .collect()
    }

    /// `None` if nothing about the play is new, or if there is no room for another.
    fn say(&mut self, play: Play) -> Option<Object> {
        let Some(said) = self.said.get_mut(&play.id) else {
            if self.said.len() >= PLAYS_MAX {
                return None;
            }
            let said = Said { rev: 0, play, present: true };
            let add = event("add", &said);
            self.said.insert(said.play.id, said);
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

fn event(action: &str, said: &Said) -> Object {
    said.play.event().with("action", action).with("rev", said.rev)
}
