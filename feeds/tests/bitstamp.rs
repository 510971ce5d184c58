//! Bitstamp: hand-written frames and bodies, and a recording whose books are rebuilt beside the adapter.

mod support;

use feeds::adapter::{Input, LinkId};
use feeds::capture::{Head, Reader, Record, Speed, replay};
use feeds::market::VenueConfig;
use feeds::model::Decimal;
use feeds::registry::{FeedConfig, for_replay};
use serde_json::Value;
use std::collections::BTreeMap;
use support::{Bench, Topics, exact, frames, levels, recording};

const LINK: LinkId = LinkId(0);
const FILE: &str = "bitstamp/20220105.jsonl.zst";
const BOOK: &str = "book.bitstamp.BTC-USD";
const BOOK_URL: &str = "https://www.bitstamp.net/api/v2/order_book/btcusd/";
const TICKER_URL: &str = "https://www.bitstamp.net/api/v2/ticker/btcusd/";
const SUBSCRIBED: &str = r#"{"event":"bts:subscription_succeeded","channel":"diff_order_book_btcusd","data":{}}"#;

fn bench() -> Bench {
    let feed = FeedConfig::Bitstamp(VenueConfig { symbols: vec!["BTC-USD".into()], ..VenueConfig::default() });
    assert_eq!(feed.validate(), []);
    let mut bench = Bench::new(feed.build());
    bench.handle(Input::Start);
    bench.handle(Input::Opened(LINK));
    bench
}

fn change(micros: i64, bids: &str, asks: &str) -> String {
    format!(
        r#"{{"data":{{"timestamp":"1641343691","microtimestamp":"{micros}","bids":[{bids}],"asks":[{asks}]}},"channel":"diff_order_book_btcusd","event":"data"}}"#
    )
}

fn snapshot(micros: i64, bids: &str, asks: &str) -> String {
    format!(r#"{{"timestamp": "1641343695", "microtimestamp": "{micros}", "bids": [{bids}], "asks": [{asks}]}}"#)
}

#[test]
fn channels_are_asked_for_and_a_snapshot_once_changes_come() {
    let mut bench = bench();
    let sends: Vec<String> = bench.output.sends.drain(..).map(|(_, text)| text).collect();
    assert_eq!(
        sends,
        [
            r#"{"data":{"channel":"live_trades_btcusd"},"event":"bts:subscribe"}"#,
            r#"{"data":{"channel":"diff_order_book_btcusd"},"event":"bts:subscribe"}"#
        ]
    );
    assert_eq!(bench.fetches(), [TICKER_URL]);
    bench.frame(0, SUBSCRIBED);
    bench.frame(0, SUBSCRIBED);
    assert_eq!(bench.fetches(), [BOOK_URL], "once");
}

#[test]
fn pitfall_4_changes_that_were_kept_are_put_in_order_by_their_time() {
    let mut bench = bench();
    bench.frame(0, SUBSCRIBED);
    for micros in [100, 200, 300] {
        bench.frame(0, &change(micros, &format!(r#"["9.{micros}","1"]"#), ""));
    }
    bench.fetched(BOOK_URL, 200, &snapshot(200, r#"["8.00","5"],["7","0"]"#, r#"["11","1"]"#));
    assert_eq!(bench.topics.state(BOOK), r#"{"asks":{"11":1},"bids":{"8":5,"9.3":1}}"#);
    bench.frame(0, &change(250, r#"["9.9","1"]"#, ""));
    bench.frame(0, &change(400, r#"["9.300","0"],["1","0"]"#, ""));
    assert_eq!(bench.topics.state(BOOK), r#"{"asks":{"11":1},"bids":{"8":5}}"#, "the older one was in it");
}

#[test]
fn a_snapshot_older_than_the_changes_or_of_another_connection_is_not_used() {
    let mut bench = bench();
    bench.frame(0, SUBSCRIBED);
    bench.frame(0, &change(200, r#"["9","1"]"#, ""));
    bench.fetches();
    bench.fetched(BOOK_URL, 200, &snapshot(150, r#"["8","1"]"#, ""));
    assert_eq!((bench.topics.state(BOOK).as_str(), bench.fetches().as_slice()), ("", [BOOK_URL.to_owned()].as_slice()));
    bench.handle(Input::Closed(LINK));
    bench.handle(Input::Opened(LINK));
    bench.fetched(BOOK_URL, 200, &snapshot(250, r#"["8","1"]"#, ""));
    assert_eq!((bench.topics.state(BOOK).as_str(), bench.fetches().len()), ("", 0), "asked for before the cut");
    bench.frame(0, SUBSCRIBED);
    assert_eq!(bench.fetches(), [BOOK_URL]);
    bench.fetched(BOOK_URL, 200, &snapshot(350, r#"["8","1"]"#, ""));
    assert_eq!((bench.topics.state(BOOK).as_str(), bench.output.out_of_sync), (r#"{"asks":{},"bids":{"8":1}}"#, 0));
}

#[test]
fn a_failed_snapshot_is_asked_for_again_later_and_a_crossed_book_at_once() {
    let mut bench = bench();
    bench.frame(0, SUBSCRIBED);
    bench.output.fetches.clear();
    bench.handle(Input::FetchFailed { url: BOOK_URL });
    bench.fetched(BOOK_URL, 503, "<html>");
    bench.fetched(BOOK_URL, 200, "<html>");
    let delays: Vec<u64> = bench.output.fetches.drain(..).map(|fetch| fetch.delay_ms).collect();
    assert_eq!((delays, bench.output.counts.rejected), (vec![2_000, 4_000, 8_000], 1));
    bench.fetched(BOOK_URL, 200, &snapshot(100, r#"["9","1"]"#, ""));
    bench.frame(0, &change(200, "", r#"["8","1"]"#));
    assert_eq!((bench.output.counts.gaps, bench.fetches().as_slice()), (1, [BOOK_URL.to_owned()].as_slice()));
    bench.frame(0, &change(300, r#"["7","1"]"#, ""));
    bench.fetched(BOOK_URL, 200, &snapshot(300, r#"["7","1"]"#, r#"["8","1"]"#));
    assert_eq!((bench.topics.resets.as_slice(), bench.output.counts.resyncs), ([BOOK.to_owned()].as_slice(), 1));
}

#[test]
fn pitfall_5_of_twins_the_string_is_read() {
    let mut bench = bench();
    bench.frame(0, r#"{"data":{"id":216000477,"timestamp":"1641343699","amount":0.07920000000000001,"amount_str":"0.07920000","price":3805.4400000000001,"price_str":"3805.44","type":0,"microtimestamp":"1641343699596000","buy_order_id":1443875737346049,"sell_order_id":1443875731320832},"channel":"live_trades_btcusd","event":"trade"}"#);
    assert_eq!(
        bench.topics.events("trade.bitstamp.BTC-USD"),
        [r#"{"id":"216000477","price":3805.44,"side":"buy","size":0.0792,"te":1641343699596}"#]
    );
}

#[test]
fn quotes_are_asked_for_again_and_again() {
    let mut bench = bench();
    bench.output.fetches.clear();
    bench.fetched(TICKER_URL, 200, r#"{"timestamp":"1643640186","open":"2211.00","high":"2811.00","low":"2188.97","last":"2211.00","volume":"213.26801100","vwap":"2189.80","bid":"2188.97","ask":"2211.00","side":"0","open_24":"2211.00","percent_change_24":"13.57"}"#);
    assert_eq!(
        bench.topics.state("quote.bitstamp.BTC-USD"),
        r#"{"ask":2211,"bid":2188.97,"high":2811,"last":2211,"low":2188.97,"open":2211,"volume":213.268011,"vwap":2189.8}"#
    );
    bench.handle(Input::FetchFailed { url: TICKER_URL });
    let again: Vec<(String, u64)> = bench.output.fetches.drain(..).map(|fetch| (fetch.url, fetch.delay_ms)).collect();
    assert_eq!(again, [(TICKER_URL.to_owned(), 10_000), (TICKER_URL.to_owned(), 10_000)]);
    bench.handle(Input::Closed(LINK));
    bench.handle(Input::Opened(LINK));
    assert!(bench.fetches().is_empty(), "they are being asked for already");
}

#[test]
fn the_venue_may_ask_for_a_reconnect_and_refuse() {
    let mut bench = bench();
    bench.frame(0, r#"{"event":"bts:request_reconnect","channel":"","data":""}"#);
    assert_eq!(bench.output.replacements, [LINK]);
    bench.frame(0, r#"{"event":"bts:error","channel":"diff_order_book_btcusd","data":{"code":null,"message":"Bad subscription string."}}"#);
    assert_eq!((bench.output.counts.refused, bench.topics.stale.as_slice()), (1, [(BOOK.to_owned(), true)].as_slice()));
    bench.frame(0, r#"{"event":"bts:heartbeat","channel":"","data":{"status":"success"}}"#);
    bench.frame(0, r#"{"event":"weather","channel":"","data":{}}"#);
    bench.frame(0, r#"{"event":"data","channel":"order_book_btcusd","data":{}}"#);
    bench.frame(0, r#"{"event":"trade","channel":"live_trades_btcusd","data":{"id":1}}"#);
    let counts = bench.output.counts;
    assert_eq!((counts.ignored, counts.rejected), (2, 1));
}

type Side = BTreeMap<Decimal, Decimal>;

/// One pair's book, rebuilt beside the adapter.
#[derive(Default)]
struct Reference {
    sides: [Side; 2],
    last: Option<i64>,
    seen: Vec<Value>,
}

fn micros(book: &Value) -> i64 {
    book["microtimestamp"].as_str().unwrap().parse().unwrap()
}

impl Reference {
    fn apply(&mut self, book: &Value) {
        for (side, name) in self.sides.iter_mut().zip(["bids", "asks"]) {
            for level in book[name].as_array().unwrap() {
                let number = |value: &Value| value.as_str().unwrap().parse::<Decimal>().unwrap();
                match number(&level[1]) {
                    size if size.is_zero() => side.remove(&number(&level[0])),
                    size => side.insert(number(&level[0]), size),
                };
            }
        }
        self.last = Some(micros(book));
    }

    fn change(&mut self, change: Value) {
        match self.last {
            Some(last) if micros(&change) > last => self.apply(&change),
            Some(_) => {}
            None => self.seen.push(change),
        }
    }

    fn snapshot(&mut self, body: &Value) {
        self.apply(body);
        for change in std::mem::take(&mut self.seen) {
            self.change(change);
        }
    }
}

#[test]
fn the_recorded_books_are_right_after_every_frame() {
    let Some(path) = recording(FILE) else { return };
    let mut bench = Bench::new(for_replay("bitstamp", &Head::read(&path).unwrap()).unwrap());
    bench.handle(Input::Opened(LINK));
    let mut books: BTreeMap<String, Reference> = BTreeMap::new();
    let mut compared = 0;
    for entry in Reader::open(&path).unwrap() {
        let native = match entry.unwrap().record {
            Record::Recv { data, .. } => {
                let text = String::from_utf8(data).unwrap();
                bench.frame(0, &text);
                let mut frame: Value = serde_json::from_str(&text).unwrap();
                let native = frame["channel"].as_str().unwrap().strip_prefix("diff_order_book_").map(str::to_owned);
                let Some(native) = native.filter(|_| frame["event"] == "data") else { continue };
                books.entry(native.clone()).or_default().change(frame["data"].take());
                native
            }
            Record::Http { url, data, .. } if url.contains("/order_book/") => {
                let text = String::from_utf8(data).unwrap();
                bench.fetched(&url, 200, &text);
                let native = url.rsplit('/').next().unwrap().to_owned();
                books.entry(native.clone()).or_default().snapshot(&serde_json::from_str(&text).unwrap());
                native
            }
            _ => continue,
        };
        let book = &books[&native];
        if book.last.is_some() {
            let pair = |(price, size): (&Decimal, &Decimal)| (*price, *size);
            let [bids, asks] = &book.sides;
            let wanted = (bids.iter().rev().take(20).map(pair).collect(), asks.iter().take(20).map(pair).collect());
            let quote = native.len() - 3;
            let name = format!("{}-{}", native[..quote].to_uppercase(), native[quote..].to_uppercase());
            assert_eq!(levels(&bench.topics, &format!("book.bitstamp.{name}")), wanted, "{name}");
            compared += 1;
        }
    }
    assert_eq!((books.len(), bench.output.out_of_sync), (10, 0));
    assert!(compared > 400, "{compared}");
}

#[test]
fn the_recording_replayed() {
    let Some(path) = recording(FILE) else { return };
    let mut adapter = for_replay("bitstamp", &Head::read(&path).unwrap()).unwrap();
    let mut topics = Topics::default();
    let counts = replay(&mut *adapter, Reader::open(&path).unwrap(), Speed::Max, |_, updates| topics.take(updates));
    let counts = counts.unwrap();
    assert_eq!((counts.frames, counts.rejected, counts.ignored, counts.gaps), (758, 0, 0, 0), "747 and 11 bodies");
    assert_eq!(topics.events.values().map(Vec::len).sum::<usize>(), 10);
    assert_eq!(topics.states.keys().filter(|topic| topic.starts_with("book.")).count(), 10);
    assert!(exact(frames(&path).iter().map(String::as_str), &[]) > 3_000);
}
