//! The simulated exchange without its server: pure, seeded, and driven by the time it is given.

use super::bars::MINUTE_MS;
use super::event::{Bar, Depth, Event, What};
use super::pair::Pair;
use super::spec::PAIRS;

/// The market moves in steps of this many ms, so that what happens does not depend on how often it is driven.
const STEP_MS: i64 = 20;
/// Between two diffs, and two top-20 books, of a pair.
const DIFF_MS: i64 = 100;
/// Between two messages about the open bar and the day.
const BAR_MS: i64 = 1_000;
/// Most time that one call makes up for; what is beyond it (a suspended machine) passes without trades.
const CATCH_UP_MS: i64 = 30_000;
/// Levels of `@depth20`.
const DEPTH: usize = 20;

/// All pairs.
#[derive(Debug)]
pub struct Market {
    pairs: Vec<Pair>,
    now_ms: i64,
}

impl Market {
    /// `now_ms`: Unix ms. The past (bars) ends there.
    pub fn new(seed: u64, now_ms: i64) -> Market {
        let now_ms = now_ms - now_ms.rem_euclid(STEP_MS);
        let seeds = (0..).map(|n: u64| seed.wrapping_mul(PAIRS.len() as u64).wrapping_add(n));
        let pairs = PAIRS.iter().zip(seeds).map(|(spec, seed)| Pair::new(spec, seed, now_ms)).collect();
        Market { pairs, now_ms }
    }

    /// All that happens up to `now_ms`, in order.
    pub fn advance(&mut self, now_ms: i64) -> Vec<Event> {
        let mut events = Vec::new();
        self.skip_to(now_ms - CATCH_UP_MS, &mut events);
        while self.now_ms + STEP_MS <= now_ms {
            self.now_ms += STEP_MS;
            self.step(&mut events);
        }
        events
    }

    /// Lets time pass in which nothing is traded.
    fn skip_to(&mut self, ms: i64, events: &mut Vec<Event>) {
        if ms > self.now_ms {
            self.now_ms = ms - ms.rem_euclid(STEP_MS);
            self.roll_bars(events);
        }
    }

    fn step(&mut self, events: &mut Vec<Event>) {
        self.roll_bars(events);
        for pair in &mut self.pairs {
            pair.step(self.now_ms, events);
        }
        if self.now_ms % DIFF_MS == 0 {
            self.tell_books(events);
        }
        if self.now_ms % BAR_MS == 0 {
            self.tell_bars(events);
        }
    }

    fn roll_bars(&mut self, events: &mut Vec<Event>) {
        for pair in &mut self.pairs {
            while let Some(bar) = pair.bars.roll(self.now_ms) {
                let at_ms = bar.open_ms + MINUTE_MS;
                pair.bar_changed = true;
                events.push(pair.event(at_ms, What::Kline { bar, closed: true }));
            }
        }
    }

    fn tell_books(&mut self, events: &mut Vec<Event>) {
        for pair in &mut self.pairs {
            if let Some(diff) = pair.book.take_diff() {
                events.push(pair.event(self.now_ms, What::Diff(diff)));
                events.push(pair.event(self.now_ms, What::Depth20(pair.depth(DEPTH))));
            }
        }
    }

    fn tell_bars(&mut self, events: &mut Vec<Event>) {
        for pair in &mut self.pairs {
            if std::mem::take(&mut pair.bar_changed) {
                let bar = pair.bars.open().clone();
                events.push(pair.event(self.now_ms, What::Kline { bar, closed: false }));
                events.push(pair.event(self.now_ms, What::Ticker(pair.ticker())));
            }
        }
    }

    fn pair(&self, symbol: &str) -> Option<&Pair> {
        self.pairs.iter().find(|pair| pair.spec.symbol == symbol)
    }

    /// The book as it is now; `None` for an unknown symbol.
    pub fn depth(&self, symbol: &str, limit: usize) -> Option<Depth> {
        self.pair(symbol).map(|pair| pair.depth(limit))
    }

    /// The newest bars, oldest first, the open one last; `None` for an unknown symbol.
    pub fn bars(&self, symbol: &str, limit: usize) -> Option<Vec<Bar>> {
        self.pair(symbol).map(|pair| pair.bars.newest(limit).cloned().collect())
    }
}
