//! Kraken: every message of the protocol, written by hand from its documentation, and recorded books, whose checksum is
//! right after every message.

mod support;

use feeds::adapter::{Input, LinkId};
use feeds::capture::{Head, Reader, Speed, replay};
use feeds::market::{Kind, VenueConfig};
use feeds::registry::{FeedConfig, for_replay};
use std::path::Path;
use support::{Bench, Topics, exact, frames, levels, recording, zstd_lines};

const LINK: LinkId = LinkId(0);
const BOOK: &str = "book.kraken.BTC-USD";

fn bench(config: VenueConfig) -> Bench {
    let feed = FeedConfig::Kraken(VenueConfig { symbols: vec!["BTC-USD".into(), "ETH-USD".into()], ..config });
    assert_eq!(feed.validate(), []);
    let mut bench = Bench::new(feed.build());
    bench.handle(Input::Start);
    bench.handle(Input::Opened(LINK));
    bench
}

fn books() -> Bench {
    bench(VenueConfig { kinds: Some(vec![Kind::Book]), book_depth: Some(10), ..VenueConfig::default() })
}

/// A side as JSON and its digits as the checksum has them.
fn side(levels: &[(&str, &str)]) -> (String, String) {
    let json = levels.iter().map(|(price, qty)| format!("{{\"price\":{price},\"qty\":{qty}}}"));
    let digits = |text: &str| text.replace('.', "").trim_start_matches('0').to_owned();
    (json.collect::<Vec<_>>().join(","), levels.iter().map(|(price, qty)| digits(price) + &digits(qty)).collect())
}

fn message(kind: &str, asks: &str, bids: &str, checksum: u32) -> String {
    format!(
        r#"{{"channel":"book","type":"{kind}","data":[{{"symbol":"BTC/USD","bids":[{bids}],"asks":[{asks}],"checksum":{checksum},"timestamp":"2026-08-16T23:37:05.723653Z"}}]}}"#
    )
}

fn snapshot(asks: &[(&str, &str)], bids: &[(&str, &str)]) -> String {
    let (asks, bids) = (side(asks), side(bids));
    message("snapshot", &asks.0, &bids.0, crc32fast::hash(format!("{}{}", asks.1, bids.1).as_bytes()))
}

#[test]
fn everything_is_subscribed_to_again_after_a_reconnect() {
    let mut bench = bench(VenueConfig::default());
    let first: Vec<String> = bench.output.sends.drain(..).map(|(_, text)| text).collect();
    assert_eq!(first.len(), 4);
    assert!(
        first[2].contains(r#""channel":"book","depth":25,"snapshot":true,"symbol":["BTC/USD","ETH/USD"]"#),
        "{first:?}"
    );
    assert!(first[1].contains(r#""event_trigger":"bbo""#) && first[3].contains(r#""interval":1"#));
    bench.handle(Input::Closed(LINK));
    bench.handle(Input::Opened(LINK));
    assert_eq!(bench.output.sends.drain(..).map(|(_, text)| text).collect::<Vec<_>>(), first);
}

#[test]
fn pitfall_5_bare_numbers_keep_their_digits_and_large_ones_are_read() {
    let mut bench = bench(VenueConfig::default());
    bench.frame(0, r#"{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online","api_version":"v2","connection_id":13007355780899554854}]}"#);
    bench.frame(0, r#"{"channel":"ticker","type":"snapshot","data":[{"symbol":"BTC/USD","bid":105944.20,"bid_qty":2.50000000,"ask":105944.30,"ask_qty":3.2,"last":105899.40,"volume":163.28908096,"vwap":105904.39279,"low":104711.00,"high":1e-08,"change":-250.00,"change_pct":-0.24,"timestamp":"2022-12-25T09:30:59.123456Z"}]}"#);
    assert_eq!(
        bench.topics.state("quote.kraken.BTC-USD"),
        r#"{"ask":105944.3,"ask_size":3.2,"bid":105944.2,"bid_size":2.5,"change":-250,"change_pct":-0.24,"high":0.00000001,"last":105899.4,"low":104711,"volume":163.28908096,"vwap":105904.39279}"#
    );
    assert_eq!((bench.output.counts.rejected, bench.output.counts.ignored), (0, 0));
}

#[test]
fn trades_are_events_and_their_ids_tell_what_is_missing() {
    let mut bench = bench(VenueConfig::default());
    let trade = |id: u64| {
        format!(
            r#"{{"symbol":"BTC/USD","side":"sell","price":105944.20,"qty":0.00027625,"ord_type":"limit","trade_id":{id},"timestamp":"2023-10-06T17:35:55.440295Z"}}"#
        )
    };
    let frame = |kind: &str, ids: &[u64]| {
        let trades = ids.iter().map(|id| trade(*id)).collect::<Vec<_>>().join(",");
        format!(r#"{{"channel":"trade","type":"{kind}","data":[{trades}]}}"#)
    };
    bench.frame(0, &frame("snapshot", &[11, 10]));
    bench.frame(0, &frame("update", &[12]));
    bench.frame(0, &frame("snapshot", &[13, 12, 11]));
    bench.frame(0, &frame("update", &[16]));
    let topic = "trade.kraken.BTC-USD";
    let events = bench.topics.events(topic);
    assert_eq!(events[0], r#"{"id":"10","price":105944.2,"side":"sell","size":0.00027625,"te":1696613755440}"#);
    assert_eq!(events.len(), 5, "10 to 13 and 16, each once");
    assert_eq!(bench.topics.lost, [(topic.to_owned(), Some(2))]);
}

#[test]
fn a_bar_is_closed_by_the_next() {
    let mut bench = bench(VenueConfig::default());
    let ohlc = |minute: u32, interval: u32| {
        format!(
            r#"{{"channel":"ohlc","type":"update","timestamp":"2023-10-04T16:25:30.524394914Z","data":[{{"symbol":"BTC/USD","open":106038.2,"high":106044.3,"low":106038.1,"close":106040.1,"trades":12,"volume":30927.68066226,"vwap":106039.6,"interval_begin":"2023-10-04T16:{minute}:00.000000000Z","interval":{interval},"timestamp":"2023-10-04T16:26:00.000000Z"}}]}}"#
        )
    };
    bench.frame(0, &ohlc(25, 1));
    bench.frame(0, &ohlc(26, 1));
    bench.frame(0, &ohlc(30, 5));
    let state = bench.topics.state("bar.1m.kraken.BTC-USD");
    let first = r#""1696436700000":{"c":106040.1,"closed":true,"h":106044.3,"l":106038.1,"n":12,"o":106038.2,"rev":0,"v":30927.68066226}"#;
    assert!(state.contains(first) && state.contains(r#""closed":false"#), "{state}");
    assert_eq!(bench.output.counts.ignored, 1, "an interval that nobody asked for");
}

#[test]
fn pitfall_4_a_thin_book_both_sides_at_once_zero_levels_and_unknown_removals() {
    let mut bench = books();
    bench.frame(0, &snapshot(&[("11.0", "1.000"), ("12.0", "0.500")], &[("9.0", "2.000")]));
    let (asks, bids) = (side(&[("11.0", "0.000"), ("99.0", "0.000")]), side(&[("9.5", "1.000"), ("1.0", "0.000")]));
    let left = format!("{}{}", side(&[("12.0", "0.500")]).1, side(&[("9.5", "1.000"), ("9.0", "2.000")]).1);
    bench.frame(0, &message("update", &asks.0, &bids.0, crc32fast::hash(left.as_bytes())));
    assert_eq!(bench.topics.state(BOOK), r#"{"asks":{"12":0.5},"bids":{"9":2,"9.5":1}}"#);
    let counts = bench.output.counts;
    assert_eq!((counts.checksum_ok, counts.checksum_failed, counts.resyncs), (2, 0, 0));
}

#[test]
fn pitfall_4_a_bad_checksum_resyncs_that_symbol_alone() {
    let mut bench = books();
    let good = snapshot(&[("11.0", "1.000")], &[("9.0", "2.000")]);
    bench.frame(0, &good);
    bench.output.sends.clear();
    bench.frame(0, &message("update", "", &side(&[("9.5", "1.000")]).0, 1));
    let sends: Vec<String> = bench.output.sends.drain(..).map(|(_, text)| text).collect();
    assert_eq!(sends.len(), 2);
    assert!(sends[0].contains("unsubscribe") && sends[0].contains(r#"["BTC/USD"]"#), "{sends:?}");
    assert!(sends[1].contains(r#""method":"subscribe""#) && sends[1].contains(r#"["BTC/USD"]"#), "{sends:?}");
    assert_eq!(bench.topics.stale, [(BOOK.to_owned(), true)]);
    assert_eq!(bench.topics.state(BOOK), r#"{"asks":{"11":1},"bids":{"9":2}}"#, "the wrong book is not shown");
    bench.frame(0, &message("update", "", &side(&[("9.6", "1.000")]).0, 1));
    assert_eq!(bench.output.counts.checksum_failed, 1, "what still comes of the old book is not looked at");
    bench.frame(0, &good);
    assert_eq!((bench.topics.resets.len(), bench.topics.stale.last().unwrap().1), (1, false));
    assert_eq!(bench.output.counts.resyncs, 1);
}

#[test]
fn a_book_that_is_wrong_again_and_again_costs_the_connection() {
    let mut bench = books();
    for _ in 0..8 {
        bench.frame(0, &message("snapshot", "", &side(&[("9.5", "1.000")]).0, 1));
    }
    assert!(bench.output.reconnects.is_empty());
    bench.frame(0, &message("snapshot", "", &side(&[("9.5", "1.000")]).0, 1));
    assert_eq!(bench.output.reconnects, [LINK]);
    bench.output.reconnects.clear();
    bench.handle(Input::Closed(LINK));
    bench.handle(Input::Opened(LINK));
    bench.frame(0, &message("snapshot", "", &side(&[("9.5", "1.000")]).0, 1));
    assert!(bench.output.reconnects.is_empty(), "a new connection begins anew");
}

#[test]
fn pitfall_4_a_crossed_book_is_broken_and_a_book_is_cut_to_its_depth() {
    let mut bench = books();
    bench.frame(0, &snapshot(&[("11.0", "1.000")], &[("11.0", "2.000")]));
    assert_eq!((bench.output.counts.gaps, bench.output.out_of_sync), (1, 2), "crossed; the other one never came");
    assert_eq!(bench.topics.state(BOOK), "");
    let asks: Vec<(String, String)> = (0..10).map(|n| (format!("{}.0", 20 + n), "1.0".to_owned())).collect();
    let asks: Vec<(&str, &str)> = asks.iter().map(|(price, qty)| (&**price, &**qty)).collect();
    bench.frame(0, &snapshot(&asks, &[]));
    let now: Vec<(&str, &str)> = [("19.0", "1.0")].into_iter().chain(asks.iter().copied().take(9)).collect();
    let checksum = crc32fast::hash(side(&now).1.as_bytes());
    bench.frame(0, &message("update", &side(&[("19.0", "1.0")]).0, "", checksum));
    let back: Vec<(&str, &str)> = asks.iter().copied().take(9).collect();
    bench.frame(0, &message("update", &side(&[("19.0", "0.0")]).0, "", crc32fast::hash(side(&back).1.as_bytes())));
    assert_eq!(bench.output.counts.checksum_failed, 0, "the eleventh level was forgotten");
    assert_eq!(levels(&bench.topics, BOOK).1.len(), 9);
}

#[test]
fn pitfall_1_a_refused_subscription_is_named_and_counted() {
    let mut bench = bench(VenueConfig::default());
    bench.frame(0, r#"{"error":"Subscription depth not supported","method":"subscribe","req_id":3,"success":false,"time_in":"2026-08-16T23:37:04.849274Z","time_out":"2026-08-16T23:37:04.849309Z"}"#);
    let stale: Vec<&str> = bench.topics.stale.iter().map(|(topic, _)| &**topic).collect();
    assert_eq!(stale, ["book.kraken.BTC-USD", "book.kraken.ETH-USD"]);
    bench.frame(0, r#"{"error":"Currency pair not supported ETH/USD","method":"subscribe","req_id":1,"success":false,"symbol":"ETH/USD"}"#);
    assert_eq!(bench.topics.stale.last().unwrap().0, "trade.kraken.ETH-USD");
    assert_eq!((bench.output.counts.refused, bench.output.counts.rejected), (2, 0));
    bench.frame(0, r#"{"error":"Subscription Not Found","method":"unsubscribe","success":false,"symbol":"BTC/USD"}"#);
    assert_eq!((bench.output.counts.refused, bench.topics.stale.len()), (2, 3), "that one is of no consequence");
    bench.frame(0, r#"{"method":"pong","time_in":"2023-09-25T09:05:00.123456Z"}"#);
    assert_eq!(bench.output.counts.ignored, 1, "the failed unsubscription");
}

#[test]
fn pitfall_8_unknown_and_unreadable_frames_hurt_nothing() {
    let mut bench = bench(VenueConfig::default());
    bench.frame(0, r#"{"channel":"weather","data":[{}]}"#);
    bench.frame(0, r#"{"channel":"trade","type":"update","data":[]}"#);
    bench.frame(0, "[]");
    assert_eq!((bench.output.counts.ignored, bench.output.counts.rejected), (2, 0));
    for bad in ["", "pong", "<html>", r#"{"channel":"book","data":[{"symbol":"BTC/USD","bids":[{"price":"x"}]}]}"#] {
        bench.frame(0, bad);
    }
    assert_eq!(bench.output.counts.rejected, 4);
    bench.handle(Input::Closed(LINK));
    assert!(bench.output.updates.is_empty());
}

/// The frames of the recording that is no capture: what stands behind `"frame":`, as it came.
fn ndjson_frames(path: &Path) -> Vec<String> {
    let lines = zstd_lines(path).into_iter().skip(1).filter(|line| !line.contains(r#""dir": "tx""#));
    let frame = |line: String| line.split_once(r#""frame": "#).unwrap().1.strip_suffix('}').unwrap().to_owned();
    lines.map(frame).collect()
}

#[test]
fn a_recorded_thin_book_passes_every_checksum() {
    let Some(path) = recording("kraken_v2/minagbp_d25_20260816.ndjson.zst") else { return };
    let mut bench = Bench::new(for_replay("kraken", &Head::default()).unwrap());
    bench.handle(Input::Opened(LINK));
    let frames = ndjson_frames(&path);
    frames.iter().for_each(|frame| bench.frame(0, frame));
    let counts = bench.output.counts;
    assert_eq!((counts.checksum_ok, counts.checksum_failed), (30, 0));
    assert_eq!((counts.rejected, counts.ignored, counts.gaps, counts.refused), (0, 0, 0, 0));
    let (bids, asks) = levels(&bench.topics, "book.kraken.MINA-GBP");
    assert_eq!((bids.len(), asks.len() <= 20), (20, true));
    assert!(exact(frames.iter().map(String::as_str), &["price", "qty"]) > 100);
}

#[test]
fn recorded_books_pass_every_checksum() {
    let Some(path) = recording("kraken_v2/derived_from_v1_20210417.jsonl.zst") else { return };
    for name in ["kraken", "kraken_v2"] {
        let mut adapter = for_replay(name, &Head::read(&path).unwrap()).unwrap();
        let mut topics = Topics::default();
        let counts = replay(&mut *adapter, Reader::open(&path).unwrap(), Speed::Max, |_, updates| topics.take(updates));
        let counts = counts.unwrap();
        assert_eq!((counts.frames, counts.checksum_ok, counts.checksum_failed), (4_371, 4_279, 0));
        assert_eq!((counts.rejected, counts.ignored, counts.gaps, counts.resyncs), (0, 0, 0, 0));
        assert_eq!(topics.states.keys().filter(|topic| topic.starts_with("book.kraken.")).count(), 10);
    }
    let frames = frames(&path);
    assert!(exact(frames.iter().map(String::as_str), &["price", "qty"]) > 10_000);
}

/// One update left out: the next checksum is wrong, the symbol alone is asked for again, and a snapshot mends it.
#[test]
fn a_missing_update_is_noticed_and_mended() {
    let Some(path) = recording("kraken_v2/derived_from_v1_20210417.jsonl.zst") else { return };
    let frames = frames(&path);
    let updates = |frame: &&String| frame.contains(r#""update""#) && frame.contains(r#""symbol":"XMR/USD""#);
    let missing = frames.iter().position(|frame| updates(&frame)).unwrap();
    let mut bench = Bench::new(for_replay("kraken", &Head::default()).unwrap());
    bench.handle(Input::Opened(LINK));
    for (index, frame) in frames.iter().enumerate().filter(|(index, _)| *index != missing) {
        let before = bench.output.counts.checksum_failed;
        bench.frame(0, frame);
        if bench.output.counts.checksum_failed > before {
            assert!(index > missing && frame.contains("XMR/USD"));
        }
    }
    assert_eq!(bench.output.counts.checksum_failed, 1);
    let snapshot = frames.iter().find(|frame| frame.contains("snapshot") && frame.contains("XMR/USD")).unwrap();
    bench.frame(0, snapshot);
    assert_eq!((bench.output.counts.resyncs, bench.output.out_of_sync), (1, 0));
    assert_eq!(bench.topics.resets, ["book.kraken.XMR-USD"]);
}
