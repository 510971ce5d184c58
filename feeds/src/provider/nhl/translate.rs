//! Pure translation: one body in, what it says about games out; plays are read by `play`.

use super::clock;
use super::message::{self, Game, Period, Situation, Team};
use super::phase::{self, Phase, Position};
use super::play::{self, Play};
use crate::model::{Object, merge, utc_ms};

/// A game as one body tells it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Told {
    pub id: i64,
    pub phase: Phase,
    /// `None` where the body gives none that can be read.
    pub start_ms: Option<i64>,
    /// The league calls the result final; corrections may still come.
    pub is_final: bool,
    /// `None` where the body does not say how far the game is.
    pub position: Option<Position>,
    /// The state of `score.nhl.<id>`.
    pub score: Object,
    /// The line of `slate.nhl`.
    pub line: Object,
}

/// What a slate body says.
pub(super) struct Slate {
    pub games: Vec<Told>,
    /// Entries that could not be read.
    pub rejected: u64,
}

/// What a play-by-play body says.
pub(super) struct PlayByPlay {
    pub game: Told,
    /// In the league's order.
    pub plays: Vec<Play>,
    /// Plays that could not be read.
    pub rejected: u64,
}

pub(super) fn slate(body: &[u8]) -> Result<Slate, serde_json::Error> {
    let raw: message::Slate<'_> = serde_json::from_slice(body)?;
    let mut games = Vec::with_capacity(raw.games.len());
    let mut rejected = 0;
    for text in raw.games {
        match serde_json::from_str::<Game<'_>>(text.get()) {
            Ok(game) => games.push(told(&game)),
            Err(_) => rejected += 1,
        }
    }
    Ok(Slate { games, rejected })
}

pub(super) fn play_by_play(body: &[u8]) -> Result<PlayByPlay, serde_json::Error> {
    let game: Game<'_> = serde_json::from_slice(body)?;
    let (plays, rejected) = play::read(&game);
    Ok(PlayByPlay { game: told(&game), plays, rejected })
}

fn told(game: &Game<'_>) -> Told {
    let phase = Phase::of(game);
    let is_final = phase == Phase::Final && game.game_state != "OVER";
    Told {
        id: game.id,
        phase,
        start_ms: start_ms(game),
        is_final,
        position: Position::of(phase, game),
        score: without_nulls(&score(game, phase, is_final)),
        line: without_nulls(&line(game, phase)),
    }
}

/// Null means absent, and states are compared with what a store holds.
fn without_nulls(state: &Object) -> Object {
    let mut clean = Object::new();
    merge(&mut clean, state);
    clean
}

fn score(game: &Game<'_>, phase: Phase, is_final: bool) -> Object {
    let clock = phase::period_clock(phase, game);
    let label = phase::label(phase, game);
    let detail = match clock {
        // The shoot-out has no clock.
        Some(clock) if phase == Phase::Live && label != "SO" => {
            format!("{label} {}", clock::minutes_seconds(clock.seconds_remaining))
        }
        _ => label,
    };
    Object::new()
        .with("game_id", format!("nhl:{}", game.id).as_str())
        .with("league", "nhl")
        .with("season", game.season)
        .with("start", start_ms(game))
        .with("phase", phase.word())
        .with("status_native", phase::native_status(game).as_str())
        .with("detail", detail.as_str())
        .with("period", game.period_descriptor.as_ref().map(period))
        .with("clock", clock.map(|clock| running_down(clock.seconds_remaining, clock.running)))
        .with("break_ms", break_ms(game, phase))
        .with("home", team(&game.home_team, phase))
        .with("away", team(&game.away_team, phase))
        .with("venue", game.venue.as_ref().map(|venue| venue.default.as_str()))
        .with("winner", winner(game, phase))
        .with("final", is_final)
        .with("situation", game.situation.as_ref().filter(|_| phase.is_on()).map(situation))
}

fn line(game: &Game<'_>, phase: Phase) -> Object {
    let clock = phase::period_clock(phase, game);
    Object::new()
        .with("home", game.home_team.abbrev.as_str())
        .with("away", game.away_team.abbrev.as_str())
        .with("home_score", shown_score(&game.home_team, phase))
        .with("away_score", shown_score(&game.away_team, phase))
        .with("phase", phase.word())
        .with("start", start_ms(game))
        .with("label", phase::label(phase, game).as_str())
        .with("clock_ms", clock.map(|clock| clock.seconds_remaining.saturating_mul(1000)))
}

fn start_ms(game: &Game<'_>) -> Option<i64> {
    game.start_time_utc.as_deref().and_then(utc_ms)
}

fn period(period: &Period) -> Object {
    Object::new()
        .with("n", period.number)
        .with("type", period.period_type.as_str())
        .with("label", phase::period_label(period).as_str())
}

fn running_down(seconds: i64, running: bool) -> Object {
    Object::new().with("ms", seconds.saturating_mul(1000)).with("dir", "down").with("running", running)
}

/// What is left of the intermission: the league sends it in the place of the period's clock.
fn break_ms(game: &Game<'_>, phase: Phase) -> Option<i64> {
    let clock = game.clock.as_ref().filter(|_| phase == Phase::Break)?;
    Some(clock.seconds_remaining.saturating_mul(1000))
}

fn team(team: &Team, phase: Phase) -> Object {
    let name = team.name.as_ref().or(team.common_name.as_ref());
    Object::new()
        .with("id", team.id.to_string().as_str())
        .with("abbr", team.abbrev.as_str())
        .with("name", name.map(|name| name.default.as_str()))
        .with("score", shown_score(team, phase))
}

fn shown_score(team: &Team, phase: Phase) -> Option<i64> {
    team.score.filter(|_| phase.has_score())
}

/// From the score fields, never from plays: no play carries the shoot-out's deciding goal.
fn winner(game: &Game<'_>, phase: Phase) -> Option<&'static str> {
    let (home, away) = (game.home_team.score?, game.away_team.score?);
    match (phase, home.cmp(&away)) {
        (Phase::Final, std::cmp::Ordering::Greater) => Some("home"),
        (Phase::Final, std::cmp::Ordering::Less) => Some("away"),
        _ => None,
    }
}

fn situation(situation: &Situation) -> Object {
    let strength = |team: &Option<message::Strength>| team.as_ref().and_then(|team| team.strength);
    let power_play = |team: &Option<message::Strength>| {
        team.as_ref().is_some_and(|team| team.situation_descriptions.iter().any(|word| word == "PP"))
    };
    let side = match (power_play(&situation.home_team), power_play(&situation.away_team)) {
        (true, false) => Some("home"),
        (false, true) => Some("away"),
        _ => None,
    };
    Object::new()
        .with("code", situation.situation_code.as_deref())
        .with("home_strength", strength(&situation.home_team))
        .with("away_strength", strength(&situation.away_team))
        .with("power_play", side)
        .with("ms", situation.seconds_remaining.map(|seconds| seconds.saturating_mul(1000)))
}
