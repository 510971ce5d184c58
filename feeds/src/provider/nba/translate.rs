//! Pure translation: one body in, what it says about games out; actions are read by `play`.

use super::message::{Actions, Game, GameFile, Identity, Meta, Scoreboard, Team};
use super::{LEAGUE, clock, play, status};
use crate::model::{Value, utc_ms};
use crate::score::{self, Clock, GameBody, Period, Phase, Position, Side, SlateBody, Told, leader};

pub(super) fn slate(body: &[u8]) -> Result<SlateBody, serde_json::Error> {
    let board: Scoreboard<'_> = serde_json::from_slice(body)?;
    let mut slate = SlateBody { version: version(board.meta.as_ref()), ..SlateBody::default() };
    for text in board.scoreboard.games {
        match serde_json::from_str::<Game>(text.get()) {
            Ok(game) => slate.games.push(told(&game)),
            Err(_) => slate.rejected += 1,
        }
    }
    Ok(slate)
}

/// `None` if it cannot be read or is of another game.
pub(super) fn game(id: &str, body: &[u8]) -> Option<GameBody> {
    let file: GameFile<'_> = serde_json::from_slice(body).ok()?;
    id_of(&file).filter(|found| found == id)?;
    let version = version(file.meta.as_ref());
    if let Ok(Actions { actions }) = serde_json::from_str(file.game.get()) {
        let (plays, rejected) = play::read(&actions);
        return Some(GameBody { plays: Some(plays), rejected, version, ..GameBody::default() });
    }
    let game: Game = serde_json::from_str(file.game.get()).ok()?;
    Some(GameBody { told: Some(told(&game)), version, ..GameBody::default() })
}

pub(super) fn id_of(file: &GameFile<'_>) -> Option<String> {
    let identity: Identity = serde_json::from_str(file.game.get()).ok()?;
    Some(identity.game_id)
}

fn version(meta: Option<&Meta>) -> Option<i64> {
    clock::written_ms(meta?.time.as_deref()?)
}

fn told(game: &Game) -> Told {
    let phase = status::phase(game);
    let period = period(game, phase);
    let label = status::label(phase, game, period.as_ref().map(|period| period.label.as_str()));
    let left_ms = game.game_clock.as_deref().and_then(clock::duration_ms);
    // After the game and in breaks it stands at zero or at the next period's start.
    let in_play_ms = left_ms.filter(|_| matches!(phase, Phase::Live | Phase::Suspended | Phase::Delayed));
    let detail = match in_play_ms.filter(|_| phase == Phase::Live) {
        Some(ms) => format!("{label} {}", clock::shown(ms)),
        None => label.clone(),
    };
    let progress = if phase == Phase::Break { Some(0) } else { left_ms.and_then(i64::checked_neg) };
    let game = score::Game {
        id: game.game_id.as_str().into(),
        game_id: format!("{LEAGUE}:{}", game.game_id),
        league: LEAGUE.into(),
        season: None,
        start_ms: game.game_time_utc.as_deref().and_then(utc_ms),
        start_tbd: status::text(game) == "TBD",
        phase,
        is_final: phase == Phase::Final,
        status_native: status::text(game).to_owned(),
        detail,
        label,
        position: Position::of(phase, game.period, progress),
        period,
        clock: in_play_ms.map(|ms| Clock { ms, runs_up: false, running: None, added_ms: None }),
        break_ms: None,
        home: side(&game.home_team),
        away: side(&game.away_team),
        venue: game.arena.as_ref().and_then(|arena| arena.arena_name.clone()),
        winner: leader(game.home_team.score, game.away_team.score),
        situation: None,
        game_no: None,
    };
    game.told()
}

fn period(game: &Game, phase: Phase) -> Option<Period> {
    let n = game.period.filter(|n| *n > 0 && phase.has_score())?;
    let regulation = game.regulation_periods.unwrap_or(4);
    let kind = if n > regulation { "OT" } else { "REG" };
    Some(Period { n, kind: kind.into(), label: status::period_label(n, regulation), half: None })
}

fn side(team: &Team) -> Side {
    let mut periods: Vec<_> = team.periods.iter().map(|points| (points.period, points.score)).collect();
    periods.sort_by_key(|(n, _)| *n);
    Side {
        id: team.team_id.to_string(),
        abbr: team.team_tricode.clone(),
        name: team.team_name.clone(),
        score: team.score,
        by_period: periods.into_iter().map(|(_, score)| Value::from(score)).collect(),
        ..Side::default()
    }
}
