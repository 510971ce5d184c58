//! How often a host may be dialled or asked, over all feeds of the process.
//!
//! Pure but for the lock: time is an argument.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// At most `max` uses in any window of `window_ms`.
#[derive(Debug, Default)]
pub struct Budget {
    uses: VecDeque<i64>,
    /// Until when the host asked to be left alone.
    closed_until_ms: i64,
}

impl Budget {
    /// Uses one, or says how long to wait in ms before asking again.
    pub fn take(&mut self, max: usize, window_ms: i64, now_ms: i64) -> Result<(), i64> {
        if now_ms < self.closed_until_ms {
            return Err(self.closed_until_ms - now_ms);
        }
        // A clock set back must not block for long: what lies in the future is forgotten.
        while self.uses.front().is_some_and(|first| *first <= now_ms - window_ms || *first > now_ms) {
            self.uses.pop_front();
        }
        if self.uses.len() >= max {
            let first = self.uses.front().copied().unwrap_or(now_ms);
            return Err((first + window_ms - now_ms).max(1));
        }
        self.uses.push_back(now_ms);
        Ok(())
    }

    /// Lets nothing through until `until_ms` (429, 418 and 403 with Retry-After).
    pub fn close_until(&mut self, until_ms: i64) {
        self.closed_until_ms = self.closed_until_ms.max(until_ms);
    }
}

const DIAL_WINDOW_MS: i64 = 300_000;
const FETCH_WINDOW_MS: i64 = 60_000;

/// The budgets of all hosts; cheap to clone, one per process.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    budgets: Arc<Mutex<HashMap<String, HostBudgets>>>,
}

#[derive(Debug, Default)]
struct HostBudgets {
    dials: Budget,
    fetches: Budget,
}

impl Hosts {
    /// May `url`'s host be dialled now? Else: wait so many ms.
    pub fn take_dial(&self, url: &str, dials_per_5min: usize, now_ms: i64) -> Result<(), i64> {
        self.with(url, |host| host.dials.take(dials_per_5min, DIAL_WINDOW_MS, now_ms))
    }

    /// May `url` be fetched now? Else: wait so many ms.
    pub fn take_fetch(&self, url: &str, fetches_per_min: usize, now_ms: i64) -> Result<(), i64> {
        self.with(url, |host| host.fetches.take(fetches_per_min, FETCH_WINDOW_MS, now_ms))
    }

    /// No fetches from `url`'s host until `until_ms`.
    pub fn close_fetches(&self, url: &str, until_ms: i64) {
        self.with(url, |host| host.fetches.close_until(until_ms));
    }

    /// No dials to `url`'s host until `until_ms`.
    pub fn close_dials(&self, url: &str, until_ms: i64) {
        self.with(url, |host| host.dials.close_until(until_ms));
    }

    fn with<T>(&self, url: &str, act: impl FnOnce(&mut HostBudgets) -> T) -> T {
        let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        act(budgets.entry(host_of(url).to_owned()).or_default())
    }
}

/// The host of a URL, without port and user.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(v6),
        None => authority.split(':').next().unwrap_or(authority),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_slides() {
        let mut budget = Budget::default();
        assert_eq!((0..3).map(|n| budget.take(3, 100, n)).collect::<Vec<_>>(), [Ok(()); 3]);
        assert_eq!(budget.take(3, 100, 50), Err(50));
        assert_eq!(budget.take(3, 100, 99), Err(1));
        assert_eq!(budget.take(3, 100, 100), Ok(()));
        assert_eq!(budget.take(3, 100, 100), Err(1));
        assert_eq!(budget.take(3, 100, 0), Ok(()), "a clock set back");
    }

    #[test]
    fn a_host_may_ask_to_be_left_alone() {
        let mut budget = Budget::default();
        budget.close_until(500);
        budget.close_until(300);
        assert_eq!(budget.take(3, 100, 100), Err(400));
        assert_eq!(budget.take(3, 100, 500), Ok(()));
    }

    #[test]
    fn hosts_are_shared_by_name() {
        let hosts = Hosts::default();
        assert_eq!(hosts.take_dial("wss://a.example:9443/x?y", 1, 0), Ok(()));
        assert_eq!(hosts.clone().take_dial("wss://a.example/other", 1, 0), Err(300_000));
        assert_eq!(hosts.take_dial("wss://b.example", 1, 0), Ok(()));
        assert_eq!(hosts.take_fetch("https://a.example", 1, 0), Ok(()), "another budget");
        assert_eq!(host_of("ws://[::1]:80/x"), "::1");
        assert_eq!(host_of("ws://u:p@h:1"), "h");
    }
}
