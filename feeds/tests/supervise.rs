//! Supervision end to end, against a provider on loopback.

mod support {
    #[path = "../support/server.rs"]
    pub mod server;
    #[path = "../support/mod.rs"]
    mod shared;
    pub use shared::*;
}

use feeds::adapter::{Adapter, Fetch, Input, Link, Output, Subscription};
use feeds::capture::{Head, Reader, Recorder, Speed, replay};
use feeds::counters::FeedCounters;
use feeds::model::{Change, Topic, Update, parse_object};
use feeds::outlet::Outlet;
use feeds::provider::binance::{BinanceConfig, BookSource, Kind, Silence};
use feeds::registry::{FeedConfig, for_replay, spawn};
use feeds::supervise::{Hosts, Limits, Shutdown, Tap, run};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use support::server::{WsServer, http_server};
use support::{outlet_to_updates, soon};
use tokio::io::AsyncWriteExt;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// A running feed and what comes out of it.
struct Feed {
    updates: mpsc::Receiver<Update>,
    counters: Arc<FeedCounters>,
    shutdown: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Feed {
    fn start(config: &BinanceConfig, tap: Option<Box<dyn Tap>>) -> Feed {
        let config = FeedConfig::Binance(config.clone());
        assert_eq!(config.validate(), []);
        Feed::start_with(|outlet, signal| async move {
            spawn(&config, outlet, &Hosts::default(), signal, tap).await.unwrap();
        })
    }

    fn start_with<F: Future<Output = ()> + Send + 'static>(start: impl FnOnce(Outlet, Shutdown) -> F) -> Feed {
        let (outlet, updates) = outlet_to_updates("binance");
        let counters = outlet.counters();
        let (shutdown, signal) = watch::channel(false);
        let task = tokio::spawn(start(outlet, signal));
        Feed { updates, counters, shutdown, task }
    }

    /// The next update that `pick` takes; others are passed over.
    async fn next<T>(&mut self, pick: impl Fn(&Update) -> Option<T>) -> T {
        soon(async {
            loop {
                let update = self.updates.recv().await.expect("the feed ended");
                if let Some(picked) = pick(&update) {
                    return picked;
                }
            }
        })
        .await
    }

    /// Waits until `feed.binance` says `state`; returns what it said.
    async fn state(&mut self, state: &str) -> String {
        self.next(|update| match &update.change {
            Change::State(object) if update.topic.as_str() == "feed.binance" => {
                let said = object.get("state")?.as_text()? == state;
                said.then(|| object.to_string())
            }
            _ => None,
        })
        .await
    }

    async fn trade(&mut self) -> String {
        self.next(|update| match &update.change {
            Change::Event(event) => Some(event.get("id")?.as_text()?.to_owned()),
            _ => None,
        })
        .await
    }

    async fn stale(&mut self, topic: &str) -> bool {
        self.next(|update| match update.change {
            Change::Stale(stale) if update.topic.as_str() == topic => Some(stale),
            _ => None,
        })
        .await
    }

    async fn stop(self) {
        self.shutdown.send(true).unwrap();
        soon(self.task).await.unwrap();
    }
}

/// One symbol, trades only, quick to come back; nobody answers HTTP.
fn config(server: &WsServer) -> BinanceConfig {
    BinanceConfig {
        symbols: vec!["BTC-USDT".into()],
        kinds: vec![Kind::Trade],
        ws_url: Some(server.url()),
        rest_url: Some("http://127.0.0.1:9".into()),
        bar_backfill: 0,
        limits: Limits { backoff_min_ms: 20, backoff_max_ms: 100, watch_interval_ms: 10, ..Limits::default() },
        ..BinanceConfig::default()
    }
}

fn trade(id: u32) -> String {
    format!(
        r#"{{"stream":"btcusdt@trade","data":{{"e":"trade","E":1,"s":"BTCUSDT","t":{id},"p":"1.50","q":"2","T":1,"m":true,"M":true}}}}"#
    )
}

#[tokio::test]
async fn connects_reads_and_comes_back_after_a_close() {
    let mut server = WsServer::start().await;
    let mut feed = Feed::start(&config(&server), None);
    let mut socket = server.accept().await;
    assert_eq!(socket.path, "/stream?streams=btcusdt@trade");
    feed.state("connecting").await;
    socket.send(&trade(1)).await;
    assert_eq!(feed.trade().await, "1");
    feed.state("live").await;
    assert_eq!(socket.ping("1700000000000").await, "1700000000000", "the payload is echoed");

    socket.close().await;
    assert!(feed.stale("trade.binance.BTC-USDT").await, "a broken feed marks its topics");
    let down = feed.state("down").await;
    assert!(down.contains(r#""connections":0"#) && down.contains("closed by the provider"), "{down}");

    let mut socket = server.accept().await;
    assert_eq!(socket.path, "/stream?streams=btcusdt@trade", "subscribed again");
    assert!(!feed.stale("trade.binance.BTC-USDT").await);
    socket.send(&trade(4)).await;
    let lost = feed.next(|update| if let Change::Lost(count) = update.change { Some(count) } else { None }).await;
    assert_eq!(lost, Some(2));
    assert_eq!(feed.trade().await, "4");
    let live = feed.state("live").await;
    assert!(live.contains(r#""connections":1,"gaps":1"#), "{live}");
    assert_eq!(feed.counters.dials.load(Relaxed), 2);
    feed.stop().await;
    socket.closed().await;
}

#[tokio::test]
async fn a_refused_dial_is_tried_again_with_growing_pauses() {
    let server = WsServer::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ws_url = Some(format!("ws://{}", listener.local_addr().unwrap()));
    let mut feed = Feed::start(&BinanceConfig { ws_url, ..config(&server) }, None);
    let mut times = Vec::new();
    for _ in 0..5 {
        // Accepted and dropped: the handshake fails.
        soon(listener.accept()).await.unwrap();
        times.push(tokio::time::Instant::now());
    }
    let pauses: Vec<u128> = times.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect();
    for (pause, least) in pauses.iter().zip([20, 40, 50, 50]) {
        assert!(*pause + 2 >= least, "{pauses:?}");
    }
    feed.state("down").await;
    assert!(feed.counters.dial_failures.load(Relaxed) >= 3);
    feed.stop().await;
}

#[tokio::test]
async fn a_provider_that_says_stay_away_is_left_alone_for_so_long() {
    let server = WsServer::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ws_url = Some(format!("ws://{}", listener.local_addr().unwrap()));
    let feed = Feed::start(&BinanceConfig { ws_url, ..config(&server) }, None);
    let (mut stream, _) = soon(listener.accept()).await.unwrap();
    let answer = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n";
    soon(stream.write_all(answer)).await.unwrap();
    let refused = tokio::time::Instant::now();
    soon(listener.accept()).await.unwrap();
    assert!(refused.elapsed().as_millis() >= 990, "{:?}", refused.elapsed());
    feed.stop().await;
}

#[tokio::test]
async fn a_silent_stream_is_marked_alone() {
    let mut server = WsServer::start().await;
    let silence = Silence { quote_ms: 60, ..Silence::default() };
    let config = BinanceConfig { kinds: vec![Kind::Trade, Kind::Quote], silence, ..config(&server) };
    let mut feed = Feed::start(&config, None);
    let mut socket = server.accept().await;
    socket.send(&trade(1)).await;
    assert_eq!(feed.trade().await, "1");
    assert!(feed.stale("quote.binance.BTC-USDT").await);
    let said = feed.state("degraded").await;
    assert!(said.contains("1 of 2 subscriptions silent"), "{said}");

    socket
        .send(r#"{"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"1","B":"2","a":"3","A":"4"}}"#)
        .await;
    let first = feed.next(|update| (update.topic.head() == "quote").then(|| update.change.clone())).await;
    assert_eq!(first, Change::Stale(false), "fresh data is preceded by its mark");
    feed.state("live").await;
    feed.stop().await;
}

#[tokio::test]
async fn a_link_on_which_all_is_silent_is_tried_on_another_connection() {
    let mut server = WsServer::start().await;
    let silence = Silence { trade_ms: 100, ..Silence::default() };
    let mut feed = Feed::start(&BinanceConfig { silence, ..config(&server) }, None);
    let mut old = server.accept().await;
    old.send(&trade(1)).await;
    assert!(feed.stale("trade.binance.BTC-USDT").await, "pings may go on, data does not");
    feed.state("stale").await;
    let mut new = server.accept().await;
    new.send(&trade(2)).await;
    assert!(!feed.stale("trade.binance.BTC-USDT").await);
    assert_eq!(feed.trade().await, "2");
    feed.stop().await;
}

#[tokio::test]
async fn a_socket_without_a_byte_is_dialled_again() {
    let mut server = WsServer::start().await;
    let adapter = FeedConfig::Binance(config(&server)).build();
    let limits = Limits { idle_timeout_ms: 100, ..config(&server).limits };
    let (batches, _received) = crossbeam_channel::bounded(256);
    let (_shutdown, signal) = watch::channel(false);
    tokio::spawn(run(adapter, Outlet::new("binance", batches), limits, Hosts::default(), signal, None));
    let _quiet = server.accept().await;
    let mut second = server.accept().await;
    assert_eq!(second.ping("x").await, "x");
}

/// Polls one address for ever.
struct Poller {
    url: String,
    subscriptions: Vec<Subscription>,
}

impl Adapter for Poller {
    fn provider(&self) -> &str {
        "binance"
    }

    fn links(&self) -> &[Link] {
        &[]
    }

    fn subscriptions(&self) -> &[Subscription] {
        &self.subscriptions
    }

    fn handle(&mut self, input: Input<'_>, _now_ms: i64, output: &mut Output) {
        if let Input::Fetched { status: 200, body, .. } = input {
            let state = parse_object(body).unwrap();
            output.updates.push(Update::new(Topic::new("slate.test").unwrap(), None, Change::State(state)));
            output.alive.push(0);
        }
        output.fetches.push(Fetch { url: self.url.clone(), delay_ms: 10 });
    }
}

#[tokio::test]
async fn a_polled_provider_is_live_down_and_live_again() {
    let mut polls = 0;
    let http = http_server(move |_| {
        polls += 1;
        match polls {
            1 => ("200 OK", r#"{"a":1}"#.into()),
            2..=9 => ("500 Oops", String::new()),
            10 => ("200 OK", "x".repeat(2_000)),
            _ => ("200 OK", r#"{"a":2}"#.into()),
        }
    })
    .await;
    let subscription = Subscription { name: "/".into(), topics: Vec::new(), silence_ms: None };
    let adapter = Box::new(Poller { url: format!("http://{http}/"), subscriptions: vec![subscription] });
    let limits = Limits { body_bytes_max: 1_000, watch_interval_ms: 10, fetches_per_min: 1_000, ..Limits::default() };
    let mut feed = Feed::start_with(|outlet, signal| run(adapter, outlet, limits, Hosts::default(), signal, None));
    feed.state("connecting").await;
    feed.state("live").await;
    let down = feed.state("down").await;
    assert!(down.contains("HTTP 500"), "{down}");
    feed.state("live").await;
    assert!(feed.counters.fetch_failures.load(Relaxed) >= 9, "a body above the cap is a failure");
    feed.stop().await;
}

#[tokio::test]
async fn a_connection_is_replaced_before_it_is_cut() {
    let mut server = WsServer::start().await;
    let mut feed = Feed::start(&config(&server), None);
    let mut old = server.accept().await;
    old.send(&trade(1)).await;
    assert_eq!(feed.trade().await, "1");
    old.send(r#"{"e":"serverShutdown","E":1}"#).await;
    let mut new = server.accept().await;
    old.send(&trade(2)).await;
    assert_eq!(feed.trade().await, "2", "the old one still delivers");
    new.send(&trade(2)).await;
    new.send(&trade(3)).await;
    assert_eq!(feed.trade().await, "3", "what comes twice is dropped");
    old.closed().await;
    new.send(&trade(4)).await;
    let next = feed.next(|update| Some(update.change.clone()).filter(|_| update.topic.head() == "trade")).await;
    assert!(matches!(next, Change::Event(_)), "no mark, no loss: {next:?}");
    assert_eq!(feed.counters.gaps.load(Relaxed), 0);
    feed.stop().await;
}

#[tokio::test]
async fn a_book_is_synced_over_http_in_spite_of_refusals_and_redirects() {
    let mut server = WsServer::start().await;
    let mut asked = 0;
    let http = http_server(move |path| {
        asked += usize::from(path.starts_with("/api/v3/depth"));
        match (path, asked) {
            ("/elsewhere", _) => ("200 OK", r#"{"lastUpdateId":100,"bids":[["10","1"]],"asks":[["11","1"]]}"#.into()),
            (path, 1) if path.contains("depth") => ("429 Too Many\r\nretry-after: 1", "{}".into()),
            (path, _) if path.contains("depth") => ("302 Found\r\nlocation: /elsewhere", String::new()),
            _ => ("404 Not Found", "{}".into()),
        }
    })
    .await;
    let config = BinanceConfig {
        kinds: vec![Kind::Book],
        book: BookSource::Diff,
        rest_url: Some(format!("http://{http}")),
        ..config(&server)
    };
    let mut feed = Feed::start(&config, None);
    let mut socket = server.accept().await;
    let diff = |first: u32, last: u32| {
        format!(
            r#"{{"stream":"btcusdt@depth@100ms","data":{{"E":1,"U":{first},"u":{last},"b":[["9","{last}"]],"a":[]}}}}"#
        )
    };
    socket.send(&diff(100, 101)).await;
    feed.state("resyncing").await;
    let book = |update: &Update| match &update.change {
        Change::State(said) | Change::Reset(said) | Change::Patch(said) if update.topic.head() == "book" => {
            Some(said.to_string())
        }
        _ => None,
    };
    assert_eq!(feed.next(book).await, r#"{"asks":{"11":1},"bids":{"10":1,"9":101}}"#);
    feed.state("live").await;
    socket.send(&diff(102, 102)).await;
    assert_eq!(feed.next(book).await, r#"{"bids":{"9":102}}"#, "only what changed");
    assert!(feed.counters.fetch_failures.load(Relaxed) >= 1);
    feed.stop().await;
}

#[tokio::test]
async fn what_is_recorded_replays_to_the_same_updates() {
    let dir = std::env::temp_dir().join(format!("fanwire-record-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("capture.jsonl.zst");
    let mut server = WsServer::start().await;
    let config = config(&server);
    let recorder = Recorder::create(&path, "binance", &serde_json::to_value(&config).unwrap()).unwrap();
    let mut feed = Feed::start(&config, Some(Box::new(recorder)));
    let mut live = Vec::new();
    for ids in [[1, 2], [3, 7]] {
        let mut socket = server.accept().await;
        for id in ids {
            socket.send(&trade(id)).await;
            live.push(feed.trade().await);
        }
        socket.close().await;
        feed.state("down").await;
    }
    feed.stop().await;

    let head = Head::read(&path).unwrap();
    assert_eq!((&*head.provider, head.addrs.len()), ("binance", 1));
    let mut adapter = for_replay(&head.provider, &head).unwrap();
    let mut replayed = Vec::new();
    let counts = replay(&mut *adapter, Reader::open(&path).unwrap(), Speed::Max, |_, updates| {
        replayed.extend(updates.drain(..).filter_map(|update| match update.change {
            Change::Event(event) => Some(event.get("id")?.as_text()?.to_owned()),
            _ => None,
        }));
    });
    assert_eq!((replayed, counts.unwrap().gaps), (live, 1));
    std::fs::remove_dir_all(&dir).unwrap();
}

#[tokio::test]
async fn a_tls_dial_to_something_else_fails_and_nothing_more() {
    let mut server = WsServer::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ws_url = Some(format!("wss://{}", listener.local_addr().unwrap()));
    let mut feed = Feed::start(&BinanceConfig { ws_url, ..config(&server) }, None);
    for _ in 0..3 {
        let (mut stream, _) = soon(listener.accept()).await.unwrap();
        soon(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")).await.unwrap();
    }
    feed.state("down").await;
    feed.stop().await;
    let mut feed = Feed::start(&config(&server), None);
    server.accept().await.send(&trade(1)).await;
    assert_eq!(feed.trade().await, "1");
    feed.stop().await;
}

#[tokio::test]
async fn a_feed_ends_when_nobody_takes_its_updates() {
    let mut server = WsServer::start().await;
    let Feed { updates, task, shutdown, .. } = Feed::start(&config(&server), None);
    drop(updates);
    let mut socket = server.accept().await;
    soon(async {
        let mut id = 0;
        while !task.is_finished() {
            id += 1;
            socket.send(&trade(id)).await;
            tokio::task::yield_now().await;
        }
    })
    .await;
    drop(shutdown);
}
