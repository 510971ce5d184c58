//! What does one frame or body of a provider cost, from its bytes to updates? Made-up frames of one kind each, simulated
//! evenings, and recordings where they are there.

use criterion::{BatchSize, Criterion, Throughput};
use fanwire_benches::engine::NOW_MS;
use fanwire_benches::recordings::recording;
use feeds::adapter::{Adapter, Input, LinkId, Output};
use feeds::capture::{CaptureError, Entry, Head, Reader, Record, Speed, replay};
use feeds::provider::binance::{Binance, BinanceConfig, Venue};
use feeds::provider::nhl::Nhl;
use feeds::registry::for_replay;
use feeds::simulate::nhl::{Evening, SPEED};
use std::hint::black_box;

const LINK: LinkId = LinkId(0);
/// Between two polls of the simulated game: 40 game seconds.
const POLL_MS: i64 = 2_000;

pub fn benches(c: &mut Criterion) {
    binance_frames(c);
    nhl_game(c);
    recorded(c, "binance", "binance/spot_20210404_btc_eth_dot.jsonl.zst");
    recorded(c, "nhl", "derived_polls/nhl_2024020033.jsonl.zst");
}

/// A stream's name, and its frame number so many.
type Kind = (&'static str, fn(u64) -> String);

fn binance_frames(c: &mut Criterion) {
    let kinds: [Kind; 3] = [("book_ticker", book_ticker), ("trade", trade), ("depth20", depth20)];
    let mut group = c.benchmark_group("translate/binance");
    group.throughput(Throughput::Elements(1));
    for (name, frame) in kinds {
        let config = BinanceConfig { symbols: vec!["BTC-USDT".into()], ..BinanceConfig::default() };
        let (mut adapter, mut output) = (Binance::new(Venue::Binance, &config), Output::default());
        adapter.handle(Input::Start, NOW_MS, &mut output);
        adapter.handle(Input::Opened(LINK), NOW_MS, &mut output);
        let mut number = 0;
        let mut next = || {
            number += 1;
            frame(number).into_bytes()
        };
        let mut translate = |mut frame: Vec<u8>| {
            output.updates.clear();
            adapter.handle(Input::Frame(LINK, &mut frame), NOW_MS, &mut output);
            assert!(!output.updates.is_empty(), "a frame that says nothing measures nothing");
            frame
        };
        group.bench_function(name, |b| b.iter_batched(&mut next, &mut translate, BatchSize::SmallInput));
    }
}

fn book_ticker(n: u64) -> String {
    let cents = n % 100;
    let data = format!(
        r#"{{"u":{n},"s":"BTCUSDT","b":"65083.{cents:02}000000","B":"31.21000000","a":"65084.{cents:02}000000","A":"40.66000000"}}"#
    );
    combined("btcusdt@bookTicker", &data)
}

fn trade(n: u64) -> String {
    let data = format!(
        r#"{{"e":"trade","E":1700000000005,"s":"BTCUSDT","t":{n},"p":"65083.70000000","q":"0.01200000","T":1700000000003,"m":true,"M":true}}"#
    );
    combined("btcusdt@trade", &data)
}

/// Twenty levels a side, all of whose sizes change.
fn depth20(n: u64) -> String {
    let side = |first: i64, step: i64| {
        let level = |at: i64| format!(r#"["{}.50000000","{}.25000000"]"#, first + at * step, n % 1_000);
        (0..20).map(level).collect::<Vec<_>>().join(",")
    };
    let data = format!(r#"{{"lastUpdateId":{n},"bids":[{}],"asks":[{}]}}"#, side(65_000, -1), side(65_001, 1));
    combined("btcusdt@depth20@100ms", &data)
}

fn combined(stream: &str, data: &str) -> String {
    format!(r#"{{"stream":"{stream}","data":{data}}}"#)
}

/// One game of a simulated evening, polled from its first face-off on.
fn nhl_game(c: &mut Criterion) {
    let evening = Evening::new(7, SPEED, NOW_MS);
    let id = evening.results()[0].0;
    let times = (NOW_MS..evening.end_ms()).step_by(POLL_MS as usize);
    let polls: Vec<(i64, String)> =
        times.filter_map(|now_ms| Some((now_ms, evening.play_by_play_body(id, now_ms)?))).collect();
    let url = format!("http://127.0.0.1/v1/gamecenter/{id}/play-by-play");
    let mut group = c.benchmark_group("translate/nhl");
    group.throughput(Throughput::Elements(polls.len() as u64));
    group.bench_function("game_of_polls", |b| {
        b.iter_batched(
            || (Nhl::for_replay(), Output::default(), polls.clone()),
            |(mut nhl, mut output, polls)| {
                for (now_ms, body) in polls {
                    let mut body = body.into_bytes();
                    nhl.handle(Input::Fetched { url: &url, status: 200, body: &mut body }, now_ms, &mut output);
                }
                output
            },
            BatchSize::PerIteration,
        );
    });
}

/// A recording from its first entry to its last, by the code that replays it.
fn recorded(c: &mut Criterion, provider: &str, file: &str) {
    let Some(path) = recording(file) else { return };
    let head = Head::read(&path).expect("a whole recording");
    let entries: Vec<Entry> = Reader::open(&path).and_then(Iterator::collect).expect("a whole recording");
    let is_input = |entry: &&Entry| matches!(entry.record, Record::Recv { .. } | Record::Http { .. });
    let inputs = entries.iter().filter(is_input).count();
    let mut group = c.benchmark_group(format!("translate/{provider}"));
    group.throughput(Throughput::Elements(inputs as u64));
    group.bench_function(format!("recorded_{inputs}_inputs"), |b| {
        b.iter_batched(
            || (for_replay(provider, &head).expect("a provider that there is"), entries.clone()),
            |(mut adapter, entries)| {
                let entries = entries.into_iter().map(Ok::<Entry, CaptureError>);
                let counts = replay(&mut *adapter, entries, Speed::Max, |_, updates| {
                    black_box(updates.len());
                });
                (adapter, counts)
            },
            BatchSize::PerIteration,
        );
    });
}
