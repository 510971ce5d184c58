//! The NHL adapter's configuration, as written in TOML.

use serde::{Deserialize, Serialize};

/// Shortest interval between two polls of one address, in ms: below it the league's edge cache answers the same body.
const INTERVAL_MS_MIN: u64 = 100;
/// Longest list of games that can be fixed.
const GAMES_LISTED_MAX: usize = super::GAMES_MAX;

/// How the NHL is polled. Every time is in ms.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct NhlConfig {
    /// Scheme and host, with no slash at the end. Default `https://api-web.nhle.com`.
    pub base_url: String,
    /// Ids of the games to follow (`2024020033`). Empty, the default: every game of the slate.
    pub games: Vec<i64>,
    /// Between polls of a live game, and of the slate while any game is live. Default 10000; zero is refused.
    pub live_interval_ms: u64,
    /// Between polls of the slate while a game is about to start. Default 30000; zero is refused.
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

impl Default for NhlConfig {
    fn default() -> NhlConfig {
        NhlConfig {
            base_url: "https://api-web.nhle.com".into(),
            games: Vec::new(),
            live_interval_ms: 10_000,
            pregame_interval_ms: 30_000,
            idle_interval_ms: 300_000,
            corrections_ms: 600_000,
            retire_after_ms: 21_600_000,
        }
    }
}

impl NhlConfig {
    /// All that is wrong, as (key, message).
    pub fn validate(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        let mut unless = |good: bool, key, message: String| {
            if !good {
                problems.push((key, message));
            }
        };
        let http = self.base_url.starts_with("https://") || self.base_url.starts_with("http://");
        unless(http && !self.base_url.ends_with('/'), "base_url", "http(s)://host with no slash at the end".into());
        unless(self.games.iter().all(|id| *id > 0), "games", "a game id is a positive number".into());
        unless(self.games.len() <= GAMES_LISTED_MAX, "games", format!("at most {GAMES_LISTED_MAX} games"));
        for (key, interval_ms) in [
            ("live_interval_ms", self.live_interval_ms),
            ("pregame_interval_ms", self.pregame_interval_ms),
            ("idle_interval_ms", self.idle_interval_ms),
        ] {
            unless(interval_ms >= INTERVAL_MS_MIN, key, format!("at least {INTERVAL_MS_MIN} ms"));
        }
        problems
    }
}
