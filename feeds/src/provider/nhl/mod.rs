//! The NHL, polled at api-web.nhle.com: the slate, and play-by-play of every game that has plays.
//!
//! Out go `slate.nhl`, `score.nhl.<id>` (state) and `play.nhl.<id>` (events). The league gives no time of its bodies,
//! so no update has one. Absent: a clock, a socket, a sleep; the adapter only asks for fetches.

mod config;
mod message;
mod phase;
mod play;
mod translate;

pub use config::NhlConfig;

use crate::score::{GameBody, Route, ScoreFeed, SlateBody, Source, Unread};

const LEAGUE: &str = "nhl";
const BASE_URL: &str = "https://api-web.nhle.com";

/// The adapter.
pub type Nhl = ScoreFeed<Api>;

/// The league's public interface.
#[derive(Debug)]
pub struct Api {
    base_url: String,
}

impl Nhl {
    pub fn new(config: &NhlConfig) -> Nhl {
        let api = Api { base_url: config.base_url_or(BASE_URL) };
        ScoreFeed::live(LEAGUE).with_league(api, config.pace(), config.games())
    }

    pub fn for_replay() -> Nhl {
        let pace = NhlConfig::default().pace();
        let api = Api { base_url: BASE_URL.into() };
        ScoreFeed::recorded(LEAGUE, pace.clone()).with_league(api, pace, Vec::new())
    }
}

impl Source for Api {
    fn league(&self) -> &str {
        LEAGUE
    }

    fn route(&self, url: &str) -> Option<Route> {
        let path = &url[url.find("/v1/")? + 4..];
        if path.starts_with("score/") {
            return Some(Route::Slate);
        }
        let id = path.strip_prefix("gamecenter/")?.strip_suffix("/play-by-play")?;
        id.parse::<i64>().is_ok().then(|| Route::Game(id.into()))
    }

    fn recognise(&self, body: &[u8]) -> Option<Route> {
        if serde_json::from_slice::<message::Slate<'_>>(body).is_ok() {
            return Some(Route::Slate);
        }
        let game: message::Game<'_> = serde_json::from_slice(body).ok()?;
        Some(Route::Game(game.id.to_string()))
    }

    fn slate_url(&self, _now_ms: i64) -> String {
        format!("{}/v1/score/now", self.base_url)
    }

    fn game_url(&self, id: &str) -> Option<String> {
        Some(format!("{}/v1/gamecenter/{id}/play-by-play", self.base_url))
    }

    fn slate(&mut self, body: &[u8]) -> Result<SlateBody, Unread> {
        translate::slate(body).map_err(|_| Unread::Malformed)
    }

    fn game(&mut self, id: &str, body: &[u8]) -> Result<GameBody, Unread> {
        translate::play_by_play(id, body).ok_or(Unread::Malformed)
    }
}
