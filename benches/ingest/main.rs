//! The ingest goal of PERFORMANCE.md: at least 1M pre-parsed updates a second (quotes, 3 changed fields, 10,000 topics)
//! through the channel and the sequencer on one core, a shard reading on the other; and at half of that rate, 99% of the
//! updates visible in the log within 1 ms of being pushed.
//!
//! Prints both figures and whether the goal is reached; the exit code says it too. Wants two CPUs of its own.

mod load;
mod plant;

use hdrhistogram::Histogram;
use load::Load;
use plant::Plant;
use std::process::ExitCode;
use std::time::Duration;

const RATE_GOAL_PER_S: u64 = 1_000_000;
const DELAY_GOAL: Duration = Duration::from_millis(1);
const TOPICS: usize = 10_000;
/// Updates of one run.
const UPDATES: u64 = 3_000_000;
/// Updates of one batch: what most frames of an exchange bring, and what a poll or a busy frame does.
const BATCHES: [usize; 2] = [1, 16];
/// Runs of each kind; the best rate and the best delay count, since the machine's other work can only spoil them.
const RUNS: usize = 3;

/// The product's.
#[global_allocator]
static ALLOCATOR: jemallocator::Jemalloc = jemallocator::Jemalloc;

/// Where updates come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Feed {
    /// A thread on the sequencer's CPU, so that pushing counts against the same core: the goal's wording.
    BesideSequencer,
    /// The shard's thread, which pushes before it reads.
    BesideShard,
}

#[expect(clippy::print_stdout, reason = "its only output")]
fn main() -> ExitCode {
    println!("ingest: {TOPICS} topics, {UPDATES} updates a run, best of {RUNS} runs");
    let mut reached = true;
    for batch in BATCHES {
        for feed in [Feed::BesideSequencer, Feed::BesideShard] {
            let rate = (0..RUNS).map(|_| rate(feed, batch)).max().unwrap_or_default();
            let counts = feed == Feed::BesideSequencer;
            println!(
                "  batches of {batch:2}, feed {feed:?}: {rate} updates/s{}",
                verdict(counts, rate >= RATE_GOAL_PER_S)
            );
            reached &= !counts || rate >= RATE_GOAL_PER_S;
        }
    }
    for batch in BATCHES {
        let delays = (0..RUNS).map(|_| delays(batch)).min_by_key(|delays| delays.value_at_quantile(0.99));
        let delay =
            |quantile| Duration::from_nanos(delays.as_ref().map_or(u64::MAX, |it| it.value_at_quantile(quantile)));
        let (p50, p99, max) = (delay(0.5), delay(0.99), delay(1.0));
        let half = RATE_GOAL_PER_S / 2;
        println!(
            "  batches of {batch:2}, {half} updates/s: visible in the log after p50 {p50:?}, p99 {p99:?}, max {max:?}{}",
            verdict(true, p99 < DELAY_GOAL)
        );
        reached &= p99 < DELAY_GOAL;
    }
    println!(
        "goal ({RATE_GOAL_PER_S} updates/s; p99 below {DELAY_GOAL:?} at half): {}",
        if reached { "reached" } else { "MISSED" }
    );
    if reached { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Nothing of what is only shown for comparison.
fn verdict(counts: bool, reached: bool) -> &'static str {
    match (counts, reached) {
        (false, _) => "",
        (true, true) => ": reached",
        (true, false) => ": MISSED",
    }
}

/// Updates a second, pushed as fast as the channel takes them.
fn rate(feed: Feed, batch: usize) -> u64 {
    let load = Load::new(TOPICS, UPDATES, batch);
    let took = match feed {
        Feed::BesideSequencer => Plant::start(&load).take_fed_beside_sequencer(load),
        Feed::BesideShard => Plant::start(&load).take_fed_beside_shard(load),
    };
    (UPDATES as f64 / took.as_secs_f64()) as u64
}

/// Nanoseconds from when each update is to be pushed to when it is seen in the log, at half of the goal.
fn delays(batch: usize) -> Histogram<u64> {
    let load = Load::new(TOPICS, UPDATES, batch);
    Plant::start(&load).delays(load, RATE_GOAL_PER_S / 2)
}
