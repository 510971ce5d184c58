//! What a provider says about one league: its addresses, and how its bodies are read.

use super::{Play, Told};

/// What an address, or a recorded body, is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// The games of the day (or the week).
    Slate,
    /// One game, by the provider's id.
    Game(String),
}

/// What a slate body says.
#[derive(Debug, Default)]
pub struct SlateBody {
    pub games: Vec<Told>,
    /// Entries that could not be read.
    pub rejected: u64,
    /// Entries that are no game of two sides, such as a race.
    pub ignored: u64,
    /// Grows from body to body; `None` where the provider gives none.
    pub version: Option<i64>,
}

/// What a game's own body says.
#[derive(Debug, Default)]
pub struct GameBody {
    /// `None` where the body has plays only.
    pub told: Option<Told>,
    /// In the provider's order, each id once; `None` where the body has none to tell.
    pub plays: Option<Vec<Play>>,
    /// Plays that could not be read.
    pub rejected: u64,
    /// As in [`SlateBody`].
    pub version: Option<i64>,
    /// The provider's advice when to ask again; `None` where it gives none.
    pub wait_ms: Option<u64>,
}

/// Why a body tells nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// Not what the address should give: an HTML page, a truncated body, another game.
    Malformed,
    /// A change to a state that is not ours: the next address of the game is that of the whole state.
    OutOfStep,
}

/// One league of one provider. Holds no clock and no socket.
pub trait Source: Send + Sized {
    /// `nhl`: the second token of its topics.
    fn league(&self) -> &str;

    /// By path, so that a recording of any host is understood; `None` for an address that is none of ours.
    fn route(&self, url: &str) -> Option<Route>;

    /// By shape, for recorded bodies without an address; `None` for what is none of ours.
    fn recognise(&self, body: &[u8]) -> Option<Route>;

    /// The league of a recorded body that no league so far takes; `None` where a provider has one league only.
    fn of_recorded(url: &str, body: &[u8]) -> Option<Self> {
        let _ = (url, body);
        None
    }

    fn slate_url(&self, now_ms: i64) -> String;

    /// Where the game tells of itself next; `None` if the slate tells everything.
    fn game_url(&self, id: &str) -> Option<String>;

    /// A game's own body says its score; else only the slate does.
    fn games_tell_scores(&self) -> bool {
        true
    }

    fn slate(&mut self, body: &[u8]) -> Result<SlateBody, Unread>;

    fn game(&mut self, id: &str, body: &[u8]) -> Result<GameBody, Unread>;

    /// The game is over and followed no more.
    fn forget(&mut self, id: &str) {
        let _ = id;
    }
}
