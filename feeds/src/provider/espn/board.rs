//! One league's scoreboard: its address, and which recorded bodies are of it.

use super::message::Found;
use super::sport::Sport;
use super::{BASE_URL, PLAYS_BASE_URL, PROVIDER, play, translate};
use crate::model::token;
use crate::score::{GameBody, Route, SlateBody, Source, Unread, clock};

/// The one league whose plays are read.
const WITH_PLAYS: &str = "football/nfl";

/// One league at the provider.
#[derive(Debug)]
pub struct Board {
    base_url: String,
    /// `football/nfl`.
    path: String,
    /// What follows a `?` in the configuration; empty if nothing does.
    query: String,
    /// As topics name the league: `nfl`, `eng_1`.
    name: String,
    sport: Sport,
    /// Where the plays of its games are told; `None` if they are not polled or there are none.
    plays_base_url: Option<String>,
}

impl Board {
    /// `league`: as configured, `sport/league` and perhaps a query; `None` if it is anything else.
    pub fn new(base_url: &str, league: &str) -> Option<Board> {
        let (path, query) = league.split_once('?').unwrap_or((league, ""));
        let (sport, name) = path.split_once('/')?;
        if !is_word(sport) || !is_word(name) || !query.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        Some(Board {
            base_url: base_url.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            name: token(name),
            sport: Sport::by_name(sport),
            plays_base_url: None,
        })
    }

    /// Polls the plays of its games too, if the league has them.
    pub fn with_plays(self, base_url: Option<String>) -> Board {
        let plays_base_url = base_url.filter(|_| self.path == WITH_PLAYS);
        Board { plays_base_url, ..self }
    }

    fn recorded(league: &str) -> Option<Board> {
        let board = Board::new(BASE_URL, league)?;
        Some(board.with_plays(Some(PLAYS_BASE_URL.into())))
    }

    pub fn name(&self) -> &str {
        &self.name
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// The id from the address of a game's plays.
fn game_of(url: &str) -> Option<&str> {
    let (_, query) = url.split_once("/core/nfl/playbyplay?")?;
    query.split('&').find_map(|pair| pair.strip_prefix("gameId="))
}

/// `football/nfl` from the address of a scoreboard or of plays.
fn path_of(url: &str) -> Option<&str> {
    if game_of(url).is_some() {
        return Some(WITH_PLAYS);
    }
    let (_, path) = url.split_once("/sports/")?;
    let (path, _) = path.split_once("/scoreboard")?;
    Some(path)
}

impl Source for Board {
    fn league(&self) -> &str {
        &self.name
    }

    fn route(&self, url: &str) -> Option<Route> {
        let route = game_of(url).map_or(Route::Slate, |id| Route::Game(id.into()));
        (path_of(url)? == self.path).then_some(route)
    }

    fn recognise(&self, body: &[u8]) -> Option<Route> {
        let found: Found = serde_json::from_slice(body).ok()?;
        let route = found.game().map_or(Route::Slate, |id| Route::Game(id.into()));
        (found.league()? == self.path).then_some(route)
    }

    fn of_recorded(url: &str, body: &[u8]) -> Option<Board> {
        if let Some(path) = path_of(url) {
            return Board::recorded(path);
        }
        let found: Found = serde_json::from_slice(body).ok()?;
        Board::recorded(&found.league()?)
    }

    /// Why the date: without it a daily slate rolls over as soon as its last game ends, and corrections are not seen.
    fn slate_url(&self, now_ms: i64) -> String {
        let day = clock::american_day(now_ms).replace('-', "");
        let dates = if self.sport.has_daily_slate() { format!("dates={day}") } else { String::new() };
        let queries = [dates, self.query.clone()].into_iter().filter(|query| !query.is_empty());
        let query = queries.collect::<Vec<_>>().join("&");
        let separator = if query.is_empty() { "" } else { "?" };
        format!("{}/apis/site/v2/sports/{}/scoreboard{separator}{query}", self.base_url, self.path)
    }

    fn game_url(&self, id: &str) -> Option<String> {
        let base_url = self.plays_base_url.as_ref()?;
        Some(format!("{base_url}/core/nfl/playbyplay?xhr=1&gameId={id}"))
    }

    fn games_tell_scores(&self) -> bool {
        false
    }

    fn slate(&mut self, body: &[u8]) -> Result<SlateBody, Unread> {
        translate::slate(PROVIDER, &self.name, self.sport, body).map_err(|_| Unread::Malformed)
    }

    fn game(&mut self, id: &str, body: &[u8]) -> Result<GameBody, Unread> {
        play::read(id, body).ok_or(Unread::Malformed)
    }
}
