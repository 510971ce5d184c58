//! Many small logs and stores at once, each with a writer and several readers, under constant eviction: what loom cannot
//! model (arc-swap, boxcar, `OnceLock`) is run for real. For seconds natively; under Miri and ThreadSanitizer by
//! `make race`. `STRESS_ROUNDS` says how many entries each log gets.

use fanwire::framing::{Form, Framing};
use fanwire::limits::Limits;
use fanwire::log::{EntryKind, Epoch, Log, LogLimits, Offset, Overtaken, Segment};
use fanwire::sequencer::{KindRules, Sequencer};
use fanwire::store::{Content, Store};
use feeds::model::{Change, Object, Topic, Update, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

const LOGS: usize = if cfg!(miri) { 2 } else { 12 };
const READERS: usize = if cfg!(miri) { 2 } else { 3 };
const ROUNDS: u64 = if cfg!(miri) { 40 } else { 5_000 };
/// Of every so many entries of a log the last is an end.
const LIFE: u64 = 7;
/// Every reader has a framing of its own to ask for.
const FRAMINGS: [Framing; READERS_MAX] = [
    Framing { form: Form::Sse, quiet: false, num_string: false, ids: false },
    Framing { form: Form::Json, quiet: true, num_string: true, ids: false },
    Framing { form: Form::Json, quiet: true, num_string: true, ids: false },
];
const READERS_MAX: usize = 3;

fn rounds() -> u64 {
    std::env::var("STRESS_ROUNDS").ok().map_or(ROUNDS, |rounds| rounds.parse().expect("STRESS_ROUNDS is a number"))
}

/// What the entry of this offset is: a log's only topic lives for some entries, ends, and is born again.
fn is_gone(offset: u64) -> bool {
    offset.is_multiple_of(LIFE)
}

#[derive(Debug, Default)]
struct Tally {
    read: AtomicU64,
    overtaken: AtomicU64,
}

#[test]
fn readers_and_writers_of_many_small_logs() {
    let rounds = rounds();
    let tally = Tally::default();
    thread::scope(|scope| {
        for n in 0..LOGS {
            let store = Arc::new(Store::new());
            // Between one segment and a few: readers are overtaken all the time.
            let limits = LogLimits { segments_max: 1 << (n % 5), bytes_max: 1 << 14 };
            let (log, writer) = Log::new(Epoch::from_bits(n as u64), limits);
            let sequencer = Sequencer::new(Arc::clone(&store), writer, KindRules::new(Vec::new()), &Limits::default());
            for framing in &FRAMINGS[..READERS] {
                let (log, store, tally) = (Arc::clone(&log), Arc::clone(&store), &tally);
                scope.spawn(move || follow(&log, &store, *framing, rounds, tally));
            }
            scope.spawn(move || write(sequencer, rounds));
        }
    });
    let (read, overtaken) = (tally.read.into_inner(), tally.overtaken.into_inner());
    eprintln!("{LOGS} logs, {READERS} readers each: {read} segments read, overtaken {overtaken} times");
    assert!(read > 0);
}

fn write(mut sequencer: Sequencer, rounds: u64) {
    for offset in 1..=rounds {
        let change =
            if is_gone(offset) { Change::Retire } else { Change::Patch(Object::new().with("v", offset as i64)) };
        let made = sequencer.apply(Update::new(Topic::new("a.b").unwrap(), None, change), 0).unwrap();
        assert_eq!(made, Some(Offset(offset)));
        assert!(sequencer.commit());
        if offset.is_multiple_of(64) {
            thread::yield_now();
        }
    }
}

fn follow(log: &Log, store: &Store, framing: Framing, rounds: u64, tally: &Tally) {
    let mut reader = log.reader_at_tail();
    // `None` until the first segment is read, which may be any.
    let mut position: Option<Offset> = None;
    while position != Some(Offset(rounds)) {
        match reader.read(log) {
            Ok(None) => thread::yield_now(),
            Ok(Some(segment)) => {
                assert!(position.is_none_or(|position| position.0 + 1 == segment.first.0), "a segment was skipped");
                check(log, store, &segment, framing);
                position = Some(segment.last());
                tally.read.fetch_add(1, Ordering::Relaxed);
            }
            Err(Overtaken) => {
                let before = position.unwrap_or_default();
                let missed_end = (before.0 + 1).is_multiple_of(LIFE).then_some(Offset(before.0 + 1));
                assert!(position.is_none() || missed_end.is_none_or(|end| log.gone_evicted() >= end), "{missed_end:?}");
                let (at_head, head) = log.reader_at_head();
                assert!(head > before, "overtaken by nothing");
                (reader, position) = (at_head, Some(head));
                tally.overtaken.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

fn check(log: &Log, store: &Store, segment: &Segment, framing: Framing) {
    let offset = segment.first;
    assert!(log.end() >= offset);
    let entry = &segment.entries[0];
    assert_eq!(entry.kind == EntryKind::Gone, is_gone(offset.0));
    assert!(contains(segment.json(0), format!(r#""o":{}"#, offset.0).as_bytes()));
    let framed = segment.framed(framing);
    assert_eq!(framed.ends.len(), 1);
    assert_eq!(contains(&framed.bytes, br#""o":"#), !framing.quiet);
    // A snapshot of the moment: of this entry, or of a later one, and whole in itself.
    let Some(snapshot) = store.load(entry.topic) else {
        return assert!(is_gone(offset.0) || log_reaches_an_end(log, offset));
    };
    assert!(snapshot.link.offset >= offset, "older than what was read");
    let Content::State(state) = &snapshot.content else { panic!("a state topic") };
    assert_eq!(state.get("v"), Some(&Value::from(snapshot.link.offset.0 as i64)));
    let quoted = format!(r#"{{"v":"{}"}}"#, snapshot.link.offset.0);
    assert_eq!(&snapshot.data(true)[..], quoted.as_bytes());
}

/// The store is ahead of the log by one commit at most, so the end that emptied the slot is being published.
fn log_reaches_an_end(log: &Log, offset: Offset) -> bool {
    let end = log.end().0 + 1;
    (offset.0 + 1..=end).any(is_gone)
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
