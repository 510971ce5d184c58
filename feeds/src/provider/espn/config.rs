//! The ESPN adapter's configuration, as written in TOML.

use super::board::Board;
use crate::registry::Problem;
use crate::score::{Pace, check_base_url};
use serde::{Deserialize, Serialize};

/// Most leagues; each is an address that is polled.
const LEAGUES_MAX: usize = 64;

/// Which scoreboards are polled, and how. Every time is in ms.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct EspnConfig {
    /// Scheme and host, with no slash at the end. Empty, the default: `https://site.api.espn.com`.
    pub base_url: String,
    /// `sport/league` as in the site's addresses, with a query where one is needed: `football/nfl`, `soccer/eng.1`,
    /// `basketball/mens-college-basketball?groups=50&limit=300`. At least one.
    pub leagues: Vec<String>,
    /// The plays of each NFL game that is on are polled too, 0.8 MB at a time. Default false.
    pub plays: bool,
    /// As `base_url`, of the plays. Empty, the default: `https://cdn.espn.com`.
    pub plays_base_url: String,
    /// Between polls of a scoreboard with a live game; never before the last body's `max-age` is over. Default 5000;
    /// zero is refused.
    pub live_interval_ms: u64,
    /// The same while a game is about to start or held up. Default 30000; zero is refused.
    pub pregame_interval_ms: u64,
    /// The same at all other times, and the longest wait after failures. Default 300000; zero is refused.
    pub idle_interval_ms: u64,
    /// From a final scoreboard to one more poll of the game's plays, for late corrections. Default 600000; zero: it is
    /// made at once.
    pub corrections_ms: u64,
    /// From a game's leaving the scoreboard to the end of its topics. Default 21600000 (6 h); zero: they end at once.
    pub retire_after_ms: u64,
}

impl Default for EspnConfig {
    fn default() -> EspnConfig {
        EspnConfig {
            base_url: String::new(),
            leagues: Vec::new(),
            plays: false,
            plays_base_url: String::new(),
            live_interval_ms: 5_000,
            pregame_interval_ms: 30_000,
            idle_interval_ms: 300_000,
            corrections_ms: 600_000,
            retire_after_ms: 21_600_000,
        }
    }
}

impl EspnConfig {
    /// All that is wrong.
    pub fn validate(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        check_base_url("base_url", &self.base_url, &mut problems);
        check_base_url("plays_base_url", &self.plays_base_url, &mut problems);
        if self.leagues.is_empty() || self.leagues.len() > LEAGUES_MAX {
            problems.push(Problem::new("leagues", format!("1 to {LEAGUES_MAX} leagues are needed")));
        }
        let names: Vec<Option<String>> = self.leagues.iter().map(|league| name_of(league)).collect();
        for (n, league) in self.leagues.iter().enumerate() {
            let key = format!("leagues[{n}]");
            if names[n].is_none() {
                problems.push(Problem::new(key, format!("'{league}' is not sport/league, as in football/nfl")));
            } else if names[..n].contains(&names[n]) {
                problems.push(Problem::new(key, format!("'{league}' would share its topics with an earlier one")));
            }
        }
        self.pace().check(&mut problems);
        problems
    }

    pub fn pace(&self) -> Pace {
        Pace {
            live_ms: self.live_interval_ms,
            pregame_ms: self.pregame_interval_ms,
            idle_ms: self.idle_interval_ms,
            corrections_ms: self.corrections_ms,
            retire_after_ms: self.retire_after_ms,
        }
    }

    /// The leagues as topics name them.
    pub fn league_names(&self) -> Vec<String> {
        self.leagues.iter().filter_map(|league| name_of(league)).collect()
    }
}

fn name_of(league: &str) -> Option<String> {
    Board::new("", league).map(|board| board.name().to_owned())
}
