//! One followed game: which of its two sources is believed, and when it is asked for again.
//!
//! A game is told by the slate and by its own play-by-play body, from caches of different age. So that they do not
//! take turns, play-by-play is primary while it answers, and the slate speaks only when it has been silent.

use super::config::NhlConfig;
use super::phase::Phase;
use super::plays::PlayLog;
use super::poll::Poll;
use super::translate::{PlayByPlay, Told};
use crate::model::{Change, Object, Topic, TopicError, Update, diff};

/// Bodies that look older than the last one and are dropped before the next such is believed: a clock put back, or a
/// final reopened, looks the same as an old body from another edge node, but stays.
const OLDER_BODIES_MAX: u32 = 1;
/// Live intervals without a play-by-play body after which the slate speaks for the game.
const PRIMARY_INTERVALS: u64 = 3;

#[derive(Debug)]
pub(super) struct Followed {
    score: Topic,
    play: Topic,
    pub poll: Poll,
    /// Index in the adapter's subscriptions.
    pub subscription: usize,
    /// As last believed; `None` before the first body.
    pub told: Option<Told>,
    plays: PlayLog,
    /// Bodies dropped as older since the last believed one.
    older: u32,
    /// Until when play-by-play speaks for the game, in Unix ms.
    primary_until_ms: i64,
    /// The poll for late corrections was asked for.
    corrections_asked: bool,
    /// Since when the slate has not named it, in Unix ms; `None` while it does.
    pub off_slate_since_ms: Option<i64>,
}

impl Followed {
    pub fn new(id: i64, url: String, subscription: usize, now_ms: i64) -> Result<Followed, TopicError> {
        let id = id.to_string();
        Ok(Followed {
            score: Topic::of(&["score", "nhl", &id])?,
            play: Topic::of(&["play", "nhl", &id])?,
            poll: Poll::new(url),
            subscription,
            told: None,
            plays: PlayLog::default(),
            older: 0,
            primary_until_ms: i64::MIN,
            corrections_asked: false,
            off_slate_since_ms: Some(now_ms),
        })
    }

    pub fn topics(&self) -> Vec<Topic> {
        vec![self.score.clone(), self.play.clone()]
    }

    /// Takes what the slate says of the game, unless play-by-play speaks for it.
    pub fn hear_slate(&mut self, told: Told, now_ms: i64, updates: &mut Vec<Update>) {
        self.off_slate_since_ms = None;
        if now_ms < self.primary_until_ms || self.is_older(&told, true) {
            return;
        }
        self.believe(told, updates);
    }

    /// Takes a play-by-play body.
    pub fn hear_plays(&mut self, body: PlayByPlay, live_ms: u64, now_ms: i64, updates: &mut Vec<Update>) {
        let last = body.plays.last().map(|play| play.order);
        // Why not by the clock alone: it is often put back a little, and then the latest plays are still there.
        if self.is_older(&body.game, last < self.plays.last_order()) {
            return;
        }
        let primary_ms = live_ms.saturating_mul(PRIMARY_INTERVALS);
        self.primary_until_ms = now_ms.saturating_add_unsigned(primary_ms);
        self.believe(body.game, updates);
        let events = self.plays.advance(body.plays, body.rejected == 0);
        updates.extend(events.into_iter().map(|event| Update::new(self.play.clone(), None, Change::Event(event))));
    }

    /// True for a body to be dropped: behind the last believed one, and nothing yet says that it is meant so.
    fn is_older(&mut self, told: &Told, lacks_latest: bool) -> bool {
        let last = self.told.as_ref().and_then(|last| last.position);
        let behind = matches!((told.position, last), (Some(new), Some(last)) if new < last);
        self.older = if behind && lacks_latest { self.older + 1 } else { 0 };
        (1..=OLDER_BODIES_MAX).contains(&self.older)
    }

    fn believe(&mut self, told: Told, updates: &mut Vec<Update>) {
        self.older = 0;
        let last = self.told.as_ref().map(|last| &last.score);
        updates.extend(changed(&self.score, last, &told.score));
        self.told = Some(told);
    }

    /// In how many ms the game's plays should be asked for; `None` if not at all for now.
    pub fn next_poll_ms(&mut self, config: &NhlConfig, now_ms: i64) -> Option<u64> {
        let Some(told) = &self.told else { return Some(config.idle_interval_ms) };
        if told.is_final {
            let asked = std::mem::replace(&mut self.corrections_asked, true);
            return (!asked).then_some(config.corrections_ms);
        }
        self.corrections_asked = false;
        let called_off = matches!(told.phase, Phase::Postponed | Phase::Cancelled);
        (!called_off).then(|| told.interval_ms(config, now_ms))
    }

    /// The plays should be asked for at once: the slate says that there may be some, and no body has come yet.
    pub fn wants_plays(&self) -> bool {
        let may_have = |told: &Told| told.phase.is_on() || matches!(told.phase, Phase::Final | Phase::Unknown);
        let finished = self.corrections_asked && self.told.as_ref().is_some_and(|told| told.is_final);
        self.told.as_ref().is_some_and(may_have) && !finished
    }

    pub fn is_over(&self) -> bool {
        self.told.as_ref().is_none_or(|told| !told.phase.is_on())
    }

    pub fn retire(self) -> [Update; 2] {
        [self.score, self.play].map(|topic| Update::new(topic, None, Change::Retire))
    }
}

impl Told {
    /// How long a body that tells this may be relied on.
    pub fn interval_ms(&self, config: &NhlConfig, now_ms: i64) -> u64 {
        let soon_ms = now_ms.saturating_add_unsigned(config.idle_interval_ms.saturating_mul(2));
        match self.phase {
            Phase::Final if self.is_final => config.idle_interval_ms,
            // A final that is not official yet, or a word the league has not used before, may be in play.
            Phase::Live | Phase::Break | Phase::Final | Phase::Unknown => config.live_interval_ms,
            Phase::Pregame => config.pregame_interval_ms,
            Phase::Scheduled if self.start_ms.is_some_and(|start_ms| start_ms <= soon_ms) => config.pregame_interval_ms,
            Phase::Scheduled | Phase::Suspended | Phase::Postponed | Phase::Cancelled => config.idle_interval_ms,
        }
    }
}

/// The update that leads from `old` to `new`; `None` if they say the same.
pub(super) fn changed(topic: &Topic, old: Option<&Object>, new: &Object) -> Option<Update> {
    let change = match old {
        None => Change::State(new.clone()),
        Some(old) => Change::Patch(diff(old, new)?),
    };
    Some(Update::new(topic.clone(), None, change))
}
