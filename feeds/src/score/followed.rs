//! One followed game: which of its two sources is believed, and when it is asked for again.
//!
//! A game is told by the slate and by a body of its own, from caches of different age. So that they do not take turns,
//! its own body is primary while it answers, and the slate speaks only when that has been silent.

use super::plays::PlayLog;
use super::poll::Poll;
use super::slate::changed;
use super::{GameBody, Pace, Phase, Position, Told};
use crate::model::{Change, Topic, TopicError, Update};

/// Bodies that look older than the last one and are dropped before the next such is believed: a clock put back, or a
/// final reopened, looks the same as an old body from another edge node, but stays.
const OLDER_BODIES_MAX: u32 = 1;
/// The same where the provider says which body is older: only one that counts anew stays behind for so long.
const OLDER_VERSIONS_MAX: u32 = 10;
/// Live intervals without a body of its own after which the slate speaks for the game.
const PRIMARY_INTERVALS: u64 = 3;

#[derive(Debug)]
pub(super) struct Followed {
    pub score: Topic,
    pub play: Topic,
    pub poll: Poll,
    /// Index in the adapter's subscriptions; `None` if the slate tells everything.
    pub subscription: Option<usize>,
    /// As last believed; `None` before the first body.
    pub told: Option<Told>,
    plays: PlayLog,
    /// Of the last believed body of its own; `None` before it, and where bodies have none.
    version: Option<i64>,
    /// Bodies dropped as older since the last believed one.
    older: u32,
    /// Until when its own body speaks for the game, in Unix ms.
    primary_until_ms: i64,
    /// The poll for late corrections was asked for.
    corrections_asked: bool,
    /// The last change could not be applied: the whole state is asked for.
    pub out_of_step: bool,
    /// When its last body may be asked for again at the earliest, in ms after it.
    wait_ms: u64,
    /// Since when the slate has not named it, in Unix ms; `None` while it does.
    pub off_slate_since_ms: Option<i64>,
}

/// What tells the age of a body.
struct Age {
    version: Option<i64>,
    position: Option<Position>,
    /// It lacks the latest play, or has no plays to judge by.
    lacks_latest: bool,
    /// It says nothing but plays, so they are all that can be compared.
    plays_only: bool,
}

impl Followed {
    pub fn new(league: &str, id: &str, subscription: Option<usize>, now_ms: i64) -> Result<Followed, TopicError> {
        Ok(Followed {
            score: Topic::of(&["score", league, id])?,
            play: Topic::of(&["play", league, id])?,
            poll: Poll::default(),
            subscription,
            told: None,
            plays: PlayLog::default(),
            version: None,
            older: 0,
            primary_until_ms: i64::MIN,
            corrections_asked: false,
            out_of_step: false,
            wait_ms: 0,
            off_slate_since_ms: Some(now_ms),
        })
    }

    /// Takes what the slate says of the game, unless its own body speaks for it.
    pub fn hear_slate(&mut self, told: Told, now_ms: i64, updates: &mut Vec<Update>) {
        self.off_slate_since_ms = None;
        let age = Age { version: None, position: told.position, lacks_latest: true, plays_only: false };
        if now_ms < self.primary_until_ms || self.is_older(&age) {
            return;
        }
        self.believe(told, updates);
    }

    /// Takes a body of its own.
    pub fn hear_game(&mut self, body: GameBody, live_ms: u64, now_ms: i64, updates: &mut Vec<Update>) {
        self.wait_ms = body.wait_ms.unwrap_or(0);
        if self.is_older(&self.age_of(&body)) {
            return;
        }
        (self.version, self.older) = (body.version.or(self.version), 0);
        if let Some(told) = body.told {
            self.speaks_until(live_ms, now_ms);
            self.believe(told, updates);
        }
        if let Some(plays) = body.plays {
            updates.extend(self.plays.advance(&self.play, plays, body.rejected == 0));
        }
    }

    /// Its own body is as it was.
    pub fn hear_unchanged(&mut self, live_ms: u64, now_ms: i64) {
        if self.primary_until_ms > i64::MIN {
            self.speaks_until(live_ms, now_ms);
        }
    }

    fn speaks_until(&mut self, live_ms: u64, now_ms: i64) {
        let primary_ms = live_ms.max(self.wait_ms).saturating_mul(PRIMARY_INTERVALS);
        self.primary_until_ms = now_ms.saturating_add_unsigned(primary_ms);
    }

    fn age_of(&self, body: &GameBody) -> Age {
        let last = |plays: &Vec<super::Play>| plays.last().map(|play| play.order);
        // Why not by the clock alone: it is often put back a little, and then the latest plays are still there.
        let lacks_latest = body.plays.as_ref().is_none_or(|plays| last(plays) < self.plays.last_order());
        let position = body.told.as_ref().and_then(|told| told.position);
        Age { version: body.version, position, lacks_latest, plays_only: body.told.is_none() }
    }

    /// True for a body to be dropped: behind the last believed one, and nothing yet says that it is meant so.
    fn is_older(&mut self, age: &Age) -> bool {
        let (behind, bodies_max) = match (age.version, self.version) {
            (Some(new), Some(last)) if new != last => (new < last, OLDER_VERSIONS_MAX),
            _ => (self.looks_older(age), OLDER_BODIES_MAX),
        };
        self.older = if behind { self.older + 1 } else { 0 };
        (1..=bodies_max).contains(&self.older)
    }

    fn looks_older(&self, age: &Age) -> bool {
        let last = self.told.as_ref().and_then(|last| last.position);
        let behind = matches!((age.position, last), (Some(new), Some(last)) if new < last);
        (behind || age.plays_only) && age.lacks_latest
    }

    fn believe(&mut self, told: Told, updates: &mut Vec<Update>) {
        self.older = 0;
        let last = self.told.as_ref().map(|last| &last.score);
        updates.extend(changed(&self.score, last, &told.score));
        self.told = Some(told);
    }

    /// In how many ms the game's own body should be asked for; `None` if not at all for now.
    pub fn next_poll_ms(&mut self, pace: &Pace, now_ms: i64) -> Option<u64> {
        let Some(told) = &self.told else { return Some(pace.idle_ms) };
        if told.is_final {
            let asked = std::mem::replace(&mut self.corrections_asked, true);
            return (!asked).then_some(pace.corrections_ms);
        }
        self.corrections_asked = false;
        let called_off = matches!(told.phase, Phase::Postponed | Phase::Cancelled | Phase::Abandoned);
        (!called_off).then(|| told.interval_ms(pace, now_ms).max(self.wait_ms))
    }

    /// Its own body should be asked for at once: the slate says that there may be plays, and none has come yet.
    pub fn wants_plays(&self) -> bool {
        let may_have = |told: &Told| told.phase.is_on() || matches!(told.phase, Phase::Final | Phase::Unknown);
        let finished = self.corrections_asked && self.told.as_ref().is_some_and(|told| told.is_final);
        self.told.as_ref().is_some_and(may_have) && !finished
    }

    pub fn is_over(&self) -> bool {
        self.told.as_ref().is_none_or(|told| !told.phase.is_on())
    }

    pub fn retire(self) -> impl Iterator<Item = Update> {
        // Plays are told by a body of the game's own: without one there is no such topic to end.
        let play = self.subscription.is_some().then_some(self.play);
        [Some(self.score), play].into_iter().flatten().map(|topic| Update::new(topic, None, Change::Retire))
    }
}

impl Told {
    /// How long a body that tells this may be relied on.
    pub fn interval_ms(&self, pace: &Pace, now_ms: i64) -> u64 {
        let soon_ms = now_ms.saturating_add_unsigned(pace.idle_ms.saturating_mul(2));
        match self.phase {
            Phase::Final if self.is_final => pace.idle_ms,
            // A final that is not official yet, or a word the provider has not used before, may be in play.
            Phase::Live | Phase::Break | Phase::Final | Phase::Unknown => pace.live_ms,
            Phase::Pregame | Phase::Delayed => pace.pregame_ms,
            Phase::Scheduled if self.start_ms.is_some_and(|start_ms| start_ms <= soon_ms) => pace.pregame_ms,
            Phase::Scheduled | Phase::Suspended | Phase::Postponed | Phase::Cancelled => pace.idle_ms,
            Phase::Abandoned | Phase::Forfeit => pace.idle_ms,
        }
    }
}
