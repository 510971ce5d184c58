//! How many updates a second does the sequencer take, with 1, 1,000 and 100,000 topics? From an update to its bytes in the
//! log: merge, delta, numbering, encoding, snapshot, eviction.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use fanwire_benches::audience::any_of;
use fanwire_benches::engine::{Engine, NOW_MS};
use fanwire_benches::quotes;
use feeds::model::{Topic, Update};
use rand::SeedableRng;
use rand::rngs::SmallRng;

/// Topics that are born in one segment.
const BORN_AT_ONCE: usize = 1_000;

pub fn benches(c: &mut Criterion) {
    let mut group = c.benchmark_group("sequencer");
    for topics in [1, 1_000, 100_000] {
        // Under light load every update is a commit of its own, under heavy load a commit has many.
        for batch in [1, 100] {
            let (mut engine, topics) = (Engine::default(), quotes::topics(topics));
            topics.chunks(BORN_AT_ONCE).for_each(|topics| engine.publish(quotes::updates(topics, 0)));
            let mut source = Source { topics: &topics, random: SmallRng::seed_from_u64(1), round: 0, batch };
            group.throughput(Throughput::Elements(batch));
            group.bench_function(BenchmarkId::new(format!("{}_topics", topics.len()), batch), |b| {
                b.iter_batched(|| source.next(), |updates| sequence(&mut engine, updates), BatchSize::LargeInput);
            });
        }
    }
}

/// By value, so that what becomes of an update when it is taken is part of it.
fn sequence(engine: &mut Engine, updates: Vec<Update>) {
    for update in updates {
        engine.sequencer.apply(update, NOW_MS).expect("made-up updates are in order");
    }
    engine.sequencer.commit();
}

/// Updates of random topics.
struct Source<'a> {
    topics: &'a [Topic],
    random: SmallRng,
    round: u64,
    batch: u64,
}

impl Source<'_> {
    fn next(&mut self) -> Vec<Update> {
        let first = self.round;
        self.round += self.batch;
        (first..self.round).map(|round| quotes::update(any_of(&mut self.random, self.topics), round)).collect()
    }
}
