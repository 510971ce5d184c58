//! A seeded simulator over the real engine: sequencer, log, store and two shards' cores, with wires that take any
//! number of bytes, connections cut at any byte, and clients that resume from the last cursor they were told.
//!
//! Invariants SNAPSHOT-FIRST and CURSOR-TRUE: every message is checked against the protocol's rules and against the
//! states that really were; at the end every client's state equals the store's.
//!
//! `SEEDS=n` runs so many seeds, `SEED=n` replays one, `TRACE=1` prints its steps.

mod client;
mod wire;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

const SEEDS_DEFAULT: u64 = 500;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
fn every_schedule_keeps_the_protocol() {
    if let Some(seed) = number("SEED") {
        world::run(seed);
        return;
    }
    let seeds = number("SEEDS").unwrap_or(SEEDS_DEFAULT);
    let first = number("FIRST_SEED").unwrap_or(1);
    for seed in first..first + seeds {
        if catch_unwind(AssertUnwindSafe(|| world::run(seed))).is_err() {
            panic!("seed {seed} broke the protocol; replay it with SEED={seed} TRACE=1");
        }
        if seed % 10_000 == 0 {
            eprintln!("{seed} seeds");
        }
    }
}
