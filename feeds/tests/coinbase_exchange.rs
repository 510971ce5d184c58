//! Coinbase Exchange: hand-written frames, and a recording whose books are rebuilt beside the adapter.

mod support;

use feeds::adapter::{Input, LinkId};
use feeds::capture::{Head, Reader, Speed, replay};
use feeds::market::VenueConfig;
use feeds::model::Decimal;
use feeds::registry::{FeedConfig, for_replay};
use serde_json::Value;
use std::collections::BTreeMap;
use support::{Bench, Topics, exact, frames, levels, recording};

const LINK: LinkId = LinkId(0);
const FILE: &str = "coinbase_exchange/ws_feed_20210417_dev.jsonl.zst";
const BOOK: &str = "book.coinbase_exchange.BTC-USD";
const TRADE: &str = "trade.coinbase_exchange.BTC-USD";
const SNAPSHOT: &str =
    r#"{"type":"snapshot","product_id":"BTC-USD","asks":[["14.80","12.77"],["14.81","0"]],"bids":[["14.7","3"]]}"#;

fn bench() -> Bench {
    let symbols = vec!["BTC-USD".into(), "ETH-USD".into()];
    let feed = FeedConfig::CoinbaseExchange(VenueConfig { symbols, ..VenueConfig::default() });
    assert_eq!(feed.validate(), []);
    let mut bench = Bench::new(feed.build());
    bench.handle(Input::Start);
    bench.handle(Input::Opened(LINK));
    bench
}

fn matched(kind: &str, id: i64) -> String {
    format!(
        r#"{{"type":"{kind}","trade_id":{id},"maker_order_id":"27fff20b","taker_order_id":"1da6ce16","side":"sell","size":"0.04","price":"14.7775","product_id":"BTC-USD","sequence":333938798,"time":"2021-04-17T16:43:30.244075Z"}}"#
    )
}

fn ticker(sequence: i64, price: &str) -> String {
    format!(
        r#"{{"type":"ticker","sequence":{sequence},"product_id":"BTC-USD","price":"{price}","open_24h":"14.6647","volume_24h":"94381.28000000","low_24h":"14.3691","high_24h":"16.55","volume_30d":"2295579.57000000","best_bid":"14.7550","best_ask":"14.8060","side":"buy","time":"2021-04-17T16:43:30.244075Z","trade_id":881613,"last_size":"0.04"}}"#
    )
}

#[test]
fn one_message_asks_for_everything() {
    let bench = bench();
    assert_eq!(
        bench.output.sends,
        [(
            LINK,
            r#"{"channels":["matches","ticker","level2_batch","heartbeat"],"product_ids":["BTC-USD","ETH-USD"],"type":"subscribe"}"#.to_owned()
        )]
    );
}

#[test]
fn pitfall_6_the_makers_side_becomes_the_takers_and_ids_tell_what_is_missing() {
    let mut bench = bench();
    for (kind, id) in [("last_match", 881_613), ("match", 881_614), ("match", 881_614), ("match", 881_617)] {
        bench.frame(0, &matched(kind, id));
    }
    let events = bench.topics.events(TRADE);
    assert_eq!(events[0], r#"{"id":"881613","price":14.7775,"side":"buy","size":0.04,"te":1618677810244}"#);
    assert_eq!((events.len(), bench.topics.lost.as_slice()), (3, [(TRADE.to_owned(), Some(2))].as_slice()));
    bench.handle(Input::Closed(LINK));
    bench.handle(Input::Opened(LINK));
    bench.frame(0, &matched("last_match", 881_620));
    assert_eq!(bench.topics.lost[1].1, Some(2), "what was traded while no connection was there");
}

#[test]
fn a_quote_and_one_that_is_older() {
    let mut bench = bench();
    bench.frame(0, &ticker(10, "14.7775"));
    bench.frame(0, &ticker(9, "1"));
    assert_eq!(
        bench.topics.state("quote.coinbase_exchange.BTC-USD"),
        r#"{"ask":14.806,"bid":14.755,"high":16.55,"last":14.7775,"last_size":0.04,"low":14.3691,"open":14.6647,"volume":94381.28}"#
    );
}

#[test]
fn pitfall_4_books_from_snapshot_to_reset() {
    let mut bench = bench();
    bench.frame(0, SNAPSHOT);
    bench.frame(0, r#"{"type":"l2update","product_id":"BTC-USD","changes":[["sell","14.80","0.00"],["buy","14.75","2.50"],["sell","99","0"]],"time":"2021-04-17T16:43:37.078325Z"}"#);
    assert_eq!(bench.topics.state(BOOK), r#"{"asks":{},"bids":{"14.7":3,"14.75":2.5}}"#);
    bench.output.sends.clear();
    bench.frame(0, r#"{"type":"l2update","product_id":"BTC-USD","changes":[["sell","14.0","1"]],"time":"2021-04-17T16:43:37.078325Z"}"#);
    assert_eq!((bench.output.counts.gaps, bench.output.sends.len()), (1, 2), "crossed");
    assert!(
        bench.output.sends[1].1.contains(r#""channels":["level2_batch"],"product_ids":["BTC-USD"],"type":"subscribe""#)
    );
    bench.frame(0, SNAPSHOT);
    bench.handle(Input::Closed(LINK));
    bench.handle(Input::Opened(LINK));
    bench.frame(0, SNAPSHOT);
    assert_eq!(
        (bench.topics.resets.as_slice(), bench.output.counts.resyncs),
        ([BOOK.to_owned(), BOOK.to_owned()].as_slice(), 2)
    );
}

#[test]
fn pitfalls_1_and_8_refusals_unknown_types_and_garbage() {
    let mut bench = bench();
    bench.frame(0, r#"{"type":"error","message":"Failed to subscribe","reason":"ETH-USD is not a valid product"}"#);
    bench.frame(0, r#"{"type":"weather","product_id":"BTC-USD"}"#);
    bench.frame(
        0,
        r#"{"type":"match","product_id":"DOGE-USD","trade_id":1,"side":"buy","size":"1","price":"1","time":""}"#,
    );
    bench.frame(0, r#"{"type":"heartbeat","sequence":90,"last_trade_id":20,"product_id":"BTC-USD","time":"2014-11-07T08:19:28.464459Z"}"#);
    bench.frame(0, r#"{"type":"match","product_id":"BTC-USD"}"#);
    bench.frame(0, "<html>");
    let counts = bench.output.counts;
    assert_eq!((counts.refused, counts.ignored, counts.rejected), (1, 2, 2));
    assert_eq!(bench.topics.stale.len(), 3, "of ETH-USD everything");
}

#[test]
fn the_recording_has_no_gap_and_its_books_are_right_after_every_frame() {
    let Some(path) = recording(FILE) else { return };
    let mut bench = Bench::new(for_replay("coinbase_exchange", &Head::read(&path).unwrap()).unwrap());
    bench.handle(Input::Opened(LINK));
    let mut books: BTreeMap<String, [BTreeMap<Decimal, Decimal>; 2]> = BTreeMap::new();
    for frame in frames(&path) {
        bench.frame(0, &frame);
        let value: Value = serde_json::from_str(&frame).unwrap();
        let Some(product) = value["product_id"].as_str() else { continue };
        let book = books.entry(product.to_owned()).or_default();
        let number = |value: &Value| value.as_str().unwrap().parse::<Decimal>().unwrap();
        for (index, side) in ["bids", "asks"].into_iter().enumerate().filter(|_| value["type"] == "snapshot") {
            let levels = value[side].as_array().unwrap().iter();
            book[index] = levels.map(|level| (number(&level[0]), number(&level[1]))).collect();
        }
        for change in value["changes"].as_array().into_iter().flatten() {
            let side = &mut book[usize::from(change[0] == "sell")];
            match number(&change[2]) {
                size if size.is_zero() => side.remove(&number(&change[1])),
                size => side.insert(number(&change[1]), size),
            };
        }
        let pair = |(price, size): (&Decimal, &Decimal)| (*price, *size);
        let wanted = (book[0].iter().rev().take(20).map(pair).collect(), book[1].iter().take(20).map(pair).collect());
        if !matches!(&wanted, (bids, asks) if Vec::is_empty(bids) && Vec::is_empty(asks)) {
            assert_eq!(levels(&bench.topics, &format!("book.coinbase_exchange.{product}")), wanted);
        }
    }
    assert_eq!((books.len(), bench.output.out_of_sync), (5, 0));
}

#[test]
fn the_recording_replayed() {
    let Some(path) = recording(FILE) else { return };
    let mut adapter = for_replay("coinbase_exchange", &Head::read(&path).unwrap()).unwrap();
    let mut topics = Topics::default();
    let counts = replay(&mut *adapter, Reader::open(&path).unwrap(), Speed::Max, |_, updates| topics.take(updates));
    let counts = counts.unwrap();
    assert_eq!((counts.frames, counts.rejected, counts.gaps, counts.ignored), (5_187, 0, 0, 0));
    assert_eq!(topics.events.values().map(Vec::len).sum::<usize>(), 78, "5 last matches and 73 matches");
    assert!(topics.lost.is_empty() && topics.resets.is_empty());
    let first = &topics.events("trade.coinbase_exchange.BAND-GBP")[0];
    assert!(first.contains(r#""id":"881613""#) && first.contains(r#""side":"buy""#), "as the ticker says: {first}");
    assert!(exact(frames(&path).iter().map(String::as_str), &[]) > 10_000);
}
