//! The invariants over real sockets: a gateway in this process with two shards and small limits, raw TCP clients of every
//! transport, publishing over HTTP, stalls, cuts after any number of bytes, and restarts. The clients are checked by the
//! same code as the simulator's.
//!
//! The seed decides what is done in which order. How threads and the kernel interleave it cannot be repeated, so a failure
//! prints its seed and everything that was said. `SEEDS=n` runs so many, `SEED=n` one, `TRACE=1` tells it as it happens.

#[path = "../checker/mod.rs"]
mod checker;
mod connection;
#[allow(dead_code)] // Why: shared with the behaviours, which use more of it.
#[path = "../behaviour/gateway.rs"]
mod gateway;
#[allow(dead_code)]
#[path = "../behaviour/http.rs"]
mod http;
mod publish;
mod same_words;
mod schedule;
#[allow(dead_code)]
#[path = "../behaviour/ws.rs"]
mod ws;

use checker::trace::{self, Mode};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

const SEEDS_DEFAULT: u64 = 24;
/// Schedules wait for the gateway more than they compute.
const THREADS: usize = 3;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
fn every_schedule_keeps_the_protocol_over_sockets() {
    let (first, seeds) = match number("SEED") {
        Some(seed) => (seed, 1),
        None => (number("FIRST_SEED").unwrap_or(1), number("SEEDS").unwrap_or(SEEDS_DEFAULT)),
    };
    let begun = Instant::now();
    let (next, failed) = (AtomicU64::new(first), Mutex::new(None));
    let whys = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds || failed.lock().unwrap().is_some() {
                        return;
                    }
                    trace::begin(trace::mode_or(Mode::Keep));
                    match catch_unwind(AssertUnwindSafe(|| schedule::run(seed))) {
                        Ok(seen) => {
                            seen.into_iter().for_each(|(why, n)| *whys.lock().unwrap().entry(why).or_default() += n)
                        }
                        Err(_) => {
                            failed.lock().unwrap().get_or_insert_with(|| (seed, trace::kept()));
                        }
                    }
                }
            });
        }
    });
    if let Some((seed, transcript)) = failed.into_inner().unwrap() {
        transcript.iter().for_each(|line| eprintln!("{line}"));
        panic!("seed {seed} broke the protocol");
    }
    let whys: BTreeMap<String, u64> = whys.into_inner().unwrap();
    eprintln!("{seeds} seeds in {:.1?}; snapshots: {whys:?}", begun.elapsed());
    // A run in which nobody lagged or came back proves little.
    for why in ["subscribe", "born", "resume", "lag", "rate", "reset"] {
        assert!(seeds < SEEDS_DEFAULT || whys.contains_key(why), "no snapshot with why {why} in {seeds} seeds");
    }
}
