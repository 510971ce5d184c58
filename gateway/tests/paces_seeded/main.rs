//! A seeded simulator of rates and latency budgets over the pure engine: a sequencer, two shards' cores, clients that
//! change their paces at any time, wires that take any number of bytes.
//!
//! Invariants SNAPSHOT-FIRST and CURSOR-TRUE: clients follow the protocol to the letter; at every cursor that is stated
//! they hold what was then, or later; in the end, and after a resume from any cursor, what is.
//!
//! `SEEDS=n` runs so many seeds, `SEED=n` replays one, `TRACE=1` prints its steps.

mod client;
mod pipe;
mod truth;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

const SEEDS_DEFAULT: u64 = 500;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
fn every_pace_keeps_the_protocol() {
    if let Some(seed) = number("SEED") {
        return world::run(seed);
    }
    let first = number("FIRST_SEED").unwrap_or(1);
    for seed in first..first + number("SEEDS").unwrap_or(SEEDS_DEFAULT) {
        if catch_unwind(AssertUnwindSafe(|| world::run(seed))).is_err() {
            panic!("seed {seed} broke the protocol; replay it with SEED={seed} TRACE=1");
        }
    }
}
