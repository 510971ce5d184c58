//! The league's wire format: the parts of `/v1/score/…` and `/v1/gamecenter/{id}/play-by-play` that are used.
//!
//! A game has the same shape in both bodies; only play-by-play carries plays and a roster. Lists stay raw, so that one
//! entry that cannot be read does not hide the others.

use serde::Deserialize;
use serde_json::value::RawValue;

/// Body of `/v1/score/now` and `/v1/score/{date}`.
#[derive(Debug, Deserialize)]
pub(super) struct Slate<'a> {
    /// Each a [`Game`].
    #[serde(borrow)]
    pub games: Vec<&'a RawValue>,
}

/// Body of play-by-play, and one entry of the slate.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Game<'a> {
    pub id: i64,
    pub season: Option<i64>,
    #[serde(rename = "startTimeUTC")]
    pub start_time_utc: Option<String>,
    pub venue: Option<Words>,
    /// FUT, PRE, LIVE, CRIT, OVER, FINAL, OFF.
    pub game_state: String,
    /// OK, PPD, SUSP, CNCL, TBD.
    pub game_schedule_state: Option<String>,
    /// `None` before the game.
    pub period_descriptor: Option<Period>,
    /// `None` before the game, on the slate.
    pub clock: Option<Clock>,
    pub home_team: Team,
    pub away_team: Team,
    /// `None` at even strength.
    pub situation: Option<Situation>,
    /// Each a [`Play`]. `None` on the slate.
    #[serde(borrow)]
    pub plays: Option<Vec<&'a RawValue>>,
    /// A list of [`RosterSpot`]. `None` on the slate.
    #[serde(borrow)]
    pub roster_spots: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Period {
    pub number: i64,
    /// REG, OT, SO.
    pub period_type: String,
    /// `None` in seasons before 2024.
    pub max_regulation_periods: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Clock {
    /// During an intermission this is the intermission's clock, not the period's.
    pub seconds_remaining: i64,
    #[serde(default)]
    pub running: bool,
    #[serde(default)]
    pub in_intermission: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Team {
    pub id: i64,
    pub abbrev: String,
    pub name: Option<Words>,
    /// What newer play-by-play bodies say instead of `name`.
    #[serde(rename = "commonName")]
    pub common_name: Option<Words>,
    /// `None` before the game.
    pub score: Option<i64>,
}

/// A text in several languages.
#[derive(Debug, Deserialize)]
pub(super) struct Words {
    pub default: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Situation {
    pub situation_code: Option<String>,
    pub seconds_remaining: Option<i64>,
    pub home_team: Option<Strength>,
    pub away_team: Option<Strength>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Strength {
    pub strength: Option<i64>,
    /// PP, EN …
    #[serde(default)]
    pub situation_descriptions: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RosterSpot {
    pub player_id: i64,
    pub first_name: Words,
    pub last_name: Words,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Play {
    pub event_id: i64,
    /// The order of plays; `event_id` is not.
    pub sort_order: i64,
    pub period_descriptor: Period,
    pub time_remaining: String,
    pub type_desc_key: String,
    #[serde(default)]
    pub details: Details,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Details {
    pub event_owner_team_id: Option<i64>,
    /// Goals only: the score after it.
    pub home_score: Option<i64>,
    pub away_score: Option<i64>,
    pub scoring_player_id: Option<i64>,
    pub scoring_player_total: Option<i64>,
    pub assist1_player_id: Option<i64>,
    pub assist2_player_id: Option<i64>,
    pub committed_by_player_id: Option<i64>,
    /// What a penalty is for: `tripping`.
    pub desc_key: Option<String>,
    /// Minutes of a penalty.
    pub duration: Option<i64>,
}
