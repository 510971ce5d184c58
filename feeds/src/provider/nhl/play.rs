//! One play: read from a body, normalised, and as the event that goes out.

use super::message::{self, Game, RosterSpot};
use crate::model::Object;
use std::collections::BTreeSet;

/// One play, normalised.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Play {
    pub id: i64,
    pub order: i64,
    pub period: i64,
    pub period_type: String,
    /// The period's time that was left: `19:47`.
    pub clock: String,
    pub kind: String,
    /// The team it belongs to; `None` for stoppages and the like.
    pub team: Option<String>,
    /// A goal that counts: not one of the shoot-out.
    pub scoring: bool,
    /// The running score after it.
    pub home_score: i64,
    pub away_score: i64,
    /// One line for people; `None` for plays that need none.
    pub text: Option<String>,
}

impl Play {
    /// The event without `action` and `rev`.
    pub fn event(&self) -> Object {
        let mut event = Object::new()
            .with("id", self.id.to_string().as_str())
            .with("order", self.order)
            .with("period", self.period)
            .with("period_type", self.period_type.as_str())
            .with("clock", self.clock.as_str())
            .with("type", self.kind.as_str())
            .with("scoring", self.scoring)
            .with("home_score", self.home_score)
            .with("away_score", self.away_score);
        for (key, text) in [("team", &self.team), ("text", &self.text)] {
            if let Some(text) = text {
                event.set(key, text.as_str());
            }
        }
        event
    }
}

/// The plays in the league's order, with the running score carried forward, and how many could not be read.
pub(super) fn read(game: &Game<'_>) -> (Vec<Play>, u64) {
    let raw = game.plays.as_deref().unwrap_or_default();
    let mut read: Vec<message::Play> = raw.iter().filter_map(|text| serde_json::from_str(text.get()).ok()).collect();
    read.sort_by_key(|play| play.sort_order);
    // Why: two entries with one id would edit each other for ever.
    let mut seen = BTreeSet::new();
    read.retain(|play| seen.insert(play.event_id));
    let rejected = (raw.len() - read.len()) as u64;
    let names = Names::of(game);
    let (mut home, mut away) = (0, 0);
    let plays = read.iter().map(|play| {
        let scoring = play.type_desc_key == "goal" && play.period_descriptor.period_type != "SO";
        if scoring {
            home = play.details.home_score.unwrap_or(home);
            away = play.details.away_score.unwrap_or(away);
        }
        Play {
            id: play.event_id,
            order: play.sort_order,
            period: play.period_descriptor.number,
            period_type: play.period_descriptor.period_type.clone(),
            clock: play.time_remaining.clone(),
            kind: play.type_desc_key.clone(),
            team: owner(game, &play.details),
            scoring,
            home_score: home,
            away_score: away,
            text: names.text(play),
        }
    });
    (plays.collect(), rejected)
}

fn owner(game: &Game<'_>, details: &message::Details) -> Option<String> {
    let id = details.event_owner_team_id?;
    [&game.home_team, &game.away_team].into_iter().find(|team| team.id == id).map(|team| team.abbrev.clone())
}

/// Players' names by id, from the body's roster.
struct Names(Vec<RosterSpot>);

impl Names {
    /// A roster that cannot be read costs the texts, not the plays.
    fn of(game: &Game<'_>) -> Names {
        let roster = game.roster_spots.and_then(|text| serde_json::from_str(text.get()).ok());
        Names(roster.unwrap_or_default())
    }

    fn of_player(&self, id: Option<i64>) -> Option<String> {
        let id = id?;
        let spot = self.0.iter().find(|spot| spot.player_id == id)?;
        Some(format!("{} {}", spot.first_name.default, spot.last_name.default))
    }

    /// One line about a goal or a penalty; `None` for other plays and for unknown players.
    fn text(&self, play: &message::Play) -> Option<String> {
        let details = &play.details;
        match play.type_desc_key.as_str() {
            "goal" => {
                let mut text = self.of_player(details.scoring_player_id)?;
                if let Some(total) = details.scoring_player_total {
                    text += &format!(" ({total})");
                }
                let assists = [details.assist1_player_id, details.assist2_player_id];
                let assists: Vec<String> = assists.into_iter().filter_map(|id| self.of_player(id)).collect();
                if !assists.is_empty() {
                    text += &format!(", assisted by {}", assists.join(" and "));
                }
                Some(text)
            }
            "penalty" => {
                let name = self.of_player(details.committed_by_player_id)?;
                Some(format!("{name}: {}, {} min", details.desc_key.as_deref()?, details.duration?))
            }
            _ => None,
        }
    }
}
