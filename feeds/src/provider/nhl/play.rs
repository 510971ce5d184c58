//! The plays of a body: normalised, in the league's order, with the running score.

use super::message::{self, Game, RosterSpot};
use crate::model::Object;
use crate::score::{Play, in_order};

/// The plays in the league's order, with the running score carried forward, and how many could not be read.
pub(super) fn read(game: &Game<'_>) -> (Vec<Play>, u64) {
    let raw = game.plays.as_deref().unwrap_or_default();
    let mut read: Vec<message::Play> = raw.iter().filter_map(|text| serde_json::from_str(text.get()).ok()).collect();
    read.sort_by_key(|play| play.sort_order);
    let unread = (raw.len() - read.len()) as u64;
    let names = Names::of(game);
    let mut score = (0, 0);
    let plays = read.iter().map(|play| normalised(play, game, &names, &mut score)).collect();
    let (plays, repeated) = in_order(plays);
    (plays, unread + repeated)
}

/// `score`: home and away before the play, and after it.
fn normalised(play: &message::Play, game: &Game<'_>, names: &Names, score: &mut (i64, i64)) -> Play {
    let period = &play.period_descriptor;
    let scoring = play.type_desc_key == "goal" && period.period_type != "SO";
    if scoring {
        score.0 = play.details.home_score.unwrap_or(score.0);
        score.1 = play.details.away_score.unwrap_or(score.1);
    }
    let mut event = Object::new()
        .with("period", period.number)
        .with("period_type", period.period_type.as_str())
        // The period's time that was left: `19:47`.
        .with("clock", play.time_remaining.as_str())
        .with("type", play.type_desc_key.as_str())
        .with("scoring", scoring)
        .with("home_score", score.0)
        .with("away_score", score.1);
    for (key, text) in [("team", owner(game, &play.details)), ("text", names.text(play))] {
        if let Some(text) = text {
            event.set(key, text.as_str());
        }
    }
    Play { id: play.event_id.to_string().into(), order: play.sort_order, te: None, event }
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
