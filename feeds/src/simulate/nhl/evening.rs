//! Evenings of simulated games without their server: pure, seeded, and a function of the time it is given.

use super::moment::Moment;
use super::script::{Outcome, Plan, Script};
use super::teams::{TEAMS, Team};
use super::{body, dates, writer};
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

/// The first game of the simulated season.
const FIRST_ID: i64 = 2_025_020_001;
/// Games of an evening.
const GAMES: usize = 4;
/// First face-offs of the first evening, in game minutes after it begins: something is on at once.
const FIRST_STARTS: [i64; GAMES] = [-95, -35, 6, 40];
/// First face-offs of later evenings.
const STARTS: [i64; GAMES] = [2, 6, 12, 20];
/// From the last game's end to the next evening, in game seconds.
const PAUSE_S: i64 = 600;

const PLANS: [Plan; GAMES] = [
    Plan { outcome: Outcome::Regulation, corrections: true },
    Plan { outcome: Outcome::Overtime, corrections: false },
    Plan { outcome: Outcome::ShootOut, corrections: false },
    Plan { outcome: Outcome::Regulation, corrections: false },
];

#[derive(Debug)]
pub(super) struct Game {
    pub id: i64,
    pub home: &'static Team,
    pub away: &'static Team,
    /// Of the first face-off, in Unix ms.
    pub start_ms: i64,
    script: Script,
}

#[derive(Debug)]
struct Slate {
    /// Days since 1970; each evening has a day of its own, however fast they follow.
    day: i64,
    games: Vec<Game>,
    /// When the next one begins, in Unix ms.
    end_ms: i64,
}

/// One evening after another.
#[derive(Debug)]
pub struct Evening {
    rng: SmallRng,
    speed: i64,
    next_id: i64,
    slate: Slate,
    /// Its games can still be asked for; `None` on the first evening.
    before: Option<Slate>,
}

impl Evening {
    /// `speed`: game seconds in each second of the wall clock, at least 1.
    pub fn new(seed: u64, speed: u32, now_ms: i64) -> Evening {
        let mut rng = SmallRng::seed_from_u64(seed);
        let speed = i64::from(speed.max(1));
        let slate = Slate::draw(&mut rng, dates::day_of(now_ms), FIRST_ID, FIRST_STARTS, speed, now_ms);
        Evening { rng, speed, next_id: FIRST_ID + GAMES as i64, slate, before: None }
    }

    /// Begins the next evening if this one is over.
    pub fn advance(&mut self, now_ms: i64) {
        if now_ms < self.slate.end_ms {
            return;
        }
        // After a long sleep the evenings that were missed are not played.
        let next = Slate::draw(&mut self.rng, self.slate.day + 1, self.next_id, STARTS, self.speed, now_ms);
        self.next_id += GAMES as i64;
        self.before = Some(std::mem::replace(&mut self.slate, next));
    }

    /// What `/v1/score/now` leads to: `2025-11-22`.
    pub fn date(&self) -> String {
        dates::date(self.slate.day)
    }

    /// When the next evening begins, in Unix ms.
    pub fn end_ms(&self) -> i64 {
        self.slate.end_ms
    }

    /// The games of the evening and how each will end, home first.
    pub fn results(&self) -> Vec<(i64, (i64, i64))> {
        self.slate.games.iter().map(|game| (game.id, game.script.result)).collect()
    }

    /// Body of `/v1/score/{date}`; `None` for days that are not remembered.
    pub fn score_body(&self, date: &str, now_ms: i64) -> Option<String> {
        let slate = self.slates().find(|slate| dates::date(slate.day) == date)?;
        Some(body::slate(slate.day, slate.games.iter().map(|game| (game, self.moment(game, now_ms)))))
    }

    /// Body of `/v1/gamecenter/{id}/play-by-play`; `None` for unknown games.
    pub fn play_by_play_body(&self, id: i64, now_ms: i64) -> Option<String> {
        self.slates().find_map(|slate| {
            let game = slate.games.iter().find(|game| game.id == id)?;
            Some(body::play_by_play(game, &self.moment(game, now_ms), slate.day))
        })
    }

    fn slates(&self) -> impl Iterator<Item = &Slate> {
        std::iter::once(&self.slate).chain(&self.before)
    }

    fn moment<'a>(&self, game: &'a Game, now_ms: i64) -> Moment<'a> {
        Moment::of(&game.script, ((now_ms - game.start_ms) * self.speed).div_euclid(1000))
    }
}

impl Slate {
    fn draw(rng: &mut SmallRng, day: i64, first_id: i64, starts: [i64; GAMES], speed: i64, now_ms: i64) -> Slate {
        let mut teams: Vec<&'static Team> = TEAMS.iter().collect();
        teams.shuffle(rng);
        let mut end_ms = now_ms;
        let mut games = Vec::with_capacity(GAMES);
        for (n, (start_min, plan)) in starts.into_iter().zip(PLANS).enumerate() {
            let script = writer::write(rng, plan);
            // A first face-off is never to the second.
            let start_s = start_min * 60 + rng.random_range(0..30);
            let start_ms = now_ms + start_s * 1000 / speed;
            end_ms = end_ms.max(start_ms + (script.end_s() + PAUSE_S) * 1000 / speed);
            games.push(Game { id: first_id + n as i64, home: teams[2 * n], away: teams[2 * n + 1], start_ms, script });
        }
        Slate { day, games, end_ms }
    }
}
