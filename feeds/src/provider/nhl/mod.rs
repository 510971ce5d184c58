//! The NHL, polled at api-web.nhle.com: the slate, and play-by-play of every game that has plays.
//!
//! Out go `slate.nhl`, `score.nhl.<id>` (state) and `play.nhl.<id>` (events). The league gives no time of its bodies,
//! so no update has one. Absent: a clock, a socket, a sleep; the adapter only asks for fetches.

mod clock;
mod config;
mod game;
mod message;
mod phase;
mod play;
mod plays;
mod poll;
mod slate;
mod translate;

pub use config::NhlConfig;

use crate::adapter::{Adapter, Counts, Input, Link, Output, Subscription};
use game::Followed;
use slate::Slate;
use std::collections::BTreeMap;
use translate::Told;

/// Most games that are followed, and most lines of the slate; a full night has 16.
pub const GAMES_MAX: usize = 64;
/// Between the first polls of games that turn up together.
const STAGGER_MS: u64 = 250;
/// Intervals without a good body that make a subscription silent.
const SILENCE_INTERVALS: u64 = 4;
/// Index of the slate in the subscriptions; games follow as they appear.
const SLATE: usize = 0;

/// The adapter.
#[derive(Debug)]
pub struct Nhl {
    config: NhlConfig,
    /// Bodies come from a recording: any game in them is taken, none is asked for.
    replay: bool,
    slate: Slate,
    games: BTreeMap<i64, Followed>,
    subscriptions: Vec<Subscription>,
    counts: Counts,
}

/// What an address is about.
enum Route {
    Slate,
    Game(i64),
}

impl Nhl {
    pub fn new(config: NhlConfig) -> Nhl {
        let slate = Slate::new(format!("{}/v1/score/now", config.base_url));
        let subscriptions = vec![Subscription {
            name: "/v1/score/now".into(),
            topics: vec![slate.topic.clone()],
            silence_ms: Some(config.idle_interval_ms.saturating_mul(SILENCE_INTERVALS)),
        }];
        let (games, counts) = (BTreeMap::new(), Counts::default());
        Nhl { config, replay: false, slate, games, subscriptions, counts }
    }

    /// For recorded bodies: takes them by address, whatever the host, games in any order, and asks for nothing.
    pub fn for_replay() -> Nhl {
        Nhl { replay: true, ..Nhl::new(NhlConfig::default()) }
    }

    fn start(&mut self, now_ms: i64, output: &mut Output) {
        if self.replay {
            return;
        }
        self.slate.poll.ask(0, 0, output);
        for (n, id) in self.config.games.clone().into_iter().enumerate() {
            if let Some(game) = self.follow(id, now_ms) {
                game.poll.ask(n as u64 * STAGGER_MS, 0, output);
            }
        }
    }

    fn fetched(&mut self, url: &str, status: u16, body: &[u8], now_ms: i64, output: &mut Output) {
        let good = match (route(url), status) {
            (Some(Route::Slate), 200) => self.slate_body(body, now_ms, output),
            (Some(Route::Game(id)), 200) => self.game_body(id, body, now_ms, output),
            _ => false,
        };
        self.answered(url, good, now_ms, output);
    }

    /// Takes a slate body; false if it could not be read.
    fn slate_body(&mut self, body: &[u8], now_ms: i64, output: &mut Output) -> bool {
        self.counts.frames += 1;
        let Ok(slate) = translate::slate(body) else {
            self.counts.rejected += 1;
            return false;
        };
        self.counts.rejected += slate.rejected;
        let named: Vec<i64> = slate.games.iter().map(|told| told.id).collect();
        for told in slate.games.into_iter().take(GAMES_MAX) {
            self.hear_slate(told, now_ms, output);
        }
        // An entry that could not be read may be any of the games that seem to be missing.
        if slate.rejected == 0 {
            self.roll_off(&named, now_ms, output);
        }
        self.slate.publish(&mut output.updates);
        output.alive.push(SLATE);
        true
    }

    fn hear_slate(&mut self, told: Told, now_ms: i64, output: &mut Output) {
        let mut line = told.clone();
        if let Some(game) = self.follow(told.id, now_ms) {
            game.hear_slate(told, now_ms, &mut output.updates);
            line = game.told.clone().unwrap_or(line);
        }
        self.slate.name(line);
    }

    /// Takes a play-by-play body; false if it could not be read or is of another game.
    fn game_body(&mut self, id: i64, body: &[u8], now_ms: i64, output: &mut Output) -> bool {
        self.counts.frames += 1;
        let read = translate::play_by_play(body).ok().filter(|body| body.game.id == id);
        let Some(read) = read else {
            self.counts.rejected += 1;
            return false;
        };
        self.counts.rejected += read.rejected;
        if self.replay {
            self.follow(id, now_ms);
        }
        let live_ms = self.config.live_interval_ms;
        let Some(game) = self.games.get_mut(&id) else { return true };
        game.hear_plays(read, live_ms, now_ms, &mut output.updates);
        output.alive.push(game.subscription);
        if game.told.as_ref().is_some_and(|told| self.slate.correct(told)) {
            self.slate.publish(&mut output.updates);
        }
        true
    }

    /// The followed game of that id, from now on if there is room; `None` if it is not one to follow.
    fn follow(&mut self, id: i64, now_ms: i64) -> Option<&mut Followed> {
        if !self.games.contains_key(&id) {
            let listed = self.config.games.is_empty() || self.config.games.contains(&id);
            if !listed || self.games.len() >= GAMES_MAX {
                return None;
            }
            let path = format!("/v1/gamecenter/{id}/play-by-play");
            let url = format!("{}{path}", self.config.base_url);
            let game = Followed::new(id, url, self.subscriptions.len(), now_ms).ok()?;
            self.subscriptions.push(Subscription { name: path, topics: game.topics(), silence_ms: None });
            self.games.insert(id, game);
        }
        self.games.get_mut(&id)
    }

    /// Takes the games that the slate no longer names off it, and ends those that have been off it for long.
    fn roll_off(&mut self, named: &[i64], now_ms: i64, output: &mut Output) {
        self.slate.keep(named);
        let retire_after_ms = i64::try_from(self.config.retire_after_ms).unwrap_or(i64::MAX);
        let mut over = Vec::new();
        for (id, game) in &mut self.games {
            if named.contains(id) || self.config.games.contains(id) {
                continue;
            }
            let since_ms = *game.off_slate_since_ms.get_or_insert(now_ms);
            if game.is_over() && now_ms.saturating_sub(since_ms) >= retire_after_ms {
                over.push(*id);
            }
        }
        for game in over.into_iter().filter_map(|id| self.games.remove(&id)) {
            self.subscriptions[game.subscription].silence_ms = None;
            self.subscriptions[game.subscription].topics.clear();
            output.updates.extend(game.retire());
        }
    }

    /// After an answer, or none: asks for the next body of that address.
    fn answered(&mut self, url: &str, good: bool, now_ms: i64, output: &mut Output) {
        match route(url) {
            Some(Route::Slate) if self.slate.poll.answered(good) => self.ask_slate(now_ms, output),
            Some(Route::Game(id)) => self.ask_game(id, good, now_ms, output),
            _ => {}
        }
    }

    fn ask_slate(&mut self, now_ms: i64, output: &mut Output) {
        let interval_ms = self.slate.interval_ms(&self.config, now_ms);
        self.slate.poll.ask(interval_ms, self.config.idle_interval_ms, output);
        self.subscriptions[SLATE].silence_ms = Some(interval_ms.saturating_mul(SILENCE_INTERVALS));
        let mut delay_ms = 0;
        for game in self.games.values_mut().filter(|game| game.wants_plays() && !game.poll.is_waiting()) {
            game.poll.ask(delay_ms, self.config.idle_interval_ms, output);
            delay_ms += STAGGER_MS;
        }
    }

    fn ask_game(&mut self, id: i64, good: bool, now_ms: i64, output: &mut Output) {
        let Some(game) = self.games.get_mut(&id) else { return };
        if !game.poll.answered(good) {
            return;
        }
        let next_ms = if good { game.next_poll_ms(&self.config, now_ms) } else { Some(self.config.live_interval_ms) };
        let watched_ms = next_ms.filter(|_| !game.is_over());
        self.subscriptions[game.subscription].silence_ms = watched_ms.map(|ms| ms.saturating_mul(SILENCE_INTERVALS));
        if let Some(next_ms) = next_ms {
            game.poll.ask(next_ms, self.config.idle_interval_ms, output);
        }
    }
}

/// By path, so that a recording of any host is understood; `None` for an address that is none of ours.
fn route(url: &str) -> Option<Route> {
    let path = &url[url.find("/v1/")? + 4..];
    if path.starts_with("score/") {
        return Some(Route::Slate);
    }
    let id = path.strip_prefix("gamecenter/")?.strip_suffix("/play-by-play")?;
    id.parse().ok().map(Route::Game)
}

impl Adapter for Nhl {
    fn provider(&self) -> &str {
        "nhl"
    }

    fn links(&self) -> &[Link] {
        &[]
    }

    fn subscriptions(&self) -> &[Subscription] {
        &self.subscriptions
    }

    fn handle(&mut self, input: Input<'_>, now_ms: i64, output: &mut Output) {
        match input {
            Input::Start => self.start(now_ms, output),
            Input::Fetched { url, status, body } => self.fetched(url, status, body, now_ms, output),
            Input::FetchFailed { url } => self.answered(url, false, now_ms, output),
            Input::Opened(_) | Input::Closed(_) | Input::Frame(..) | Input::Wake => {}
        }
        output.counts = self.counts;
    }
}
