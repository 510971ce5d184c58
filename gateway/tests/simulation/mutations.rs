//! The simulator finds what it is there to find: each of these bugs, one at a time, breaks a rule within a bounded number
//! of seeds.

use crate::{number, run};
use fanwire::mutation::{self, Mutation};
use std::panic::{AssertUnwindSafe, catch_unwind};

const SEEDS_MAX: u64 = 2_000;

/// Seeds until the bug is found; `None` if it is not.
fn seeds_until_found(bug: Mutation) -> Option<u64> {
    mutation::set(Some(bug));
    let found = (1..=SEEDS_MAX).find(|seed| catch_unwind(AssertUnwindSafe(|| run(*seed))).is_err());
    mutation::set(None);
    found
}

#[test]
fn every_mutation_is_found() {
    if number("SEED").is_some() {
        // One seed is being replayed.
        return;
    }
    // What the bugs break is not worth telling; what breaks on other threads is.
    let (here, hook) = (std::thread::current().id(), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().id() != here {
            hook(panic);
        }
    }));
    let found = Mutation::ALL.map(|bug| (bug, seeds_until_found(bug)));
    for (bug, seeds) in found {
        eprintln!("{bug:?}: {}", seeds.map_or("not found".into(), |seeds| format!("seed {seeds}")));
    }
    let missed: Vec<Mutation> = found.iter().filter(|(_, seeds)| seeds.is_none()).map(|(bug, _)| *bug).collect();
    assert!(missed.is_empty(), "not found in {SEEDS_MAX} seeds: {missed:?}");
}
