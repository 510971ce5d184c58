//! What all score providers share: one shape of a game, and one way of polling a league.
//!
//! A provider's folder says how its league's bodies are read ([`Source`]); here is what follows from them: which of two
//! bodies is believed, what is published (`slate.<league>`, `score.<league>.<id>`, `play.<league>.<id>`), and when each
//! address is asked for again. Topics are keyed by the league and the provider's own game id, so one league has one
//! provider: the registry refuses a second. Absent: a clock, a socket, a sleep, and any provider's wire format.

pub mod clock;
mod config;
mod feed;
mod followed;
mod game;
mod inning;
mod league;
mod phase;
mod plays;
mod poll;
mod slate;
mod source;

pub use config::{GameId, LeagueConfig, Pace, check_base_url};
pub use feed::ScoreFeed;
pub use game::{Clock, Game, Period, Side, Told, leader};
pub use inning::{Diamond, Half};
pub use phase::{Phase, Position};
pub use plays::{Play, in_order};
pub use source::{GameBody, Route, SlateBody, Source, Unread};

/// Most games of a league that are followed, and most lines of its slate; a full night has 16, a college Saturday 60.
pub const GAMES_MAX: usize = 128;
