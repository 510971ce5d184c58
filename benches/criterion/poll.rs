//! What does it save that waiting polls share their bodies? A thousand polls of one topic set answered with one body,
//! and a thousand with a body each.

use criterion::{Criterion, Throughput};
use fanwire::framing::{Form, Framing};
use fanwire::log::Cursor;
use fanwire::shard::{Core, Filters, SetKey, WaitingPoll};
use fanwire_benches::audience::{NullWire, exact};
use fanwire_benches::engine::{Engine, NOW_MS, POLL_GATHER_MS};
use fanwire_benches::quotes;
use feeds::model::Topic;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

const POLLS: usize = 1_000;
/// Topics of a poll's set; what is published is the first of them, which is in every set.
const WANTED: usize = 20;

pub fn benches(c: &mut Criterion) {
    let mut group = c.benchmark_group("poll");
    group.throughput(Throughput::Elements(POLLS as u64));
    for (name, sets) in [("1000_share_a_body", 1), ("1000_with_a_body_each", POLLS)] {
        let mut hall = Hall::new(sets);
        group.bench_function(name, |b| b.iter_custom(|rounds| (0..rounds).map(|_| hall.round()).sum()));
    }
}

/// A shard with sets of topics that polls ask about.
struct Hall {
    engine: Engine,
    core: Core<NullWire>,
    hot: Topic,
    sets: Vec<SetKey>,
    round: u64,
}

impl Hall {
    fn new(sets: usize) -> Hall {
        let (mut engine, topics) = (Engine::default(), quotes::topics(POLLS + WANTED));
        engine.publish(quotes::updates(&topics, 0));
        let mut core = engine.shard();
        let framing = Framing { form: Form::Json, ..Framing::default() };
        let sets = (0..sets).map(|n| {
            let wanted = topics[..1].iter().chain(&topics[n + 1..n + WANTED]).map(exact);
            core.poll_set(Filters::unthrottled(wanted), framing, NOW_MS).expect("within the limits")
        });
        let sets = sets.collect();
        Hall { engine, core, hot: topics[0].clone(), sets, round: 0 }
    }

    /// Everybody waits, one entry comes; how long it takes until all are answered.
    fn round(&mut self) -> Duration {
        self.round += 1;
        let cursor = Cursor { epoch: self.engine.log.epoch().clone(), offset: self.engine.log.end() };
        let sets = self.sets.iter().cycle().take(POLLS);
        let waiting: Vec<_> = sets
            .map(|set| {
                let (reply, answer) = oneshot::channel();
                self.core.poll_wait(*set, WaitingPoll { cursor: cursor.clone(), reply });
                answer
            })
            .collect();
        self.engine.publish([quotes::update(&self.hot, self.round)]);
        let begun = Instant::now();
        self.core.settle(NOW_MS);
        self.core.serve_due(NOW_MS + POLL_GATHER_MS);
        let taken = begun.elapsed();
        assert!(waiting.into_iter().all(|mut answer| answer.try_recv().is_ok()), "a poll without an answer");
        taken
    }
}
