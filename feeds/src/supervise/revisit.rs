//! What an answer's headers say about asking again, and what is remembered of it: when, and with which ETag.
//!
//! Pure: time is an argument. Only for adapters that ask for the same addresses over and over.

use super::dial::stay_away_ms;
use std::collections::HashMap;
use tokio_tungstenite::tungstenite::http::{HeaderMap, header};

/// Most addresses that are remembered; at the next one all are forgotten, which costs a body each.
const ADDRESSES_MAX: usize = 1_024;
/// Longest `max-age` that is heeded: a page that may be cached for a day is still polled.
const MAX_AGE_MS_MAX: i64 = 60_000;
/// Longest ETag that is sent back.
const ETAG_BYTES_MAX: usize = 256;

/// What one answer says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// The host wants to be left alone; `None` if it does not.
    pub stay_away_ms: Option<i64>,
    /// For how long the body may not be asked for again; `None` if nothing is said.
    max_age_ms: Option<i64>,
    /// Names the body; `None` if nothing does.
    etag: Option<String>,
}

impl Said {
    pub fn by(status: u16, headers: &HeaderMap) -> Said {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let etag = text(header::ETAG).filter(|etag| status == 200 && etag.len() <= ETAG_BYTES_MAX);
        Said {
            stay_away_ms: stay_away_ms(status, headers),
            max_age_ms: text(header::CACHE_CONTROL).and_then(max_age_ms),
            etag: etag.map(str::to_owned),
        }
    }
}

/// Of `public, max-age=7`.
fn max_age_ms(cache_control: &str) -> Option<i64> {
    let seconds = cache_control.split(',').find_map(|word| word.trim().strip_prefix("max-age="))?;
    seconds.parse::<u32>().ok().map(|seconds| i64::from(seconds) * 1_000)
}

/// What is remembered of the addresses.
#[derive(Debug, Default)]
pub(super) struct Revisits {
    by_url: HashMap<String, Remembered>,
}

#[derive(Debug, Default)]
struct Remembered {
    fresh_until_ms: i64,
    etag: Option<String>,
}

impl Revisits {
    /// An answer without an ETag of its own, such as a 304, leaves the last one.
    pub fn note(&mut self, url: &str, said: &Said, now_ms: i64) {
        if self.by_url.len() >= ADDRESSES_MAX && !self.by_url.contains_key(url) {
            self.by_url.clear();
        }
        let remembered = self.by_url.entry(url.to_owned()).or_default();
        remembered.fresh_until_ms = now_ms + said.max_age_ms.unwrap_or(0).min(MAX_AGE_MS_MAX);
        if said.etag.is_some() {
            remembered.etag.clone_from(&said.etag);
        }
    }

    /// The last body was of no use: it must come again.
    pub fn forget(&mut self, url: &str) {
        self.by_url.remove(url);
    }

    /// When the address may be asked for at the earliest.
    pub fn earliest_ms(&self, url: &str) -> i64 {
        self.by_url.get(url).map_or(i64::MIN, |remembered| remembered.fresh_until_ms)
    }

    pub fn etag(&self, url: &str) -> Option<String> {
        self.by_url.get(url)?.etag.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, lines: &[(&'static str, &str)]) -> Said {
        let headers = lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        Said::by(status, &headers.collect())
    }

    #[test]
    fn the_next_poll_waits_for_max_age_and_names_the_last_body() {
        let mut revisits = Revisits::default();
        revisits.note("u", &said(200, &[("cache-control", "public, max-age=7"), ("etag", "\"a\"")]), 1_000);
        assert_eq!((revisits.earliest_ms("u"), revisits.etag("u").as_deref()), (8_000, Some("\"a\"")));
        revisits.note("u", &said(304, &[("cache-control", "no-store")]), 9_000);
        assert_eq!((revisits.earliest_ms("u"), revisits.etag("u").as_deref()), (9_000, Some("\"a\"")));
        revisits.note("u", &said(200, &[("cache-control", "max-age=86400")]), 0);
        assert_eq!(revisits.earliest_ms("u"), MAX_AGE_MS_MAX, "a day is not heeded");
        revisits.forget("u");
        assert_eq!((revisits.earliest_ms("u"), revisits.etag("u")), (i64::MIN, None));
    }

    #[test]
    fn errors_name_no_body_and_addresses_are_capped() {
        assert_eq!(said(403, &[("etag", "\"a\"")]).etag, None);
        assert_eq!(said(429, &[("retry-after", "7")]).stay_away_ms, Some(7_000));
        let mut revisits = Revisits::default();
        (0..=ADDRESSES_MAX).for_each(|n| revisits.note(&n.to_string(), &said(200, &[]), 0));
        assert_eq!(revisits.by_url.len(), 1);
    }
}
