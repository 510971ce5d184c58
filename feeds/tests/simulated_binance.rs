//! The real adapter under supervision against the simulated exchange, which was written without it.

use feeds::counters::FeedCounters;
use feeds::model::{Change, Object, Update, merge};
use feeds::provider::binance::{BinanceConfig, BookSource, Kind, Silence};
use feeds::registry::{FeedConfig, spawn};
use feeds::simulate::binance::{Faults, serve};
use feeds::supervise::{Hosts, Limits};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

mod support;
use support::outlet_to_updates;

/// A feed of the simulated exchange and all that it said.
struct Feed {
    updates: mpsc::Receiver<Update>,
    counters: Arc<FeedCounters>,
    faults: Faults,
    states: BTreeMap<String, Object>,
    events: BTreeMap<String, u64>,
    resets: u64,
    lost: u64,
    _shutdown: watch::Sender<bool>,
}

impl Feed {
    async fn start(book: BookSource) -> Feed {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let faults = Faults::default();
        tokio::spawn(serve(listener, 7, faults.clone(), std::future::pending()));
        let config = FeedConfig::Binance(BinanceConfig {
            symbols: ["BTC-USDT", "ETH-USDT", "SOL-USDT", "XRP-USDT"].map(str::to_owned).to_vec(),
            kinds: vec![Kind::Trade, Kind::Quote, Kind::Book, Kind::Bar, Kind::Ticker],
            ws_url: Some(format!("ws://{addr}")),
            rest_url: Some(format!("http://{addr}")),
            book,
            silence: Silence { trade_ms: 0, quote_ms: 2_000, book_ms: 2_000, bar_ms: 0, ticker_ms: 0 },
            limits: Limits { backoff_min_ms: 20, watch_interval_ms: 20, ..Limits::default() },
            ..BinanceConfig::default()
        });
        assert_eq!(config.validate(), []);
        let (outlet, updates) = outlet_to_updates("binance");
        let counters = outlet.counters();
        let (shutdown, signal) = watch::channel(false);
        spawn(&config, outlet, &Hosts::default(), signal, None);
        let (states, events) = (BTreeMap::new(), BTreeMap::new());
        Feed { updates, counters, faults, states, events, resets: 0, lost: 0, _shutdown: shutdown }
    }

    /// Reads on until `done`.
    async fn until(&mut self, what: &str, done: impl Fn(&Feed) -> bool) {
        let reading = async {
            while !done(self) {
                let update = self.updates.recv().await.expect("the feed ended");
                self.apply(update);
            }
        };
        if tokio::time::timeout(Duration::from_secs(30), reading).await.is_err() {
            panic!(
                "not in 30 s: {what}; {:?}; {:?}",
                self.states.get("feed.binance").map(ToString::to_string),
                self.counters
            );
        }
    }

    fn apply(&mut self, update: Update) {
        let topic = update.topic.as_str().to_owned();
        match update.change {
            Change::Patch(patch) => {
                merge(self.states.entry(topic).or_default(), &patch);
            }
            Change::State(state) => {
                self.states.insert(topic, state);
            }
            Change::Reset(state) => {
                self.resets += 1;
                self.states.insert(topic, state);
            }
            Change::Event(_) => *self.events.entry(topic).or_default() += 1,
            Change::Lost(count) => self.lost += count.unwrap_or(1),
            Change::Stale(_) | Change::Retire => {}
        }
    }

    fn says(&self, word: &str) -> bool {
        self.states.get("feed.binance").and_then(|state| state.get("state")?.as_text()) == Some(word)
    }
}

fn is_whole(feed: &Feed) -> bool {
    ["BTC", "ETH", "SOL", "XRP"].iter().all(|base| {
        let size = |head: &str| feed.states.get(&format!("{head}.binance.{base}-USDT")).map_or(0, Object::len);
        size("quote") >= 9
            && size("book") == 2
            && size("bar.1m") == 16
            && size("instrument") >= 8
            && feed.events.get(&format!("trade.binance.{base}-USDT")).is_some_and(|count| *count > 0)
    })
}

#[tokio::test]
async fn every_topic_comes_to_life_and_nothing_is_rejected() {
    for book in [BookSource::Top, BookSource::Diff] {
        let mut feed = Feed::start(book).await;
        feed.until("all topics", is_whole).await;
        feed.until("live", |feed| feed.says("live")).await;
        let counters = &feed.counters;
        let seen = [&counters.rejected, &counters.ignored, &counters.gaps, &counters.resyncs].map(|c| c.load(Relaxed));
        assert_eq!((seen, feed.lost), ([0; 4], 0), "{book:?}");
    }
}

#[tokio::test]
async fn a_lost_diff_is_one_gap_and_one_resync() {
    let mut feed = Feed::start(BookSource::Diff).await;
    feed.until("all topics", is_whole).await;
    feed.faults.drop_diffs("BTCUSDT", 1);
    feed.until("a reset", |feed| feed.resets == 1).await;
    feed.until("live again", |feed| feed.says("live")).await;
    assert_eq!((feed.counters.gaps.load(Relaxed), feed.counters.resyncs.load(Relaxed)), (1, 1));
}

#[tokio::test]
async fn a_cut_is_survived() {
    let mut feed = Feed::start(BookSource::Diff).await;
    feed.until("all topics", is_whole).await;
    feed.faults.close_sockets();
    feed.until("down", |feed| feed.says("down")).await;
    feed.until("four books again", |feed| feed.resets == 4).await;
    feed.until("live again", |feed| feed.says("live")).await;
    assert_eq!((feed.counters.resyncs.load(Relaxed), feed.counters.rejected.load(Relaxed)), (4, 0));
}

#[tokio::test]
async fn a_silent_stream_is_seen() {
    let mut feed = Feed::start(BookSource::Top).await;
    feed.until("all topics", is_whole).await;
    feed.faults.silence("btcusdt@bookTicker");
    feed.until("degraded", |feed| feed.says("degraded")).await;
    feed.faults.unsilence("btcusdt@bookTicker");
    feed.until("live again", |feed| feed.says("live")).await;
}
