use super::*;
use crate::book::Level;

fn level(price: i64, size: i64) -> Level {
    Level { price: price.into(), size: size.into() }
}

/// Bid 10 × `size`, ask 11 × 1.
fn snapshot(last: i64, size: i64) -> Depth {
    Depth { event_ms: None, last, bids: vec![level(10, size)], asks: vec![level(11, 1)] }
}

/// Sets bid 10 to the size `last`.
fn spot(first: i64, last: i64) -> Diff {
    Diff { event_ms: 0, first, last, previous: None, bids: vec![level(10, last)], asks: vec![] }
}

fn futures(previous: i64, first: i64, last: i64) -> Diff {
    Diff { previous: Some(previous), ..spot(first, last) }
}

fn bid_size(book: &DiffBook) -> String {
    book.levels().top(1).bids[0].size.to_string()
}

fn synced() -> DiffBook {
    let mut book = DiffBook::new(false);
    assert_eq!(book.snapshot(&snapshot(100, 1)), Outcome::Synced { again: false });
    assert_eq!(book.diff(spot(101, 105)), Outcome::Changed);
    book
}

#[test]
fn changes_kept_are_applied_to_the_snapshot() {
    let mut book = DiffBook::new(false);
    assert!(book.wants_fetch() && !book.wants_fetch());
    for (first, last) in [(90, 95), (96, 100), (101, 103), (104, 107)] {
        assert_eq!(book.diff(spot(first, last)), Outcome::Nothing);
    }
    assert_eq!(book.snapshot(&snapshot(102, 1)), Outcome::Synced { again: false });
    assert_eq!(bid_size(&book), "107");
    assert!(!book.wants_fetch());
}

#[test]
fn a_snapshot_older_than_the_changes_is_not_used() {
    let mut book = DiffBook::new(false);
    book.diff(spot(90, 95));
    assert_eq!(book.snapshot(&snapshot(88, 1)), Outcome::SnapshotTooOld);
    assert!(!book.is_synced());
    assert_eq!(book.snapshot(&snapshot(89, 1)), Outcome::Synced { again: false }, "the change was kept");
    assert_eq!(bid_size(&book), "95");
}

#[test]
fn a_gap_breaks_and_a_snapshot_mends() {
    let mut book = synced();
    assert_eq!(book.diff(spot(107, 109)), Outcome::Broken);
    assert!(book.wants_fetch());
    assert_eq!(book.diff(spot(110, 112)), Outcome::Nothing);
    assert_eq!(book.snapshot(&snapshot(108, 1)), Outcome::Synced { again: true });
    assert_eq!(bid_size(&book), "112");
    assert_eq!(book.snapshot(&snapshot(999, 5)), Outcome::Nothing, "not asked for");
}

#[test]
fn the_same_change_twice_and_an_overlapping_one() {
    let mut book = synced();
    assert_eq!(book.diff(spot(101, 105)), Outcome::Nothing);
    assert_eq!(book.diff(spot(103, 107)), Outcome::Changed, "the other connection cut elsewhere");
    assert_eq!(book.diff(spot(108, 108)), Outcome::Changed);
}

#[test]
fn a_crossed_book_is_broken() {
    let mut book = synced();
    let crossing = Diff { bids: vec![level(11, 1)], ..spot(106, 106) };
    assert_eq!(book.diff(crossing), Outcome::Broken);
    assert!(!book.is_synced());
}

#[test]
fn a_lost_connection_needs_a_new_snapshot() {
    let mut book = synced();
    assert!(book.lose() && !book.lose());
    assert_eq!(book.diff(spot(106, 107)), Outcome::Nothing);
    assert_eq!(book.snapshot(&snapshot(106, 1)), Outcome::Synced { again: true });
    assert_eq!(bid_size(&book), "107");
}

#[test]
fn futures_follow_pu() {
    let mut book = DiffBook::new(true);
    book.diff(futures(80, 90, 95));
    book.diff(futures(95, 99, 120));
    assert_eq!(book.snapshot(&snapshot(110, 1)), Outcome::Synced { again: false });
    assert_eq!(bid_size(&book), "120");
    assert_eq!(book.diff(futures(120, 150, 160)), Outcome::Changed, "ids of other symbols lie between");
    assert_eq!(book.diff(futures(165, 170, 180)), Outcome::Broken);
    assert_eq!(book.snapshot(&snapshot(165, 1)), Outcome::Synced { again: true });
}

#[test]
fn a_futures_snapshot_between_two_changes() {
    let mut book = DiffBook::new(true);
    book.diff(futures(80, 90, 95));
    assert_eq!(book.snapshot(&snapshot(100, 7)), Outcome::Synced { again: false });
    assert_eq!(book.diff(futures(95, 110, 120)), Outcome::Changed, "nothing of this symbol lies between 95 and 110");
}

#[test]
fn what_is_kept_is_bounded() {
    let mut book = DiffBook::new(false);
    for n in 0..5_000 {
        book.diff(spot(n, n));
    }
    let Sync::Lost(buffered) = &book.sync else { panic!("in sync") };
    assert_eq!(buffered.len(), BUFFERED_MAX);
}
