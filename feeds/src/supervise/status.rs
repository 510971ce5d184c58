//! What `feed.<provider>` says: one word for the feed's health, and why.

use crate::adapter::Counts;
use crate::model::Object;

/// The feed's health, worst last but one; the number goes to metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FeedState {
    /// No data yet.
    #[default]
    Connecting = 0,
    Live = 1,
    /// Some connections are down, some subscriptions silent, or some fetches fail.
    Degraded = 2,
    /// Every subscription is silent.
    Stale = 3,
    /// Some book or game waits for a snapshot.
    Resyncing = 4,
    /// No connection, or no answer to several fetches in a row.
    Down = 5,
}

impl FeedState {
    pub fn word(self) -> &'static str {
        match self {
            FeedState::Connecting => "connecting",
            FeedState::Live => "live",
            FeedState::Degraded => "degraded",
            FeedState::Stale => "stale",
            FeedState::Resyncing => "resyncing",
            FeedState::Down => "down",
        }
    }
}

/// What the state is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Links the adapter wants; 0 for a polled provider.
    pub links: usize,
    pub links_open: usize,
    /// Any data yet: a frame or a body.
    pub has_data: bool,
    /// Dials since the last success that failed, over all links.
    pub dials_failed: u32,
    /// Fetches in a row without a usable answer.
    pub fetches_failed: u32,
    pub subscriptions: usize,
    pub subscriptions_stale: usize,
    pub out_of_sync: usize,
    /// Why the last connection or fetch failed; empty if none did.
    pub last_error: String,
    /// What the provider refuses; empty if nothing.
    pub refusal: String,
}

/// Dials or fetches that may fail in a row before a feed that has no connection counts as down.
const FAILURES_MAX: u32 = 3;

impl Facts {
    pub fn state(&self) -> FeedState {
        let is_unreachable = if self.links == 0 {
            self.fetches_failed >= FAILURES_MAX
        } else {
            self.links_open == 0 && (self.has_data || self.dials_failed >= FAILURES_MAX)
        };
        if is_unreachable {
            FeedState::Down
        } else if self.subscriptions > 0 && self.subscriptions_stale == self.subscriptions {
            FeedState::Stale
        } else if !self.has_data {
            FeedState::Connecting
        } else if self.out_of_sync > 0 {
            FeedState::Resyncing
        } else if self.has_trouble() {
            FeedState::Degraded
        } else {
            FeedState::Live
        }
    }

    fn has_trouble(&self) -> bool {
        let has_fetch_trouble = self.links == 0 && self.fetches_failed > 0;
        self.links_open < self.links || self.subscriptions_stale > 0 || has_fetch_trouble || !self.refusal.is_empty()
    }

    /// One line for people; empty while all is well.
    fn reason(&self, state: FeedState) -> String {
        let Facts { links, links_open, subscriptions, subscriptions_stale, out_of_sync, last_error, refusal, .. } =
            self;
        match state {
            FeedState::Live | FeedState::Connecting => String::new(),
            FeedState::Resyncing => format!("{out_of_sync} out of sync"),
            FeedState::Degraded | FeedState::Down | FeedState::Stale if !refusal.is_empty() => {
                format!("the provider refuses: {refusal}")
            }
            FeedState::Stale => "all subscriptions are silent".to_owned(),
            FeedState::Degraded if links_open < links => {
                format!("{links_open} of {links} connections open: {last_error}")
            }
            FeedState::Degraded if *subscriptions_stale > 0 => {
                format!("{subscriptions_stale} of {subscriptions} subscriptions silent")
            }
            FeedState::Degraded | FeedState::Down => last_error.clone(),
        }
    }
}

/// Remembers what was said last, so that only changes are said.
#[derive(Debug, Default)]
pub struct Status {
    state: FeedState,
    since_ms: Option<i64>,
    said: Option<Object>,
}

impl Status {
    /// The feed topic's new state, `None` if it is what was said last.
    pub fn observe(&mut self, facts: &Facts, counts: &Counts, now_ms: i64) -> Option<Object> {
        let state = facts.state();
        if self.since_ms.is_none() || state != self.state {
            (self.state, self.since_ms) = (state, Some(now_ms));
        }
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let object = Object::new()
            .with("state", state.word())
            .with("since", self.since_ms)
            .with("reason", facts.reason(state).as_str())
            .with("connections", number(facts.links_open as u64))
            .with("gaps", number(counts.gaps))
            .with("resyncs", number(counts.resyncs))
            .with("rejected", number(counts.rejected));
        if self.said.as_ref() == Some(&object) {
            return None;
        }
        self.said = Some(object.clone());
        Some(object)
    }

    pub fn state(&self) -> FeedState {
        self.state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live() -> Facts {
        Facts { links: 2, links_open: 2, has_data: true, subscriptions: 4, ..Facts::default() }
    }

    #[test]
    fn states() {
        for (facts, state) in [
            (live(), FeedState::Live),
            (Facts { has_data: false, ..live() }, FeedState::Connecting),
            (Facts { has_data: false, links_open: 0, dials_failed: 2, ..live() }, FeedState::Connecting),
            (Facts { has_data: false, links_open: 0, dials_failed: 3, ..live() }, FeedState::Down),
            (Facts { links_open: 0, ..live() }, FeedState::Down),
            (Facts { links_open: 1, ..live() }, FeedState::Degraded),
            (Facts { subscriptions_stale: 1, ..live() }, FeedState::Degraded),
            (Facts { subscriptions_stale: 4, ..live() }, FeedState::Stale),
            (Facts { out_of_sync: 1, ..live() }, FeedState::Resyncing),
            (Facts { links: 0, links_open: 0, ..live() }, FeedState::Live),
            (Facts { links: 0, links_open: 0, fetches_failed: 1, ..live() }, FeedState::Degraded),
            (Facts { links: 0, links_open: 0, fetches_failed: 3, ..live() }, FeedState::Down),
            (Facts { fetches_failed: 3, ..live() }, FeedState::Live),
            (Facts { refusal: "405".into(), ..live() }, FeedState::Degraded),
        ] {
            assert_eq!(facts.state(), state, "{facts:?}");
        }
    }

    #[test]
    fn says_only_changes_and_since_when() {
        let mut status = Status::default();
        let counts = Counts::default();
        let first = status.observe(&Facts::default(), &counts, 5).unwrap();
        assert_eq!(first.get("state").unwrap().as_text(), Some("connecting"));
        assert_eq!(status.observe(&Facts::default(), &counts, 6), None);
        let text = status.observe(&live(), &counts, 7).unwrap().to_string();
        let want = r#"{"connections":2,"gaps":0,"reason":"","rejected":0,"resyncs":0,"since":7,"state":"live"}"#;
        assert_eq!(text, want);
        let gap = status.observe(&live(), &Counts { gaps: 1, ..counts }, 9).unwrap();
        assert_eq!(gap.get("since").unwrap().as_number(), Some(7.into()), "the state did not change");
    }
}
