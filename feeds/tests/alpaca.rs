//! Alpaca by hand-written frames, and under supervision against a simulated server.

use feeds::adapter::{Input, LinkId};
use feeds::counters::FeedCounters;
use feeds::model::{Change, Update};
use feeds::provider::alpaca::{Alpaca, AlpacaConfig, Feed, Kind, Silence};
use feeds::registry::{FeedConfig, spawn};
use feeds::simulate::alpaca::{Account, Faults, serve};
use feeds::supervise::{Hosts, Limits};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

mod support;
use support::{Bench, outlet_to_updates, soon};

fn config(symbols: &[&str]) -> AlpacaConfig {
    let symbols = symbols.iter().map(|symbol| (*symbol).to_owned()).collect();
    AlpacaConfig {
        symbols,
        key: feeds::access::Secret::new("K-1"),
        secret: feeds::access::Secret::new("S\"2"),
        ..AlpacaConfig::default()
    }
}

fn bench_of(config: &AlpacaConfig) -> Bench {
    assert_eq!(config.validate(), []);
    let mut bench = Bench::new(Box::new(Alpaca::new(config)));
    bench.handle(Input::Start);
    bench.handle(Input::Opened(LinkId(0)));
    bench
}

fn bench(symbols: &[&str]) -> Bench {
    bench_of(&config(symbols))
}

const TRADE: &str = r#"{"T":"t","i":96921,"S":"AAPL","x":"D","p":126.550,"s":1,"t":"2021-02-22T15:51:44.208123456Z","c":["@"],"z":"C"}"#;

#[test]
fn authenticates_and_subscribes_without_showing_its_key() {
    let mut bench = bench(&["AAPL", "BRK.B"]);
    assert_eq!(bench.adapter.links()[0].url, "wss://stream.data.alpaca.markets/v2/iex");
    bench.frame(0, r#"[{"T":"success","msg":"connected"}]"#);
    let (_, frame) = bench.output.sends.pop().unwrap();
    assert_eq!(frame, r#"{"action":"auth","key":"${key}","secret":"${secret}"}"#);
    let access = bench.adapter.access();
    assert_eq!(access.frame(&frame), r#"{"action":"auth","key":"K-1","secret":"S\"2"}"#);
    let feed = FeedConfig::Alpaca(config(&["AAPL"]));
    for shown in [format!("{access:?}"), format!("{feed:?}"), serde_json::to_string(&feed).unwrap()] {
        assert!(!shown.contains("K-1") && !shown.contains("S\"2") && !shown.contains("S\\\"2"), "{shown}");
    }
    bench.frame(0, r#"[{"T":"success","msg":"authenticated"}]"#);
    let both = r#"["AAPL","BRK.B"]"#;
    let (_, frame) = bench.output.sends.pop().unwrap();
    assert_eq!(
        frame,
        format!(
            r#"{{"action":"subscribe","bars":{both},"dailyBars":{both},"lulds":{both},"quotes":{both},"statuses":{both},"trades":{both},"updatedBars":{both}}}"#
        )
    );
    let all = r#""trades":["AAPL","BRK.B"],"quotes":["AAPL","BRK.B"],"bars":["*"],"updatedBars":["*"],"statuses":["*"],"lulds":["*"]"#;
    bench.frame(0, &format!(r#"[{{"T":"subscription",{all},"dailyBars":["AAPL"]}}]"#));
    assert_eq!(bench.output.refusal.as_deref(), Some("1 not subscribed to, as dailyBars/BRK.B"));
    bench.frame(0, &format!(r#"[{{"T":"subscription",{all},"dailyBars":["*"]}}]"#));
    assert_eq!(bench.output.refusal, None);
    assert!(bench.topics.state("instrument.alpaca.BRK_B").contains(r#""native":"BRK.B""#), "a dot makes no token");
}

#[test]
fn many_symbols_are_asked_for_in_parts() {
    let names: Vec<String> = (0..700).map(|n| format!("S{n}")).collect();
    let mut bench = bench(&names.iter().map(String::as_str).collect::<Vec<_>>());
    bench.frame(0, r#"[{"T":"success","msg":"authenticated"}]"#);
    let sizes: Vec<usize> = bench.output.sends.iter().map(|(_, text)| text.len()).collect();
    assert!(sizes.len() == 3 && sizes.iter().all(|size| *size < 16_384), "{sizes:?}");
    bench.frame(0, r#"[{"T":"subscription","trades":[]}]"#);
    assert_eq!(bench.output.refusal, None, "two answers are still to come");
}

/// Pitfall 8: arrays of messages, empty arrays, unknown types.
#[test]
fn every_frame_is_an_array() {
    let mut bench = bench(&["AAPL"]);
    bench.frame(0, &format!(r#"[{TRADE},{{"T":"q","S":"AAPL","bx":"U","bp":87.660,"bs":1,"ax":"X","ap":0,"as":0,"t":"2021-02-22T15:51:45Z"}},{{"T":"i","S":"AAPL"}},{{"T":"t","S":"AAPL"}},{{"T":"t"}},7]"#));
    let event = r#"{"cond":["@"],"exchange":"D","id":"D-96921","price":126.55,"size":1,"te":1614009104208}"#;
    assert_eq!(bench.topics.events("trade.alpaca.AAPL"), [event]);
    assert_eq!(
        bench.topics.state("quote.alpaca.AAPL"),
        r#"{"bid":87.66,"bid_size":1,"last":126.55,"last_size":1,"last_ts":1614009104208}"#,
        "a price of zero is none"
    );
    assert_eq!((bench.output.counts.ignored, bench.output.counts.rejected, bench.output.counts.frames), (1, 3, 1));
    bench.frame(0, "[]");
    bench.frame(0, r#"{"T":"t"}"#);
    bench.frame(0, "pong");
    assert_eq!((bench.output.counts.rejected, bench.output.counts.frames), (5, 4));
    bench.frame(0, &format!("[{}]", TRADE.replace("AAPL", "MSFT")));
    assert_eq!(bench.output.counts.ignored, 2, "nobody asked for it");
}

/// Pitfall 12, of trades: corrected, corrected again under the new id, and cancelled under the newest.
#[test]
fn corrections_and_cancellations_are_events() {
    let mut bench = bench(&["EEM"]);
    let correct = |original: i64, new: i64, price: &str| {
        format!(
            r#"[{{"T":"c","S":"EEM","x":"M","oi":{original},"op":39.1582,"os":440000,"oc":[" ","7"],"ci":{new},"cp":{price},"cs":440000,"cc":[" ","7"],"z":"B","t":"2023-04-06T14:25:06.542305024Z"}}]"#
        )
    };
    bench
        .frame(0, r#"[{"T":"t","i":1,"S":"EEM","x":"M","p":39.1582,"s":440000,"t":"2023-04-06T14:25:06Z","c":[" "]}]"#);
    bench.frame(0, &correct(1, 2, "39.1809"));
    bench.frame(0, &correct(2, 3, "39.2"));
    assert!(bench.topics.state("quote.alpaca.EEM").contains(r#""last":39.2,"#));
    bench.frame(
        0,
        r#"[{"T":"x","S":"EEM","i":3,"x":"M","p":39.2,"s":440000,"a":"C","z":"B","t":"2023-04-06T14:26:00Z"}]"#,
    );
    assert_eq!(bench.topics.state("quote.alpaca.EEM"), "{}", "nobody knows what was last before");
    let events = bench.topics.events("trade.alpaca.EEM");
    let told: Vec<(&str, bool)> = [r#""action":"edit","#, r#""action":"edit","#, r#""action":"remove","#]
        .iter()
        .zip(&events[1..])
        .map(|(action, event)| (*action, event.contains(action) && event.contains(r#""id":"M-1""#)))
        .collect();
    assert!(told.iter().all(|(_, as_wanted)| *as_wanted), "{events:#?}");
    assert_eq!(events.len(), 4);
    assert!(events[3].contains(r#""reason":"cancel""#));
}

#[test]
fn odd_lots_are_no_last_price() {
    let mut bench = bench(&["AAPL"]);
    bench.frame(0, &format!("[{}]", TRADE.replace(r#"["@"]"#, r#"["@","I"]"#)));
    assert_eq!(
        (bench.topics.state("quote.alpaca.AAPL"), bench.topics.events("trade.alpaca.AAPL").len()),
        (String::new(), 1)
    );
}

/// Pitfall 10: halts.
#[test]
fn status_says_whether_it_trades() {
    let mut bench = bench(&["AAPL"]);
    let mut status = |code: &str, text: &str| {
        bench.frame(0, &format!(r#"[{{"T":"s","S":"AAPL","sc":"{code}","sm":"{text}","rc":"T12","rm":"News","t":"2023-04-06T14:26:00Z","z":"C"}}]"#));
        bench.topics.state("instrument.alpaca.AAPL")
    };
    assert_eq!(
        status("H", "Trading Halt"),
        r#"{"status":"halted","status_native":"Trading Halt","status_reason":"News"}"#
    );
    assert!(status("Q", "Quotation Resumption").contains(r#""status":"auction""#));
    assert!(status("T", "Trading Resumption").contains(r#""status":"trading""#));
    assert!(status("P", "Volatility Trading Pause").contains(r#""status":"halted""#));
    assert!(
        status("E", "Short Sale Restriction").contains(r#""status":"halted","status_native":"Short Sale Restriction""#)
    );
    bench.frame(0, r#"[{"T":"l","S":"AAPL","u":3.240,"d":2.65,"i":"B","t":"2023-04-06T14:26:00Z"}]"#);
    assert!(bench.topics.state("instrument.alpaca.AAPL").contains(r#""limit_down":2.65,"limit_up":3.24"#));
}

#[test]
fn bars_are_corrected_and_the_day_goes_on() {
    let mut bench = bench(&["SPY"]);
    let bar = |kind: &str, close: &str, time: &str| {
        format!(
            r#"[{{"T":"{kind}","S":"SPY","o":388.985,"h":389.13,"l":388.975,"c":{close},"v":49378,"vw":389.06,"n":461,"t":"{time}"}}]"#
        )
    };
    bench.frame(0, &bar("b", "389.120", "2021-02-22T19:15:00Z"));
    bench.frame(0, &bar("b", "389.12", "2021-02-22T19:15:00Z"));
    assert_eq!(
        bench.topics.state("bar.1m.alpaca.SPY"),
        r#"{"1614021300000":{"c":389.12,"closed":true,"h":389.13,"l":388.975,"n":461,"o":388.985,"rev":0,"v":49378}}"#
    );
    bench.frame(0, &bar("u", "389.13", "2021-02-22T19:15:00Z"));
    assert!(bench.topics.state("bar.1m.alpaca.SPY").contains(r#""c":389.13,"closed":true"#));
    assert!(bench.topics.state("bar.1m.alpaca.SPY").contains(r#""rev":1"#));
    for n in 16..36 {
        bench.frame(0, &bar("b", "389", &format!("2021-02-22T19:{n}:00Z")));
    }
    let bars = &bench.topics.states["bar.1m.alpaca.SPY"];
    assert_eq!((bars.len(), bars.get("1614021300000")), (16, None));
    bench.frame(0, &bar("d", "389", "2021-02-22T05:00:00Z"));
    bench.frame(0, &bar("d", "390", "2021-02-22T05:00:00Z"));
    assert!(bench.topics.state("bar.1d.alpaca.SPY").contains(r#""c":390,"closed":false"#));
    bench.frame(0, &bar("d", "391", "2021-02-23T05:00:00Z"));
    let days = bench.topics.state("bar.1d.alpaca.SPY");
    assert!(days.contains(r#""c":390,"closed":true"#) && days.contains(r#""c":391,"closed":false"#), "{days}");
}

/// Pitfall 10: the market is closed.
#[test]
fn silence_is_trouble_only_while_the_market_is_open() {
    let silence = Silence { quote_ms: 60_000, ..Silence::default() };
    let mut bench = bench_of(&AlpacaConfig { silence, ..config(&["AAPL"]) });
    let watched = |bench: &Bench| bench.adapter.subscriptions().iter().filter_map(|s| s.silence_ms).collect::<Vec<_>>();
    for (now_ms, limits) in
        [(1_786_370_400_000, vec![60_000]), (1_786_392_000_000, vec![]), (1_786_455_000_000, vec![60_000])]
    {
        bench.now_ms = now_ms;
        bench.handle(Input::Wake);
        assert_eq!(watched(&bench), limits, "{now_ms}");
        assert!(bench.output.wake_at_ms.is_some_and(|wake_at_ms| wake_at_ms > now_ms));
    }
    let quiet = bench_of(&config(&["AAPL"]));
    assert_eq!((watched(&quiet), quiet.output.wake_at_ms), (vec![], None), "by default any silence is normal");
}

#[test]
fn all_symbols() {
    let mut bench = bench(&["*"]);
    bench.frame(0, &format!("[{TRADE},{}]", TRADE.replace("AAPL", "MSFT")));
    assert_eq!(bench.topics.events.len(), 2);
    let trades = &bench.adapter.subscriptions()[0];
    assert_eq!((trades.name.as_str(), trades.topics.len()), ("Trade/*", 2));
    bench.handle(Input::Closed(LinkId(0)));
    bench.handle(Input::Opened(LinkId(0)));
    bench.frame(0, &format!("[{TRADE}]"));
    assert_eq!(bench.topics.lost, [("trade.alpaca.AAPL".to_owned(), None)], "nobody knows what was missed");
}

#[test]
fn errors_are_told_and_acted_upon() {
    for (code, reconnects, told) in [
        (400, false, true),
        (401, true, true),
        (402, true, true),
        (403, false, false),
        (404, true, true),
        (405, false, true),
        (406, true, true),
        (407, true, true),
        (409, false, true),
        (410, false, true),
        (413, false, true),
        (500, true, true),
    ] {
        let mut bench = bench(&["AAPL"]);
        bench.frame(0, &format!(r#"[{{"T":"error","code":{code},"msg":"sorry"}}]"#));
        assert_eq!(!bench.output.reconnects.is_empty(), reconnects, "{code}");
        assert_eq!(bench.output.refusal, told.then(|| format!("{code} sorry")));
        assert_eq!(bench.output.counts.refused, u64::from(told));
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let config = AlpacaConfig {
        symbols: ["aapl", "AAPL", "AAPL", "*"].map(str::to_owned).to_vec(),
        kinds: Vec::new(),
        key: feeds::access::Secret::new("${FANWIRE_NO_SUCH_KEY}"),
        secret: feeds::access::Secret::new(""),
        ws_url: "https://x".into(),
        limits: Limits { backoff_min_ms: 0, ..Limits::default() },
        ..AlpacaConfig::default()
    };
    let problems = config.validate();
    let keys: Vec<&str> = problems.iter().map(|problem| &*problem.key).collect();
    assert_eq!(
        keys,
        ["symbols[0]", "symbols[2]", "symbols[3]", "kinds", "ws_url", "key", "secret", "limits.backoff_min_ms"]
    );
    assert_eq!(problems[5].to_string(), "key: the environment variable FANWIRE_NO_SUCH_KEY is not set");
    let feed: FeedConfig = toml::from_str("provider = \"alpaca\"\nfeed = \"test\"\nsymbols = [\"FAKEPACA\"]\nkinds = [\"trade\"]\nkey = \"a\"\nsecret = \"b\"").unwrap();
    let FeedConfig::Alpaca(config) = &feed else { panic!("{feed:?}") };
    assert_eq!((config.feed, &*config.kinds, feed.validate().len()), (Feed::Test, &[Kind::Trade][..], 0));
    assert!(feed.build().links()[0].url.ends_with("/v2/test"));
}

/// A feed of the simulated server and all that it said.
struct Running {
    updates: mpsc::Receiver<Update>,
    counters: Arc<FeedCounters>,
    faults: Faults,
    topics: support::Topics,
    reasons: Vec<String>,
    _shutdown: watch::Sender<bool>,
}

impl Running {
    async fn start(account: Account, config: AlpacaConfig) -> Running {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ws_url = format!("ws://{}", listener.local_addr().unwrap());
        let faults = Faults::default();
        tokio::spawn(serve(listener, 7, account, faults.clone(), std::future::pending()));
        Running::connect(ws_url, faults, config)
    }

    fn connect(ws_url: String, faults: Faults, config: AlpacaConfig) -> Running {
        let limits = Limits { backoff_min_ms: 20, backoff_max_ms: 100, watch_interval_ms: 20, ..Limits::default() };
        let feed = FeedConfig::Alpaca(AlpacaConfig { ws_url, limits, ..config });
        assert_eq!(feed.validate(), []);
        let (outlet, updates) = outlet_to_updates("alpaca");
        let counters = outlet.counters();
        let (shutdown, signal) = watch::channel(false);
        spawn(&feed, outlet, &Hosts::default(), signal, None);
        let (topics, reasons) = (support::Topics::default(), Vec::new());
        Running { updates, counters, faults, topics, reasons, _shutdown: shutdown }
    }

    /// Reads on until `done`.
    async fn until(&mut self, done: impl Fn(&Running) -> bool) {
        while !done(self) {
            let update = soon(self.updates.recv()).await.expect("the feed ended");
            if let (Change::State(state), "feed") = (&update.change, update.topic.head()) {
                self.reasons.push(state.get("reason").unwrap().as_text().unwrap().to_owned());
            }
            self.topics.take(&mut vec![update]);
        }
    }
}

fn account() -> Account {
    Account::new("K-1", "S\"2")
}

#[tokio::test]
async fn plays_with_the_simulated_server_and_comes_back_after_a_cut() {
    let mut feed = Running::start(account(), config(&["AAPL", "MSFT", "BRK.B"])).await;
    let trades = |feed: &Running| feed.topics.events.values().map(Vec::len).sum::<usize>();
    feed.until(|feed| trades(feed) >= 20 && feed.topics.state("quote.alpaca.BRK_B").contains("bid")).await;
    assert_eq!(feed.topics.events.keys().filter(|topic| topic.contains("FAKEPACA")).count(), 0);
    feed.faults.close_sockets();
    feed.until(|feed| feed.topics.stale.iter().any(|(topic, stale)| topic == "trade.alpaca.AAPL" && *stale)).await;
    feed.until(|feed| !feed.topics.lost.is_empty()).await;
    assert_eq!(feed.counters.rejected.load(Relaxed), 0);
    assert!(feed.counters.dials.load(Relaxed) >= 2);
}

#[tokio::test]
async fn a_wrong_key_is_told_and_tried_again() {
    let wrong = AlpacaConfig { secret: feeds::access::Secret::new("wrong"), ..config(&["AAPL"]) };
    let mut feed = Running::start(account(), wrong).await;
    feed.until(|feed| feed.reasons.iter().any(|reason| reason == "the provider refuses: 402 auth failed")).await;
    feed.until(|feed| feed.counters.dials.load(Relaxed) >= 3).await;
    assert!(feed.topics.events.is_empty());
}

#[tokio::test]
async fn too_many_symbols_a_second_connection_and_a_forbidden_channel_are_told() {
    let strict = Account { symbols_max: 1, ..account() };
    let mut feed = Running::start(strict, config(&["AAPL", "MSFT"])).await;
    feed.until(|feed| feed.reasons.iter().any(|reason| reason.contains("405 symbol limit exceeded"))).await;

    let poor = Account { forbidden: ["lulds"].into(), ..account() };
    let mut feed = Running::start(poor, config(&["AAPL"])).await;
    feed.until(|feed| feed.reasons.iter().any(|reason| reason.contains("409 insufficient subscription"))).await;

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ws_url = format!("ws://{}", listener.local_addr().unwrap());
    tokio::spawn(serve(listener, 7, account(), Faults::default(), std::future::pending()));
    let mut first = Running::connect(ws_url.clone(), Faults::default(), config(&["AAPL"]));
    first.until(|feed| !feed.topics.events.is_empty()).await;
    let mut second = Running::connect(ws_url, Faults::default(), config(&["AAPL"]));
    second.until(|feed| feed.reasons.iter().any(|reason| reason.contains("406 connection limit exceeded"))).await;
    first.until(|feed| feed.topics.events.values().any(|events| events.len() > 2)).await;
    assert_eq!(first.counters.dials.load(Relaxed), 1, "the first one is not disturbed");
}

#[tokio::test]
async fn who_is_too_late_is_told_and_tried_again() {
    let impatient = Account { authentication: Duration::ZERO, ..account() };
    let mut feed = Running::start(impatient, config(&["AAPL"])).await;
    feed.until(|feed| feed.reasons.iter().any(|reason| reason.contains("404 auth timeout"))).await;
}
