//! The actions of a body as plays, in the league's order.

use super::clock::{duration_ms, shown};
use super::message::Action;
use crate::model::{Object, utc_ms};
use crate::score::{Play, in_order};
use serde_json::value::RawValue;

/// Also says how many could not be read.
pub(super) fn read(actions: &[&RawValue]) -> (Vec<Play>, u64) {
    let read = actions.iter().filter_map(|text| serde_json::from_str::<Action>(text.get()).ok());
    let plays: Vec<Play> = read.filter_map(|action| play(&action)).collect();
    let unread = (actions.len() - plays.len()) as u64;
    let (plays, repeated) = in_order(plays);
    (plays, unread + repeated)
}

/// `None` if the clock or the score is none.
fn play(action: &Action) -> Option<Play> {
    let instant = |text: &Option<String>| text.as_deref().and_then(utc_ms);
    let period_type = if action.period_type == "OVERTIME" { "OT" } else { "REG" };
    let mut event = Object::new()
        .with("period", action.period)
        .with("period_type", period_type)
        .with("clock", shown(duration_ms(&action.clock)?).as_str())
        .with("type", action.action_type.as_str())
        .with("scoring", action.shot_result.as_deref() == Some("Made"))
        .with("home_score", action.score_home.parse::<i64>().ok()?)
        .with("away_score", action.score_away.parse::<i64>().ok()?);
    let texts = [("subtype", &action.sub_type), ("team", &action.team_tricode), ("text", &action.description)];
    for (key, text) in texts {
        if let Some(text) = text.as_deref().filter(|text| !text.is_empty()) {
            event.set(key, text);
        }
    }
    if let Some(edited) = instant(&action.edited) {
        event.set("edited", edited);
    }
    let (id, te) = (action.action_number.to_string().into(), instant(&action.time_actual));
    Some(Play { id, order: action.order_number, te, event })
}
