//! The simulated Binance: the pure model first, then its server as a client sees it.

use feeds::simulate::binance::{Bar, Event, Faults, Level, Market, PAIRS, Trade, What, serve};
use futures_util::{SinkExt, StreamExt};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

const START_MS: i64 = 1_763_850_000_123;
const MINUTES: i64 = 4;

/// Some minutes of the market, driven at uneven moments.
fn some_minutes(seed: u64, step_ms: i64) -> (Market, Vec<Event>) {
    let mut market = Market::new(seed, START_MS);
    let end_ms = START_MS + MINUTES * 60_000;
    let mut events = Vec::new();
    let mut now_ms = START_MS;
    while now_ms < end_ms {
        now_ms = end_ms.min(now_ms + step_ms);
        events.extend(market.advance(now_ms));
    }
    (market, events)
}

#[test]
fn the_same_seed_makes_the_same_market_however_it_is_driven() {
    let (_, events) = some_minutes(7, 20);
    let (_, again) = some_minutes(7, 1_337);
    assert_eq!(events.len(), again.len());
    assert!(events == again);
    let (_, other) = some_minutes(8, 20);
    assert!(events != other);
    assert!(events.len() > 5_000, "only {} events", events.len());
}

fn apply(side: &mut BTreeMap<i64, i64>, levels: &[Level]) {
    for (price, size) in levels {
        if *size == 0 {
            side.remove(price)
        } else {
            side.insert(*price, *size)
        };
    }
}

#[test]
fn diffs_rebuild_the_book() {
    for spec in &PAIRS {
        let mut market = Market::new(3, START_MS);
        let start = market.depth(spec.symbol, 5_000).unwrap();
        let mut bids: BTreeMap<i64, i64> = start.bids.iter().copied().collect();
        let mut asks: BTreeMap<i64, i64> = start.asks.iter().copied().collect();
        let mut last = start.update_id;
        // Ends on a multiple of 100 ms: the last diff says everything.
        let end_ms = (START_MS + 20_000) / 100 * 100;
        for event in market.advance(end_ms).into_iter().filter(|event| event.symbol == spec.symbol) {
            match event.what {
                What::Diff(diff) => {
                    assert_eq!(diff.first_update_id, last + 1, "{}: the chain", spec.symbol);
                    last = diff.last_update_id;
                    apply(&mut bids, &diff.bids);
                    apply(&mut asks, &diff.asks);
                }
                What::Depth20(top) => {
                    assert_eq!(top.update_id, last);
                    assert!(top.bids.iter().copied().eq(bids.iter().rev().take(20).map(|(p, q)| (*p, *q))));
                    assert!(top.asks.iter().copied().eq(asks.iter().take(20).map(|(p, q)| (*p, *q))));
                }
                What::BookTicker(best) => {
                    assert!(best.bid.0 < best.ask.0 && best.bid.1 > 0 && best.ask.1 > 0);
                    assert!(best.ask.0 - best.bid.0 <= (2 * spec.gap + 1) * spec.tick, "a spread of a few gaps");
                }
                _ => {}
            }
        }
        let end = market.depth(spec.symbol, 5_000).unwrap();
        assert_eq!(end.update_id, last);
        assert!(end.bids.iter().copied().eq(bids.into_iter().rev()));
        assert!(end.asks.iter().copied().eq(asks));
        assert!(end.bids[0].0 < end.asks[0].0, "{}: crossed", spec.symbol);
    }
}

fn add(bars: &mut BTreeMap<i64, Bar>, time_ms: i64, trade: &Trade) {
    let open_ms = time_ms - time_ms % 60_000;
    let turnover = i128::from(trade.price) * i128::from(trade.size);
    assert_eq!(turnover % 100_000_000, 0, "exact");
    let turnover = (turnover / 100_000_000) as i64;
    let taker = if trade.buyer_is_maker { (0, 0) } else { (trade.size, turnover) };
    let bar = bars.entry(open_ms).or_insert(Bar {
        open_ms,
        open: trade.price,
        high: trade.price,
        low: trade.price,
        close: trade.price,
        volume: 0,
        turnover: 0,
        trades: 0,
        first: trade.id,
        last: trade.id,
        taker_volume: 0,
        taker_turnover: 0,
    });
    bar.high = bar.high.max(trade.price);
    bar.low = bar.low.min(trade.price);
    (bar.close, bar.last) = (trade.price, trade.id);
    bar.trades += 1;
    bar.volume += trade.size;
    bar.turnover += turnover;
    bar.taker_volume += taker.0;
    bar.taker_turnover += taker.1;
}

#[test]
fn bars_are_made_of_the_trades_and_ids_are_contiguous() {
    let (market, events) = some_minutes(11, 500);
    for spec in &PAIRS {
        let (mut bars, mut closed) = (BTreeMap::new(), Vec::new());
        let (mut last_trade, mut last_agg) = (None, None);
        for event in events.iter().filter(|event| event.symbol == spec.symbol) {
            match &event.what {
                What::Trade(trade) => {
                    assert!(last_trade.replace(trade.id).is_none_or(|last| last + 1 == trade.id));
                    assert!(trade.size > 0 && trade.size % spec.lot == 0 && trade.price % spec.tick == 0);
                    add(&mut bars, event.time_ms, trade);
                }
                What::AggTrade(agg) => {
                    assert!(last_agg.replace(agg.id).is_none_or(|last| last + 1 == agg.id));
                    assert_eq!(Some(agg.last), last_trade, "follows its trades");
                }
                What::Kline { bar, closed: true } => closed.push(bar.clone()),
                _ => {}
            }
        }
        assert_eq!(closed.len() as i64, MINUTES);
        // The first is whole too: the market began with its minute's bar empty.
        for bar in &closed {
            assert_eq!(bars.get(&bar.open_ms), Some(bar), "{}", spec.symbol);
        }
        let far = events.iter().any(|event| match &event.what {
            What::Trade(trade) if event.symbol == spec.symbol => {
                (trade.price - spec.start_price).abs() > spec.start_price / 20
            }
            _ => false,
        });
        assert!(!far, "{}: no wild price", spec.symbol);
        past_leads_to(&market.bars(spec.symbol, usize::MAX).unwrap(), &closed);
    }
}

fn past_leads_to(all: &[Bar], closed: &[Bar]) {
    assert!(all.len() > 1_500);
    assert_eq!(&all[all.len() - 1 - closed.len()..all.len() - 1], closed);
    for pair in all.windows(2) {
        assert_eq!(pair[0].open_ms + 60_000, pair[1].open_ms);
        assert!(pair[1].trades == 0 || pair[0].last + 1 == pair[1].first, "trade ids go on over bars");
    }
    for bar in all {
        assert!(bar.low <= bar.open.min(bar.close) && bar.high >= bar.open.max(bar.close) && bar.low > 0);
    }
}

struct Server {
    address: String,
    faults: Faults,
    stop: Option<oneshot::Sender<()>>,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
}

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

impl Server {
    async fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (stop, stopped) = oneshot::channel::<()>();
        let faults = Faults::default();
        let shutdown = async { drop(stopped.await) };
        let task = tokio::spawn(serve(listener, 5, faults.clone(), shutdown));
        Server { address, faults, stop: Some(stop), task }
    }

    async fn socket(&self, path: &str) -> Client {
        tokio_tungstenite::connect_async(format!("ws://{}{path}", self.address)).await.unwrap().0
    }

    /// A GET by hand: status and body.
    async fn get(&self, path: &str) -> (u16, serde_json::Value) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut socket = TcpStream::connect(&self.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap())
    }
}

async fn next(client: &mut Client) -> serde_json::Value {
    loop {
        let message = tokio::time::timeout(Duration::from_secs(20), client.next()).await.expect("a message in time");
        if let Message::Text(text) = message.unwrap().unwrap() {
            return serde_json::from_str(text.as_str()).unwrap();
        }
    }
}

#[tokio::test]
async fn every_stream_speaks() {
    let server = Server::start().await;
    let names = ["trade", "aggTrade", "bookTicker", "depth@100ms", "depth20@100ms", "kline_1m", "ticker", "miniTicker"];
    let streams: Vec<String> =
        PAIRS.iter().flat_map(|spec| names.map(|name| format!("{}@{name}", spec.symbol.to_lowercase()))).collect();
    let mut client = server.socket(&format!("/stream?streams={}", streams.join("/").replace('@', "%40"))).await;
    let mut silent: std::collections::BTreeSet<&str> = streams.iter().map(String::as_str).collect();
    while !silent.is_empty() {
        silent.remove(next(&mut client).await["stream"].as_str().unwrap());
    }
}

#[tokio::test]
async fn combined_streams_and_rest_bridge() {
    let mut server = Server::start().await;
    let streams = "btcusdt@depth@100ms/btcusdt@trade/btcusdt@bookTicker/btcusdt@kline_1m/btcusdt@depth20@100ms";
    let mut client = server.socket(&format!("/stream?streams={streams}")).await;
    let first = next(&mut client).await;
    assert!(streams.split('/').any(|stream| first["stream"] == stream));
    let (status, snapshot) = server.get("/api/v3/depth?symbol=BTCUSDT&limit=1000").await;
    assert_eq!(status, 200);
    let snapshot_id = snapshot["lastUpdateId"].as_i64().unwrap();
    let (mut seen, mut last_u, mut bridged) = (std::collections::BTreeSet::new(), None, false);
    while seen.len() < 5 || !bridged {
        let message = next(&mut client).await;
        let data = &message["data"];
        seen.insert(message["stream"].as_str().unwrap().to_owned());
        if message["stream"] == "btcusdt@depth@100ms" {
            let (first, last) = (data["U"].as_i64().unwrap(), data["u"].as_i64().unwrap());
            assert!(last_u.replace(last).is_none_or(|u| u + 1 == first), "the chain");
            bridged |= first <= snapshot_id + 1 && snapshot_id < last;
        }
    }
    let (status, bars) = server.get("/api/v3/klines?symbol=ETHUSDT&interval=1m&limit=600").await;
    assert_eq!((status, bars.as_array().unwrap().len()), (200, 600));
    let (status, info) = server.get("/api/v3/exchangeInfo").await;
    assert_eq!((status, info["symbols"].as_array().unwrap().len()), (200, 4));
    assert_eq!(server.get("/api/v3/depth?symbol=NOPE").await.0, 400);
    server.stop.take();
    server.task.await.unwrap().unwrap();
    let end = tokio::time::timeout(Duration::from_secs(5), async { while client.next().await.is_some() {} }).await;
    assert!(end.is_ok(), "sockets end with the server");
}

#[tokio::test]
async fn requests_pings_and_a_mistyped_stream() {
    let server = Server::start().await;
    let mut client = server.socket("/ws").await;
    client
        .send(Message::text(r#"{"method":"SUBSCRIBE","params":["btcusdt@trade","btcusd@trade"],"id":1}"#))
        .await
        .unwrap();
    assert_eq!(next(&mut client).await, serde_json::json!({"result": null, "id": 1}));
    let trade = next(&mut client).await;
    assert_eq!((&trade["e"], &trade["s"]), (&"trade".into(), &"BTCUSDT".into()), "not wrapped, and no other stream");
    client.send(Message::text(r#"{"method":"UNSUBSCRIBE","params":["btcusdt@trade"],"id":2}"#)).await.unwrap();
    while next(&mut client).await.get("id").is_none() {}
    client.send(Message::text(r#"{"method":"LIST_SUBSCRIPTIONS","id":3}"#)).await.unwrap();
    assert_eq!(next(&mut client).await["result"], serde_json::json!(["btcusd@trade"]));
    client.send(Message::text("{")).await.unwrap();
    assert_eq!(next(&mut client).await["code"], 2);
}

#[tokio::test]
async fn too_many_requests_close_the_socket() {
    let server = Server::start().await;
    let mut client = server.socket("/ws").await;
    for id in 0..6 {
        let request = format!(r#"{{"method":"LIST_SUBSCRIPTIONS","id":{id}}}"#);
        client.send(Message::text(request)).await.unwrap();
    }
    let mut answers = 0;
    let close = loop {
        match tokio::time::timeout(Duration::from_secs(10), client.next()).await.unwrap() {
            Some(Ok(Message::Text(_))) => answers += 1,
            Some(Ok(Message::Close(close))) => break close.unwrap(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((answers, u16::from(close.code)), (5, 1008));
}

#[tokio::test]
async fn faults_make_gaps_silence_and_cuts() {
    let server = Server::start().await;
    let mut client = server.socket("/ws/btcusdt@depth@100ms/btcusdt@bookTicker").await;
    let mut last_u = None;
    loop {
        let diff = next(&mut client).await;
        if diff["e"] != "depthUpdate" {
            continue;
        }
        let (first, last) = (diff["U"].as_i64().unwrap(), diff["u"].as_i64().unwrap());
        match last_u.replace(last) {
            None => server.faults.drop_diffs("BTCUSDT", 1),
            Some(u) if u + 1 == first => {}
            Some(_) => break,
        }
    }
    server.faults.silence("btcusdt@depth@100ms");
    // What was under way may still come; then only the other stream.
    for _ in 0..2 {
        while next(&mut client).await["e"] == "depthUpdate" {}
    }
    for _ in 0..20 {
        assert_ne!(next(&mut client).await["e"], "depthUpdate");
    }
    server.faults.cut_sockets_after(Duration::from_millis(200));
    let mut short = server.socket("/ws/btcusdt@bookTicker").await;
    let cut = tokio::time::timeout(Duration::from_secs(5), async { while let Some(Ok(_)) = short.next().await {} });
    assert!(cut.await.is_ok());
    server.faults.close_sockets();
    let cut = tokio::time::timeout(Duration::from_secs(5), async { while let Some(Ok(_)) = client.next().await {} });
    assert!(cut.await.is_ok());
}
