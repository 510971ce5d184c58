//! How a league is polled: the configuration that the providers of one league share, and what it comes to.

use crate::model::Key;
use crate::registry::Problem;
use serde::{Deserialize, Serialize};

/// Shortest interval between two polls of one address, in ms: below it an edge cache answers the same body.
const INTERVAL_MS_MIN: u64 = 100;
/// Longest list of games that can be fixed.
const GAMES_LISTED_MAX: usize = super::GAMES_MAX;

/// A league that one provider tells. Every time is in ms.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LeagueConfig {
    /// Scheme and host, with no slash at the end. Empty, the default: the league's own.
    pub base_url: String,
    /// Ids of the games to follow (`2024020033`, `"0022000001"`). Empty, the default: every game of the slate.
    pub games: Vec<GameId>,
    /// Between polls of a live game, and of the slate while any game is live. Default 10000; zero is refused.
    pub live_interval_ms: u64,
    /// Between polls of the slate while a game is about to start or held up. Default 30000; zero is refused.
    pub pregame_interval_ms: u64,
    /// Between polls of the slate at all other times, and the longest wait after failures. Default 300000; zero is
    /// refused.
    pub idle_interval_ms: u64,
    /// From a final body to one more poll for late corrections, after which the game's plays are no longer polled.
    /// Default 600000; zero: that poll is made at once.
    pub corrections_ms: u64,
    /// From a game's leaving the slate to the end of its topics. Default 21600000 (6 h); zero: they end at once.
    pub retire_after_ms: u64,
}

/// A game's id as written: a number, or a text where leading zeros count.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum GameId {
    Number(i64),
    Text(String),
}

impl GameId {
    pub fn key(&self) -> Key {
        match self {
            GameId::Number(id) => id.to_string().into(),
            GameId::Text(id) => id.as_str().into(),
        }
    }
}

/// When to ask again, in ms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pace {
    pub live_ms: u64,
    pub pregame_ms: u64,
    pub idle_ms: u64,
    pub corrections_ms: u64,
    pub retire_after_ms: u64,
}

impl Default for LeagueConfig {
    fn default() -> LeagueConfig {
        LeagueConfig {
            base_url: String::new(),
            games: Vec::new(),
            live_interval_ms: 10_000,
            pregame_interval_ms: 30_000,
            idle_interval_ms: 300_000,
            corrections_ms: 600_000,
            retire_after_ms: 21_600_000,
        }
    }
}

impl LeagueConfig {
    /// All that is wrong.
    pub fn validate(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        check_base_url("base_url", &self.base_url, &mut problems);
        let is_id = |id: &GameId| !id.key().is_empty() && id.key().bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !self.games.iter().all(is_id) {
            problems.push(Problem::new("games", "a game id is made of letters and digits"));
        }
        if self.games.len() > GAMES_LISTED_MAX {
            problems.push(Problem::new("games", format!("at most {GAMES_LISTED_MAX} games")));
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

    /// The configured base address, or the league's own.
    pub fn base_url_or(&self, own: &str) -> String {
        if self.base_url.is_empty() { own.to_owned() } else { self.base_url.clone() }
    }

    pub fn games(&self) -> Vec<Key> {
        self.games.iter().map(GameId::key).collect()
    }
}

impl Pace {
    /// Appends what is wrong, by the configuration's keys.
    pub fn check(&self, problems: &mut Vec<Problem>) {
        let intervals = [
            ("live_interval_ms", self.live_ms),
            ("pregame_interval_ms", self.pregame_ms),
            ("idle_interval_ms", self.idle_ms),
        ];
        for (key, _) in intervals.into_iter().filter(|(_, interval_ms)| *interval_ms < INTERVAL_MS_MIN) {
            problems.push(Problem::new(key, format!("at least {INTERVAL_MS_MIN} ms")));
        }
    }
}

/// Empty means the provider's own.
pub fn check_base_url(key: &str, base_url: &str, problems: &mut Vec<Problem>) {
    let is_http = base_url.starts_with("https://") || base_url.starts_with("http://");
    if !base_url.is_empty() && (!is_http || base_url.ends_with('/')) {
        problems.push(Problem::new(key, "http(s)://host with no slash at the end"));
    }
}
