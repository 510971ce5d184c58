//! What does it cost to merge a patch into a state and get the minimal delta back, and to find the delta of two states?

use criterion::{BenchmarkGroup, Criterion, measurement::WallTime};
use fanwire_benches::quotes;
use feeds::model::{Decimal, Object, diff, merge};
use std::hint::black_box;

pub fn benches(c: &mut Criterion) {
    let mut group = c.benchmark_group("merge");
    let quotes = [quotes::patch(1), quotes::patch(2)];
    merge_in_turn(&mut group, "quote_3_of_4_fields", &quotes[0], &quotes);
    merge_in_turn(&mut group, "quote_unchanged", &quotes[0], &[quotes[0].clone(), quotes[0].clone()]);
    let books = [book(1), book(2)];
    merge_in_turn(
        &mut group,
        "book_2_of_40_levels",
        &books[0],
        &[delta(&books[0], &books[1]), delta(&books[1], &books[0])],
    );
    group.finish();

    let mut group = c.benchmark_group("diff");
    let slates = [slate(1), slate(2)];
    for (name, [old, new]) in
        [("quote_3_of_4_fields", quotes), ("book_2_of_40_levels", books), ("slate_1_of_16_lines", slates)]
    {
        assert!(diff(&old, &new).is_some());
        group.bench_function(name, |b| b.iter(|| diff(black_box(&old), black_box(&new))));
    }
}

/// Merges the two patches by turns, so that each changes what the other did.
fn merge_in_turn(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, state: &Object, patches: &[Object; 2]) {
    let (mut state, mut turn) = (state.clone(), 0);
    group.bench_function(name, |b| {
        b.iter(|| {
            turn ^= 1;
            merge(&mut state, black_box(&patches[turn]))
        });
    });
}

fn delta(old: &Object, new: &Object) -> Object {
    diff(old, new).expect("they differ")
}

/// Twenty levels a side; one of them has another size in each round, and another price.
fn book(round: i64) -> Object {
    let side = |first: i64| -> Object {
        let level = |at: i64| (format!("{}.5", first + at).into(), (1_000 + at).into());
        (0..20).map(level).collect()
    };
    let moving = format!("{}.5", 65_100 + round);
    let asks = side(65_100).with("65110.5", Decimal::new(i128::from(round), 3).expect("a small scale"));
    Object::new().with("asks", asks).with("bids", side(65_000).with(moving, 7))
}

/// Sixteen games, one of which has another score in each round.
fn slate(round: i64) -> Object {
    let line = |score: i64| {
        Object::new().with("home", "EDM").with("away", "WPG").with("home_score", score).with("phase", "live")
    };
    (0..16).map(|game| (format!("20240200{game:02}").into(), line(if game == 7 { round } else { 0 }).into())).collect()
}
