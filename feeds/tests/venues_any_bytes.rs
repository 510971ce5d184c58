//! Whatever a venue sends, no adapter panics, and none says a book that is crossed.

mod support;

use feeds::adapter::{Input, LinkId};
use feeds::capture::Head;
use feeds::registry::for_replay;
use proptest::prelude::*;
use proptest::sample::Index;
use support::{Bench, levels};

const VENUES: [&str; 6] = ["kraken", "coinbase_advanced", "coinbase_exchange", "bybit", "okx", "bitstamp"];

/// A good frame of each kind; any adapter gets those of all.
const FRAMES: [&str; 13] = [
    r#"{"channel":"book","type":"snapshot","data":[{"symbol":"A/B","bids":[{"price":1.5,"qty":2.00}],"asks":[{"price":2.5,"qty":2}],"checksum":0}]}"#,
    r#"{"channel":"trade","type":"update","data":[{"symbol":"A/B","side":"buy","price":1,"qty":1,"trade_id":1,"timestamp":"2023-10-06T17:35:55.440295Z"}]}"#,
    r#"{"method":"subscribe","result":{"channel":"book","depth":25,"symbol":"A/B"},"success":true,"error":"x","req_id":3}"#,
    r#"{"channel":"l2_data","timestamp":"2026-08-09T21:05:48.2Z","sequence_num":0,"events":[{"type":"snapshot","product_id":"A-B","updates":[{"side":"bid","price_level":"1","new_quantity":"2"},{"side":"offer","price_level":"2","new_quantity":"2"}]}]}"#,
    r#"{"channel":"candles","timestamp":"","sequence_num":1,"events":[{"type":"update","candles":[{"start":"1786279500","high":"1","low":"1","open":"1","close":"1","volume":"1","product_id":"A-B"}]}]}"#,
    r#"{"type":"snapshot","product_id":"A-B","asks":[["2","1"]],"bids":[["1","1"]]}"#,
    r#"{"type":"l2update","product_id":"A-B","changes":[["sell","1.5","1"]],"time":"2021-04-17T16:43:37.078325Z"}"#,
    r#"{"topic":"orderbook.200.ABUSDT","type":"snapshot","ts":1,"data":{"s":"ABUSDT","b":[["1","1"]],"a":[["2","1"]],"u":1,"seq":1}}"#,
    r#"{"topic":"kline.1.ABUSDT","type":"snapshot","ts":1,"data":[{"start":1,"open":"1","close":"1","high":"1","low":"1","volume":"1","confirm":false,"timestamp":1}]}"#,
    r#"{"arg":{"channel":"books","instId":"A-B"},"action":"snapshot","data":[{"asks":[["2","1","0","1"]],"bids":[["1","1","0","1"]],"ts":"1","checksum":0,"seqId":1,"prevSeqId":-1}]}"#,
    r#"{"arg":{"channel":"trades","instId":"A-B"},"data":[{"tradeId":"9","px":"1","sz":"1","side":"buy","ts":"1","count":"2"}]}"#,
    r#"{"data":{"microtimestamp":"1","bids":[["1","1"]],"asks":[["2","1"]]},"channel":"diff_order_book_abusd","event":"data"}"#,
    r#"{"timestamp":"1","microtimestamp":"1","bids":[["1","1"]],"asks":[["2","1"]]}"#,
];

fn frames() -> impl Strategy<Value = Vec<u8>> {
    let edits = proptest::collection::vec((any::<Index>(), any::<u8>()), 0..4);
    let broken = (0..FRAMES.len(), edits).prop_map(|(frame, edits)| {
        let mut bytes = FRAMES[frame].as_bytes().to_vec();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    });
    prop_oneof![4 => broken, 1 => proptest::collection::vec(any::<u8>(), 0..60)]
}

fn assert_no_book_is_crossed(bench: &Bench) {
    for topic in bench.topics.states.keys().filter(|topic| topic.starts_with("book.")) {
        let (bids, asks) = levels(&bench.topics, topic);
        if let (Some((bid, _)), Some((ask, _))) = (bids.first(), asks.first()) {
            assert!(bid < ask, "{topic}: {bid} {ask}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn never_panic(inputs in proptest::collection::vec((frames(), 0u8..8), 1..30)) {
        for venue in VENUES {
            let mut bench = Bench::new(for_replay(venue, &Head::default()).unwrap());
            bench.handle(Input::Start);
            bench.handle(Input::Opened(LinkId(0)));
            for (bytes, what) in &inputs {
                let mut bytes = bytes.clone();
                match what {
                    0 => bench.handle(Input::Closed(LinkId(0))),
                    1 => bench.handle(Input::Opened(LinkId(0))),
                    2 => {
                        let url = "https://x/order_book/abusd/";
                        bench.handle(Input::Fetched { url, status: 200, body: &mut bytes });
                    }
                    _ => bench.handle(Input::Frame(LinkId(0), &mut bytes)),
                }
                bench.handle(Input::Wake);
            }
            assert_no_book_is_crossed(&bench);
        }
    }
}
