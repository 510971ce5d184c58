//! The MLB adapter's configuration: that of any league.

/// Polled at `https://statsapi.mlb.com` unless it says otherwise.
pub type MlbConfig = crate::score::LeagueConfig;
