//! What does a shard do for one entry, from the log to the wires, for 1 … 10,000 subscribers of 1 … 1,000 topics? Wires
//! take everything at no cost, so this is what we add to the kernel's share.

use criterion::{BenchmarkId, Criterion, Throughput};
use fanwire::shard::Core;
use fanwire_benches::audience::{NullWire, any_of, join_at_random};
use fanwire_benches::engine::{Engine, NOW_MS};
use fanwire_benches::quotes;
use feeds::model::Topic;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use std::time::{Duration, Instant};

/// Topics of a subscriber, as in workload W2; fewer where there are fewer.
const WANTED: usize = 20;
/// Entries of a pass under load.
const BURST: usize = 100;

pub fn benches(c: &mut Criterion) {
    let mut group = c.benchmark_group("fan_out");
    for topics in [1, 10, 100, 1_000] {
        for subscribers in [1, 10, 100, 1_000, 10_000] {
            let mut hall = Hall::new(subscribers, topics);
            group.bench_function(BenchmarkId::new(format!("{topics}_topics"), subscribers), |b| {
                b.iter_custom(|passes| (0..passes).map(|_| hall.pass(1)).sum());
            });
        }
    }
    // W2 under load: what a pass saves that has many entries to hand out.
    let mut hall = Hall::new(1_000, 1_000);
    group.throughput(Throughput::Elements(BURST as u64));
    group.bench_function("w2_burst_of_100", |b| b.iter_custom(|passes| (0..passes).map(|_| hall.pass(BURST)).sum()));
}

/// A shard with its subscribers.
struct Hall {
    engine: Engine,
    core: Core<NullWire>,
    topics: Vec<Topic>,
    random: SmallRng,
    round: u64,
}

impl Hall {
    fn new(subscribers: usize, topics: usize) -> Hall {
        let (mut engine, topics) = (Engine::default(), quotes::topics(topics));
        engine.publish(quotes::updates(&topics, 0));
        let (mut core, mut random) = (engine.shard(), SmallRng::seed_from_u64(1));
        join_at_random(&mut core, &mut random, &topics, subscribers, WANTED);
        Hall { engine, core, topics, random, round: 0 }
    }

    /// Publishes a segment of random topics; how long the shard takes to hand it out.
    fn pass(&mut self, entries: usize) -> Duration {
        let Hall { engine, core, topics, random, round } = self;
        engine.publish((0..entries).map(|_| {
            *round += 1;
            quotes::update(any_of(random, topics), *round)
        }));
        let begun = Instant::now();
        core.settle(NOW_MS);
        begun.elapsed()
    }
}
