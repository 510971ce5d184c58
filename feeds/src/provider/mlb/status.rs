//! Where a game stands: the league's codes and texts in the model's words.

use super::message::Status;
use crate::score::Phase;

/// Why the text before the codes: new ones turn up every season ("Delayed Start: Rain", "Suspended: Darkness"), and their
/// first word is what they keep.
pub(super) fn phase(status: &Status) -> Phase {
    let first_word = |word: &str| status.detailed_state.as_deref().is_some_and(|text| text.starts_with(word));
    for (word, phase) in [
        ("Postponed", Phase::Postponed),
        ("Cancelled", Phase::Cancelled),
        ("Suspended", Phase::Suspended),
        ("Delayed", Phase::Delayed),
        ("Forfeit", Phase::Forfeit),
    ] {
        if first_word(word) {
            return phase;
        }
    }
    match (status.abstract_game_state.as_str(), status.coded_game_state.as_deref()) {
        (_, Some("D")) => Phase::Postponed,
        (_, Some("C")) => Phase::Cancelled,
        (_, Some("T" | "U")) => Phase::Suspended,
        // The warm-up is called live too.
        ("Preview" | "Live", Some("P")) => Phase::Pregame,
        ("Preview", _) => Phase::Scheduled,
        ("Live", _) => Phase::Live,
        ("Final", _) => Phase::Final,
        _ => Phase::Unknown,
    }
}

/// Over (`O`) is not yet final (`F`).
pub(super) fn is_final(phase: Phase, status: &Status) -> bool {
    phase.is_result() && status.coded_game_state.as_deref() != Some("O")
}

/// The text as sent.
pub(super) fn native(status: &Status) -> &str {
    status.detailed_state.as_deref().unwrap_or(&status.abstract_game_state)
}
