//! Where a game stands: the league's state codes in the model's words, and which of two bodies is further on.

use super::message::{Clock, Game, Period};

/// The model's phases of a game, as far as this league has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Scheduled,
    Pregame,
    Live,
    Break,
    Suspended,
    Postponed,
    Cancelled,
    Final,
    Unknown,
}

impl Phase {
    /// The schedule's state wins where it says that the game does not go on as planned.
    pub fn of(game: &Game<'_>) -> Phase {
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

    pub fn word(self) -> &'static str {
        match self {
            Phase::Scheduled => "scheduled",
            Phase::Pregame => "pregame",
            Phase::Live => "live",
            Phase::Break => "break",
            Phase::Suspended => "suspended",
            Phase::Postponed => "postponed",
            Phase::Cancelled => "cancelled",
            Phase::Final => "final",
            Phase::Unknown => "unknown",
        }
    }

    /// In play or between two periods.
    pub fn is_on(self) -> bool {
        matches!(self, Phase::Live | Phase::Break)
    }

    /// A score means something: before the game there is none, whatever the body says.
    pub fn has_score(self) -> bool {
        matches!(self, Phase::Live | Phase::Break | Phase::Suspended | Phase::Final | Phase::Unknown)
    }
}

/// How far a game has got; orders two bodies of one game.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    stage: u8,
    period: i64,
    in_break: bool,
    /// The clock's seconds, negated: both the period's and the intermission's run down.
    progress: i64,
}

impl Position {
    /// `None` for phases that can follow any other.
    pub fn of(phase: Phase, game: &Game<'_>) -> Option<Position> {
        let stage = match phase {
            Phase::Scheduled => 0,
            Phase::Pregame => 1,
            Phase::Live | Phase::Break => 2,
            Phase::Final => 3,
            _ => return None,
        };
        if stage != 2 {
            return Some(Position { stage, period: 0, in_break: false, progress: 0 });
        }
        Some(Position {
            stage,
            period: game.period_descriptor.as_ref()?.number,
            in_break: phase == Phase::Break,
            progress: game.clock.as_ref()?.seconds_remaining.checked_neg()?,
        })
    }
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
        (phase, _) => phase.word().to_ascii_uppercase(),
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
