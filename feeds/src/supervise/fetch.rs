//! HTTP GETs for the adapter: in turn, within the host's budget, with caps on time and size.

use super::connection::Event;
use super::revisit::{Revisits, Said};
use super::{Hosts, Limits, now_ms};
use crate::access::Access;
use crate::adapter::Fetch;
use reqwest::redirect;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

const REDIRECTS_MAX: usize = 5;

pub(super) struct Fetcher {
    client: reqwest::Client,
    access: Arc<Access>,
    is_polling: bool,
    limits: Limits,
    hosts: Hosts,
    events: mpsc::Sender<Event>,
    /// Empty unless the adapter polls.
    revisits: Revisits,
    /// (when, order of asking, url), the earliest first.
    waiting: BinaryHeap<Reverse<(i64, u64, String)>>,
    asked: u64,
    refused: Vec<String>,
    running: JoinSet<()>,
}

impl Fetcher {
    pub(super) fn new(
        is_polling: bool,
        limits: &Limits,
        access: Arc<Access>,
        hosts: Hosts,
        events: mpsc::Sender<Event>,
    ) -> Fetcher {
        let client = client(limits, access.is_open());
        let (limits, waiting, running) = (limits.clone(), BinaryHeap::new(), JoinSet::new());
        let (revisits, refused) = (Revisits::default(), Vec::new());
        Fetcher { client, access, is_polling, limits, hosts, events, revisits, waiting, asked: 0, refused, running }
    }

    /// Queues a fetch, or refuses it if too many wait.
    pub(super) fn ask(&mut self, fetch: Fetch, now_ms: i64) {
        if self.waiting.len() >= self.limits.fetches_waiting_max {
            if self.refused.len() < self.limits.fetches_waiting_max {
                self.refused.push(fetch.url);
            }
            return;
        }
        self.asked += 1;
        let asked_for_ms = now_ms.saturating_add(i64::try_from(fetch.delay_ms).unwrap_or(i64::MAX));
        let due_ms = asked_for_ms.max(self.revisits.earliest_ms(&fetch.url));
        self.waiting.push(Reverse((due_ms, self.asked, fetch.url)));
    }

    /// What was refused since the last call: the adapter is told that it failed, and may ask again.
    pub(super) fn take_refused(&mut self) -> Vec<String> {
        if !self.refused.is_empty() {
            tracing::warn!(count = self.refused.len(), example = self.refused[0], "too many fetches wait");
        }
        std::mem::take(&mut self.refused)
    }

    /// When to call [`Fetcher::start_due`]; `None`: when a fetch ended or a new one was asked for.
    pub(super) fn due_ms(&self) -> Option<i64> {
        let has_room = self.running.len() < self.limits.fetches_at_once;
        self.waiting.peek().filter(|_| has_room).map(|Reverse((due_ms, ..))| *due_ms)
    }

    pub(super) fn start_due(&mut self, now_ms: i64) {
        while self.running.try_join_next().is_some() {}
        while self.due_ms().is_some_and(|due_ms| due_ms <= now_ms) {
            let Some(Reverse((_, order, url))) = self.waiting.pop() else { return };
            match self.hosts.take_fetch(&url, self.limits.fetches_per_min, now_ms) {
                Ok(()) => self.start(url),
                Err(wait_ms) => self.waiting.push(Reverse((now_ms + wait_ms, order, url))),
            }
        }
    }

    /// Takes what an answer says about asking again.
    pub(super) fn heed(&mut self, url: &str, said: &Said, now_ms: i64) {
        if let Some(ms) = said.stay_away_ms {
            tracing::warn!(url, ms, "the provider asks us to stay away");
            self.hosts.close_fetches(url, now_ms + ms);
        }
        if self.is_polling {
            self.revisits.note(url, said, now_ms);
        }
    }

    /// The last body of `url` could not be read: a 304 in its place would hide the next one.
    pub(super) fn forget(&mut self, url: &str) {
        self.revisits.forget(url);
    }

    fn start(&mut self, url: String) {
        let mut request = self.client.get(self.access.url(&url));
        for (name, value) in self.access.headers() {
            request = request.header(name, value);
        }
        if let Some(etag) = self.revisits.etag(&url) {
            request = request.header(reqwest::header::IF_NONE_MATCH, etag);
        }
        let (events, body_bytes_max) = (self.events.clone(), self.limits.body_bytes_max);
        let access = self.access.clone();
        self.running.spawn(async move {
            let (answer, said) = match answer_to(request, &access, body_bytes_max).await {
                Ok((status, body, said)) => (Ok((status, body)), said),
                Err(reason) => (Err(reason), Said::default()),
            };
            let _ = events.send(Event::Fetched { url, at_ms: now_ms(), answer, said }).await;
        });
    }
}

/// Who sends no secret follows redirects anywhere; else only within the origin that the secret is for.
fn client(limits: &Limits, is_open: bool) -> reqwest::Client {
    let follow = redirect::Policy::custom(move |attempt| match attempt.previous() {
        previous if previous.len() > REDIRECTS_MAX => attempt.error("too many redirects"),
        [.., last] if !is_open && last.origin() != attempt.url().origin() => attempt.stop(),
        _ => attempt.follow(),
    });
    reqwest::Client::builder()
        .user_agent(concat!("fanwire/", env!("CARGO_PKG_VERSION")))
        .redirect(follow)
        .referer(false)
        .timeout(Duration::from_millis(limits.fetch_timeout_ms))
        .build()
        .unwrap_or_else(|error| {
            tracing::error!(%error, "HTTP client with our settings failed; using the default one");
            reqwest::Client::new()
        })
}

async fn answer_to(
    request: reqwest::RequestBuilder,
    access: &Access,
    bytes_max: usize,
) -> Result<(u16, Vec<u8>, Said), String> {
    // The URL is in the log line already.
    let plain = |error: reqwest::Error| access.hide(&error.without_url().to_string());
    let mut answer = request.send().await.map_err(plain)?;
    let status = answer.status().as_u16();
    let said = Said::by(status, answer.headers());
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(plain)? {
        if body.len() + chunk.len() > bytes_max {
            return Err(format!("body above {bytes_max} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((status, body, said))
}
