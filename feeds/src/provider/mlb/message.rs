//! The wire format, as far as it is used: `/api/v1/schedule` and `/api/v1.1/game/{gamePk}/feed/live`.

use serde::Deserialize;
use serde_json::value::RawValue;

/// Body of the schedule.
#[derive(Deserialize)]
pub(super) struct Schedule<'a> {
    #[serde(borrow)]
    pub dates: Vec<Day<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Day<'a> {
    /// Each a [`Scheduled`]; raw, so that one that cannot be read does not hide the others.
    #[serde(borrow)]
    pub games: Vec<&'a RawValue>,
}

/// One game of the schedule, hydrated with `linescore,team`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Scheduled {
    pub game_pk: i64,
    pub game_date: Option<String>,
    pub season: Option<String>,
    pub status: Status,
    pub teams: Sides<ScheduledSide>,
    /// `None` for a postponed game, and before the game.
    pub linescore: Option<Linescore>,
    pub venue: Option<Venue>,
    pub double_header: Option<String>,
    pub game_number: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct ScheduledSide {
    pub team: Team,
}

#[derive(Deserialize)]
pub(super) struct Sides<T> {
    pub home: T,
    pub away: T,
}

/// What tells a feed from other bodies.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Identity {
    pub game_pk: i64,
    #[serde(rename = "gameData")]
    _game_data: serde::de::IgnoredAny,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    /// Preview, Live, Final.
    pub abstract_game_state: String,
    /// `S`, `P`, `I`, `O`, `F`, `D` …
    pub coded_game_state: Option<String>,
    /// `Delayed Start: Rain`.
    pub detailed_state: Option<String>,
    #[serde(rename = "startTimeTBD", default)]
    pub start_time_tbd: bool,
}

#[derive(Deserialize)]
pub(super) struct Team {
    pub id: i64,
    pub abbreviation: Option<String>,
    pub name: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Venue {
    pub name: Option<String>,
}

/// `/gameData/game`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GameHead {
    pub season: Option<String>,
    /// N, Y (both on one ticket), S (split).
    pub double_header: Option<String>,
    pub game_number: Option<i64>,
}

/// `/gameData/datetime`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Datetime {
    pub date_time: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Linescore {
    pub current_inning: Option<i64>,
    /// Top, Middle, Bottom, End.
    pub inning_state: Option<String>,
    /// Top, Bottom.
    pub inning_half: Option<String>,
    pub scheduled_innings: Option<i64>,
    pub outs: Option<i64>,
    pub balls: Option<i64>,
    pub strikes: Option<i64>,
    #[serde(default)]
    pub innings: Vec<Inning>,
    pub teams: Option<Sides<Runs>>,
    pub offense: Option<Offense>,
}

/// A side that has not batted in it has no runs, or is not there at all.
#[derive(Deserialize)]
pub(super) struct Inning {
    pub home: Option<Runs>,
    pub away: Option<Runs>,
}

#[derive(Deserialize)]
pub(super) struct Runs {
    pub runs: Option<i64>,
}

/// Who stands where; only that somebody does is used.
#[derive(Deserialize)]
pub(super) struct Offense {
    pub first: Option<serde::de::IgnoredAny>,
    pub second: Option<serde::de::IgnoredAny>,
    pub third: Option<serde::de::IgnoredAny>,
}

/// One of `/liveData/plays/allPlays`: an at-bat.
#[derive(Deserialize)]
pub(super) struct AtBat {
    pub about: About,
    pub result: Outcome,
    pub count: Option<Count>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct About {
    pub at_bat_index: i64,
    pub inning: i64,
    /// top, bottom.
    pub half_inning: String,
    pub start_time: Option<String>,
    pub end_time: Option<String>,
    /// False while the batter is up.
    #[serde(default)]
    pub is_complete: bool,
    #[serde(default)]
    pub is_scoring_play: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Outcome {
    /// `field_out`; `None` while the batter is up.
    pub event_type: Option<String>,
    pub description: Option<String>,
    pub home_score: Option<i64>,
    pub away_score: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct Count {
    pub outs: Option<i64>,
}
