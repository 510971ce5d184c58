//! The adapter of every score provider: hands each body to the league it is about.

use super::league::{Context, League};
use super::{Pace, Route, Source};
use crate::access::Access;
use crate::adapter::{Adapter, Counts, Input, Link, Output, Subscription};
use crate::model::Key;

/// Most leagues of one provider; a recording that names more has its other bodies left out.
const LEAGUES_MAX: usize = 64;

/// The adapter of one score provider.
pub struct ScoreFeed<S> {
    provider: &'static str,
    access: Access,
    leagues: Vec<League<S>>,
    subscriptions: Vec<Subscription>,
    counts: Counts,
    /// How recorded leagues are followed; `None` when live.
    replay: Option<Pace>,
}

impl<S: Source> ScoreFeed<S> {
    pub fn live(provider: &'static str) -> ScoreFeed<S> {
        let (leagues, subscriptions, counts) = (Vec::new(), Vec::new(), Counts::default());
        ScoreFeed { provider, access: Access::default(), leagues, subscriptions, counts, replay: None }
    }

    /// Takes recorded bodies by address, whatever the host, or by shape; games in any order; asks for nothing.
    pub fn recorded(provider: &'static str, pace: Pace) -> ScoreFeed<S> {
        ScoreFeed { replay: Some(pace), ..ScoreFeed::live(provider) }
    }

    /// What the provider wants to see with every request.
    pub fn with_access(mut self, access: Access) -> ScoreFeed<S> {
        self.access = access;
        self
    }

    /// A league whose name is no topic's is left out: validation has told of it.
    pub fn with_league(mut self, source: S, pace: Pace, games: Vec<Key>) -> ScoreFeed<S> {
        self.leagues.extend(League::new(source, pace, games, &mut self.subscriptions));
        self
    }

    /// Calls `act` with the league of that index and what it works on.
    fn with<T>(
        &mut self,
        league: usize,
        now_ms: i64,
        output: &mut Output,
        act: impl FnOnce(&mut League<S>, &mut Context<'_>) -> T,
    ) -> Option<T> {
        let (subscriptions, counts) = (&mut self.subscriptions, &mut self.counts);
        let mut cx = Context { now_ms, replay: self.replay.is_some(), output, subscriptions, counts };
        self.leagues.get_mut(league).map(|league| act(league, &mut cx))
    }

    fn start(&mut self, now_ms: i64, output: &mut Output) {
        if self.replay.is_some() {
            return;
        }
        for league in 0..self.leagues.len() {
            self.with(league, now_ms, output, |league, cx| league.start(cx));
        }
    }

    fn fetched(&mut self, url: &str, status: u16, body: &[u8], now_ms: i64, output: &mut Output) {
        let Some((league, route)) = self.route(url, body) else { return };
        self.with(league, now_ms, output, |league, cx| {
            let good = match status {
                200 => league.hear(&route, body, cx),
                304 => {
                    league.hear_unchanged(&route, cx);
                    true
                }
                _ => false,
            };
            league.answered(&route, good, cx);
        });
    }

    fn failed(&mut self, url: &str, now_ms: i64, output: &mut Output) {
        let Some((league, route)) = self.route(url, &[]) else { return };
        self.with(league, now_ms, output, |league, cx| league.answered(&route, false, cx));
    }

    /// Which league and what of it; a recorded body that says so itself needs no address.
    fn route(&mut self, url: &str, body: &[u8]) -> Option<(usize, Route)> {
        let by_address = |league: &League<S>| league.source.route(url);
        if let Some(found) = find(&self.leagues, by_address) {
            return Some(found);
        }
        let pace = self.replay.clone()?;
        let by_shape = |league: &League<S>| league.source.recognise(body);
        if let Some(found) = find(&self.leagues, by_shape) {
            return Some(found);
        }
        if self.leagues.len() < LEAGUES_MAX
            && let Some(source) = S::of_recorded(url, body)
        {
            self.leagues.extend(League::new(source, pace, Vec::new(), &mut self.subscriptions));
            return find(&self.leagues, |league| by_address(league).or_else(|| by_shape(league)));
        }
        self.counts.frames += 1;
        // An address that is not polled now may be of use to somebody; a body without one should be one of ours.
        let count = if url.starts_with("http") { &mut self.counts.ignored } else { &mut self.counts.rejected };
        *count += 1;
        None
    }
}

fn find<S>(leagues: &[League<S>], route: impl Fn(&League<S>) -> Option<Route>) -> Option<(usize, Route)> {
    leagues.iter().enumerate().find_map(|(n, league)| Some((n, route(league)?)))
}

impl<S: Source> Adapter for ScoreFeed<S> {
    fn provider(&self) -> &str {
        self.provider
    }

    fn links(&self) -> &[Link] {
        &[]
    }

    fn subscriptions(&self) -> &[Subscription] {
        &self.subscriptions
    }

    fn access(&self) -> Access {
        self.access.clone()
    }

    fn is_polling(&self) -> bool {
        true
    }

    fn handle(&mut self, input: Input<'_>, now_ms: i64, output: &mut Output) {
        match input {
            Input::Start => self.start(now_ms, output),
            Input::Fetched { url, status, body } => self.fetched(url, status, body, now_ms, output),
            Input::FetchFailed { url } => self.failed(url, now_ms, output),
            Input::Opened(_) | Input::Closed(_) | Input::Frame(..) | Input::Wake => {}
        }
        output.out_of_sync = self.leagues.iter().map(League::out_of_step).sum();
        output.counts = self.counts;
    }
}
