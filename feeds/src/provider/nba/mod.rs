//! The NBA, polled at cdn.nba.com: today's scoreboard, and play-by-play of every game that is on.
//!
//! Out go `slate.nba`, `score.nba.<gameId>` (state) and `play.nba.<gameId>` (events). Scores come from the scoreboard
//! alone, for play-by-play has none but those after each action. Most actions are edited after the fact, and wrong ones
//! vanish: each body is compared with what was said. Absent: a clock, a socket, a sleep.

mod clock;
mod config;
mod message;
mod play;
mod status;
mod translate;

pub use config::NbaConfig;

use crate::access::Access;
use crate::score::{GameBody, Route, ScoreFeed, SlateBody, Source, Unread};

const LEAGUE: &str = "nba";
const BASE_URL: &str = "https://cdn.nba.com";
/// Without these headers the league answers 403.
const REFERER: &str = "https://www.nba.com/";
const ORIGIN: &str = "https://www.nba.com";

/// The adapter.
pub type Nba = ScoreFeed<LiveData>;

/// The league's public files.
#[derive(Debug)]
pub struct LiveData {
    base_url: String,
}

impl Nba {
    pub fn new(config: &NbaConfig) -> Nba {
        let files = LiveData { base_url: config.base_url_or(BASE_URL) };
        let access = Access::default().with_header("referer", REFERER).with_header("origin", ORIGIN);
        ScoreFeed::live(LEAGUE).with_access(access).with_league(files, config.pace(), config.games())
    }

    pub fn for_replay() -> Nba {
        let pace = NbaConfig::default().pace();
        let files = LiveData { base_url: BASE_URL.into() };
        ScoreFeed::recorded(LEAGUE, pace.clone()).with_league(files, pace, Vec::new())
    }
}

impl Source for LiveData {
    fn league(&self) -> &str {
        LEAGUE
    }

    fn route(&self, url: &str) -> Option<Route> {
        let (_, path) = url.split_once("/liveData/")?;
        let path = path.split('?').next()?;
        if path.starts_with("scoreboard/") {
            return Some(Route::Slate);
        }
        // The box score says where the game stands; it is not polled, but recordings have it.
        let id = path.strip_prefix("playbyplay/playbyplay_").or(path.strip_prefix("boxscore/boxscore_"))?;
        let id = id.strip_suffix(".json")?;
        id.bytes().all(|byte| byte.is_ascii_digit()).then(|| Route::Game(id.into()))
    }

    fn recognise(&self, body: &[u8]) -> Option<Route> {
        if serde_json::from_slice::<message::Scoreboard<'_>>(body).is_ok() {
            return Some(Route::Slate);
        }
        let body: message::GameFile<'_> = serde_json::from_slice(body).ok()?;
        Some(Route::Game(translate::id_of(&body)?))
    }

    fn slate_url(&self, _now_ms: i64) -> String {
        format!("{}/static/json/liveData/scoreboard/todaysScoreboard_00.json", self.base_url)
    }

    fn game_url(&self, id: &str) -> Option<String> {
        Some(format!("{}/static/json/liveData/playbyplay/playbyplay_{id}.json", self.base_url))
    }

    fn games_tell_scores(&self) -> bool {
        false
    }

    fn slate(&mut self, body: &[u8]) -> Result<SlateBody, Unread> {
        translate::slate(body).map_err(|_| Unread::Malformed)
    }

    fn game(&mut self, id: &str, body: &[u8]) -> Result<GameBody, Unread> {
        translate::game(id, body).ok_or(Unread::Malformed)
    }
}
