//! Coinbase Advanced Trade: hand-written frames, a recording whose books are rebuilt beside the adapter, and the time
//! that the first frame of a large book takes.

mod support;

use feeds::adapter::{Adapter, Input, LinkId, Output};
use feeds::capture::{Head, Reader, Speed, replay};
use feeds::market::VenueConfig;
use feeds::model::Decimal;
use feeds::registry::{FeedConfig, for_replay};
use serde_json::Value;
use std::collections::BTreeMap;
use support::{Bench, Topics, exact, frames, levels, recording};

const LINK: LinkId = LinkId(0);
const FILE: &str = "coinbase_advanced/advanced_20260809_btc_eth.jsonl.zst";
const BOOK: &str = "book.coinbase_advanced.BTC-USD";

fn bench(symbols: &[&str]) -> Bench {
    let symbols = symbols.iter().map(|symbol| (*symbol).to_owned()).collect();
    let feed = FeedConfig::CoinbaseAdvanced(VenueConfig { symbols, ..VenueConfig::default() });
    assert_eq!(feed.validate(), []);
    let mut bench = Bench::new(feed.build());
    bench.handle(Input::Start);
    bench.handle(Input::Opened(LINK));
    bench
}

fn frame(number: u64, channel: &str, events: &str) -> String {
    format!(
        r#"{{"channel":"{channel}","timestamp":"2026-08-09T21:05:48.228568804Z","sequence_num":{number},"events":[{events}]}}"#
    )
}

fn book(number: u64, kind: &str, levels: &[(&str, &str, &str)]) -> String {
    let updates = levels.iter().map(|(side, price, quantity)| {
        format!(r#"{{"side":"{side}","event_time":"1970-01-01T00:00:00Z","price_level":"{price}","new_quantity":"{quantity}"}}"#)
    });
    let updates = updates.collect::<Vec<_>>().join(",");
    frame(number, "l2_data", &format!(r#"{{"type":"{kind}","product_id":"BTC-USD","updates":[{updates}]}}"#))
}

fn trade(id: u64, side: &str) -> String {
    format!(
        r#"{{"product_id":"BTC-USD","trade_id":"{id}","price":"65083.67","size":"0.002186","time":"2026-08-09T21:05:42.514318Z","side":"{side}"}}"#
    )
}

#[test]
fn every_channel_and_the_heartbeats_are_asked_for() {
    let mut bench = bench(&["BTC-USD"]);
    let sends: Vec<String> = bench.output.sends.drain(..).map(|(_, text)| text).collect();
    let channels = ["market_trades", "ticker", "level2", "candles"];
    for (text, channel) in sends.iter().zip(channels) {
        assert_eq!(text, &format!(r#"{{"channel":"{channel}","product_ids":["BTC-USD"],"type":"subscribe"}}"#));
    }
    assert_eq!(sends[4], r#"{"channel":"heartbeats","type":"subscribe"}"#);
}

#[test]
fn pitfall_6_the_makers_side_becomes_the_takers() {
    let mut bench = bench(&["BTC-USD"]);
    let events = format!(r#"{{"type":"snapshot","trades":[{},{}]}}"#, trade(12, "SELL"), trade(11, "BUY"));
    bench.frame(0, &frame(0, "market_trades", &events));
    assert_eq!(
        bench.topics.events("trade.coinbase_advanced.BTC-USD"),
        [
            r#"{"id":"11","price":65083.67,"side":"sell","size":0.002186,"te":1786309542514}"#,
            r#"{"id":"12","price":65083.67,"side":"buy","size":0.002186,"te":1786309542514}"#
        ]
    );
    let later = format!(r#"{{"type":"update","trades":[{},{}]}}"#, trade(15, "SELL"), trade(12, "SELL"));
    bench.frame(0, &frame(1, "market_trades", &later));
    assert_eq!(bench.topics.lost, [("trade.coinbase_advanced.BTC-USD".to_owned(), Some(2))]);
}

#[test]
fn a_quote_and_bars_of_five_minutes() {
    let mut bench = bench(&["BTC-USD"]);
    bench.frame(0, &frame(0, "ticker", r#"{"type":"snapshot","tickers":[{"type":"ticker","product_id":"BTC-USD","price":"65086.18","volume_24_h":"2867.54532609","low_24_h":"64675.22","high_24_h":"65252.99","low_52_w":"57717.55","high_52_w":"126296","price_percent_chg_24_h":"0.09601107287722","best_bid":"65083.66","best_ask":"65083.67","best_bid_quantity":"0.20371215","best_ask_quantity":"0.24290402"}]}"#));
    assert_eq!(
        bench.topics.state("quote.coinbase_advanced.BTC-USD"),
        r#"{"ask":65083.67,"ask_size":0.24290402,"bid":65083.66,"bid_size":0.20371215,"change_pct":0.09601107287722,"high":65252.99,"last":65086.18,"low":64675.22,"volume":2867.54532609}"#
    );
    let candle = |start: u64| {
        format!(
            r#"{{"start":"{start}","high":"1916.6","low":"1915.91","open":"1916.11","close":"25","volume":"13.9044026","product_id":"BTC-USD"}}"#
        )
    };
    let candles: Vec<String> = (0..100).rev().map(|n| candle(1_786_279_500 + n * 300)).collect();
    bench.frame(0, &frame(1, "candles", &format!(r#"{{"type":"snapshot","candles":[{}]}}"#, candles.join(","))));
    let bars = &bench.topics.states["bar.5m.coinbase_advanced.BTC-USD"];
    assert_eq!((bars.len(), bars.to_string().matches(r#""closed":false"#).count()), (16, 1));
    assert!(bars.get("1786309200000").unwrap().as_object().unwrap().to_string().contains(r#""c":25,"closed":false"#));
}

#[test]
fn pitfall_4_a_book_is_kept_and_a_crossed_one_is_asked_for_again() {
    let mut bench = bench(&["BTC-USD"]);
    bench.frame(0, &book(0, "update", &[("bid", "1", "1")]));
    assert_eq!(bench.topics.state(BOOK), "", "a change without a book");
    bench.frame(0, &book(1, "snapshot", &[("bid", "9.5", "1"), ("offer", "11", "2"), ("offer", "12", "0")]));
    bench.frame(0, &book(2, "update", &[("offer", "11", "0"), ("offer", "10.5", "3"), ("bid", "1", "0")]));
    assert_eq!(bench.topics.state(BOOK), r#"{"asks":{"10.5":3},"bids":{"9.5":1}}"#);
    bench.output.sends.clear();
    bench.frame(0, &book(3, "update", &[("bid", "10.5", "1")]));
    assert_eq!((bench.output.counts.gaps, bench.output.sends.len(), bench.output.out_of_sync), (1, 2, 1));
    assert!(bench.output.sends[0].1.contains(r#""level2","product_ids":["BTC-USD"],"type":"unsubscribe""#));
    bench.frame(0, &book(4, "snapshot", &[("bid", "9", "1")]));
    assert_eq!((bench.topics.resets.as_slice(), bench.output.out_of_sync), ([BOOK.to_owned()].as_slice(), 0));
}

#[test]
fn a_gap_in_the_connections_numbers_costs_the_connection_and_is_told() {
    let mut bench = bench(&["BTC-USD"]);
    bench.frame(0, &book(0, "snapshot", &[("bid", "9", "1")]));
    bench.frame(0, &frame(1, "heartbeats", r#"{"current_time":"2026","heartbeat_counter":1}"#));
    bench.frame(0, &frame(3, "heartbeats", r#"{"current_time":"2026","heartbeat_counter":3}"#));
    bench.frame(0, &book(4, "update", &[("bid", "9", "7")]));
    assert_eq!((bench.output.counts.gaps, bench.output.reconnects.as_slice()), (1, [LINK].as_slice()), "once");
    assert_eq!(bench.topics.stale, [(BOOK.to_owned(), true)]);
    bench.handle(Input::Closed(LINK));
    bench.handle(Input::Opened(LINK));
    bench.frame(0, &book(0, "snapshot", &[("bid", "9", "2")]));
    assert_eq!(bench.topics.resets, [BOOK]);
    assert_eq!((bench.output.counts.gaps, bench.output.counts.resyncs), (1, 1));
}

#[test]
fn pitfall_2_two_connections_overlap_without_a_gap() {
    let mut bench = bench(&["BTC-USD"]);
    bench.frame(0, &book(0, "snapshot", &[("bid", "9", "1")]));
    bench.handle(Input::Opened(LINK));
    bench.frame(0, &book(1, "update", &[("bid", "9", "2")]));
    bench.frame(0, &book(0, "snapshot", &[("bid", "9", "3")]));
    bench.frame(0, &book(2, "update", &[("bid", "9", "2")]));
    bench.frame(0, &book(1, "update", &[("bid", "9", "4")]));
    assert_eq!(bench.topics.state(BOOK), r#"{"asks":{},"bids":{"9":4}}"#);
    assert_eq!((bench.output.counts.gaps, bench.output.reconnects.len()), (0, 0));
}

#[test]
fn pitfall_10_an_alias_in_usdc_is_found_under_usd() {
    let mut bench = bench(&["BTC-USDC"]);
    bench.frame(0, &book(0, "snapshot", &[("bid", "9", "1")]));
    assert_eq!(bench.topics.state("book.coinbase_advanced.BTC-USDC"), r#"{"asks":{},"bids":{"9":1}}"#);
}

#[test]
fn pitfall_1_a_refused_subscription_is_named_and_counted() {
    let mut bench = bench(&["BTC-USD", "ETH-USD"]);
    bench.frame(0, r#"{"type":"error","message":"ETH-USD is not a valid product"}"#);
    assert_eq!(bench.output.counts.refused, 1);
    assert!(bench.topics.stale.iter().all(|(topic, _)| topic.ends_with("ETH-USD")) && bench.topics.stale.len() == 4);
    bench.frame(0, &frame(0, "weather", ""));
    bench.frame(0, "{");
    assert_eq!((bench.output.counts.ignored, bench.output.counts.rejected), (1, 1));
}

#[derive(Default)]
struct Reference {
    bids: BTreeMap<Decimal, Decimal>,
    offers: BTreeMap<Decimal, Decimal>,
}

impl Reference {
    fn take(&mut self, event: &Value) {
        if event["type"] == "snapshot" {
            *self = Reference::default();
        }
        for update in event["updates"].as_array().unwrap() {
            let number = |field: &str| update[field].as_str().unwrap().parse::<Decimal>().unwrap();
            let side = if update["side"] == "bid" { &mut self.bids } else { &mut self.offers };
            match number("new_quantity") {
                size if size.is_zero() => side.remove(&number("price_level")),
                quantity => side.insert(number("price_level"), quantity),
            };
        }
    }
}

#[test]
fn the_recording_has_no_gap_and_its_books_are_right_after_every_frame() {
    let Some(path) = recording(FILE) else { return };
    let mut bench = Bench::new(for_replay("coinbase_advanced", &Head::read(&path).unwrap()).unwrap());
    bench.handle(Input::Opened(LINK));
    let mut books: BTreeMap<String, Reference> = BTreeMap::new();
    for frame in frames(&path) {
        bench.frame(0, &frame);
        let value: Value = serde_json::from_str(&frame).unwrap();
        for event in value["events"].as_array().unwrap().iter().filter(|_| value["channel"] == "l2_data") {
            let product = event["product_id"].as_str().unwrap();
            let book = books.entry(product.to_owned()).or_default();
            book.take(event);
            let pair = |(price, size): (&Decimal, &Decimal)| (*price, *size);
            let wanted =
                (book.bids.iter().rev().take(20).map(pair).collect(), book.offers.iter().take(20).map(pair).collect());
            assert_eq!(levels(&bench.topics, &format!("book.coinbase_advanced.{product}")), wanted);
        }
    }
    let counts = bench.output.counts;
    assert_eq!((counts.frames, counts.rejected, counts.ignored, counts.gaps), (1_030, 0, 0, 0));
    assert_eq!((books.len(), bench.output.out_of_sync), (2, 0));
}

#[test]
fn the_recording_replayed() {
    let Some(path) = recording(FILE) else { return };
    let mut adapter = for_replay("coinbase_advanced", &Head::read(&path).unwrap()).unwrap();
    let mut topics = Topics::default();
    let counts = replay(&mut *adapter, Reader::open(&path).unwrap(), Speed::Max, |_, updates| topics.take(updates));
    let counts = counts.unwrap();
    assert_eq!((counts.frames, counts.rejected, counts.gaps), (1_031, 0, 0), "and one body");
    assert!(topics.lost.is_empty() && topics.resets.is_empty() && topics.stale.is_empty());
    let ids = |symbol: &str| topics.events[&format!("trade.coinbase_advanced.{symbol}")].len();
    assert!(ids("BTC-USD") > 50 && ids("ETH-USD") > 50);
    assert!(exact(frames(&path).iter().map(String::as_str), &[]) > 100_000);
}

/// Plays the first frame of BTC-USD, 5 MB, `times` times into fresh adapters: µs from the bytes to the updates.
fn first_frame_us(times: usize) -> Option<Vec<u128>> {
    let path = recording(FILE)?;
    let head = Head::read(&path).unwrap();
    let large = frames(&path).into_iter().max_by_key(String::len).unwrap();
    assert!(large.len() > 5_000_000);
    let one = |_| {
        let mut adapter: Box<dyn Adapter> = for_replay("coinbase_advanced", &head).unwrap();
        let (mut output, mut bytes) = (Output::default(), large.clone().into_bytes());
        let start = std::time::Instant::now();
        adapter.handle(Input::Frame(LINK, &mut bytes), 0, &mut output);
        let took_us = start.elapsed().as_micros();
        assert_eq!(output.updates.len(), 1);
        took_us
    };
    let mut took: Vec<u128> = (0..times).map(one).collect();
    took.sort_unstable();
    Some(took)
}

/// Run it with `cargo test --release -p feeds --test coinbase_advanced -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement, of use in a release build only"]
#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
fn pitfall_9_the_first_frame_of_a_large_book_takes_at_most_50_ms() {
    let Some(took) = first_frame_us(50) else { return };
    let (median, worst) = (took[took.len() / 2], took[took.len() - 1]);
    println!("5 MB book frame: median {median} us, worst {worst} us of {}", took.len());
    assert!(worst <= 50_000, "{worst} us");
}
