//! Major League Baseball, polled at statsapi.mlb.com: the day's schedule, and the live feed of every game that is on.
//!
//! Out go `slate.mlb`, `score.mlb.<gamePk>` (state) and `play.mlb.<gamePk>` (one event an at-bat). A feed is a megabyte,
//! so after the first one only what changed since its time stamp is asked for (`diffPatch`) and applied to what is kept
//! of it. Games are known by gamePk alone: a doubleheader is two games of the same teams on the same day. Absent: a
//! clock, a socket, a sleep.

mod config;
mod document;
mod kept;
mod message;
mod patch;
mod status;
mod translate;

pub use config::MlbConfig;

use crate::score::{GameBody, Route, ScoreFeed, SlateBody, Source, Unread, clock};
use document::Document;
use std::collections::BTreeMap;

const LEAGUE: &str = "mlb";
const BASE_URL: &str = "https://statsapi.mlb.com";

/// The adapter.
pub type Mlb = ScoreFeed<StatsApi>;

/// The league's public interface.
#[derive(Debug)]
pub struct StatsApi {
    base_url: String,
    /// What is kept of each game's feed, by gamePk; none before the first whole body and after a failed patch.
    documents: BTreeMap<String, Document>,
}

impl Mlb {
    pub fn new(config: &MlbConfig) -> Mlb {
        let api = StatsApi::at(config.base_url_or(BASE_URL));
        ScoreFeed::live(LEAGUE).with_league(api, config.pace(), config.games())
    }

    pub fn for_replay() -> Mlb {
        let pace = MlbConfig::default().pace();
        ScoreFeed::recorded(LEAGUE, pace.clone()).with_league(StatsApi::at(BASE_URL.into()), pace, Vec::new())
    }
}

impl StatsApi {
    fn at(base_url: String) -> StatsApi {
        StatsApi { base_url, documents: BTreeMap::new() }
    }
}

impl Source for StatsApi {
    fn league(&self) -> &str {
        LEAGUE
    }

    fn route(&self, url: &str) -> Option<Route> {
        let (_, path) = url.split_once("/api/")?;
        let path = path.split('?').next()?;
        if path == "v1/schedule" {
            return Some(Route::Slate);
        }
        let (id, rest) = path.strip_prefix("v1.1/game/")?.split_once('/')?;
        let is_feed = matches!(rest, "feed/live" | "feed/live/diffPatch") && id.parse::<i64>().is_ok();
        is_feed.then(|| Route::Game(id.into()))
    }

    fn recognise(&self, body: &[u8]) -> Option<Route> {
        if translate::slate(body).is_ok() {
            return Some(Route::Slate);
        }
        let game: message::Identity = serde_json::from_slice(body).ok()?;
        Some(Route::Game(game.game_pk.to_string()))
    }

    fn slate_url(&self, now_ms: i64) -> String {
        let day = clock::american_day(now_ms);
        format!("{}/api/v1/schedule?sportId=1&date={day}&hydrate=linescore,team", self.base_url)
    }

    fn game_url(&self, id: &str) -> Option<String> {
        let feed = format!("{}/api/v1.1/game/{id}/feed/live", self.base_url);
        let stamp = self.documents.get(id).and_then(Document::stamp);
        Some(stamp.map_or(feed.clone(), |stamp| format!("{feed}/diffPatch?startTimecode={stamp}")))
    }

    fn slate(&mut self, body: &[u8]) -> Result<SlateBody, Unread> {
        translate::slate(body).map_err(|_| Unread::Malformed)
    }

    /// A whole feed or a list of patches: an answer to `diffPatch` may be either.
    fn game(&mut self, id: &str, body: &[u8]) -> Result<GameBody, Unread> {
        let body = serde_json::from_slice(body).map_err(|_| Unread::Malformed)?;
        let kept = self.documents.remove(id);
        let document = match body {
            serde_json::Value::Array(patches) => kept.ok_or(Unread::OutOfStep)?.patched(patches)?,
            whole => Document::of(whole).ok_or(Unread::Malformed).inspect_err(|_| self.keep(id, kept))?,
        };
        let read = translate::feed(id, &document);
        if read.is_ok() {
            self.keep(id, Some(document));
        }
        read
    }

    fn forget(&mut self, id: &str) {
        self.documents.remove(id);
    }
}

impl StatsApi {
    fn keep(&mut self, id: &str, document: Option<Document>) {
        self.documents.extend(document.map(|document| (id.to_owned(), document)));
    }
}
