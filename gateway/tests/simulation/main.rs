//! A seeded simulator over the real engine: sequencer, log, store and two shards' cores, with wires that take any
//! number of bytes, connections cut at any byte, polls whose answers are lost, and clients that resume from the last
//! cursor they were told, on any shard.
//!
//! Invariants SNAPSHOT-FIRST, CURSOR-TRUE and SAME-WORDS: every message is checked against the protocol's rules and
//! against what was really published; at each stated cursor, and at the end, every client holds just what there was.
//!
//! `SEEDS=n` runs so many seeds from `FIRST_SEED` on, on all cores; `SEED=n` replays one, in words with `TRACE=1`.

#[path = "../checker/mod.rs"]
mod checker;
mod directed;
mod finish;
#[cfg(feature = "mutations")]
mod mutations;
mod polls;
mod publish;
mod same_words;
mod sets;
mod shape;
mod streams;
mod wire;
mod world;

use checker::trace::{self, Mode};
use shape::Shape;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use world::World;

const SEEDS_DEFAULT: u64 = 500;
/// Of so many seeds one begins with a directed schedule.
const DIRECTED_EVERY: u64 = 50;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Runs one schedule to its end, panicking at the first broken rule.
fn run(seed: u64) {
    trace::begin(trace::mode_or(Mode::Off));
    let mut world = World::new(seed, Shape::draw);
    if seed % DIRECTED_EVERY == 0 {
        // One that was thought of, then a drawn one on top of it.
        let case = (seed / DIRECTED_EVERY) as usize % directed::CASES.len();
        world.shape.paced_percent = 0;
        directed::CASES[case](&mut world);
    }
    world.add_clients();
    if world.shape.is_large {
        world.publish_all();
    }
    for step in 0..world.shape.steps {
        trace::tell(|| format!("step {step}"));
        world.step();
    }
    world.finish();
}

/// Runs seeds on all cores. The lowest seed that broke a rule, if one did, after which no other is begun.
fn first_failure(seeds: std::ops::Range<u64>) -> Option<u64> {
    let (next, failed) = (AtomicU64::new(seeds.start), AtomicU64::new(u64::MAX));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end || failed.load(Ordering::Relaxed) != u64::MAX {
                return;
            }
            if catch_unwind(AssertUnwindSafe(|| run(seed))).is_err() {
                failed.fetch_min(seed, Ordering::Relaxed);
            }
            if seed % 10_000 == 0 {
                eprintln!("{seed} seeds");
            }
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(work);
        }
    });
    Some(failed.into_inner()).filter(|seed| *seed != u64::MAX)
}

#[test]
fn every_schedule_keeps_the_protocol() {
    if let Some(seed) = number("SEED") {
        return run(seed);
    }
    let (first, seeds) = (number("FIRST_SEED").unwrap_or(1), number("SEEDS").unwrap_or(SEEDS_DEFAULT));
    let begun = Instant::now();
    if let Some(seed) = first_failure(first..first + seeds) {
        panic!("seed {seed} broke the protocol; replay it with SEED={seed} TRACE=1");
    }
    eprintln!("{seeds} seeds in {:.1?}", begun.elapsed());
}
