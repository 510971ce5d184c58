//! Writes a game's script: periods, goals as planned, penalties, breaks, overtime, shoot-out, corrections.

use super::script::{BREAK_S, Beat, Change, Clock, OVERTIME_S, Outcome, PERIOD_S, Plan, Play, Script, Side};
use rand::Rng;
use rand::rngs::SmallRng;

/// Before overtime, and before the shoot-out.
const SHORT_BREAK_S: i64 = 60;
/// How long a goal under review stands before it is taken back.
const REVIEW_S: i64 = 150;
/// From the end to the final, and from there to the league's sheet being closed.
const FINAL_AFTER_S: i64 = 40;
const OFF_AFTER_S: i64 = 600;

pub(super) fn write(rng: &mut SmallRng, plan: Plan) -> Script {
    let mut writer = Writer::new(rng);
    let goals = writer.plan_goals(plan.outcome);
    for period in 1..=3 {
        writer.start_period(period, "REG", PERIOD_S);
        let goals: Vec<Goal> = goals.iter().filter(|goal| goal.period == period).copied().collect();
        writer.play_period(&goals, plan.corrections && period == 3);
        writer.end_period(match (period, plan.outcome) {
            (3, Outcome::Regulation) => 0,
            (3, _) => SHORT_BREAK_S,
            _ => BREAK_S,
        });
    }
    match plan.outcome {
        Outcome::Regulation => {}
        Outcome::Overtime => writer.overtime(true),
        Outcome::ShootOut => {
            writer.overtime(false);
            writer.shoot_out();
        }
    }
    writer.finish(plan.corrections);
    Script { beats: writer.beats, result: writer.score }
}

/// A goal that is to fall.
#[derive(Clone, Copy)]
struct Goal {
    period: i64,
    left_s: i64,
    side: Side,
}

struct Writer<'a> {
    rng: &'a mut SmallRng,
    beats: Vec<Beat>,
    at_s: i64,
    clock: Clock,
    /// Home first.
    score: (i64, i64),
    next_event_id: i64,
    next_order: i64,
}

impl Writer<'_> {
    fn new(rng: &mut SmallRng) -> Writer<'_> {
        let clock = Clock { period: 1, period_type: "REG", left_s: PERIOD_S, running: false, in_break: false };
        Writer { rng, beats: Vec::new(), at_s: 0, clock, score: (0, 0), next_event_id: 51, next_order: 8 }
    }

    fn any_side(&mut self) -> Side {
        if self.rng.random_range(0..2) == 0 { Side::Home } else { Side::Away }
    }

    /// The goals of regulation: level if there is to be more.
    fn plan_goals(&mut self, outcome: Outcome) -> Vec<Goal> {
        let each = self.rng.random_range(1..=3);
        let more = if outcome == Outcome::Regulation { self.rng.random_range(1..=2) } else { 0 };
        let winner = self.any_side();
        let sides = (0..each).flat_map(|_| [Side::Home, Side::Away]).chain((0..more).map(|_| winner));
        let sides: Vec<Side> = sides.collect();
        let mut goals: Vec<Goal> = sides
            .into_iter()
            .map(|side| Goal { period: self.rng.random_range(1..=3), left_s: self.rng.random_range(20..1_150), side })
            .collect();
        goals.sort_by_key(|goal| (goal.period, -goal.left_s));
        goals
    }

    fn beat(&mut self, change: Change) {
        self.beats.push(Beat { at_s: self.at_s, clock: self.clock, change });
    }

    /// Lets the period's clock run.
    fn run(&mut self, seconds: i64) {
        self.at_s += seconds;
        self.clock.left_s -= seconds;
    }

    /// Stops the clock for a while; a face-off starts it again.
    fn stop(&mut self, seconds: i64) {
        self.clock.running = false;
        self.play("stoppage", None);
        self.at_s += seconds;
        self.face_off();
    }

    fn face_off(&mut self) {
        let side = self.any_side();
        self.clock.running = true;
        self.play("faceoff", Some(side));
    }

    fn new_play(&mut self, kind: &'static str, side: Option<Side>) -> Play {
        self.next_event_id += self.rng.random_range(1..=7);
        self.next_order += self.rng.random_range(1..=4);
        let player = self.rng.random_range(0..64);
        let clock = self.clock;
        Play { event_id: self.next_event_id, sort_order: self.next_order, clock, kind, side, player, score: None }
    }

    fn play(&mut self, kind: &'static str, side: Option<Side>) {
        let play = self.new_play(kind, side);
        self.beat(Change::Add(play));
    }

    fn start_period(&mut self, period: i64, period_type: &'static str, length_s: i64) {
        self.clock = Clock { period, period_type, left_s: length_s, running: true, in_break: false };
        self.play("period-start", None);
        if period_type != "SO" {
            self.face_off();
        }
    }

    /// Plays on until the clock is out.
    fn play_period(&mut self, goals: &[Goal], corrections: bool) {
        let mut goals = goals.iter().peekable();
        let mut review_at_s = if corrections { self.rng.random_range(500..900) } else { -1 };
        loop {
            let gap = self.rng.random_range(8..=40);
            if let Some(goal) = goals.next_if(|goal| goal.left_s > self.clock.left_s - gap) {
                self.run((self.clock.left_s - goal.left_s).max(0));
                self.goal(goal.side, corrections);
                continue;
            }
            if gap >= self.clock.left_s {
                return self.run(self.clock.left_s);
            }
            self.run(gap);
            if self.clock.left_s < review_at_s {
                review_at_s = -1;
                self.goal_taken_back();
            } else {
                self.ordinary_play();
            }
        }
    }

    fn ordinary_play(&mut self) {
        let side = Some(self.any_side());
        match self.rng.random_range(0..100) {
            0..22 => self.play("shot-on-goal", side),
            22..38 => self.play("hit", side),
            38..50 => self.play("blocked-shot", side),
            50..60 => self.play("missed-shot", side),
            60..68 => self.play("giveaway", side),
            68..74 => self.play("takeaway", side),
            74..78 => {
                self.clock.running = false;
                self.play("penalty", side);
                let pause = self.rng.random_range(20..=45);
                self.stop(pause);
            }
            _ => {
                let pause = self.rng.random_range(10..=30);
                self.stop(pause);
            }
        }
    }

    fn scored(&mut self, side: Side) -> Play {
        let (home, away) = self.score;
        self.score = if side == Side::Home { (home + 1, away) } else { (home, away + 1) };
        self.clock.running = false;
        let mut play = self.new_play("goal", Some(side));
        play.score = Some(self.score);
        self.beat(Change::Add(play.clone()));
        self.beat(Change::Score(self.score.0, self.score.1));
        play
    }

    /// A goal; `credited_anew`: a little later, to another player.
    fn goal(&mut self, side: Side, credited_anew: bool) {
        let mut play = self.scored(side);
        self.at_s += 45;
        if credited_anew {
            play.player += 1;
            self.beat(Change::Edit(play));
        }
        self.face_off();
    }

    /// A goal that the review takes back: the play goes, and the score goes down.
    fn goal_taken_back(&mut self) {
        let before = self.score;
        let side = self.any_side();
        let play = self.scored(side);
        self.at_s += REVIEW_S;
        self.score = before;
        self.beat(Change::Remove(play.event_id));
        self.beat(Change::Score(before.0, before.1));
        self.stop(20);
    }

    /// Ends the period and lets the break pass; zero: there is none.
    fn end_period(&mut self, break_s: i64) {
        self.clock.running = false;
        self.play("period-end", None);
        if break_s > 0 {
            self.clock = Clock { left_s: break_s, in_break: true, ..self.clock };
            self.beat(Change::Nothing);
            self.at_s += break_s;
        }
    }

    fn overtime(&mut self, decided: bool) {
        self.start_period(4, "OT", OVERTIME_S);
        if !decided {
            self.play_period(&[], false);
            return self.end_period(SHORT_BREAK_S);
        }
        for _ in 0..self.rng.random_range(2..=8) {
            let gap = self.rng.random_range(8..=28);
            self.run(gap);
            let side = self.any_side();
            self.play("shot-on-goal", Some(side));
        }
        self.run(9);
        let side = self.any_side();
        self.scored(side);
        self.end_period(0);
    }

    /// Attempts in turn until one side leads after equal turns. No play carries the goal that decides.
    fn shoot_out(&mut self) {
        self.start_period(5, "SO", 0);
        self.clock.running = false;
        let mut made = (0, 0);
        let mut round = 0;
        while round < 3 || made.0 == made.1 {
            round += 1;
            made.0 += self.attempt(Side::Away, round);
            made.1 += self.attempt(Side::Home, round);
        }
        self.play("shootout-complete", None);
        self.end_period(0);
        let (home, away) = self.score;
        self.score = if made.1 > made.0 { (home + 1, away) } else { (home, away + 1) };
    }

    /// 1 if it went in. From the eighth round on the home side scores and the other does not, so that it ends.
    fn attempt(&mut self, side: Side, round: u32) -> u32 {
        self.at_s += 30;
        let tired = round > 7;
        let scores = if tired { side == Side::Home } else { self.rng.random_range(0..3) == 0 };
        let mut play = self.new_play(if scores { "goal" } else { "shot-on-goal" }, Some(side));
        play.score = scores.then_some(self.score);
        self.beat(Change::Add(play));
        u32::from(scores)
    }

    /// The end, the final, and the sheet closed; `corrections`: one more edit in between.
    fn finish(&mut self, corrections: bool) {
        self.play("game-end", None);
        self.beat(Change::State("OVER"));
        self.at_s += FINAL_AFTER_S;
        self.beat(Change::Score(self.score.0, self.score.1));
        self.beat(Change::State("FINAL"));
        if corrections {
            self.at_s += OFF_AFTER_S / 2;
            self.edit_last_shot();
        }
        self.at_s += OFF_AFTER_S / 2;
        self.beat(Change::State("OFF"));
    }

    fn edit_last_shot(&mut self) {
        let last = self.beats.iter().rev().find_map(|beat| match &beat.change {
            Change::Add(play) if play.kind == "shot-on-goal" => Some(play.clone()),
            _ => None,
        });
        if let Some(shot) = last {
            self.beat(Change::Edit(Play { kind: "missed-shot", ..shot }));
        }
    }
}
