//! The NHL adapter's configuration: that of any league.

/// Polled at `https://api-web.nhle.com` unless it says otherwise.
pub type NhlConfig = crate::score::LeagueConfig;
