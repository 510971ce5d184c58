//! The NFL's plays: drive by drive in the body, normalised, in the order of their sequence numbers.

use super::message::{self, GamePackage};
use super::sport::Sport;
use crate::model::{Key, Object, utc_ms};
use crate::score::{GameBody, Play, in_order};
use serde_json::value::RawValue;
use std::collections::BTreeSet;

/// `None` if it cannot be read or is of another game. The score is the scoreboard's to tell.
pub(super) fn read(id: &str, body: &[u8]) -> Option<GameBody> {
    let GamePackage { package } = serde_json::from_slice(body).ok()?;
    if package.header.id != id {
        return None;
    }
    let (mut plays, mut rejected) = (Vec::new(), 0);
    if let Some(drives) = &package.drives {
        rejected += normalise(drives.previous.iter().flat_map(|drive| &drive.plays), &mut plays);
        let told: BTreeSet<Key> = plays.iter().map(|play| play.id.clone()).collect();
        let mut current = Vec::new();
        rejected += normalise(drives.current.iter().flat_map(|drive| &drive.plays), &mut current);
        plays.extend(current.into_iter().filter(|play| !told.contains(&play.id)));
    }
    let (plays, repeated) = in_order(plays);
    Some(GameBody { plays: Some(plays), rejected: rejected + repeated, ..GameBody::default() })
}

/// Returns how many could not be read.
fn normalise<'a>(raw: impl Iterator<Item = &'a &'a RawValue>, plays: &mut Vec<Play>) -> u64 {
    let mut unread = 0;
    for text in raw {
        match serde_json::from_str(text.get()).ok().and_then(|play| normalised(&play)) {
            Some(play) => plays.push(play),
            None => unread += 1,
        }
    }
    unread
}

/// `None` if its sequence number is none.
fn normalised(play: &message::Play) -> Option<Play> {
    let (period_type, _) = Sport::Football.period(play.period.number, None, false);
    let mut event = Object::new()
        .with("period", play.period.number)
        .with("period_type", period_type)
        .with("scoring", play.scoring_play)
        .with("home_score", play.home_score)
        .with("away_score", play.away_score);
    let left = play.clock.as_ref().map(|clock| clock.display_value.as_str());
    let kind = play.kind.as_ref().map(|kind| kind.text.as_str());
    for (key, text) in [("clock", left), ("type", kind), ("text", play.text.as_deref())] {
        if let Some(text) = text {
            event.set(key, text);
        }
    }
    let te = play.wallclock.as_deref().and_then(utc_ms);
    Some(Play { id: play.id.as_str().into(), order: play.sequence_number.parse().ok()?, te, event })
}
