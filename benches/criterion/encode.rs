//! What does an entry cost in each framing, and a snapshot? The plain WebSocket frame is encoded from the state; the
//! other framings are cut from it, a segment at a time.

use criterion::{BatchSize, Criterion, Throughput};
use fanwire::framing::message::{Lost, Why, snapshot};
use fanwire::framing::{Draft, Form, Framing};
use fanwire::log::{EntryKind, Offset, Reader, Segment, SegmentDraft, Seq, TopicId};
use fanwire::store::Snapshot;
use fanwire_benches::engine::{Engine, NOW_MS};
use fanwire_benches::quotes;
use feeds::model::Topic;
use std::hint::black_box;
use std::sync::Arc;

/// Entries of the segments.
const ENTRIES: usize = 100;

pub fn benches(c: &mut Criterion) {
    plain(c);
    for (name, framing) in [
        ("sse", Framing { form: Form::Sse, ..Framing::default() }),
        ("sse_num_string", Framing { form: Form::Sse, num_string: true, ..Framing::default() }),
        ("websocket_quiet", Framing::default().quiet(true)),
        ("websocket_ids", Framing { ids: true, ..Framing::default() }),
        ("json", Framing { form: Form::Json, ..Framing::default() }),
    ] {
        recut(c, name, framing);
    }
    snapshots(c);
}

/// A segment's worth of deltas, as the sequencer encodes them.
fn plain(c: &mut Criterion) {
    let (name, delta): (Arc<str>, _) = ("quote.binance.BTC-USDT".into(), quotes::patch(1));
    let mut group = c.benchmark_group("encode");
    group.throughput(Throughput::Elements(ENTRIES as u64));
    group.bench_function("websocket_x100", |b| {
        b.iter_batched_ref(
            || (SegmentDraft::default(), Vec::new()),
            |(segment, scratch)| {
                for n in 0..ENTRIES as u64 {
                    draft(&name, n).add(segment, scratch, |out| delta.write(out));
                }
            },
            BatchSize::SmallInput,
        );
    });
}

fn draft(name: &Arc<str>, n: u64) -> Draft<'_> {
    Draft {
        kind: EntryKind::Delta,
        topic: TopicId(0),
        name,
        n: 17,
        from: None,
        seq: Seq(1_000 + n),
        offset: Offset(1_000_000 + n),
        before: None,
        ts: NOW_MS,
        te: Some(NOW_MS - 5),
        stale: false,
        lost: None,
    }
}

fn recut(c: &mut Criterion, name: &str, framing: Framing) {
    let mut source = Source::new(ENTRIES);
    let mut group = c.benchmark_group("encode");
    group.throughput(Throughput::Elements(ENTRIES as u64));
    group.bench_function(format!("{name}_x100"), |b| {
        b.iter_batched(
            || source.segment(),
            |segment| {
                black_box(segment.framed(framing));
                segment
            },
            BatchSize::SmallInput,
        );
    });
}

fn snapshots(c: &mut Criterion) {
    let mut source = Source::new(1);
    let mut group = c.benchmark_group("encode");
    group.bench_function("snapshot_first", |b| {
        b.iter_batched(|| source.snapshot(), |fresh| (frame(&fresh), fresh), BatchSize::SmallInput);
    });
    let shared = source.snapshot();
    group.bench_function("snapshot_shared", |b| b.iter(|| frame(&shared)));
}

fn frame(it: &Snapshot) -> (Vec<u8>, impl Sized + use<>) {
    snapshot(it, Why::Subscribe, Lost::Unsaid, false)
}

/// Segments that nobody has asked a framing of.
struct Source {
    engine: Engine,
    reader: Reader,
    topics: Vec<Topic>,
    round: u64,
}

impl Source {
    fn new(topics: usize) -> Source {
        let (mut engine, topics) = (Engine::default(), quotes::topics(topics));
        engine.publish(quotes::updates(&topics, 0));
        let (reader, _) = engine.log.reader_at_head();
        Source { engine, reader, topics, round: 0 }
    }

    /// With a delta of every topic.
    fn segment(&mut self) -> Arc<Segment> {
        self.round += 1;
        self.engine.publish(quotes::updates(&self.topics, self.round));
        self.reader.read(&self.engine.log).expect("read at once").expect("just published")
    }

    fn snapshot(&mut self) -> Arc<Snapshot> {
        self.segment();
        self.engine.store.load(TopicId(0)).expect("a live topic")
    }
}
