//! Where a game stands: the league's state codes in the model's words.

use super::message::{Clock, Game, Period};
use crate::score::{Phase, Position};

/// The schedule's state wins where it says that the game does not go on as planned.
pub(super) fn phase(game: &Game<'_>) -> Phase {
    match game.game_schedule_state.as_deref() {
        Some("PPD") => return Phase::Postponed,
        Some("SUSP") => return Phase::Suspended,
        Some("CNCL") => return Phase::Cancelled,
        _ => {}
    }
    match game.game_state.as_str() {
        "FUT" => Phase::Scheduled,
        "PRE" => Phase::Pregame,
        "LIVE" | "CRIT" if game.clock.as_ref().is_some_and(|clock| clock.in_intermission) => Phase::Break,
        "LIVE" | "CRIT" => Phase::Live,
        "OVER" | "FINAL" | "OFF" => Phase::Final,
        _ => Phase::Unknown,
    }
}

/// Both the period's clock and the intermission's run down.
pub(super) fn position(phase: Phase, game: &Game<'_>) -> Option<Position> {
    let period = game.period_descriptor.as_ref().map(|period| period.number);
    let progress = game.clock.as_ref().and_then(|clock| clock.seconds_remaining.checked_neg());
    Position::of(phase, period, progress)
}

/// `P1`, `OT`, `2OT`, `SO`.
pub(super) fn period_label(period: &Period) -> String {
    let overtime = period.number.saturating_sub(period.max_regulation_periods.unwrap_or(3));
    match period.period_type.as_str() {
        "SO" => "SO".into(),
        "OT" if overtime > 1 => format!("{overtime}OT"),
        "OT" => "OT".into(),
        _ => format!("P{}", period.number),
    }
}

/// What a score board shows without the clock: `P2`, `END P1`, `FINAL/SO`.
pub(super) fn label(phase: Phase, game: &Game<'_>) -> String {
    let period = game.period_descriptor.as_ref();
    match (phase, period) {
        (Phase::Live, Some(period)) => period_label(period),
        (Phase::Break, Some(period)) => format!("END {}", period_label(period)),
        (Phase::Final, Some(period)) if period.period_type != "REG" => format!("FINAL/{}", period_label(period)),
        (Phase::Unknown, _) => native_status(game),
        (phase, _) => phase.label(),
    }
}

/// The clock of the period in play: `None` in an intermission, before and after the game.
pub(super) fn period_clock<'a>(phase: Phase, game: &'a Game<'_>) -> Option<&'a Clock> {
    let shown = matches!(phase, Phase::Live | Phase::Suspended);
    game.clock.as_ref().filter(|clock| shown && !clock.in_intermission)
}

/// The codes as sent: `LIVE`, or with a schedule state that is not `OK`: `FUT/PPD`.
pub(super) fn native_status(game: &Game<'_>) -> String {
    match game.game_schedule_state.as_deref() {
        None | Some("OK") => game.game_state.clone(),
        Some(schedule) => format!("{}/{schedule}", game.game_state),
    }
}
