//! The wire format, as far as it is used: the scoreboard, play-by-play and the box score.
//!
//! Lists stay raw, so that one entry that cannot be read does not hide the others.

use serde::Deserialize;
use serde_json::value::RawValue;

/// Body of `todaysScoreboard_00.json`.
#[derive(Deserialize)]
pub(super) struct Scoreboard<'a> {
    pub meta: Option<Meta>,
    #[serde(borrow)]
    pub scoreboard: Games<'a>,
}

#[derive(Deserialize)]
pub(super) struct Games<'a> {
    /// Each a [`Game`].
    #[serde(borrow)]
    pub games: Vec<&'a RawValue>,
}

/// Body of `playbyplay_….json` and `boxscore_….json`.
#[derive(Deserialize)]
pub(super) struct GameFile<'a> {
    pub meta: Option<Meta>,
    /// [`Actions`], or a [`Game`].
    #[serde(borrow)]
    pub game: &'a RawValue,
}

#[derive(Deserialize)]
pub(super) struct Meta {
    /// When the file was written: `2020-12-22 23:23:42.771674`.
    pub time: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Identity {
    pub game_id: String,
}

#[derive(Deserialize)]
pub(super) struct Actions<'a> {
    /// Each an [`Action`].
    #[serde(borrow)]
    pub actions: Vec<&'a RawValue>,
}

/// One game of the scoreboard, and the box score's head.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Game {
    pub game_id: String,
    /// 1 before, 2 during, 3 after the game.
    pub game_status: i64,
    /// `7:30 pm ET`, `Q3 4:37`, `Half`, `Final/OT`, `PPD`.
    pub game_status_text: String,
    pub period: Option<i64>,
    /// `PT04M37.00S`; empty before the game.
    pub game_clock: Option<String>,
    #[serde(rename = "gameTimeUTC")]
    pub game_time_utc: Option<String>,
    pub regulation_periods: Option<i64>,
    pub arena: Option<Arena>,
    pub home_team: Team,
    pub away_team: Team,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Arena {
    pub arena_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Team {
    pub team_id: i64,
    pub team_name: Option<String>,
    pub team_tricode: String,
    pub score: Option<i64>,
    #[serde(default)]
    pub periods: Vec<PeriodScore>,
}

#[derive(Deserialize)]
pub(super) struct PeriodScore {
    pub period: i64,
    pub score: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Action {
    /// The id; it is not monotonic.
    pub action_number: i64,
    /// The order of actions; times run backwards now and then.
    pub order_number: i64,
    pub clock: String,
    pub time_actual: Option<String>,
    pub period: i64,
    /// REGULAR, OVERTIME.
    pub period_type: String,
    /// `2pt`, `foul`, `period` …
    pub action_type: String,
    pub sub_type: Option<String>,
    /// `None` for actions of neither team.
    pub team_tricode: Option<String>,
    pub description: Option<String>,
    /// `Made`, `Missed`; `None` unless it is a shot.
    pub shot_result: Option<String>,
    /// Texts here, numbers on the scoreboard.
    pub score_home: String,
    pub score_away: String,
    /// When it was last changed.
    pub edited: Option<String>,
}
