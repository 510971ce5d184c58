//! ESPN's public scoreboards, polled: many leagues of many sports in one shape.
//!
//! Out go `slate.<league>` and `score.<league>.<id>`, one scoreboard a league, and for the NFL, if it is configured,
//! `play.nfl.<id>`. A body has neither ETag nor time, so a body that says what the last one said is found by comparing the
//! states that come of it. Events that are no game of two sides (races, golf, tennis tournaments) are counted and left
//! out. Absent: a clock, a socket, a sleep.

mod board;
mod config;
mod message;
mod play;
mod sport;
mod status;
mod translate;

pub use board::Board;
pub use config::EspnConfig;

use crate::score::ScoreFeed;

const PROVIDER: &str = "espn";
const BASE_URL: &str = "https://site.api.espn.com";
const PLAYS_BASE_URL: &str = "https://cdn.espn.com";

/// The adapter.
pub type Espn = ScoreFeed<Board>;

impl Espn {
    /// Leagues that validation complains of are left out.
    pub fn new(config: &EspnConfig) -> Espn {
        let or = |base_url: &str, own: &str| if base_url.is_empty() { own.to_owned() } else { base_url.to_owned() };
        let base_url = or(&config.base_url, BASE_URL);
        let plays_base_url = config.plays.then(|| or(&config.plays_base_url, PLAYS_BASE_URL));
        let boards = config.leagues.iter().filter_map(|league| Board::new(&base_url, league));
        let boards = boards.map(|board| board.with_plays(plays_base_url.clone()));
        let pace = config.pace();
        boards.fold(ScoreFeed::live(PROVIDER), |feed, board| feed.with_league(board, pace.clone(), Vec::new()))
    }

    pub fn for_replay() -> Espn {
        ScoreFeed::recorded(PROVIDER, EspnConfig::default().pace())
    }
}
