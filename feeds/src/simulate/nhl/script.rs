//! The script of one game: what happens at which second after the first face-off. `writer` writes it in advance.
//!
//! The body at any moment is the fold of the beats before it, so the simulated game is a pure function of time.

pub(super) const PERIOD_S: i64 = 1_200;
pub(super) const OVERTIME_S: i64 = 300;
pub(super) const BREAK_S: i64 = 1_080;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Home,
    Away,
}

/// How a game is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Regulation,
    Overtime,
    ShootOut,
}

/// What a game is to be like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub outcome: Outcome,
    /// In the third period, a goal that is taken back and one that is credited to another player.
    pub corrections: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    pub period: i64,
    /// REG, OT, SO.
    pub period_type: &'static str,
    /// Seconds left of the period, or of the break.
    pub left_s: i64,
    pub running: bool,
    pub in_break: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Play {
    pub event_id: i64,
    pub sort_order: i64,
    pub clock: Clock,
    pub kind: &'static str,
    /// `None` for what belongs to no team.
    pub side: Option<Side>,
    /// The player that shot, scored or was penalised, by number.
    pub player: i64,
    /// Goals: the score after it, home first; `None` for other plays.
    pub score: Option<(i64, i64)>,
}

#[derive(Clone, Debug)]
pub(super) enum Change {
    Nothing,
    Add(Play),
    /// Replaces the play of the same id.
    Edit(Play),
    Remove(i64),
    /// The score fields, home first.
    Score(i64, i64),
    /// FINAL, OFF …
    State(&'static str),
}

#[derive(Clone, Debug)]
pub(super) struct Beat {
    /// Seconds after the first face-off.
    pub at_s: i64,
    pub clock: Clock,
    pub change: Change,
}

#[derive(Debug)]
pub(super) struct Script {
    pub beats: Vec<Beat>,
    /// What the score fields say at the end, home first.
    pub result: (i64, i64),
}

impl Script {
    /// When nothing more happens.
    pub fn end_s(&self) -> i64 {
        self.beats.last().map_or(0, |beat| beat.at_s)
    }
}
