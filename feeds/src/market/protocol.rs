//! The seam of a venue: what differs between them.

use super::{Closing, Continuity, Kind, Market, Symbol, VenueConfig};
use crate::adapter::{LinkId, Output};
use crate::capture::Head;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::HashMap;

/// A venue's protocol without what all of them have in common.
pub(crate) trait Protocol: Default + Send {
    const RULES: Rules;

    /// Called once, with the symbols that are configured.
    fn configured(&mut self, config: &VenueConfig, market: &mut Market) {
        let _ = (config, market);
    }

    /// The frames that ask for everything on `link`.
    fn subscribe(&self, market: &Market, link: LinkId) -> Vec<String>;

    /// A connection of `link` is open: what is counted per connection begins anew.
    fn opened(&mut self, link: LinkId, market: &Market, output: &mut Output) {
        let _ = (link, market, output);
    }

    /// Reads one frame and says to `market` what it means.
    fn frame(
        &mut self,
        link: LinkId,
        bytes: &mut [u8],
        market: &mut Market,
        output: &mut Output,
    ) -> Result<(), Unreadable>;

    /// A symbol's book is out of sync: asks for a new snapshot of it, and of nothing else.
    fn resync(&mut self, symbol: &Symbol, market: &Market, output: &mut Output);

    /// The answer to a fetch: status and body; `None`: no answer at all.
    fn fetched(&mut self, url: &str, answer: Option<(u16, &[u8])>, market: &mut Market, output: &mut Output) {
        let _ = (url, answer, market, output);
    }

    /// Native → canonical names that a capture's bodies tell.
    fn names(head: &Head) -> HashMap<String, String> {
        let _ = head;
        HashMap::new()
    }
}

/// What is fixed about a venue.
pub(crate) struct Rules {
    /// As in topics.
    pub provider: &'static str,
    pub ws_url: &'static str,
    /// What stands behind the URL, one link each; a venue that has one kind of market has `""` alone.
    pub paths: &'static [&'static str],
    /// Empty: nothing is asked over REST.
    pub rest_url: &'static str,
    pub kinds: &'static [Kind],
    /// Depths of books that are offered; empty: whole books.
    pub depths: &'static [usize],
    /// The depth that is asked for if none is configured.
    pub depth: Option<usize>,
    /// Of bars, as in topics.
    pub interval: &'static str,
    pub closing: Closing,
    pub continuity: Continuity,
    /// Shortest idle time-out that the venue's signs of life can keep a socket from.
    pub idle_timeout_ms: u64,
    /// What must be sent to keep a connection.
    pub ping: Option<Ping>,
    /// Canonical name → where it is; `None` if it is no name here. Asked once per configured symbol.
    pub place: fn(&str) -> Option<Place>,
    /// Native name and index in `paths` → canonical name; for recordings.
    pub canonical: fn(&str, usize) -> String,
}

/// Where a symbol is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub native: String,
    /// Index in [`Rules::paths`].
    pub path: usize,
}

pub(crate) struct Ping {
    pub every_ms: i64,
    pub text: &'static str,
}

/// A frame is not what the venue's documentation says; it is counted as rejected.
#[derive(Debug)]
pub(crate) struct Unreadable;

/// Reads the part of a frame that was left as it came: what it is depends on the rest.
pub(crate) fn read<'a, T: Deserialize<'a>>(data: Option<&'a RawValue>) -> Result<T, Unreadable> {
    Ok(serde_json::from_str(data.ok_or(Unreadable)?.get())?)
}

impl From<serde_json::Error> for Unreadable {
    fn from(_: serde_json::Error) -> Unreadable {
        Unreadable
    }
}

impl From<simd_json::Error> for Unreadable {
    fn from(_: simd_json::Error) -> Unreadable {
        Unreadable
    }
}
