//! Baseball: where an inning stands, and the situation on the field.

use crate::model::Object;

/// Outs are at most three; a half inning has room for more, whatever a body says.
const OUTS_MAX: i64 = 7;

/// The four states of an inning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Half {
    Top,
    Middle,
    Bottom,
    End,
}

impl Half {
    /// By the provider's word: `Top`, `Mid`, `Middle` …
    pub fn of(word: &str) -> Option<Half> {
        match word {
            "Top" => Some(Half::Top),
            "Mid" | "Middle" => Some(Half::Middle),
            "Bot" | "Bottom" => Some(Half::Bottom),
            "End" => Some(Half::End),
            _ => None,
        }
    }

    /// `T8`, `M8`, `B8`, `E8`.
    pub fn label(self, inning: i64) -> String {
        let letter = match self {
            Half::Top => 'T',
            Half::Middle => 'M',
            Half::Bottom => 'B',
            Half::End => 'E',
        };
        format!("{letter}{inning}")
    }

    /// Whose turn it is, or was.
    pub fn word(self) -> &'static str {
        match self {
            Half::Top | Half::Middle => "top",
            Half::Bottom | Half::End => "bottom",
        }
    }

    /// Grows within an inning.
    pub fn progress(self, outs: Option<i64>) -> i64 {
        self as i64 * (OUTS_MAX + 1) + outs.unwrap_or(0).clamp(0, OUTS_MAX)
    }
}

/// The count and who is on base.
#[derive(Clone, Copy, Debug, Default)]
pub struct Diamond {
    pub outs: Option<i64>,
    pub balls: Option<i64>,
    pub strikes: Option<i64>,
    pub first: bool,
    pub second: bool,
    pub third: bool,
}

impl Diamond {
    /// A base that nobody stands on is absent.
    pub fn situation(self) -> Object {
        Object::new()
            .with("outs", self.outs)
            .with("balls", self.balls)
            .with("strikes", self.strikes)
            .with("first", self.first.then_some(true))
            .with("second", self.second.then_some(true))
            .with("third", self.third.then_some(true))
    }
}
