//! OKX: hand-written frames, and a recording whose checksums are right after every message.

mod support;

use feeds::adapter::{Input, LinkId};
use feeds::capture::{Head, Reader, Speed, replay};
use feeds::market::VenueConfig;
use feeds::registry::{FeedConfig, for_replay};
use support::{Bench, Topics, exact, frames, recording};

const LINK: LinkId = LinkId(0);
const FILE: &str = "okx/v5_20220513.jsonl.zst";
const BOOK: &str = "book.okx.BTC-USDT";
const TRADE: &str = "trade.okx.BTC-USDT";

fn bench() -> Bench {
    let symbols = ["BTC-USDT", "UNI-USD-PERP"].map(str::to_owned).to_vec();
    let feed = FeedConfig::Okx(VenueConfig { symbols, ..VenueConfig::default() });
    assert_eq!(feed.validate(), []);
    let mut bench = Bench::new(feed.build());
    bench.handle(Input::Start);
    bench.handle(Input::Opened(LINK));
    bench
}

/// A book message; without `numbers` as before 2023.
fn book(action: &str, numbers: Option<(i64, i64)>, bids: &str, asks: &str, checksum: i32) -> String {
    let numbers = numbers.map(|(previous, number)| format!(r#","prevSeqId":{previous},"seqId":{number}"#));
    format!(
        r#"{{"arg":{{"channel":"books","instId":"BTC-USDT"}},"action":"{action}","data":[{{"asks":[{asks}],"bids":[{bids}],"ts":"1597026383085","checksum":{checksum}{}}}]}}"#,
        numbers.unwrap_or_default()
    )
}

fn crc(text: &str) -> i32 {
    crc32fast::hash(text.as_bytes()).cast_signed()
}

fn trade(id: i64, more: &str) -> String {
    format!(
        r#"{{"arg":{{"channel":"trades","instId":"BTC-USDT"}},"data":[{{"instId":"BTC-USDT","tradeId":"{id}","px":"30243.50","sz":"0.001","side":"buy","ts":"1652459226050"{more}}}]}}"#
    )
}

#[test]
fn everything_is_asked_for_and_pings_are_plain_text() {
    let mut bench = bench();
    let wanted = r#"{"args":[{"channel":"trades","instId":"BTC-USDT"},{"channel":"trades","instId":"UNI-USD-SWAP"},{"channel":"tickers","instId":"BTC-USDT"},{"channel":"tickers","instId":"UNI-USD-SWAP"},{"channel":"books","instId":"BTC-USDT"},{"channel":"books","instId":"UNI-USD-SWAP"}],"op":"subscribe"}"#;
    assert_eq!(bench.output.sends, [(LINK, wanted.to_owned())]);
    bench.output.sends.clear();
    bench.now_ms += 20_000;
    bench.handle(Input::Wake);
    assert_eq!(bench.output.sends, [(LINK, "ping".to_owned())]);
}

#[test]
fn pitfall_8_a_pong_is_no_json() {
    let mut bench = bench();
    bench.frame(0, "pong");
    bench.frame(0, r#"{"event":"subscribe","arg":{"channel":"tickers","instId":"BTC-USDT"},"connId":"a"}"#);
    assert_eq!((bench.output.counts.rejected, bench.output.counts.ignored), (0, 0));
    bench.frame(
        0,
        r#"{"event":"notice","msg":"The connection will soon be closed for a service upgrade.","code":"64008"}"#,
    );
    bench.frame(0, r#"{"arg":{"channel":"weather","instId":"BTC-USDT"},"data":[]}"#);
    bench.frame(0, "pong!");
    assert_eq!((bench.output.counts.rejected, bench.output.counts.ignored), (1, 2));
}

#[test]
fn a_quote_of_which_a_side_may_be_blank() {
    let mut bench = bench();
    bench.frame(0, r#"{"arg":{"channel":"tickers","instId":"UNI-USD-SWAP"},"data":[{"instType":"SWAP","instId":"UNI-USD-SWAP","last":"5.123","lastSz":"100","askPx":"","askSz":"","bidPx":"5.134","bidSz":"96","open24h":"4.799","high24h":"5.458","low24h":"4.537","volCcy24h":"577730.7823","vol24h":"289425","ts":"1652459223143"}]}"#);
    assert_eq!(
        bench.topics.state("quote.okx.UNI-USD-PERP"),
        r#"{"bid":5.134,"bid_size":96,"high":5.458,"last":5.123,"last_size":100,"low":4.537,"open":4.799,"volume":289425}"#
    );
}

#[test]
fn one_event_may_stand_for_several_trades() {
    let mut bench = bench();
    bench.frame(0, &trade(100, ""));
    bench.frame(0, &trade(103, r#","count":"3""#));
    bench.frame(0, &trade(106, r#","count":"1""#));
    assert_eq!(bench.topics.lost, [(TRADE.to_owned(), Some(2))]);
    assert_eq!(
        bench.topics.events(TRADE)[1],
        r#"{"id":"103","price":30243.5,"side":"buy","size":0.001,"te":1652459226050}"#
    );
}

#[test]
fn pitfall_4_a_signed_checksum_over_both_sides() {
    let mut bench = bench();
    let first = crc("9.50:1:11:2.0:9:3");
    bench.frame(
        0,
        &book("snapshot", None, r#"["9.50","1","0","1"],["9","3","0","1"]"#, r#"["11","2.0","0","4"]"#, first),
    );
    bench.frame(0, &book("update", None, r#"["9","0","0","0"]"#, r#"["12","1","0","1"]"#, crc("9.50:1:11:2.0:12:1")));
    assert_eq!(bench.topics.state(BOOK), r#"{"asks":{"11":2,"12":1},"bids":{"9.5":1}}"#);
    assert_eq!(bench.output.counts.checksum_ok, 2);
    bench.output.sends.clear();
    bench.frame(0, &book("update", None, r#"["9","7","0","1"]"#, "", -1));
    let sends: Vec<&str> = bench.output.sends.iter().map(|(_, text)| &**text).collect();
    assert_eq!(
        sends,
        [
            r#"{"args":[{"channel":"books","instId":"BTC-USDT"}],"op":"unsubscribe"}"#,
            r#"{"args":[{"channel":"books","instId":"BTC-USDT"}],"op":"subscribe"}"#
        ]
    );
    assert_eq!((bench.output.counts.checksum_failed, bench.topics.stale.len()), (1, 1));
    bench.frame(0, &book("snapshot", None, r#"["9","1","0","1"]"#, "", crc("9:1")));
    assert_eq!((bench.topics.resets.as_slice(), bench.output.counts.resyncs), ([BOOK.to_owned()].as_slice(), 1));
}

#[test]
fn where_no_checksum_is_sent_the_numbers_are_chained() {
    let mut bench = bench();
    bench.frame(0, &book("snapshot", Some((-1, 10)), r#"["9","1","0","1"]"#, "", 0));
    bench.frame(0, &book("update", Some((10, 15)), r#"["8","1","0","1"]"#, "", 0));
    bench.frame(0, &book("update", Some((10, 15)), r#"["7","1","0","1"]"#, "", 0));
    bench.frame(0, &book("update", Some((15, 15)), "", "", 0));
    bench.frame(0, &book("update", Some((15, 3)), r#"["6","1","0","1"]"#, "", 0));
    assert_eq!(bench.topics.state(BOOK), r#"{"asks":{},"bids":{"6":1,"8":1,"9":1}}"#, "numbers run back, chained");
    bench.frame(0, &book("update", Some((4, 5)), r#"["5","1","0","1"]"#, "", 0));
    let counts = bench.output.counts;
    assert_eq!((counts.gaps, counts.checksum_ok, counts.checksum_failed, bench.output.out_of_sync), (1, 0, 0, 2));
}

#[test]
fn pitfall_1_a_refused_subscription_is_named_and_counted() {
    let mut bench = bench();
    bench.frame(0, r#"{"event":"error","code":"60018","msg":"Wrong URL or channel:books,instId:UNI-USD-SWAP doesn't exist. Please use the correct URL, channel and parameters referring to API document.","connId":"a4d3ae55"}"#);
    assert_eq!(bench.topics.stale, [("book.okx.UNI-USD-PERP".to_owned(), true)]);
    assert_eq!((bench.output.counts.refused, bench.output.counts.rejected), (1, 0));
}

#[test]
fn the_recording_passes_every_checksum() {
    let Some(path) = recording(FILE) else { return };
    let mut adapter = for_replay("okx", &Head::read(&path).unwrap()).unwrap();
    let mut topics = Topics::default();
    let counts = replay(&mut *adapter, Reader::open(&path).unwrap(), Speed::Max, |_, updates| topics.take(updates));
    let counts = counts.unwrap();
    assert_eq!((counts.frames, counts.rejected, counts.ignored, counts.gaps), (435, 0, 0, 0), "410 and 25 bodies");
    assert_eq!((counts.checksum_ok, counts.checksum_failed, counts.resyncs), (290, 0, 0));
    assert_eq!(topics.events.values().map(Vec::len).sum::<usize>(), 74);
    for symbol in ["BTC-USDT", "UNI-USD-PERP", "BTC-USD-220527"] {
        assert!(topics.states.contains_key(&format!("book.okx.{symbol}")), "{symbol}");
        assert!(topics.states.contains_key(&format!("quote.okx.{symbol}")), "{symbol}");
    }
    assert!(exact(frames(&path).iter().map(String::as_str), &[]) > 5_000);
}

#[test]
fn a_missing_update_is_noticed() {
    let Some(path) = recording(FILE) else { return };
    let frames = frames(&path);
    let is_update = |text: &&String| text.contains(r#""action":"update""#) && text.contains(r#""instId":"BTC-USDT""#);
    let missing = frames.iter().position(|text| is_update(&text)).unwrap();
    let mut bench = Bench::new(for_replay("okx", &Head::default()).unwrap());
    bench.handle(Input::Opened(LINK));
    for (_, text) in frames.iter().enumerate().filter(|(index, _)| *index != missing) {
        bench.frame(0, text);
    }
    assert_eq!((bench.output.counts.checksum_failed, bench.output.out_of_sync), (1, 1));
    assert_eq!(bench.topics.stale, [(BOOK.to_owned(), true)]);
}
