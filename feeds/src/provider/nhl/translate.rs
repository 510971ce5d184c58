//! Pure translation: one body in, what it says about games out; plays are read by `play`.

use super::message::{self, Game, Period, Situation, Team};
use super::{LEAGUE, phase, play};
use crate::model::{Object, utc_ms};
use crate::score::{self, GameBody, Phase, Side, SlateBody, clock, leader};

pub(super) fn slate(body: &[u8]) -> Result<SlateBody, serde_json::Error> {
    let raw: message::Slate<'_> = serde_json::from_slice(body)?;
    let mut slate = SlateBody::default();
    for text in raw.games {
        match serde_json::from_str::<Game<'_>>(text.get()) {
            Ok(game) => slate.games.push(read(&game).told()),
            Err(_) => slate.rejected += 1,
        }
    }
    Ok(slate)
}

/// `None` if it cannot be read or is of another game.
pub(super) fn play_by_play(id: &str, body: &[u8]) -> Option<GameBody> {
    let game: Game<'_> = serde_json::from_slice(body).ok()?;
    let told = Some(read(&game).told()).filter(|told| told.id == id)?;
    let (plays, rejected) = play::read(&game);
    Some(GameBody { told: Some(told), plays: Some(plays), rejected, ..GameBody::default() })
}

fn read(game: &Game<'_>) -> score::Game {
    let phase = phase::phase(game);
    let label = phase::label(phase, game);
    let clock = phase::period_clock(phase, game);
    let detail = match clock {
        // The shoot-out has no clock.
        Some(clock) if phase == Phase::Live && label != "SO" => {
            format!("{label} {}", clock::minutes_seconds(clock.seconds_remaining))
        }
        _ => label.clone(),
    };
    score::Game {
        id: game.id.to_string().into(),
        game_id: format!("{LEAGUE}:{}", game.id),
        league: LEAGUE.into(),
        season: game.season,
        start_ms: game.start_time_utc.as_deref().and_then(utc_ms),
        start_tbd: game.game_schedule_state.as_deref() == Some("TBD"),
        phase,
        is_final: phase == Phase::Final && game.game_state != "OVER",
        status_native: phase::native_status(game),
        detail,
        label,
        period: game.period_descriptor.as_ref().map(period),
        clock: clock.map(running_down),
        break_ms: break_ms(game, phase),
        home: side(&game.home_team),
        away: side(&game.away_team),
        venue: game.venue.as_ref().map(|venue| venue.default.clone()),
        // From the score fields, never from plays: no play carries the shoot-out's deciding goal.
        winner: leader(game.home_team.score, game.away_team.score),
        situation: game.situation.as_ref().filter(|_| phase.is_on()).map(situation),
        game_no: None,
        position: phase::position(phase, game),
    }
}

fn period(period: &Period) -> score::Period {
    let (kind, label) = (period.period_type.clone(), phase::period_label(period));
    score::Period { n: period.number, kind, label, half: None }
}

fn running_down(clock: &message::Clock) -> score::Clock {
    let ms = clock.seconds_remaining.saturating_mul(1000);
    score::Clock { ms, runs_up: false, running: Some(clock.running), added_ms: None }
}

/// What is left of the intermission: the league sends it in the place of the period's clock.
fn break_ms(game: &Game<'_>, phase: Phase) -> Option<i64> {
    let clock = game.clock.as_ref().filter(|_| phase == Phase::Break)?;
    Some(clock.seconds_remaining.saturating_mul(1000))
}

fn side(team: &Team) -> Side {
    let name = team.name.as_ref().or(team.common_name.as_ref());
    Side {
        id: team.id.to_string(),
        abbr: team.abbrev.clone(),
        name: name.map(|name| name.default.clone()),
        score: team.score,
        ..Side::default()
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
