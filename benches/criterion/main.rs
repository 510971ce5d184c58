//! All criterion benches in one binary, so that it is linked once. `make bench` runs them all, `make bench BENCH=store`
//! those of one file. The question that each answers stands in `README.md`.

mod command;
mod encode;
mod fan_out;
mod log;
mod merge;
mod poll;
mod sequencer;
mod store;
mod translate;

use criterion::{Criterion, criterion_group, criterion_main};
use std::time::Duration;

/// The product's.
#[global_allocator]
static ALLOCATOR: jemallocator::Jemalloc = jemallocator::Jemalloc;

/// Short, so that all of them together take less than ten minutes.
fn config() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
}

criterion_group! {
    name = all;
    config = config();
    targets =
        translate::benches,
        merge::benches,
        encode::benches,
        sequencer::benches,
        store::benches,
        log::benches,
        fan_out::benches,
        command::benches,
        poll::benches,
}
criterion_main!(all);
