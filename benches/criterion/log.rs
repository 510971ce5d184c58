//! What does it cost to append a segment, to find what one topic said after a cursor, and to bring a whole client back?

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use fanwire::close::CloseReason;
use fanwire::framing::{Draft, Framing};
use fanwire::limits::Limits;
use fanwire::log::{Cursor, EntryKind, Epoch, Log, LogLimits, Offset, SegmentDraft, Seq, TopicId};
use fanwire::shard::{Rate, Subscription};
use fanwire_benches::audience::{connect, drive, exact};
use fanwire_benches::engine::{Engine, NOW_MS};
use fanwire_benches::quotes;
use std::sync::Arc;

/// The log of the resumes: so many topics, each told in so many rounds, one segment each.
const TOPICS: usize = 1_000;
const ROUNDS: u64 = 200;
/// Topics of the client that comes back.
const WANTED: usize = 20;

pub fn benches(c: &mut Criterion) {
    append(c);
    let engine = filled();
    entries_after(c, &engine);
    resume(c, &engine);
}

/// A segment that is drafted already, into a log that has to evict as much.
fn append(c: &mut Criterion) {
    let limits = Limits::default();
    let limits = LogLimits { segments_max: 4_096, bytes_max: limits.log_bytes_max };
    let mut group = c.benchmark_group("log/append");
    for entries in [1, 100, 1_000] {
        let (_, mut writer) = Log::new(Epoch::from_bits(1), limits);
        group.throughput(Throughput::Elements(entries));
        group.bench_function(BenchmarkId::from_parameter(entries), |b| {
            b.iter_batched_ref(
                || drafted(entries),
                |segment| writer.publish(segment, |_, _| {}),
                BatchSize::SmallInput,
            );
        });
    }
}

fn drafted(entries: u64) -> SegmentDraft {
    let (mut segment, mut scratch) = (SegmentDraft::default(), Vec::new());
    let (name, delta): (Arc<str>, _) = ("quote.binance.BTC-USDT".into(), quotes::patch(1));
    for n in 0..entries {
        let draft = Draft {
            kind: EntryKind::Delta,
            topic: TopicId(0),
            name: &name,
            n: 17,
            from: None,
            seq: Seq(n),
            offset: Offset(n),
            before: None,
            ts: NOW_MS,
            te: None,
            stale: false,
            lost: None,
        };
        draft.add(&mut segment, &mut scratch, |out| delta.write(out));
    }
    segment
}

fn filled() -> Engine {
    let topics = quotes::topics(TOPICS);
    let mut engine = Engine::new(Limits { log_bytes_max: 1 << 30, ..Limits::default() });
    (0..ROUNDS).for_each(|round| engine.publish(quotes::updates(&topics, round)));
    engine
}

/// The cursor of somebody who is so many rounds behind.
fn behind(engine: &Engine, rounds: u64) -> Cursor {
    Cursor { epoch: engine.log.epoch().clone(), offset: Offset(engine.log.end().0 - rounds * TOPICS as u64) }
}

fn entries_after(c: &mut Criterion, engine: &Engine) {
    let newest = engine.store.load(TopicId(0)).expect("a live topic").link;
    let mut group = c.benchmark_group("log/entries_after");
    for rounds in [1, 10, 100] {
        let cursor = behind(engine, rounds).offset;
        let scan = || engine.log.entries_after(cursor, newest, usize::MAX);
        assert_eq!(scan().map(|links| links.len() as u64), Some(rounds));
        group.throughput(Throughput::Elements(rounds));
        group.bench_function(BenchmarkId::from_parameter(rounds), |b| b.iter(scan));
    }
}

/// From the connection to the last byte, all of it answered by entries.
fn resume(c: &mut Criterion, engine: &Engine) {
    let mut core = engine.shard();
    core.settle(NOW_MS);
    let topics: Vec<_> = quotes::topics(WANTED).iter().map(exact).collect();
    let mut group = c.benchmark_group("log/resume_20_topics");
    for rounds in [1, 10, 100] {
        let cursor = Some(behind(engine, rounds));
        let subscription = Subscription { topics: topics.clone(), cursor, rate: Rate::UNTHROTTLED };
        group.throughput(Throughput::Elements(rounds * WANTED as u64));
        group.bench_function(BenchmarkId::from_parameter(rounds * WANTED as u64), |b| {
            b.iter(|| {
                let key = connect(&mut core, Framing::default());
                core.subscribe(key, &subscription, None, NOW_MS).expect("within the limits");
                drive(&mut core);
                core.remove(key, CloseReason::PeerGone)
            });
        });
    }
}
