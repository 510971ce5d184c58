//! Bybit: hand-written frames, and a recording of spot and contracts whose books are rebuilt beside the adapter.

mod support;

use feeds::adapter::{Input, LinkId};
use feeds::capture::{Entry, Head, Reader, Record, Speed, replay};
use feeds::market::VenueConfig;
use feeds::model::Decimal;
use feeds::registry::{FeedConfig, for_replay};
use serde_json::Value;
use std::collections::BTreeMap;
use support::{Bench, Topics, exact, frames, levels, recording};

const FILE: &str = "bybit/v5_20260809.jsonl.zst";
const BOOK: &str = "book.bybit.BTC-USDT-PERP";
/// Links of a feed that has spot and linear symbols.
const SPOT: usize = 0;
const LINEAR: usize = 1;

fn bench() -> Bench {
    let symbols = ["BTC-USDT", "ETH-USDT", "BTC-USDT-PERP"].map(str::to_owned).to_vec();
    let feed = FeedConfig::Bybit(VenueConfig { symbols, ..VenueConfig::default() });
    assert_eq!(feed.validate(), []);
    let mut bench = Bench::new(feed.build());
    bench.handle(Input::Start);
    bench.handle(Input::Opened(LinkId(SPOT)));
    bench.handle(Input::Opened(LinkId(LINEAR)));
    bench
}

fn book(kind: &str, number: i64, bids: &str, asks: &str) -> String {
    format!(
        r#"{{"topic":"orderbook.200.BTCUSDT","type":"{kind}","ts":1786310818129,"data":{{"s":"BTCUSDT","b":[{bids}],"a":[{asks}],"u":{number},"seq":7}},"cts":1}}"#
    )
}

fn ticker(kind: &str, fields: &str) -> String {
    format!(
        r#"{{"topic":"tickers.BTCUSDT","type":"{kind}","data":{{"symbol":"BTCUSDT",{fields}}},"cs":7,"ts":1786310817883}}"#
    )
}

#[test]
fn each_kind_of_market_has_its_link_and_requests_are_small() {
    let mut bench = bench();
    let urls: Vec<&str> = bench.adapter.links().iter().map(|link| &*link.url).collect();
    assert_eq!(urls, ["wss://stream.bybit.com/v5/public/spot", "wss://stream.bybit.com/v5/public/linear"]);
    let sends: Vec<(usize, String)> = bench.output.sends.drain(..).map(|(link, text)| (link.0, text)).collect();
    assert_eq!(sends.len(), 2);
    assert!(sends[0].0 == SPOT && sends[0].1.contains("orderbook.200.ETHUSDT"), "{sends:?}");
    assert_eq!(
        sends[1],
        (LINEAR, r#"{"args":["publicTrade.BTCUSDT","tickers.BTCUSDT","orderbook.200.BTCUSDT","kline.1.BTCUSDT"],"op":"subscribe"}"#.to_owned())
    );
    let symbols = (0..30).map(|n| format!("A{n}-USDT")).collect();
    let many = FeedConfig::Bybit(VenueConfig { symbols, ..VenueConfig::default() });
    let mut bench = Bench::new(many.build());
    bench.handle(Input::Opened(LinkId(SPOT)));
    let args = |text: &str| serde_json::from_str::<Value>(text).unwrap()["args"].as_array().unwrap().len();
    let sizes: Vec<usize> = bench.output.sends.iter().map(|(_, text)| args(text)).collect();
    assert_eq!((sizes.len(), sizes.iter().max(), sizes.iter().sum::<usize>()), (12, Some(&10), 120));
}

#[test]
fn a_ping_goes_out_every_20_s_to_every_open_link() {
    let mut bench = bench();
    bench.output.sends.clear();
    assert_eq!(bench.output.wake_at_ms, Some(bench.now_ms + 20_000));
    bench.now_ms += 20_000;
    bench.handle(Input::Closed(LinkId(SPOT)));
    bench.handle(Input::Wake);
    assert_eq!(bench.output.sends, [(LinkId(LINEAR), r#"{"op":"ping"}"#.to_owned())]);
    assert_eq!(bench.output.wake_at_ms, Some(bench.now_ms + 20_000));
    bench.frame(LINEAR, r#"{"success":true,"ret_msg":"pong","conn_id":"x","req_id":"","op":"ping"}"#);
    bench.frame(LINEAR, r#"{"req_id":"","op":"pong","args":["1675418560633"],"conn_id":"x"}"#);
    assert_eq!((bench.output.counts.ignored, bench.output.counts.rejected), (0, 0));
}

#[test]
fn a_contracts_ticker_is_merged_and_a_field_that_is_missing_stays() {
    let mut bench = bench();
    let topic = "quote.bybit.BTC-USDT-PERP";
    bench.frame(LINEAR, &ticker("snapshot", r#""lastPrice":"65114.30","bid1Price":"65114.20","bid1Size":"5.954","ask1Price":"65114.30","ask1Size":"10.470","volume24h":"17573.9120","preOpenPrice":"""#));
    bench.frame(LINEAR, &ticker("delta", r#""bid1Size":"6.054","markPrice":"65117.43""#));
    assert_eq!(
        bench.topics.state(topic),
        r#"{"ask":65114.3,"ask_size":10.47,"bid":65114.2,"bid_size":6.054,"last":65114.3,"volume":17573.912}"#
    );
    bench.frame(LINEAR, &ticker("snapshot", r#""lastPrice":"1","bid1Price":"""#));
    assert_eq!(bench.topics.state(topic), r#"{"last":1}"#, "a snapshot's missing field is absent");
    bench.frame(SPOT, &ticker("snapshot", r#""lastPrice":"65140.5","turnover24h":"191907024.69597728""#));
    assert_eq!(bench.topics.state("quote.bybit.BTC-USDT"), r#"{"last":65140.5,"turnover":191907024.69597728}"#);
}

#[test]
fn trades_have_ids_that_are_no_numbers_and_only_a_break_tells_of_missing_ones() {
    let mut bench = bench();
    let trade = r#"{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1786310819681,"data":[{"T":1786310819680,"s":"BTCUSDT","S":"Sell","v":"0.004","p":"65114.20","L":"MinusTick","i":"a9188a0a-82bc-50de-be60-03eedbe3cdd7","BT":false,"RPI":false,"seq":753843954913}]}"#;
    bench.frame(LINEAR, trade);
    let topic = "trade.bybit.BTC-USDT-PERP";
    assert_eq!(
        bench.topics.events(topic),
        [
            r#"{"id":"a9188a0a-82bc-50de-be60-03eedbe3cdd7","price":65114.2,"side":"sell","size":0.004,"te":1786310819680}"#
        ]
    );
    bench.handle(Input::Closed(LinkId(LINEAR)));
    bench.handle(Input::Opened(LinkId(LINEAR)));
    bench.frame(LINEAR, trade);
    assert_eq!(bench.topics.lost, [(topic.to_owned(), None)]);
}

#[test]
fn a_bar_is_closed_by_its_flag() {
    let mut bench = bench();
    let kline = |close: &str, confirm: bool, at: i64| {
        format!(
            r#"{{"type":"snapshot","topic":"kline.1.BTCUSDT","data":[{{"start":1786310760000,"end":1786310819999,"interval":"1","open":"65140.4","close":"{close}","high":"65140.5","low":"65140.4","volume":"0.15318","turnover":"9978.2084389","confirm":{confirm},"timestamp":{at}}}],"ts":{at}}}"#
        )
    };
    bench.frame(SPOT, &kline("65140.5", true, 2));
    bench.frame(SPOT, &kline("1", false, 1));
    assert_eq!(
        bench.topics.state("bar.1m.bybit.BTC-USDT"),
        r#"{"1786310760000":{"c":65140.5,"closed":true,"h":65140.5,"l":65140.4,"o":65140.4,"rev":0,"v":0.15318}}"#
    );
}

#[test]
fn pitfall_4_a_gap_of_u_resyncs_that_symbol_alone() {
    let mut bench = bench();
    bench.frame(LINEAR, &book("delta", 99, r#"["9","1"]"#, ""));
    bench.frame(LINEAR, &book("snapshot", 100, r#"["9.50","1"]"#, r#"["11","2"],["12","0"]"#));
    bench.frame(LINEAR, &book("delta", 101, r#"["9.6","1"],["1","0"]"#, r#"["11","0"]"#));
    bench.frame(LINEAR, &book("delta", 101, r#"["9.7","1"]"#, ""));
    assert_eq!(bench.topics.state(BOOK), r#"{"asks":{},"bids":{"9.5":1,"9.6":1}}"#, "the same number again");
    bench.output.sends.clear();
    bench.frame(LINEAR, &book("delta", 103, r#"["9.8","1"]"#, ""));
    bench.frame(LINEAR, &book("delta", 104, r#"["9.9","1"]"#, ""));
    let again = |word: &str| (LinkId(LINEAR), format!(r#"{{"args":["orderbook.200.BTCUSDT"],"op":"{word}"}}"#));
    assert_eq!(bench.output.sends, [again("unsubscribe"), again("subscribe")]);
    assert_eq!((bench.output.counts.gaps, bench.topics.stale.as_slice()), (1, [(BOOK.to_owned(), true)].as_slice()));
    bench.frame(LINEAR, &book("snapshot", 200, r#"["9","1"]"#, ""));
    assert_eq!((bench.topics.resets.as_slice(), bench.output.counts.resyncs), ([BOOK.to_owned()].as_slice(), 1));
}

#[test]
fn the_service_begins_anew_with_number_1_and_a_crossed_book_is_broken() {
    let mut bench = bench();
    bench.frame(LINEAR, &book("snapshot", 100, r#"["9","1"]"#, ""));
    bench.frame(LINEAR, &book("delta", 1, r#"["8","1"]"#, ""));
    assert_eq!(bench.topics.state(BOOK), r#"{"asks":{},"bids":{"8":1}}"#, "a snapshot, whatever it is called");
    bench.frame(LINEAR, &book("delta", 2, "", r#"["7","1"]"#));
    assert_eq!((bench.output.counts.gaps, bench.topics.stale.len()), (1, 1));
    assert_eq!(bench.topics.state("book.bybit.BTC-USDT"), "", "spot has the same name and is another book");
}

#[test]
fn pitfall_1_a_refused_subscription_is_named_and_counted() {
    let mut bench = bench();
    bench.frame(
        SPOT,
        r#"{"success":false,"ret_msg":"Invalid topic: orderbook.200.ETHUSDT","conn_id":"x","op":"subscribe"}"#,
    );
    assert_eq!(bench.topics.stale, [("book.bybit.ETH-USDT".to_owned(), true)]);
    bench.frame(SPOT, r#"{"success":true,"ret_msg":"subscribe","conn_id":"x","op":"subscribe"}"#);
    bench.frame(SPOT, r#"{"topic":"weather.BTCUSDT","data":{}}"#);
    bench.frame(SPOT, r#"{"topic":"tickers.DOGEUSDT","type":"snapshot","data":{}}"#);
    bench.frame(SPOT, r#"{"topic":"tickers.BTCUSDT","data":{"lastPrice":1.5}}"#);
    let counts = bench.output.counts;
    assert_eq!((counts.refused, counts.ignored, counts.rejected), (1, 2, 1));
}

type Book = [BTreeMap<Decimal, Decimal>; 2];

fn take(book: &mut Book, frame: &Value) {
    for (side, name) in book.iter_mut().zip(["b", "a"]) {
        if frame["type"] == "snapshot" {
            side.clear();
        }
        for level in frame["data"][name].as_array().unwrap() {
            let number = |value: &Value| value.as_str().unwrap().parse::<Decimal>().unwrap();
            match number(&level[1]) {
                size if size.is_zero() => side.remove(&number(&level[0])),
                size => side.insert(number(&level[0]), size),
            };
        }
    }
}

#[test]
fn the_recording_has_no_gap_and_its_books_are_right_after_every_frame() {
    let Some(path) = recording(FILE) else { return };
    let head = Head::read(&path).unwrap();
    let mut bench = Bench::new(for_replay("bybit", &head).unwrap());
    let mut books: BTreeMap<(usize, String), Book> = BTreeMap::new();
    for entry in Reader::open(&path).unwrap() {
        let Entry { record: Record::Recv { conn, data }, .. } = entry.unwrap() else { continue };
        let text = String::from_utf8(data).unwrap();
        let link = usize::from(conn == "BYBIT.ws.3");
        bench.frame(link, &text);
        let frame: Value = serde_json::from_str(&text).unwrap();
        let Some(native) = frame["topic"].as_str().and_then(|topic| topic.strip_prefix("orderbook.200.")) else {
            continue;
        };
        let book = books.entry((link, native.to_owned())).or_default();
        take(book, &frame);
        let pair = |(price, size): (&Decimal, &Decimal)| (*price, *size);
        let wanted = (book[0].iter().rev().take(20).map(pair).collect(), book[1].iter().take(20).map(pair).collect());
        let (base, kind) = (native.strip_suffix("USDT").unwrap(), if link == 0 { "-PERP" } else { "" });
        assert_eq!(levels(&bench.topics, &format!("book.bybit.{base}-USDT{kind}")), wanted);
    }
    assert_eq!(books.len(), 6);
    assert_eq!((bench.output.counts.frames, bench.output.counts.gaps, bench.output.out_of_sync), (3_227, 0, 0));
}

#[test]
fn the_recording_replayed() {
    let Some(path) = recording(FILE) else { return };
    let mut adapter = for_replay("bybit", &Head::read(&path).unwrap()).unwrap();
    let mut topics = Topics::default();
    let counts = replay(&mut *adapter, Reader::open(&path).unwrap(), Speed::Max, |_, updates| topics.take(updates));
    let counts = counts.unwrap();
    assert_eq!((counts.frames, counts.rejected, counts.ignored, counts.gaps), (3_229, 0, 0, 0), "and two bodies");
    let trades: usize = topics.events.values().map(Vec::len).sum();
    let rows = frames(&path)
        .into_iter()
        .filter(|text| text.contains("publicTrade"))
        .map(|text| text.matches("\"BT\":").count());
    assert_eq!(trades, rows.sum::<usize>());
    for symbol in ["BTC-USDT", "BTC-USDT-PERP", "DOGE-USDT-PERP"] {
        for head in ["quote", "book", "bar.1m"] {
            assert!(topics.states.contains_key(&format!("{head}.bybit.{symbol}")), "{head} {symbol}");
        }
    }
    assert!(topics.lost.is_empty() && topics.resets.is_empty() && topics.stale.is_empty());
    assert!(exact(frames(&path).iter().map(String::as_str), &[]) > 10_000);
}
