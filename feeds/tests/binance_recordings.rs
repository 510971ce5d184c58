//! Recorded Binance traffic: nothing is rejected, no gap is seen where there is none and one where there is one, and
//! the book is right after every frame.

mod support;

use feeds::adapter::{Counts, Input, LinkId};
use feeds::capture::{Entry, Head, Reader, Record, Speed, replay};
use feeds::registry::for_replay;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use support::{Bench, Topics, recording};

/// (provider, file, frames with HTTP bodies, places where a bookTicker's `u` equals a diff's `u`)
const RECORDINGS: [(&str, &str, u64, usize); 4] = [
    ("binance", "binance/spot_20210404_btc_eth_dot.jsonl.zst", 4_719, 0),
    ("binance", "binance/spot_20211012_4sym.jsonl.zst", 270, 26),
    ("binance_us", "binance_us/spot_20211012.jsonl.zst", 485, 57),
    ("binance_futures", "binance_futures/usdm_20210722.jsonl.zst", 1_540, 50),
];

fn entries(path: &Path) -> Vec<Entry> {
    Reader::open(path).unwrap().collect::<Result<_, _>>().unwrap()
}

fn bench(provider: &str, path: &Path) -> Bench {
    Bench::new(for_replay(provider, &Head::read(path).unwrap()).unwrap())
}

/// A decimal of at most 8 digits after the point as a whole number of 10^-8.
fn fixed(text: &str) -> i128 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{fraction:0<8}").parse().unwrap()
}

type Side = BTreeMap<i128, i128>;
/// (price, size)
type Level = (i128, i128);
/// Bids and asks, best first.
type Top = (Vec<Level>, Vec<Level>);
/// By symbol and update id: the best bid and the best ask.
type BestAt = HashMap<(String, i64), (Level, Level)>;

/// The reference: one symbol's book, rebuilt with nothing of the crate but what is compared.
#[derive(Clone, Default)]
struct Reference {
    bids: Side,
    asks: Side,
    /// Last update id; `None` before the snapshot.
    last: Option<i64>,
    seen: Vec<Value>,
}

impl Reference {
    fn diff(&mut self, diff: &Value) {
        self.seen.push(diff.clone());
        if self.last.is_some_and(|last| diff["u"].as_i64().unwrap() > last) {
            self.apply(diff);
        }
    }

    fn apply(&mut self, diff: &Value) {
        for (side, levels) in [(&mut self.bids, &diff["b"]), (&mut self.asks, &diff["a"])] {
            set(side, levels);
        }
        self.last = diff["u"].as_i64();
    }

    fn snapshot(&mut self, body: &Value) {
        let id = body["lastUpdateId"].as_i64().unwrap();
        set(&mut self.bids, &body["bids"]);
        set(&mut self.asks, &body["asks"]);
        self.last = Some(id);
        for diff in std::mem::take(&mut self.seen) {
            if diff["u"].as_i64().unwrap() > id {
                self.apply(&diff);
            }
        }
    }

    fn top(&self) -> Top {
        let pair = |(price, size): (&i128, &i128)| (*price, *size);
        (self.bids.iter().rev().take(20).map(pair).collect(), self.asks.iter().take(20).map(pair).collect())
    }

    /// A REST body that says what this book says.
    fn body(&self) -> String {
        let text = |n: &i128| format!("{}.{:08}", n / 100_000_000, n % 100_000_000);
        let side = |levels: Vec<(&i128, &i128)>| {
            levels.iter().map(|(p, s)| format!("[\"{}\",\"{}\"]", text(p), text(s))).collect::<Vec<_>>().join(",")
        };
        let (bids, asks) = (side(self.bids.iter().rev().collect()), side(self.asks.iter().collect()));
        format!("{{\"lastUpdateId\":{},\"bids\":[{bids}],\"asks\":[{asks}]}}", self.last.unwrap())
    }
}

fn set(side: &mut Side, levels: &Value) {
    for level in levels.as_array().unwrap() {
        let (price, size) = (fixed(level[0].as_str().unwrap()), fixed(level[1].as_str().unwrap()));
        if size == 0 {
            side.remove(&price)
        } else {
            side.insert(price, size)
        };
    }
}

/// A book topic's state in the reference's terms, best first.
fn published(topics: &Topics, topic: &str) -> Top {
    let state = &topics.states[topic];
    let side = |name: &str| -> Side {
        let levels = state.get(name).unwrap().as_object().unwrap();
        levels.iter().map(|(key, size)| (fixed(key), fixed(&size.as_number().unwrap().to_string()))).collect()
    };
    (side("bids").into_iter().rev().collect(), side("asks").into_iter().collect())
}

/// The book topics by native symbol.
fn book_topics(bench: &Bench) -> HashMap<String, String> {
    let depth = bench.adapter.subscriptions().iter().filter(|subscription| subscription.name.contains("@depth"));
    depth
        .map(|subscription| {
            let native = subscription.name.split('@').next().unwrap().to_uppercase();
            (native, subscription.topics[0].as_str().to_owned())
        })
        .collect()
}

/// A recorded frame or body, taken apart by hand.
enum Seen {
    Diff(String, Value),
    Snapshot(String, Value),
    Ticker(String, Value),
    Other,
}

fn look(record: &Record) -> Seen {
    match record {
        Record::Recv { data, .. } => {
            let mut frame: Value = serde_json::from_slice(data).unwrap();
            let (stream, data) = (frame["stream"].as_str().unwrap().to_owned(), frame["data"].take());
            let native = stream.split('@').next().unwrap().to_uppercase();
            match stream.split('@').nth(1).unwrap() {
                "depth" => Seen::Diff(native, data),
                "bookTicker" => Seen::Ticker(native, data),
                _ => Seen::Other,
            }
        }
        Record::Http { url, data, .. } if url.contains("/depth?") => {
            let native = url.split("symbol=").nth(1).unwrap().split('&').next().unwrap();
            Seen::Snapshot(native.to_owned(), serde_json::from_slice(data).unwrap())
        }
        _ => Seen::Other,
    }
}

fn play(bench: &mut Bench, record: &Record) {
    match record.clone() {
        Record::Connect { .. } => bench.handle(Input::Opened(LinkId(0))),
        Record::Recv { mut data, .. } => bench.handle(Input::Frame(LinkId(0), &mut data)),
        Record::Http { url, status, mut data } => bench.handle(Input::Fetched { url: &url, status, body: &mut data }),
        _ => {}
    }
}

#[test]
fn every_recording_replays_without_a_reject_or_a_gap() {
    for (provider, file, frames, _) in RECORDINGS {
        let Some(path) = recording(file) else { return };
        let mut adapter = for_replay(provider, &Head::read(&path).unwrap()).unwrap();
        let mut topics = Topics::default();
        let counts = replay(&mut *adapter, Reader::open(&path).unwrap(), Speed::Max, |_, updates| topics.take(updates));
        assert_eq!(counts.unwrap(), Counts { frames, ..Counts::default() }, "{file}");
        assert!(topics.resets.is_empty() && topics.lost.is_empty() && topics.stale.is_empty(), "{file}");
        let subscribed = adapter.subscriptions().iter().flat_map(|subscription| &subscription.topics);
        let quiet =
            subscribed.filter(|t| !topics.states.contains_key(t.as_str()) && !topics.events.contains_key(t.as_str()));
        assert!(quiet.clone().all(|topic| topic.head() != "book"), "{file}: {:?}", quiet.collect::<Vec<_>>());
    }
}

#[test]
fn the_recorded_names_are_canonical() {
    let Some(path) = recording(RECORDINGS[1].1) else { return };
    let names: Vec<_> = book_topics(&bench("binance", &path)).into_values().collect();
    for symbol in ["NKN-USDT", "BLZ-ETH", "LRC-BTC", "RUNE-EUR"] {
        assert!(names.contains(&format!("book.binance.{symbol}")), "{names:?}");
    }
}

#[test]
fn the_diff_book_is_right_after_every_frame() {
    for (provider, file, _, places) in RECORDINGS {
        let Some(path) = recording(file) else { return };
        let mut bench = bench(provider, &path);
        let topics = book_topics(&bench);
        let mut books: HashMap<String, Reference> = HashMap::new();
        let mut best = BestAt::new();
        let (mut compared, mut tickers) = (0, Vec::new());
        for entry in entries(&path) {
            play(&mut bench, &entry.record);
            match look(&entry.record) {
                Seen::Diff(native, diff) => books.entry(native).or_default().diff(&diff),
                Seen::Snapshot(native, body) => books.entry(native).or_default().snapshot(&body),
                Seen::Ticker(native, ticker) => tickers.push((native, ticker)),
                Seen::Other => {}
            }
            for (native, book) in books.iter().filter(|(_, book)| book.last.is_some()) {
                let shown = published(&bench.topics, &topics[native]);
                assert_eq!(shown, book.top(), "{file} {native} at {:?}", book.last);
                best.insert((native.clone(), book.last.unwrap()), (shown.0[0], shown.1[0]));
                compared += 1;
            }
        }
        assert!(compared > 500, "{file}: {compared}");
        assert_eq!(same_places(&tickers, &best), places, "{file}");
    }
}

/// Where a bookTicker's `u` is one at which the book was looked at; best prices and sizes must match there.
fn same_places(tickers: &[(String, Value)], best: &BestAt) -> usize {
    let mut places = 0;
    for (native, ticker) in tickers {
        let Some(found) = best.get(&(native.clone(), ticker["u"].as_i64().unwrap())) else { continue };
        let number = |field: &str| fixed(ticker[field].as_str().unwrap());
        assert_eq!(*found, ((number("b"), number("B")), (number("a"), number("A"))), "{native} {ticker}");
        places += 1;
    }
    places
}

/// Plays a recording without its `missing`th entry, answers the fetch after `late` more frames with a snapshot made of
/// the reference book, and compares from there on.
fn play_without(provider: &str, path: &Path, missing: usize, late: usize) {
    let mut bench = bench(provider, path);
    let topics = book_topics(&bench);
    let mut books: HashMap<String, Reference> = HashMap::new();
    let (mut asked, mut broken): (Option<(String, usize)>, Option<String>) = (None, None);
    for (index, entry) in entries(path).into_iter().enumerate() {
        if index != missing {
            play(&mut bench, &entry.record);
        }
        let seen = look(&entry.record);
        match &seen {
            Seen::Diff(native, diff) => {
                if index == missing {
                    broken = Some(native.clone());
                }
                books.entry(native.clone()).or_default().diff(diff);
            }
            Seen::Snapshot(native, body) => books.entry(native.clone()).or_default().snapshot(body),
            _ => {}
        }
        let depth_url = bench.fetches().into_iter().find(|url| url.contains("/depth?"));
        if let Some(url) = depth_url.filter(|_| index > missing) {
            assert!(asked.is_none(), "asked once");
            assert!(url.contains(&format!("symbol={}&", broken.as_ref().unwrap())), "that symbol alone: {url}");
            asked = Some((url, index + late));
        }
        if asked.as_ref().is_some_and(|(_, when)| *when <= index) {
            let (url, _) = asked.take().unwrap();
            bench.fetched(&url, 200, &books[broken.as_ref().unwrap()].body());
            broken = None;
        }
        if let Seen::Diff(native, _) | Seen::Snapshot(native, _) = &seen
            && broken.as_ref() != Some(native)
            && books[native].last.is_some()
        {
            assert_eq!(published(&bench.topics, &topics[native]), books[native].top(), "{native} after {index}");
        }
    }
    let counts = bench.output.counts;
    assert_eq!((counts.gaps, counts.resyncs, counts.rejected), (1, 1, 0), "without {missing}");
    assert_eq!(bench.topics.resets.len(), 1);
    let marks: Vec<bool> = bench.topics.stale.iter().map(|(_, stale)| *stale).collect();
    assert_eq!(marks, [true, false]);
    assert_eq!(bench.output.out_of_sync, 0);
}

#[test]
fn one_missing_change_is_one_gap_and_one_resync() {
    for (provider, file, ..) in RECORDINGS {
        let Some(path) = recording(file) else { return };
        for missing in middle_diffs(&entries(&path)) {
            play_without(provider, &path, missing, 0);
            play_without(provider, &path, missing, 5);
        }
    }
}

/// Of each symbol one change from the middle of what follows its snapshot, with changes before and after it.
fn middle_diffs(entries: &[Entry]) -> Vec<usize> {
    let mut synced: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, entry) in entries.iter().enumerate() {
        match look(&entry.record) {
            Seen::Snapshot(native, _) => {
                synced.insert(native, Vec::new());
            }
            Seen::Diff(native, _) => {
                if let Some(diffs) = synced.get_mut(&native) {
                    diffs.push(index);
                }
            }
            _ => {}
        }
    }
    synced.into_values().filter(|diffs| diffs.len() >= 12).map(|diffs| diffs[diffs.len() / 2]).collect()
}

#[test]
fn a_malformed_frame_hurts_nothing_else() {
    let Some(path) = recording(RECORDINGS[1].1) else { return };
    let (mut clean, mut hurt) = (bench("binance", &path), bench("binance", &path));
    for entry in entries(&path) {
        play(&mut clean, &entry.record);
        play(&mut hurt, &entry.record);
        for garbage in ["", "{", "\u{0}", "{\"stream\":\"nknusdt@depth@100ms\",\"data\":{\"e\":\"depthUpdate\"}}"] {
            hurt.frame(0, garbage);
        }
    }
    assert_eq!(clean.topics.states, hurt.topics.states);
    assert_eq!(clean.topics.events, hurt.topics.events);
    assert_eq!(hurt.output.counts.gaps, 0);
    assert!(hurt.output.counts.rejected > 1_000);
}
