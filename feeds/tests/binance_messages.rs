//! Every message of Binance's protocol, written by hand from its documentation, and what becomes of it.

mod support;

use feeds::adapter::{Adapter, Input, LinkId};
use feeds::capture::Head;
use feeds::provider::binance::{Binance, BinanceConfig, BookSource, Kind, TickerStream, TradeStream, Venue};
use feeds::registry::FeedConfig;
use support::Bench;

const LINK: LinkId = LinkId(0);

fn config() -> BinanceConfig {
    BinanceConfig { symbols: vec!["BTC-USDT".into(), "ETH-USDT".into()], ..BinanceConfig::default() }
}

fn bench(venue: Venue, config: &BinanceConfig) -> Bench {
    assert_eq!(config.validate(), []);
    let mut bench = Bench::new(Box::new(Binance::new(venue, config)));
    bench.handle(Input::Start);
    bench.handle(Input::Opened(LINK));
    bench
}

fn spot() -> Bench {
    bench(Venue::Binance, &config())
}

fn diff_books() -> Bench {
    bench(Venue::Binance, &BinanceConfig { book: BookSource::Diff, kinds: vec![Kind::Book], ..config() })
}

fn data(stream: &str, data: &str) -> String {
    format!("{{\"stream\":\"{stream}\",\"data\":{data}}}")
}

fn trade(id: i64, price: &str, is_buyer_maker: bool) -> String {
    let data = format!(
        r#"{{"e":"trade","E":1700000000005,"s":"BTCUSDT","t":{id},"p":"{price}","q":"0.01200000","T":1700000000003,"m":{is_buyer_maker},"M":true}}"#
    );
    self::data("btcusdt@trade", &data)
}

fn diff(first: i64, last: i64, bids: &str, asks: &str) -> String {
    let data = format!(
        r#"{{"e":"depthUpdate","E":1700000000010,"s":"BTCUSDT","U":{first},"u":{last},"b":{bids},"a":{asks}}}"#
    );
    self::data("btcusdt@depth@100ms", &data)
}

const DEPTH_URL: &str = "https://api.binance.com/api/v3/depth?symbol=BTCUSDT&limit=1000";

#[test]
fn a_trade_is_an_event_and_the_quotes_last() {
    let mut bench = spot();
    bench.frame(0, &trade(49, "65083.70000000", false));
    bench.frame(0, &trade(50, "65083.60000000", true));
    assert_eq!(
        bench.topics.events("trade.binance.BTC-USDT"),
        [
            r#"{"id":"49","price":65083.7,"side":"buy","size":0.012,"te":1700000000003}"#,
            r#"{"id":"50","price":65083.6,"side":"sell","size":0.012,"te":1700000000003}"#
        ]
    );
    assert_eq!(bench.topics.state("quote.binance.BTC-USDT"), r#"{"last":65083.6,"last_size":0.012}"#);
    assert_eq!(bench.output.alive, [0, 0]);
}

#[test]
fn a_jump_of_trade_ids_is_a_counted_loss_and_a_repetition_is_dropped() {
    let mut bench = spot();
    for id in [49, 50, 49, 50, 55, 54] {
        bench.frame(0, &trade(id, "1", false));
    }
    let topic = "trade.binance.BTC-USDT";
    assert_eq!(bench.topics.events[topic].len(), 3);
    assert_eq!(bench.topics.lost, [(topic.to_owned(), Some(4))]);
    assert_eq!(bench.output.counts.gaps, 1);
    bench.frame(0, &trade(55 - 2_000_000, "1", false));
    assert_eq!(bench.topics.lost.last().unwrap().1, None, "the venue counts anew");
    assert_eq!(bench.topics.events[topic].len(), 4);
}

#[test]
fn an_agg_trade_names_its_trades() {
    let mut bench = bench(Venue::Binance, &BinanceConfig { trades: Some(TradeStream::Agg), ..config() });
    let agg = r#"{"e":"aggTrade","E":1700000000005,"s":"BTCUSDT","a":7,"p":"58001.03000000","q":"0.08620500","f":100,"l":105,"T":1700000000004,"m":true,"M":true}"#;
    bench.frame(0, &data("btcusdt@aggTrade", agg));
    assert_eq!(
        bench.topics.events("trade.binance.BTC-USDT"),
        [
            r#"{"agg_first":"100","agg_last":"105","id":"7","price":58001.03,"side":"sell","size":0.086205,"te":1700000000004}"#
        ]
    );
}

#[test]
fn a_book_ticker_is_the_best_prices() {
    let mut bench = spot();
    let ticker = |u: i64, bid: &str| {
        data(
            "btcusdt@bookTicker",
            &format!(r#"{{"u":{u},"s":"BTCUSDT","b":"{bid}","B":"31.21000000","a":"25.36520000","A":"40.66"}}"#),
        )
    };
    bench.frame(0, &ticker(10, "25.35190000"));
    bench.frame(0, &ticker(9, "1"));
    let topic = "quote.binance.BTC-USDT";
    assert_eq!(bench.topics.state(topic), r#"{"ask":25.3652,"ask_size":40.66,"bid":25.3519,"bid_size":31.21}"#);
    bench.frame(0, &ticker(11, "0.00000000"));
    assert_eq!(bench.topics.state(topic), r#"{"ask":25.3652,"ask_size":40.66}"#, "an empty side is absent");
    bench.handle(Input::Closed(LINK));
    bench.frame(0, &ticker(3, "2"));
    assert!(bench.topics.state(topic).contains(r#""bid":2"#), "ids may begin anew on a new connection");
}

#[test]
fn a_futures_book_ticker_has_a_time() {
    let mut bench = bench(Venue::BinanceFutures, &config());
    let ticker = r#"{"e":"bookTicker","u":1,"s":"BTCUSDT","b":"7.6110","B":"2","a":"7.6120","A":"297","T":1626992741012,"E":1626992741017}"#;
    let mut frame = data("btcusdt@bookTicker", ticker).into_bytes();
    bench.adapter.handle(Input::Frame(LINK, &mut frame), 0, &mut bench.output);
    assert_eq!(bench.output.updates[0].te, Some(1_626_992_741_017));
    assert_eq!(bench.output.updates[0].topic.as_str(), "quote.binance_futures.BTC-USDT");
}

#[test]
fn a_top_book_is_a_whole_state() {
    let mut bench = spot();
    let book = |id: i64, bid: &str| {
        let text = format!(
            r#"{{"lastUpdateId":{id},"bids":[["{bid}","10"],["0.00230000","0.50"]],"asks":[["0.00260000","100.0"]]}}"#
        );
        data("btcusdt@depth20@100ms", &text)
    };
    bench.frame(0, &book(160, "0.00240000"));
    let topic = "book.binance.BTC-USDT";
    assert_eq!(bench.topics.state(topic), r#"{"asks":{"0.0026":100},"bids":{"0.0023":0.5,"0.0024":10}}"#);
    bench.frame(0, &book(159, "0.001"));
    assert!(bench.topics.state(topic).contains("0.0024"), "older");
    bench.frame(0, &book(161, "0.0026"));
    assert_eq!((bench.output.counts.rejected, bench.topics.resets.len()), (1, 0), "crossed");
    bench.handle(Input::Closed(LINK));
    assert_eq!(bench.output.out_of_sync, 1);
    bench.handle(Input::Opened(LINK));
    assert_eq!(bench.topics.stale, [(topic.to_owned(), true), (topic.to_owned(), true)], "still old");
    bench.frame(0, &book(100, "0.0025"));
    assert_eq!((bench.topics.resets.as_slice(), bench.output.out_of_sync), ([topic.to_owned()].as_slice(), 0));
    assert_eq!(bench.output.counts.resyncs, 1);
}

#[test]
fn a_futures_top_book_has_short_names() {
    let mut bench = bench(Venue::BinanceFutures, &config());
    let book = r#"{"e":"depthUpdate","E":1,"T":1,"s":"BTCUSDT","U":390,"u":391,"pu":389,"b":[["7403.89","0.002"]],"a":[["7405.96","3.340"]]}"#;
    bench.frame(0, &data("btcusdt@depth20@100ms", book));
    let state = bench.topics.state("book.binance_futures.BTC-USDT");
    assert_eq!(state, r#"{"asks":{"7405.96":3.34},"bids":{"7403.89":0.002}}"#);
}

#[test]
fn a_diff_book_is_synced_broken_and_synced_again() {
    let mut bench = diff_books();
    let fetches = bench.fetches();
    assert!(fetches.contains(&DEPTH_URL.to_owned()), "{fetches:?}");
    assert_eq!(bench.output.out_of_sync, 2);
    bench.frame(0, &diff(101, 103, r#"[["10","3"]]"#, "[]"));
    assert!(bench.topics.states.is_empty() && bench.output.alive.is_empty(), "not in sync");
    bench.fetched(
        DEPTH_URL,
        200,
        r#"{"lastUpdateId":100,"bids":[["10","1"],["9","1"]],"asks":[["11","0.00"],["12","5"]]}"#,
    );
    let topic = "book.binance.BTC-USDT";
    assert_eq!(bench.topics.state(topic), r#"{"asks":{"12":5},"bids":{"10":3,"9":1}}"#);
    assert_eq!((bench.output.out_of_sync, bench.output.alive.len()), (1, 1));
    bench.frame(0, &diff(104, 104, r#"[["9","0.00000000"],["8.50","2"],["7","0"]]"#, r#"[["12.0","6"]]"#));
    assert_eq!(bench.topics.state(topic), r#"{"asks":{"12":6},"bids":{"10":3,"8.5":2}}"#);
    bench.frame(0, &diff(106, 106, "[]", "[]"));
    assert_eq!((bench.output.counts.gaps, bench.output.out_of_sync), (1, 2));
    assert_eq!(bench.topics.stale, [(topic.to_owned(), true)]);
    assert_eq!(bench.fetches(), [DEPTH_URL], "that symbol alone");
    bench.fetched(DEPTH_URL, 200, r#"{"lastUpdateId":106,"bids":[["10","7"]],"asks":[["12","7"]]}"#);
    assert_eq!(bench.topics.resets, [topic]);
    assert_eq!(bench.topics.stale, [(topic.to_owned(), true), (topic.to_owned(), false)]);
    assert_eq!((bench.output.counts.resyncs, bench.output.out_of_sync), (1, 1));
    bench.frame(0, &diff(107, 107, r#"[["12","1"]]"#, "[]"));
    assert_eq!((bench.output.counts.gaps, bench.fetches()), (2, vec![DEPTH_URL.to_owned()]), "crossed");
}

#[test]
fn a_failed_snapshot_is_asked_for_again() {
    let mut bench = diff_books();
    bench.fetches();
    for (status, body) in [(429, "{}"), (200, "<html>"), (500, "")] {
        bench.fetched(DEPTH_URL, status, body);
        assert_eq!(bench.fetches(), [DEPTH_URL], "after {status}");
    }
    bench.handle(Input::FetchFailed { url: DEPTH_URL });
    assert_eq!(bench.output.fetches[0].delay_ms, 16_000);
    assert_eq!(bench.output.counts.rejected, 1);
}

#[test]
fn a_kline_is_one_bar_of_the_window() {
    let mut bench = spot();
    let kline = r#"{"e":"kline","E":1700000001000,"s":"BTCUSDT","k":{"t":1700000000000,"T":1700000059999,"s":"BTCUSDT","i":"1m","f":100,"L":200,"o":"0.0010","c":"0.0020","h":"0.0025","l":"0.0015","v":"1000","n":100,"x":false,"q":"1.0000","V":"500","Q":"0.500","B":"123456"}}"#;
    bench.frame(0, &data("btcusdt@kline_1m", kline));
    assert_eq!(
        bench.topics.state("bar.1m.binance.BTC-USDT"),
        r#"{"1700000000000":{"c":0.002,"closed":false,"h":0.0025,"l":0.0015,"n":100,"o":0.001,"rev":0,"v":1000}}"#
    );
}

#[test]
fn bars_are_filled_in_oldest_first() {
    let mut bench = spot();
    let url = "https://api.binance.com/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=500";
    assert!(bench.fetches().contains(&url.to_owned()));
    let start = bench.now_ms - 499 * 60_000 - 1_000;
    let row = |n: i64| {
        let open = start + n * 60_000;
        format!(r#"[{open},"1.0","2.0","0.5","1.5","10.0",{},"15.0",7,"5.0","7.5","0"]"#, open + 59_999)
    };
    let body = format!("[{}]", (0..500).map(row).collect::<Vec<_>>().join(","));
    let mut bytes = body.into_bytes();
    let input = Input::Fetched { url, status: 200, body: &mut bytes };
    bench.adapter.handle(input, bench.now_ms, &mut bench.output);
    assert_eq!(bench.output.updates.len(), 500, "a reader of the log sees all");
    let mut updates = std::mem::take(&mut bench.output.updates);
    bench.topics.take(&mut updates);
    let state = &bench.topics.states["bar.1m.binance.BTC-USDT"];
    let closed: Vec<bool> =
        state.iter().map(|(_, bar)| bar.as_object().unwrap().get("closed") == Some(&true.into())).collect();
    assert_eq!((closed.len(), closed.iter().filter(|closed| **closed).count()), (16, 15), "the last one is open");
}

#[test]
fn tickers_go_into_the_quote() {
    let mut bench = bench(Venue::Binance, &BinanceConfig { kinds: vec![Kind::Ticker], ..config() });
    let mini = r#"{"e":"24hrMiniTicker","E":1700000000000,"s":"BTCUSDT","c":"0.0025","o":"0.0010","h":"0.0030","l":"0.0005","v":"10000","q":"18"}"#;
    bench.frame(0, &data("btcusdt@miniTicker", mini));
    let topic = "quote.binance.BTC-USDT";
    assert_eq!(bench.topics.state(topic), r#"{"high":0.003,"last":0.0025,"low":0.0005,"open":0.001,"volume":10000}"#);
    let config = BinanceConfig { kinds: vec![Kind::Ticker], ticker: TickerStream::Full, ..config() };
    let mut bench = self::bench(Venue::Binance, &config);
    let full = r#"{"e":"24hrTicker","E":1700000000000,"s":"BTCUSDT","p":"0.0015","P":"250.00","w":"0.0018","x":"0.0009","c":"0.0025","Q":"10","b":"0.0024","B":"10","a":"0.0026","A":"100","o":"0.0010","h":"0.0025","l":"0.0010","v":"10000","q":"18","O":0,"C":1,"F":0,"L":18150,"n":18151}"#;
    bench.frame(0, &data("btcusdt@ticker", full));
    assert_eq!(
        bench.topics.state(topic),
        r#"{"high":0.0025,"last":0.0025,"last_size":10,"low":0.001,"open":0.001,"volume":10000,"vwap":0.0018}"#
    );
}

#[test]
fn exchange_info_is_the_instrument() {
    let mut bench = spot();
    let url = bench.fetches().into_iter().find(|url| url.contains("exchangeInfo")).unwrap();
    assert!(url.ends_with("/api/v3/exchangeInfo?symbols=%5B%22BTCUSDT%22,%22ETHUSDT%22%5D"), "{url}");
    bench.fetched(
        &url,
        200,
        r#"{"timezone":"UTC","serverTime":1,"rateLimits":[],"symbols":[
          {"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT","permissions":["SPOT"],"filters":[
            {"filterType":"PRICE_FILTER","minPrice":"0.01000000","maxPrice":"1000000.00000000","tickSize":"0.01000000"},
            {"filterType":"LOT_SIZE","minQty":"0.00001000","maxQty":"9000.00000000","stepSize":"0.00001000"},
            {"filterType":"NOTIONAL","minNotional":"5.00000000","avgPriceMins":5}]},
          {"symbol":"XYZ","status":"BREAK","baseAsset":"X","quoteAsset":"YZ","filters":[]}]}"#,
    );
    assert_eq!(
        bench.topics.state("instrument.binance.BTC-USDT"),
        r#"{"base":"BTC","kind":"spot","lot":0.00001,"min_notional":5,"native":"BTCUSDT","price_scale":2,"quote":"USDT","size_scale":5,"status":"trading","tick":0.01,"venue":"binance"}"#
    );
    assert_eq!(bench.topics.states.len(), 1, "only what is configured");
    assert_eq!(bench.output.wake_at_ms, Some(bench.now_ms + 3_600_000));
    bench.fetched(&url, 400, r#"{"code":-1121,"msg":"Invalid symbol."}"#);
    let alone = bench.fetches().into_iter().filter(|url| url.contains("exchangeInfo?symbols=%5B%22")).count();
    assert_eq!(alone, 2, "each alone");
}

#[test]
fn control_frames() {
    let mut bench = spot();
    bench.frame(0, r#"{"result":null,"id":1}"#);
    assert_eq!((bench.output.counts.rejected, bench.output.counts.ignored), (0, 0));
    bench.frame(0, r#"{"error":{"code":2,"msg":"Invalid request"},"id":2}"#);
    bench.frame(0, r#"{"code":3,"msg":"Invalid JSON"}"#);
    assert_eq!((bench.output.counts.refused, bench.output.counts.rejected), (2, 0));
    bench.frame(0, r#"{"e":"weather","E":1}"#);
    bench.frame(0, &data("btcusdt@weather", r#"{"e":"weather"}"#));
    bench.frame(0, &data("xrpusdt@trade", "{}"));
    bench.frame(0, "[]");
    assert_eq!((bench.output.counts.rejected, bench.output.counts.ignored), (0, 4));
    assert!(bench.output.replacements.is_empty());
    bench.frame(0, r#"{"e":"serverShutdown","E":1}"#);
    bench.frame(0, &data("!serverShutdown", r#"{"e":"serverShutdown","E":1}"#));
    assert_eq!(bench.output.replacements, [LINK, LINK]);
    assert!(bench.topics.states.is_empty() && bench.topics.events.is_empty());
}

#[test]
fn fields_in_another_order() {
    let mut bench = spot();
    let data = r#"{"m":false,"T":3,"q":"1","p":"2","t":9,"s":"BTCUSDT","E":4,"e":"trade"}"#;
    bench.frame(0, &format!(r#" {{ "data" : {data} , "stream" : "btcusdt@trade" }}"#));
    assert_eq!(bench.topics.events("trade.binance.BTC-USDT"), [r#"{"id":"9","price":2,"side":"buy","size":1,"te":3}"#]);
    assert_eq!(bench.output.counts.frames, 1);
}

#[test]
fn what_cannot_be_read_is_rejected_and_hurts_nothing() {
    let mut bench = spot();
    let nested =
        format!(r#"{{"stream":"btcusdt@trade","data":{{"x":{}{}}}}}"#, "[".repeat(200_000), "]".repeat(200_000));
    let bad = [
        "",
        "null",
        "<html>403</html>",
        r#"{"stream":"btcusdt@trade","data":{"#,
        r#"{"stream":"btcusdt@trade","data":{"E":1,"t":1,"p":1.5,"q":"1","T":1,"m":true}}"#,
        r#"{"stream":"btcusdt@trade","data":{"E":1,"t":1,"p":"x","q":"1","T":1,"m":true}}"#,
        r#"{"stream":"btcusdt@trade","data":{"E":1,"t":1,"q":"1","T":1,"m":true}}"#,
        r#"{"stream":"btcusdt@trade"}"#,
        r#"{"stream":"btcusdt@kline_1m","data":{"E":1,"k":[]}}"#,
        r#"{"stream":"btcusdt@depth20@100ms","data":{"lastUpdateId":1,"bids":[["1"]],"asks":[]}}"#,
        &nested,
    ];
    for (n, frame) in bad.iter().enumerate() {
        bench.frame(0, frame);
        let counts = bench.output.counts;
        assert_eq!(counts.rejected as usize, n + 1, "{}", &frame[..frame.len().min(80)]);
    }
    assert!(bench.topics.states.is_empty() && bench.topics.events.is_empty());
    bench.frame(0, &trade(1, "5", false));
    assert_eq!(bench.topics.events["trade.binance.BTC-USDT"].len(), 1);
}

#[test]
fn a_second_connection_of_an_open_link_changes_nothing() {
    let mut bench = diff_books();
    bench.fetches();
    bench.fetched(DEPTH_URL, 200, r#"{"lastUpdateId":100,"bids":[["10","1"]],"asks":[["12","5"]]}"#);
    bench.frame(0, &diff(101, 103, r#"[["10","3"]]"#, "[]"));
    bench.handle(Input::Opened(LINK));
    assert!(bench.fetches().is_empty());
    bench.frame(0, &diff(101, 103, r#"[["10","3"]]"#, "[]"));
    bench.frame(0, &diff(102, 105, r#"[["10","4"]]"#, "[]"));
    assert_eq!(bench.topics.state("book.binance.BTC-USDT"), r#"{"asks":{"12":5},"bids":{"10":4}}"#);
    assert_eq!(bench.output.counts.gaps, 0);
}

#[test]
fn a_capture_of_ours_names_its_symbols() {
    let config = BinanceConfig { symbols: vec!["ABC-XYZ".into()], book_levels: 5, ..BinanceConfig::default() };
    let config = serde_json::to_string(&FeedConfig::Binance(config)).unwrap();
    let addrs = ["abcxyz@trade", "btcusdt@trade", "odd@trade"].map(|name| format!("wss://x/stream?streams={name}"));
    let head = Head { config: Some(config), addrs: addrs.to_vec(), ..Head::default() };
    let adapter = Binance::for_replay(Venue::Binance, &head).unwrap();
    let topics: Vec<&str> = adapter.subscriptions().iter().map(|s| s.topics[0].as_str()).collect();
    assert_eq!(topics, ["trade.binance.ABC-XYZ", "trade.binance.BTC-USDT", "trade.binance.ODD"]);
}

mod any_bytes {
    use super::*;
    use proptest::prelude::*;

    fn frames() -> impl Strategy<Value = Vec<u8>> {
        let good = prop_oneof![
            Just(trade(1, "1.5", true)),
            Just(diff(1, 2, r#"[["1","2"]]"#, r#"[["3","4"]]"#)),
            Just(data("btcusdt@depth20@100ms", r#"{"lastUpdateId":1,"bids":[["1","2"]],"asks":[["3","4"]]}"#)),
            Just(data("btcusdt@bookTicker", r#"{"u":1,"s":"BTCUSDT","b":"1","B":"1","a":"2","A":"1"}"#)),
            Just(data(
                "btcusdt@kline_1m",
                r#"{"E":1,"k":{"t":1,"o":"1","h":"1","l":"1","c":"1","v":"1","n":1,"x":false}}"#
            )),
            Just(r#"{"lastUpdateId":1,"bids":[["1","2"]],"asks":[["3","4"]]}"#.to_owned()),
            Just(r#"[[1,"1","1","1","1","1",2,"1",3,"1","1","0"]]"#.to_owned()),
            Just(r#"{"symbols":[{"symbol":"BTCUSDT","baseAsset":"BTC","quoteAsset":"USDT","filters":[]}]}"#.to_owned()),
        ];
        let broken = (good, proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..4)).prop_map(
            |(text, edits)| {
                let mut bytes = text.into_bytes();
                for (at, byte) in edits {
                    let at = at.index(bytes.len());
                    bytes[at] = byte;
                }
                bytes
            },
        );
        prop_oneof![1 => proptest::collection::vec(any::<u8>(), 0..300), 3 => broken]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn never_panic(inputs in proptest::collection::vec((frames(), 0u8..6), 1..12), diffs in any::<bool>()) {
            let book = if diffs { BookSource::Diff } else { BookSource::Top };
            let mut bench = bench(Venue::Binance, &BinanceConfig { book, ..config() });
            for (mut bytes, what) in inputs {
                let url = ["/api/v3/depth?symbol=BTCUSDT", "/klines?symbol=BTCUSDT", "/exchangeInfo"][usize::from(what % 3)];
                match what {
                    0..3 => bench.handle(Input::Frame(LINK, &mut bytes)),
                    _ => bench.handle(Input::Fetched { url, status: 200, body: &mut bytes }),
                }
            }
        }
    }
}
