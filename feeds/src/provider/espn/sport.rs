//! What differs from sport to sport: the names of periods, and which way the clock runs.

use super::message::part;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sport {
    Baseball,
    Basketball,
    Football,
    Hockey,
    Soccer,
    /// Shown as the provider words it.
    Other,
}

impl Sport {
    /// By the first part of a league's path.
    pub fn by_name(name: &str) -> Sport {
        match name {
            "baseball" => Sport::Baseball,
            "basketball" => Sport::Basketball,
            "football" => Sport::Football,
            "hockey" => Sport::Hockey,
            "soccer" => Sport::Soccer,
            _ => Sport::Other,
        }
    }

    /// By the number in a uid: `s:20~l:28`. `None` if it has none.
    pub fn by_uid(uid: &str) -> Option<Sport> {
        Some(match part(uid, "s:")? {
            "1" => Sport::Baseball,
            "40" => Sport::Basketball,
            "20" => Sport::Football,
            "70" => Sport::Hockey,
            "600" => Sport::Soccer,
            _ => Sport::Other,
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Sport::Baseball => "baseball",
            Sport::Basketball => "basketball",
            Sport::Football => "football",
            Sport::Hockey => "hockey",
            Sport::Soccer => "soccer",
            Sport::Other => "other",
        }
    }

    /// A scoreboard is that of a day, by the American calendar. Football's is that of a week, and soccer is played
    /// around the clock.
    pub fn has_daily_slate(self) -> bool {
        matches!(self, Sport::Baseball | Sport::Basketball | Sport::Hockey)
    }

    pub fn has_clock(self) -> bool {
        matches!(self, Sport::Basketball | Sport::Football | Sport::Hockey | Sport::Soccer)
    }

    pub fn clock_runs_up(self) -> bool {
        self == Sport::Soccer
    }

    /// Periods of a game without overtime, where the body does not say.
    fn regulation_periods(self) -> i64 {
        match self {
            Sport::Soccer => 2,
            Sport::Hockey => 3,
            Sport::Baseball => 9,
            Sport::Basketball | Sport::Football | Sport::Other => 4,
        }
    }

    /// The kind and the label of period `n`; `regulation`: how many periods are no overtime.
    pub fn period(self, n: i64, regulation: Option<i64>, in_shootout: bool) -> (&'static str, String) {
        let regulation = regulation.unwrap_or(self.regulation_periods());
        let overtime = n.saturating_sub(regulation);
        match self {
            Sport::Baseball => ("INN", n.to_string()),
            Sport::Soccer if in_shootout || n > 4 => ("PEN", "PEN".into()),
            Sport::Soccer if n > 2 => ("ET", format!("ET{overtime}")),
            Sport::Soccer => ("REG", format!("{n}H")),
            Sport::Hockey if in_shootout => ("SO", "SO".into()),
            Sport::Other => ("REG", n.to_string()),
            _ if overtime == 1 => ("OT", "OT".into()),
            _ if overtime > 1 => ("OT", format!("{overtime}OT")),
            Sport::Hockey => ("REG", format!("P{n}")),
            _ if regulation == 2 => ("REG", format!("H{n}")),
            _ => ("REG", format!("Q{n}")),
        }
    }
}
