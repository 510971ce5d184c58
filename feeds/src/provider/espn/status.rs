//! The table of statuses: `type.name` in the model's phases.

use super::message::StatusType;
use crate::score::Phase;

/// Why by name: `state` says pre, in and post only, and a postponed game is `post`, a delayed one `in`.
const BY_NAME: &[(&str, Phase)] = &[
    ("STATUS_SCHEDULED", Phase::Scheduled),
    ("STATUS_PREGAME", Phase::Pregame),
    ("STATUS_IN_PROGRESS", Phase::Live),
    ("STATUS_FIRST_HALF", Phase::Live),
    ("STATUS_SECOND_HALF", Phase::Live),
    ("STATUS_OVERTIME", Phase::Live),
    ("STATUS_SHOOTOUT", Phase::Live),
    ("STATUS_HALFTIME", Phase::Break),
    ("STATUS_END_PERIOD", Phase::Break),
    ("STATUS_END_OF_REGULATION", Phase::Break),
    ("STATUS_HALFTIME_ET", Phase::Break),
    ("STATUS_END_OF_EXTRATIME", Phase::Break),
    ("STATUS_DELAYED", Phase::Delayed),
    ("STATUS_RAIN_DELAY", Phase::Delayed),
    ("STATUS_SUSPENDED", Phase::Suspended),
    ("STATUS_POSTPONED", Phase::Postponed),
    ("STATUS_CANCELED", Phase::Cancelled),
    ("STATUS_ABANDONED", Phase::Abandoned),
    ("STATUS_FORFEIT", Phase::Forfeit),
    ("STATUS_WALKOVER", Phase::Forfeit),
    ("STATUS_RETIRED", Phase::Final),
    ("STATUS_FULL_TIME", Phase::Final),
    ("STATUS_FINAL", Phase::Final),
    ("STATUS_FINAL_AET", Phase::Final),
    ("STATUS_FINAL_PEN", Phase::Final),
];

/// A name that the table lacks falls back to what the state says for sure.
pub(super) fn phase(status: &StatusType) -> Phase {
    let known = status.name.as_deref().and_then(|name| BY_NAME.iter().find(|(known, _)| *known == name));
    if let Some((_, phase)) = known {
        return *phase;
    }
    match (status.state.as_str(), status.completed) {
        ("pre", _) => Phase::Scheduled,
        ("in", _) => Phase::Live,
        ("post", Some(true)) => Phase::Final,
        // Cricket gives no names and does not say whether a match is complete.
        ("post", None) if status.name.is_none() => Phase::Final,
        _ => Phase::Unknown,
    }
}

pub(super) fn is_shootout(status: &StatusType) -> bool {
    status.name.as_deref() == Some("STATUS_SHOOTOUT")
}

/// The name as sent, or what stands in its place.
pub(super) fn native(status: &StatusType) -> &str {
    status.name.as_deref().or(status.description.as_deref()).unwrap_or(&status.state)
}
