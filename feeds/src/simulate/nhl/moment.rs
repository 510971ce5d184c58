//! A simulated game at one moment: the fold of its script up to there.

use super::script::{BREAK_S, Beat, Change, Clock, PERIOD_S, Play, Script};

/// Before the first face-off, from when on the game is `PRE`.
const PREGAME_S: i64 = 1_800;
/// Of the third period and later, from when on the game is `CRIT`.
const CRITICAL_S: i64 = 300;

#[derive(Debug)]
pub(super) struct Moment<'a> {
    /// FUT, PRE, LIVE, CRIT, OVER, FINAL, OFF.
    pub state: &'static str,
    /// `None` before the game.
    pub clock: Option<Clock>,
    /// Home first; `None` before the game.
    pub score: Option<(i64, i64)>,
    /// In the league's order.
    pub plays: Vec<&'a Play>,
}

impl Moment<'_> {
    /// `at_s`: seconds after the first face-off, negative before it.
    pub fn of(script: &Script, at_s: i64) -> Moment<'_> {
        let past = script.beats.partition_point(|beat| beat.at_s <= at_s);
        let beats = &script.beats[..past];
        let Some(last) = beats.last() else {
            let state = if at_s >= -PREGAME_S { "PRE" } else { "FUT" };
            return Moment { state, clock: None, score: None, plays: Vec::new() };
        };
        let clock = run(last, at_s);
        let mut moment =
            Moment { state: live_state(clock), clock: Some(clock), score: Some((0, 0)), plays: Vec::new() };
        for beat in beats {
            moment.take(&beat.change);
        }
        moment
    }
}

impl<'a> Moment<'a> {
    fn take(&mut self, change: &'a Change) {
        match change {
            Change::Nothing => {}
            Change::Add(play) => self.plays.push(play),
            Change::Edit(play) => {
                for old in self.plays.iter_mut().filter(|old| old.event_id == play.event_id) {
                    *old = play;
                }
            }
            Change::Remove(event_id) => self.plays.retain(|play| play.event_id != *event_id),
            Change::Score(home, away) => self.score = Some((*home, *away)),
            Change::State(state) => self.state = state,
        }
    }
}

/// The clock some time after a beat.
fn run(beat: &Beat, at_s: i64) -> Clock {
    let clock = beat.clock;
    if !clock.running && !clock.in_break {
        return clock;
    }
    Clock { left_s: (clock.left_s - (at_s - beat.at_s)).clamp(0, PERIOD_S.max(BREAK_S)), ..clock }
}

fn live_state(clock: Clock) -> &'static str {
    let late = clock.period > 3 || (clock.period == 3 && !clock.in_break && clock.left_s < CRITICAL_S);
    if late { "CRIT" } else { "LIVE" }
}
