//! One league: its slate, its games, and which of their addresses is asked for when.

use super::followed::Followed;
use super::slate::Slate;
use super::{GAMES_MAX, Pace, Route, SlateBody, Source, Told, Unread};
use crate::adapter::{Counts, Output, Subscription};
use crate::model::{Key, Topic, TopicError};
use std::collections::BTreeMap;

/// Between the first polls of games that turn up together.
const STAGGER_MS: u64 = 250;
/// Intervals without a good body that make a subscription silent.
const SILENCE_INTERVALS: u64 = 4;

pub(super) struct League<S> {
    pub source: S,
    pace: Pace,
    /// The games to follow; empty: all that the slate names.
    listed: Vec<Key>,
    slate: Slate,
    games: BTreeMap<Key, Followed>,
}

/// What a league works on with each input; all but the time belongs to the whole feed.
pub(super) struct Context<'a> {
    pub now_ms: i64,
    /// Bodies come from a recording: any game in them is taken, none is asked for.
    pub replay: bool,
    pub output: &'a mut Output,
    pub subscriptions: &'a mut Vec<Subscription>,
    pub counts: &'a mut Counts,
}

impl<S: Source> League<S> {
    pub fn new(
        source: S,
        pace: Pace,
        listed: Vec<Key>,
        subscriptions: &mut Vec<Subscription>,
    ) -> Result<League<S>, TopicError> {
        let topic = Topic::of(&["slate", source.league()])?;
        subscriptions.push(Subscription {
            // Without a query: it may hold the day.
            name: path(&source.slate_url(0)).split('?').next().unwrap_or_default().to_owned(),
            topics: vec![topic.clone()],
            silence_ms: Some(pace.idle_ms.saturating_mul(SILENCE_INTERVALS)),
        });
        let slate = Slate::new(topic, subscriptions.len() - 1);
        Ok(League { source, pace, listed, slate, games: BTreeMap::new() })
    }

    pub fn start(&mut self, cx: &mut Context<'_>) {
        self.slate.poll.ask(self.source.slate_url(cx.now_ms), 0, 0, cx.output);
        for (n, id) in self.listed.clone().into_iter().enumerate() {
            let url = self.source.game_url(&id);
            if let (Some(game), Some(url)) = (self.follow(&id, cx), url) {
                game.poll.ask(url, n as u64 * STAGGER_MS, 0, cx.output);
            }
        }
    }

    /// Takes a body; false if it could not be read.
    pub fn hear(&mut self, route: &Route, body: &[u8], cx: &mut Context<'_>) -> bool {
        cx.counts.frames += 1;
        let heard = match route {
            Route::Slate => self.source.slate(body).map(|slate| self.hear_slate(slate, cx)),
            Route::Game(id) => self.hear_game(id, body, cx),
        };
        match heard {
            Ok(()) => true,
            Err(Unread::OutOfStep) => {
                cx.counts.gaps += 1;
                true
            }
            Err(Unread::Malformed) => {
                cx.counts.rejected += 1;
                false
            }
        }
    }

    /// Takes it that an address still answers what it did.
    pub fn hear_unchanged(&mut self, route: &Route, cx: &mut Context<'_>) {
        match route {
            Route::Slate => cx.output.alive.push(self.slate.subscription),
            Route::Game(id) => {
                if let Some(game) = self.games.get_mut(id.as_str()) {
                    game.hear_unchanged(self.pace.live_ms, cx.now_ms);
                    cx.output.alive.extend(game.subscription);
                }
            }
        }
    }

    fn hear_slate(&mut self, slate: SlateBody, cx: &mut Context<'_>) {
        cx.counts.rejected += slate.rejected;
        cx.counts.ignored += slate.ignored;
        cx.output.alive.push(self.slate.subscription);
        if self.slate.is_older(slate.version) {
            return;
        }
        let named: Vec<Key> = slate.games.iter().map(|told| told.id.clone()).collect();
        for told in slate.games.into_iter().take(GAMES_MAX) {
            self.hear_line(told, cx);
        }
        // An entry that could not be read may be any of the games that seem to be missing.
        if slate.rejected == 0 {
            self.roll_off(&named, cx);
        }
        self.slate.publish(&mut cx.output.updates);
    }

    fn hear_line(&mut self, told: Told, cx: &mut Context<'_>) {
        let mut line = told.clone();
        if let Some(game) = self.follow(&told.id, cx) {
            game.hear_slate(told, cx.now_ms, &mut cx.output.updates);
            line = game.told.clone().unwrap_or(line);
        }
        self.slate.name(line);
    }

    fn hear_game(&mut self, id: &str, body: &[u8], cx: &mut Context<'_>) -> Result<(), Unread> {
        let read = self.source.game(id, body);
        if cx.replay && read.is_ok() {
            self.follow(id, cx);
        }
        let Some(game) = self.games.get_mut(id) else {
            // A late answer about a game that has ended.
            self.source.forget(id);
            return read.map(drop);
        };
        if read.as_ref().is_err_and(|error| *error == Unread::OutOfStep) {
            game.out_of_step = true;
        }
        let read = read?;
        cx.counts.rejected += read.rejected;
        cx.counts.resyncs += u64::from(std::mem::take(&mut game.out_of_step));
        game.hear_game(read, self.pace.live_ms, cx.now_ms, &mut cx.output.updates);
        cx.output.alive.extend(game.subscription);
        if game.told.as_ref().is_some_and(|told| self.slate.correct(told)) {
            self.slate.publish(&mut cx.output.updates);
        }
        Ok(())
    }

    /// The followed game of that id, from now on if there is room; `None` if it is not one to follow.
    fn follow(&mut self, id: &str, cx: &mut Context<'_>) -> Option<&mut Followed> {
        if !self.games.contains_key(id) {
            let listed = self.listed.is_empty() || self.listed.iter().any(|listed| listed == id);
            if !listed || self.games.len() >= GAMES_MAX {
                return None;
            }
            let game = self.begin(id, cx).ok()?;
            self.games.insert(id.into(), game);
        }
        self.games.get_mut(id)
    }

    /// A game that turns up, and what is watched of it.
    fn begin(&self, id: &str, cx: &mut Context<'_>) -> Result<Followed, TopicError> {
        let url = self.source.game_url(id);
        let index = cx.subscriptions.len();
        let game = Followed::new(self.source.league(), id, url.is_some().then_some(index), cx.now_ms)?;
        let tells_score = url.is_some() && self.source.games_tell_scores();
        if !tells_score {
            cx.subscriptions[self.slate.subscription].topics.push(game.score.clone());
        }
        if let Some(url) = url {
            let score = tells_score.then(|| game.score.clone());
            let topics = score.into_iter().chain([game.play.clone()]).collect();
            cx.subscriptions.push(Subscription { name: path(&url).to_owned(), topics, silence_ms: None });
        }
        Ok(game)
    }

    /// Takes the games that the slate no longer names off it, and ends those that have been off it for long.
    fn roll_off(&mut self, named: &[Key], cx: &mut Context<'_>) {
        self.slate.keep(named);
        let retire_after_ms = i64::try_from(self.pace.retire_after_ms).unwrap_or(i64::MAX);
        let mut over = Vec::new();
        for (id, game) in &mut self.games {
            if named.contains(id) || self.listed.contains(id) {
                continue;
            }
            let since_ms = *game.off_slate_since_ms.get_or_insert(cx.now_ms);
            if game.is_over() && cx.now_ms.saturating_sub(since_ms) >= retire_after_ms {
                over.push(id.clone());
            }
        }
        over.into_iter().for_each(|id| self.end(&id, cx));
    }

    fn end(&mut self, id: &str, cx: &mut Context<'_>) {
        let Some(game) = self.games.remove(id) else { return };
        self.source.forget(id);
        cx.subscriptions[self.slate.subscription].topics.retain(|topic| *topic != game.score);
        if let Some(index) = game.subscription {
            cx.subscriptions[index].silence_ms = None;
            cx.subscriptions[index].topics.clear();
        }
        cx.output.updates.extend(game.retire());
    }

    /// After an answer, or none: asks for what that address is about again.
    pub fn answered(&mut self, route: &Route, good: bool, cx: &mut Context<'_>) {
        match route {
            Route::Slate if self.slate.poll.answered(good) => self.ask_slate(cx),
            Route::Slate => {}
            Route::Game(id) => self.ask_game(id, good, cx),
        }
    }

    fn ask_slate(&mut self, cx: &mut Context<'_>) {
        let interval_ms = self.slate.interval_ms(&self.pace, cx.now_ms);
        self.slate.poll.ask(self.source.slate_url(cx.now_ms), interval_ms, self.pace.idle_ms, cx.output);
        cx.subscriptions[self.slate.subscription].silence_ms = Some(interval_ms.saturating_mul(SILENCE_INTERVALS));
        let mut delay_ms = 0;
        for (id, game) in self.games.iter_mut().filter(|(_, game)| game.wants_plays() && !game.poll.is_waiting()) {
            let Some(url) = self.source.game_url(id) else { continue };
            game.poll.ask(url, delay_ms, self.pace.idle_ms, cx.output);
            delay_ms += STAGGER_MS;
        }
    }

    fn ask_game(&mut self, id: &str, good: bool, cx: &mut Context<'_>) {
        let Some(game) = self.games.get_mut(id) else { return };
        let (true, Some(index)) = (game.poll.answered(good), game.subscription) else { return };
        let next_ms = match (good, game.out_of_step) {
            (true, true) => Some(STAGGER_MS),
            (true, false) => game.next_poll_ms(&self.pace, cx.now_ms),
            (false, _) => Some(self.pace.live_ms),
        };
        let watched_ms = next_ms.filter(|_| !game.is_over());
        cx.subscriptions[index].silence_ms = watched_ms.map(|ms| ms.saturating_mul(SILENCE_INTERVALS));
        if let (Some(next_ms), Some(url)) = (next_ms, self.source.game_url(id)) {
            game.poll.ask(url, next_ms, self.pace.idle_ms, cx.output);
        }
    }

    /// Games whose whole state is waited for.
    pub fn out_of_step(&self) -> usize {
        self.games.values().filter(|game| game.out_of_step).count()
    }
}

/// The address without scheme and host.
fn path(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    url[host..].find('/').map_or(url, |at| &url[host + at..])
}
