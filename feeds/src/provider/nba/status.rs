//! Where a game stands: the league's number and text in the model's words.

use super::message::Game;
use crate::score::Phase;

/// Why the text first: a postponed game keeps the number 1, a break the number 2.
pub(super) fn phase(game: &Game) -> Phase {
    let text = text(game).to_ascii_lowercase();
    for (word, phase) in [
        ("ppd", Phase::Postponed),
        ("postponed", Phase::Postponed),
        ("cncl", Phase::Cancelled),
        ("cancel", Phase::Cancelled),
        ("susp", Phase::Suspended),
        ("delay", Phase::Delayed),
    ] {
        if text.starts_with(word) {
            return phase;
        }
    }
    match game.game_status {
        1 if text.starts_with("pregame") => Phase::Pregame,
        1 => Phase::Scheduled,
        2 if text.starts_with("half") || text.starts_with("end") => Phase::Break,
        2 => Phase::Live,
        3 => Phase::Final,
        _ => Phase::Unknown,
    }
}

/// As sent, without the padding.
pub(super) fn text(game: &Game) -> &str {
    game.game_status_text.trim()
}

/// `Q3`, `OT`, `2OT`.
pub(super) fn period_label(n: i64, regulation: i64) -> String {
    match n.saturating_sub(regulation) {
        overtime if overtime > 1 => format!("{overtime}OT"),
        1 => "OT".into(),
        _ => format!("Q{n}"),
    }
}

/// What a score board shows without the clock.
pub(super) fn label(phase: Phase, game: &Game, period: Option<&str>) -> String {
    match (phase, period) {
        (Phase::Live, Some(period)) => period.to_owned(),
        (Phase::Break, _) if text(game).to_ascii_lowercase().starts_with("half") => "HT".into(),
        (Phase::Break, Some(period)) => format!("END {period}"),
        // `FINAL/OT`.
        (Phase::Final, _) => text(game).to_uppercase(),
        (Phase::Unknown, _) => text(game).to_owned(),
        _ => phase.label(),
    }
}
