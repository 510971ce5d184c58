//! Where a game stands, in the model's words, and which of two bodies of one game is further on.

/// The phases of a game. A game may go from any to any other: a final reopens, a postponed game is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Scheduled,
    Pregame,
    Live,
    /// Between two periods.
    Break,
    /// Held up, and meant to go on today.
    Delayed,
    /// Stopped, and meant to go on another day.
    Suspended,
    Postponed,
    Cancelled,
    Abandoned,
    Forfeit,
    Final,
    /// A status that this program does not know.
    Unknown,
}

impl Phase {
    pub fn word(self) -> &'static str {
        match self {
            Phase::Scheduled => "scheduled",
            Phase::Pregame => "pregame",
            Phase::Live => "live",
            Phase::Break => "break",
            Phase::Delayed => "delayed",
            Phase::Suspended => "suspended",
            Phase::Postponed => "postponed",
            Phase::Cancelled => "cancelled",
            Phase::Abandoned => "abandoned",
            Phase::Forfeit => "forfeit",
            Phase::Final => "final",
            Phase::Unknown => "unknown",
        }
    }

    /// What a score board shows where nothing more is known.
    pub fn label(self) -> String {
        self.word().to_ascii_uppercase()
    }

    /// Under way today: in play, between two periods or held up.
    pub fn is_on(self) -> bool {
        matches!(self, Phase::Live | Phase::Break | Phase::Delayed)
    }

    /// A result that stands unless it is corrected.
    pub fn is_result(self) -> bool {
        matches!(self, Phase::Final | Phase::Forfeit)
    }

    /// A score means something: before the game there is none, whatever the body says.
    pub fn has_score(self) -> bool {
        !matches!(self, Phase::Scheduled | Phase::Pregame | Phase::Postponed | Phase::Cancelled)
    }
}

/// How far a game has got; orders two bodies of one game.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    stage: u8,
    period: i64,
    in_break: bool,
    progress: i64,
}

impl Position {
    /// `progress`: grows within a period; a clock that runs down is negated. `None` for phases that can follow any
    /// other, and for a game under way whose period or progress is not known.
    pub fn of(phase: Phase, period: Option<i64>, progress: Option<i64>) -> Option<Position> {
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
        Some(Position { stage, period: period?, in_break: phase == Phase::Break, progress: progress? })
    }
}
