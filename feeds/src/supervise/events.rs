//! What an event means: connections opened and lost, frames, bodies.

use super::connection::Event;
use super::driver::Driver;
use super::link::{ConnId, Loss};
use crate::adapter::{Input, LinkId};
use crate::counters::add;
use tokio::runtime::{Handle, RuntimeFlavor};

/// Frames and bodies of at least this size are read apart: they take milliseconds.
const LARGE_BYTES: usize = 256 << 10;

impl Driver {
    pub(super) fn take(&mut self, event: Event) {
        match event {
            Event::Opened { conn, at_ms } => self.opened(conn, at_ms),
            Event::Gone { conn, at_ms, reason, stay_away_ms } => self.gone(conn, at_ms, reason, stay_away_ms),
            Event::Frame { conn, at_ms, mut bytes } => self.frame(conn, at_ms, &mut bytes),
            Event::Fetched { url, at_ms, answer, said } => {
                self.fetcher.heed(&url, &said, at_ms);
                self.fetched(&url, answer, at_ms);
            }
        }
    }

    fn opened(&mut self, conn: ConnId, at_ms: i64) {
        let Some(link) = self.sockets.opened(conn, at_ms) else { return };
        self.facts.dials_failed = 0;
        tracing::info!(provider = self.adapter.provider(), link = link.0, "connected");
        let name = self.conn_name(link, conn);
        if let Some(tap) = &mut self.tap {
            tap.connected(&name, self.sockets.url_of(link), at_ms);
        }
        let mut marks = Vec::new();
        for index in self.subscriptions_on(link) {
            if self.watchdog.link_up(index, at_ms) {
                self.mark(index, false, &mut marks);
            }
        }
        self.outlet.publish(at_ms, &mut marks);
        self.handle(Input::Opened(link), at_ms);
        self.say_status(at_ms);
    }

    fn gone(&mut self, conn: ConnId, at_ms: i64, reason: String, stay_away_ms: Option<i64>) {
        let Some((link, was_open, loss)) = self.sockets.gone(conn, at_ms, stay_away_ms) else { return };
        let provider = self.adapter.provider();
        if was_open {
            tracing::info!(provider, link = link.0, reason, "disconnected");
            let name = self.conn_name(link, conn);
            if let Some(tap) = &mut self.tap {
                tap.closed(&name, at_ms);
            }
        } else {
            tracing::warn!(provider, link = link.0, reason, "cannot connect");
            add(&self.counters.dial_failures, 1);
            self.facts.dials_failed = self.facts.dials_failed.saturating_add(1);
        }
        self.facts.last_error = reason;
        if loss == Loss::LinkDown {
            self.link_down(link, at_ms);
        }
        self.say_status(at_ms);
    }

    fn link_down(&mut self, link: LinkId, at_ms: i64) {
        let mut marks = Vec::new();
        for index in self.subscriptions_on(link) {
            if self.watchdog.link_down(index) {
                self.mark(index, true, &mut marks);
            }
        }
        self.outlet.publish(at_ms, &mut marks);
        self.handle(Input::Closed(link), at_ms);
    }

    fn frame(&mut self, conn: ConnId, at_ms: i64, bytes: &mut Vec<u8>) {
        let Some(link) = self.sockets.frame(conn) else { return };
        self.facts.has_data = true;
        if self.tap.is_some() {
            let name = self.conn_name(link, conn);
            if let Some(tap) = &mut self.tap {
                tap.received(&name, bytes, at_ms);
            }
        }
        self.rejects.sample(bytes);
        apart(bytes.len(), || self.handle(Input::Frame(link, bytes), at_ms));
        self.rejects.observe(self.output.counts.rejected);
    }

    fn fetched(&mut self, url: &str, answer: Result<(u16, Vec<u8>), String>, at_ms: i64) {
        add(&self.counters.fetches, 1);
        let failure = match &answer {
            Ok((200..=299 | 304, _)) => None,
            Ok((status, _)) => Some(format!("HTTP {status}")),
            Err(reason) => Some(reason.clone()),
        };
        self.note_fetch(url, failure);
        match answer {
            Ok((status, mut body)) => {
                if let Some(tap) = &mut self.tap {
                    tap.fetched(url, status, &body, at_ms);
                }
                self.rejects.sample(&body);
                let rejected = self.output.counts.rejected;
                apart(body.len(), || self.handle(Input::Fetched { url, status, body: &mut body }, at_ms));
                self.rejects.observe(self.output.counts.rejected);
                if self.output.counts.rejected > rejected {
                    self.fetcher.forget(url);
                }
            }
            Err(_) => self.handle(Input::FetchFailed { url }, at_ms),
        }
    }

    fn note_fetch(&mut self, url: &str, failure: Option<String>) {
        let Some(reason) = failure else {
            self.facts.fetches_failed = 0;
            self.facts.has_data |= self.facts.links == 0;
            return;
        };
        tracing::warn!(provider = self.adapter.provider(), url, reason, "fetch failed");
        add(&self.counters.fetch_failures, 1);
        self.facts.fetches_failed = self.facts.fetches_failed.saturating_add(1);
        if self.facts.links == 0 {
            self.facts.last_error = reason;
        }
    }
}

/// Reads what is large so that the other tasks of this thread, which are other feeds and the sockets, go on meanwhile
/// on another thread.
fn apart(bytes: usize, read: impl FnOnce()) {
    let is_shared = || Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread;
    if bytes >= LARGE_BYTES && is_shared() { tokio::task::block_in_place(read) } else { read() }
}
