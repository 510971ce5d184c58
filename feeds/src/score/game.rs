//! One shape for a game of any league: what a provider reads into, and the states that are published from it.

use super::{Phase, Position};
use crate::model::{Key, Object, Value, merge};

/// A game as one body tells it, in the model's words.
#[derive(Clone, Debug)]
pub struct Game {
    /// The provider's own id; with the league it names the game's topics.
    pub id: Key,
    /// `nhl:2024020033`: who gave the id, and the id.
    pub game_id: String,
    pub league: String,
    /// `None` where the body does not say, as for the other optional fields.
    pub season: Option<i64>,
    pub start_ms: Option<i64>,
    /// The day is known, the hour is not.
    pub start_tbd: bool,
    pub phase: Phase,
    /// The provider calls the result final; corrections may still come.
    pub is_final: bool,
    /// The provider's status as sent.
    pub status_native: String,
    /// `P2 10:35`: the label, and the clock where there is one.
    pub detail: String,
    /// What a score board shows without the clock: `P2`, `END P1`, `FINAL/SO`.
    pub label: String,
    pub period: Option<Period>,
    /// The clock of the period in play: `None` between periods, before and after the game, and in sports without one.
    pub clock: Option<Clock>,
    /// What is left of the break; `None` if it is not timed.
    pub break_ms: Option<i64>,
    pub home: Side,
    pub away: Side,
    pub venue: Option<String>,
    /// `home` or `away`; `None` while there is no result, and for a draw.
    pub winner: Option<&'static str>,
    /// What the sport adds: outs and bases, strength, down and distance.
    pub situation: Option<Object>,
    /// Which game of the day between the same two; `None` where there is one only.
    pub game_no: Option<i64>,
    pub position: Option<Position>,
}

#[derive(Clone, Debug)]
pub struct Period {
    pub n: i64,
    /// REG, OT, SO, INN …
    pub kind: String,
    pub label: String,
    /// `top` or `bottom` of an inning; `None` in other sports.
    pub half: Option<&'static str>,
}

#[derive(Clone, Copy, Debug)]
pub struct Clock {
    pub ms: i64,
    pub runs_up: bool,
    /// `None`: the provider does not say, so nobody may let it run.
    pub running: Option<bool>,
    /// Time played beyond the period's end, at which the clock itself stands.
    pub added_ms: Option<i64>,
}

#[derive(Clone, Debug, Default)]
pub struct Side {
    pub id: String,
    pub abbr: String,
    pub name: Option<String>,
    pub score: Option<i64>,
    /// A score that is not one number, as in cricket: `155/6`. `None` everywhere else.
    pub score_text: Option<String>,
    /// Points in each period so far; empty where the provider does not say.
    pub by_period: Vec<Value>,
    /// Goals in the shoot-out, where they are not in the score.
    pub pens: Option<i64>,
    /// Over both legs.
    pub aggregate: Option<i64>,
}

/// What is believed of a game: the states that go out, and what decides when to look again.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    pub id: Key,
    pub phase: Phase,
    pub start_ms: Option<i64>,
    pub is_final: bool,
    pub position: Option<Position>,
    /// The state of `score.<league>.<id>`.
    pub score: Object,
    /// The line of `slate.<league>`.
    pub line: Object,
}

impl Game {
    pub fn told(self) -> Told {
        Told {
            phase: self.phase,
            start_ms: self.start_ms,
            is_final: self.is_final,
            position: self.position,
            score: without_nulls(&self.score()),
            line: without_nulls(&self.line()),
            id: self.id,
        }
    }

    fn score(&self) -> Object {
        Object::new()
            .with("game_id", self.game_id.as_str())
            .with("league", self.league.as_str())
            .with("season", self.season)
            .with("start", self.start_ms)
            .with("start_tbd", self.start_tbd.then_some(true))
            .with("phase", self.phase.word())
            .with("status_native", self.status_native.as_str())
            .with("detail", self.detail.as_str())
            .with("period", self.period.as_ref().map(Period::state))
            .with("clock", self.clock.map(Clock::state))
            .with("break_ms", self.break_ms)
            .with("home", self.home.state(self.phase))
            .with("away", self.away.state(self.phase))
            .with("venue", self.venue.as_deref())
            .with("winner", self.winner.filter(|_| self.phase.is_result()))
            .with("final", self.is_final)
            .with("situation", self.situation.clone())
            .with("game_no", self.game_no)
    }

    fn line(&self) -> Object {
        Object::new()
            .with("home", self.home.abbr.as_str())
            .with("away", self.away.abbr.as_str())
            .with("home_score", self.home.shown(self.phase))
            .with("away_score", self.away.shown(self.phase))
            .with("phase", self.phase.word())
            .with("start", self.start_ms)
            .with("label", self.label.as_str())
            .with("clock_ms", self.clock.map(|clock| clock.ms))
    }
}

impl Period {
    fn state(&self) -> Object {
        Object::new()
            .with("n", self.n)
            .with("type", self.kind.as_str())
            .with("label", self.label.as_str())
            .with("half", self.half)
    }
}

impl Clock {
    fn state(self) -> Object {
        Object::new()
            .with("ms", self.ms)
            .with("dir", if self.runs_up { "up" } else { "down" })
            .with("running", self.running)
            .with("added_ms", self.added_ms)
    }
}

impl Side {
    fn state(&self, phase: Phase) -> Object {
        let played = phase.has_score();
        let by_period = Some(&self.by_period).filter(|points| played && !points.is_empty());
        Object::new()
            .with("id", self.id.as_str())
            .with("abbr", self.abbr.as_str())
            .with("name", self.name.as_deref())
            .with("score", self.score.filter(|_| played))
            .with("score_text", self.score_text.as_deref().filter(|_| played))
            .with("by_period", by_period.cloned())
            .with("pens", self.pens.filter(|_| played))
            .with("aggregate", self.aggregate)
    }

    /// The score as a board shows it: a number, or the text that stands for it.
    fn shown(&self, phase: Phase) -> Value {
        let number = self.score.map(Value::from);
        let shown = number.or(self.score_text.as_deref().map(Value::from));
        shown.filter(|_| phase.has_score()).unwrap_or(Value::Null)
    }
}

/// Who is ahead; `None` at a draw or where a score is missing.
pub fn leader(home: Option<i64>, away: Option<i64>) -> Option<&'static str> {
    match home?.cmp(&away?) {
        std::cmp::Ordering::Greater => Some("home"),
        std::cmp::Ordering::Less => Some("away"),
        std::cmp::Ordering::Equal => None,
    }
}

/// Null means absent, and states are compared with what a store holds.
fn without_nulls(state: &Object) -> Object {
    let mut clean = Object::new();
    merge(&mut clean, state);
    clean
}
