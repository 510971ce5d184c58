//! The NBA adapter's configuration: that of any league.

/// Polled at `https://cdn.nba.com` unless it says otherwise.
pub type NbaConfig = crate::score::LeagueConfig;
