//! The loop that carries out: events in, adapter, updates out, and the clock.

use super::connection::Event;
use super::fetch::Fetcher;
use super::link::ConnId;
use super::losses::Losses;
use super::rejects::Rejects;
use super::sockets::Sockets;
use super::{Facts, Hosts, Limits, Shutdown, Status, Tap, Watchdog, now_ms};
use crate::adapter::{Adapter, Input, LinkId, Output};
use crate::counters::{FeedCounters, add, set};
use crate::model::{Change, Topic, Update};
use crate::outlet::Outlet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Events taken from the channel at once.
const EVENTS_AT_ONCE: usize = 64;
/// How often a full outlet is tried again.
const FLUSH_INTERVAL_MS: i64 = 5;

/// Feeds `adapter` until `shutdown` or until nobody takes its updates. Needs a tokio runtime with time and I/O.
pub async fn run(
    adapter: Box<dyn Adapter>,
    outlet: Outlet,
    limits: Limits,
    hosts: Hosts,
    mut shutdown: Shutdown,
    tap: Option<Box<dyn Tap>>,
) {
    let (sender, mut events) = mpsc::channel(limits.frames_ahead_max);
    let mut driver = Driver::new(adapter, outlet, limits, hosts, sender, tap);
    let mut batch = Vec::with_capacity(EVENTS_AT_ONCE);
    driver.start(now_ms());
    loop {
        let pause = driver.pause(now_ms());
        tokio::select! {
            // Fires on a change to true and when the sender is gone.
            _ = shutdown.wait_for(|stop| *stop) => return,
            _ = events.recv_many(&mut batch, EVENTS_AT_ONCE) => {}
            () = tokio::time::sleep(pause) => {}
        }
        for event in batch.drain(..) {
            driver.take(event);
        }
        driver.tick(now_ms());
        if driver.outlet.is_closed() {
            return;
        }
    }
}

pub(super) struct Driver {
    pub(super) adapter: Box<dyn Adapter>,
    pub(super) output: Output,
    pub(super) outlet: Outlet,
    pub(super) counters: Arc<FeedCounters>,
    pub(super) sockets: Sockets,
    pub(super) fetcher: Fetcher,
    pub(super) watchdog: Watchdog,
    status: Status,
    pub(super) facts: Facts,
    feed_topic: Option<Topic>,
    pub(super) rejects: Rejects,
    losses: Losses,
    pub(super) tap: Option<Box<dyn Tap>>,
    watch_interval_ms: i64,
    next_watch_ms: i64,
}

impl Driver {
    fn new(
        adapter: Box<dyn Adapter>,
        outlet: Outlet,
        limits: Limits,
        hosts: Hosts,
        events: mpsc::Sender<Event>,
        tap: Option<Box<dyn Tap>>,
    ) -> Driver {
        let (now_ms, access) = (now_ms(), Arc::new(adapter.access()));
        Driver {
            output: Output::default(),
            counters: outlet.counters(),
            outlet,
            sockets: Sockets::new(adapter.links(), &limits, access.clone(), hosts.clone(), events.clone(), now_ms),
            fetcher: Fetcher::new(adapter.is_polling(), &limits, access, hosts, events),
            watchdog: Watchdog::default(),
            status: Status::default(),
            facts: Facts { links: adapter.links().len(), ..Facts::default() },
            feed_topic: Topic::of(&["feed", adapter.provider()]).ok(),
            rejects: Rejects::default(),
            losses: Losses::default(),
            tap,
            watch_interval_ms: i64::try_from(limits.watch_interval_ms).unwrap_or(i64::MAX),
            next_watch_ms: now_ms,
            adapter,
        }
    }

    fn start(&mut self, now_ms: i64) {
        self.handle(Input::Start, now_ms);
        self.tick(now_ms);
    }

    /// How long nothing needs to be done if nothing happens.
    fn pause(&self, now_ms: i64) -> Duration {
        let flush_ms = self.outlet.is_holding().then_some(now_ms + FLUSH_INTERVAL_MS);
        let due = [self.sockets.due_ms(), self.fetcher.due_ms(), self.output.wake_at_ms, flush_ms];
        let due_ms = due.into_iter().flatten().min().map_or(self.next_watch_ms, |ms| ms.min(self.next_watch_ms));
        Duration::from_millis((due_ms - now_ms).max(0).unsigned_abs())
    }

    fn tick(&mut self, now_ms: i64) {
        if self.output.wake_at_ms.is_some_and(|wake_at_ms| wake_at_ms <= now_ms) {
            self.output.wake_at_ms = None;
            self.handle(Input::Wake, now_ms);
        }
        add(&self.counters.dials, self.sockets.dial_due(now_ms));
        self.fetcher.start_due(now_ms);
        self.outlet.flush(now_ms);
        if now_ms >= self.next_watch_ms {
            self.watch(now_ms);
        }
        // A clock set back must not put the next look off.
        self.next_watch_ms = self.next_watch_ms.min(now_ms + self.watch_interval_ms);
    }

    fn watch(&mut self, now_ms: i64) {
        self.next_watch_ms = now_ms + self.watch_interval_ms;
        self.sockets.check(now_ms);
        let silent = self.watchdog.check(now_ms);
        if let Some(first) = silent.first() {
            let (provider, example) = (self.adapter.provider(), self.name_of(*first));
            tracing::warn!(provider, count = silent.len(), example, "subscriptions silent for too long");
        }
        let mut marks = Vec::new();
        silent.into_iter().for_each(|index| self.mark(index, true, &mut marks));
        self.outlet.publish(now_ms, &mut marks);
        self.replace_silent_links(now_ms);
        for url in self.fetcher.take_refused() {
            self.handle(Input::FetchFailed { url: &url }, now_ms);
        }
        self.say_status(now_ms);
        self.rejects.report(self.adapter.provider(), now_ms);
        self.losses.report(self.adapter.provider(), &self.counters, now_ms);
    }

    /// A link on which everything that is watched is silent may have lost its subscriptions though its pings go on
    /// (Binance after 24 h): try another connection. The old one stays until the new one delivers.
    fn replace_silent_links(&mut self, now_ms: i64) {
        for link in (0..self.facts.links).map(LinkId) {
            let indices = self.subscriptions_on(link);
            let mut watched = indices.iter().filter_map(|index| self.watchdog.is_silent(*index, now_ms)).peekable();
            if watched.peek().is_some() && watched.all(|is_silent| is_silent) {
                drop(watched);
                self.sockets.replace(link);
                indices.into_iter().for_each(|index| self.watchdog.restart(index, now_ms));
            }
        }
    }

    /// The one place where the adapter is called: carries out whatever it wants.
    pub(super) fn handle(&mut self, input: Input<'_>, now_ms: i64) {
        self.adapter.handle(input, now_ms, &mut self.output);
        let silences = self.adapter.subscriptions().iter().map(|subscription| subscription.silence_ms);
        self.watchdog.watch(silences, now_ms);
        self.publish(now_ms);
        self.send(now_ms);
        for fetch in std::mem::take(&mut self.output.fetches) {
            self.fetcher.ask(fetch, now_ms);
        }
        for link in std::mem::take(&mut self.output.reconnects) {
            self.sockets.reconnect(link);
        }
        for link in std::mem::take(&mut self.output.replacements) {
            self.sockets.replace(link);
        }
        self.facts.out_of_sync = self.output.out_of_sync;
        self.facts.refusal = self.output.refusal.clone().unwrap_or_default();
        self.counters.take_counts(&self.output.counts);
    }

    /// Fresh data is preceded by its mark.
    fn publish(&mut self, now_ms: i64) {
        let mut marks = Vec::new();
        for index in std::mem::take(&mut self.output.alive) {
            if self.watchdog.alive(index, now_ms) {
                self.mark(index, false, &mut marks);
            }
        }
        if marks.is_empty() {
            return self.outlet.publish(now_ms, &mut self.output.updates);
        }
        marks.append(&mut self.output.updates);
        self.outlet.publish(now_ms, &mut marks);
    }

    fn send(&mut self, now_ms: i64) {
        for (link, text) in std::mem::take(&mut self.output.sends) {
            let copy = self.tap.is_some().then(|| text.clone());
            let sent = self.sockets.send(link, text);
            if let (Some(conn), Some(text)) = (sent, copy) {
                let name = self.conn_name(link, conn);
                if let Some(tap) = &mut self.tap {
                    tap.sent(&name, &text, now_ms);
                }
            }
        }
    }

    pub(super) fn say_status(&mut self, now_ms: i64) {
        let (stale, all) = self.watchdog.stale();
        (self.facts.subscriptions_stale, self.facts.subscriptions) = (stale, all);
        self.facts.links_open = self.sockets.links_open();
        set(&self.counters.stale_subscriptions, stale as u64);
        set(&self.counters.connections, self.sockets.conns_open() as u64);
        let said = self.status.observe(&self.facts, &self.output.counts, now_ms);
        set(&self.counters.state, self.status.state() as u64);
        if let (Some(state), Some(topic)) = (said, &self.feed_topic) {
            self.outlet.publish(now_ms, &mut vec![Update::new(topic.clone(), None, Change::State(state))]);
        }
    }

    pub(super) fn subscriptions_on(&self, link: LinkId) -> Vec<usize> {
        (0..self.watchdog.len()).filter(|index| self.adapter.link_of(*index) == Some(link)).collect()
    }

    fn name_of(&self, subscription: usize) -> &str {
        self.adapter.subscriptions().get(subscription).map_or("", |subscription| &subscription.name)
    }

    pub(super) fn mark(&self, subscription: usize, stale: bool, marks: &mut Vec<Update>) {
        let topics = self.adapter.subscriptions().get(subscription).map_or(&[][..], |found| &found.topics);
        marks.extend(topics.iter().map(|topic| Update::new(topic.clone(), None, Change::Stale(stale))));
    }

    pub(super) fn conn_name(&self, link: LinkId, conn: ConnId) -> String {
        format!("{}.ws.{}.{conn}", self.adapter.provider(), link.0)
    }
}
