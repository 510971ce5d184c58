//! One simulated pair: orders come at random, rest in the book or take from it, and everything told follows from that.

use super::bars::Bars;
use super::book::{Book, Side};
use super::event::{AggTrade, BookTicker, Depth, Event, Ticker, Trade, What};
use super::spec::Spec;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// Levels that each side is filled up to.
const LEVELS: usize = 150;
/// Levels above which a side loses its worst.
const LEVELS_MAX: usize = 250;
/// How deep orders come and go, in levels from the best.
const BUSY_LEVELS: usize = 25;
/// Most levels that one taker order sweeps.
const SWEEP_MAX: usize = 4;

/// How busy the pair is for a while.
#[derive(Clone, Copy, Debug)]
struct Mood {
    steps_left: u32,
    /// Orders in each step, at most.
    orders: u32,
    /// Chance that a taker buys, in percent.
    buys: i64,
}

#[derive(Debug)]
pub(super) struct Pair {
    pub spec: &'static Spec,
    pub book: Book,
    pub bars: Bars,
    rng: SmallRng,
    mood: Mood,
    last_trade_id: i64,
    last_agg_id: i64,
    last_size: i64,
    /// As last told.
    told_best: Option<BookTicker>,
    /// The open bar changed since it was last told.
    pub bar_changed: bool,
}

impl Pair {
    pub fn new(spec: &'static Spec, seed: u64, now_ms: i64) -> Pair {
        let mut rng = SmallRng::seed_from_u64(seed);
        let last_trade_id = rng.random_range(1_000_000_000..4_000_000_000);
        // A past as lively as what follows.
        let (step, size) = (spec.gap * spec.tick * 30 / (2 + spec.depth), spec.order * spec.lot);
        let bars = Bars::new(&mut rng, now_ms, spec.start_price, step, size, last_trade_id);
        let book = Book::new(rng.random_range(10_000_000_000..40_000_000_000));
        let mut pair = Pair {
            spec,
            book,
            bars,
            mood: Mood { steps_left: 0, orders: 1, buys: 50 },
            last_trade_id,
            last_agg_id: last_trade_id / 2,
            last_size: size,
            told_best: None,
            bar_changed: true,
            rng,
        };
        pair.refill();
        // The book that is there at the start is no news.
        pair.book.take_diff();
        pair
    }

    /// One step of the market at `now_ms`: a few orders, and what they lead to.
    pub fn step(&mut self, now_ms: i64, events: &mut Vec<Event>) {
        self.change_mood();
        for _ in 0..self.rng.random_range(0..=self.mood.orders) {
            match self.rng.random_range(0..100) {
                0..12 => self.take(now_ms, events),
                12..40 => self.place(),
                _ => self.change(),
            }
        }
        self.refill();
        self.close_spread();
        self.tell_best(now_ms, events);
    }

    fn change_mood(&mut self) {
        self.mood.steps_left = self.mood.steps_left.saturating_sub(1);
        if self.mood.steps_left > 0 {
            return;
        }
        let burst = self.rng.random_range(0..5) == 0;
        self.mood = Mood {
            steps_left: if burst { self.rng.random_range(20..120) } else { self.rng.random_range(100..600) },
            orders: if burst { 6 } else { self.rng.random_range(1..=2) },
            buys: 50 + self.rng.random_range(-18..=18) + self.pull(),
        };
    }

    /// Towards the starting price, in percent of taker orders: so that a demo that runs for weeks stays sensible.
    fn pull(&self) -> i64 {
        let distance = self.spec.start_price - self.bars.open().close;
        (distance / (self.spec.start_price / 100)).clamp(-25, 25)
    }

    fn size(&mut self) -> i64 {
        // Small orders are the most frequent.
        let (a, b) = (self.rng.random_range(1..=self.spec.order), self.rng.random_range(1..=self.spec.order));
        a.min(b) * self.spec.lot
    }

    fn resting_size(&mut self) -> i64 {
        self.size() * self.spec.depth
    }

    fn any_side(&mut self) -> Side {
        if self.rng.random_range(0..2) == 0 { Side::Bid } else { Side::Ask }
    }

    /// A taker order: sweeps levels from the best on.
    fn take(&mut self, now_ms: i64, events: &mut Vec<Event>) {
        let buys = self.rng.random_range(0..100) < self.mood.buys;
        let resting = if buys { Side::Ask } else { Side::Bid };
        let mut left = self.size() * self.rng.random_range(1..=3);
        for _ in 0..SWEEP_MAX {
            let Some((price, size)) = self.book.best(resting) else { break };
            let filled = left.min(size);
            self.book.set(resting, price, size - filled);
            self.fill(price, filled, !buys, now_ms, events);
            left -= filled;
            if left == 0 {
                break;
            }
        }
    }

    /// The trades of one taker order at one price: up to three resting orders.
    fn fill(&mut self, price: i64, size: i64, buyer_is_maker: bool, now_ms: i64, events: &mut Vec<Event>) {
        let first = self.last_trade_id + 1;
        let mut left = size / self.spec.lot;
        for part in (1..=self.rng.random_range(1..=3)).rev() {
            let lots = if part == 1 { left } else { left / 2 };
            if lots > 0 {
                left -= lots;
                self.trade(price, lots * self.spec.lot, buyer_is_maker, now_ms, events);
            }
        }
        self.last_agg_id += 1;
        let agg = AggTrade { id: self.last_agg_id, price, size, first, last: self.last_trade_id, buyer_is_maker };
        events.push(self.event(now_ms, What::AggTrade(agg)));
    }

    fn trade(&mut self, price: i64, size: i64, buyer_is_maker: bool, now_ms: i64, events: &mut Vec<Event>) {
        self.last_trade_id += 1;
        self.last_size = size;
        self.bar_changed = true;
        let trade = Trade { id: self.last_trade_id, price, size, buyer_is_maker };
        self.bars.take(&trade);
        events.push(self.event(now_ms, What::Trade(trade)));
    }

    /// A new order inside the spread, if there is room, on the side that the mood favours.
    fn place(&mut self) {
        let Some(room) = self.room() else { return };
        if room < 1 {
            return self.change();
        }
        let ticks = self.rng.random_range(1..=room.min(self.spec.gap));
        self.quote(ticks, false);
    }

    /// Ticks that are free between the best bid and the best ask; `None` if a side is empty.
    fn room(&self) -> Option<i64> {
        let (bid, ask) = (self.book.best(Side::Bid)?.0, self.book.best(Side::Ask)?.0);
        Some((ask - bid) / self.spec.tick - 1)
    }

    /// A new best bid or ask, that many ticks better than the old one; `across`: that close to the other side.
    fn quote(&mut self, ticks: i64, across: bool) {
        let (Some((bid, _)), Some((ask, _))) = (self.book.best(Side::Bid), self.book.best(Side::Ask)) else { return };
        let size = self.resting_size();
        let inside = ticks * self.spec.tick;
        if self.rng.random_range(0..100) < self.mood.buys {
            self.book.set(Side::Bid, if across { ask - inside } else { bid + inside }, size);
        } else {
            self.book.set(Side::Ask, if across { bid + inside } else { ask - inside }, size);
        }
    }

    /// After a sweep, makers follow the price or bring it back: the spread stays a few gaps wide.
    fn close_spread(&mut self) {
        if self.room().is_some_and(|room| room > self.spec.gap * 2) {
            let ticks = self.rng.random_range(1..=self.spec.gap);
            self.quote(ticks, true);
        }
    }

    /// An order near the best comes, changes or goes: goes where levels are dense, comes where they are sparse.
    fn change(&mut self) {
        let side = self.any_side();
        let nth = self.rng.random_range(1..BUSY_LEVELS);
        let (Some((best, _)), Some((price, _))) = (self.book.best(side), self.book.levels(side).nth(nth)) else {
            return;
        };
        let size = self.resting_size();
        let ticks = (price - best) / self.spec.tick;
        let is_sparse = ticks.abs() > nth as i64 * self.spec.gap;
        if is_sparse {
            let between = self.rng.random_range(1..=ticks.abs()) * ticks.signum();
            self.book.set(side, best + between * self.spec.tick, size);
        } else {
            let goes = self.rng.random_range(0..2) == 0;
            self.book.set(side, price, if goes { 0 } else { size });
        }
    }

    /// Keeps both sides deep and bounded.
    fn refill(&mut self) {
        for side in [Side::Bid, Side::Ask] {
            let outwards = if side == Side::Bid { -1 } else { 1 };
            while self.book.len(side) < LEVELS {
                let from = self.book.worst(side).map_or(self.spec.start_price, |(price, _)| price);
                let gap = self.rng.random_range(1..=self.spec.gap * 2 - 1) * self.spec.tick;
                let size = self.resting_size();
                self.book.set(side, from + outwards * gap, size);
            }
            while self.book.len(side) > LEVELS_MAX {
                let Some((price, _)) = self.book.worst(side) else { break };
                self.book.set(side, price, 0);
            }
        }
    }

    fn tell_best(&mut self, now_ms: i64, events: &mut Vec<Event>) {
        let best = self.best();
        let same = self.told_best.as_ref().is_some_and(|told| told.bid == best.bid && told.ask == best.ask);
        if !same {
            self.told_best = Some(best.clone());
            events.push(self.event(now_ms, What::BookTicker(best)));
        }
    }

    pub fn best(&self) -> BookTicker {
        let level = |side| self.book.best(side).unwrap_or((0, 0));
        BookTicker { update_id: self.book.update_id(), bid: level(Side::Bid), ask: level(Side::Ask) }
    }

    pub fn depth(&self, limit: usize) -> Depth {
        self.book.snapshot(limit)
    }

    pub fn ticker(&self) -> Ticker {
        let (day, close_before) = self.bars.day();
        let best = self.best();
        Ticker { day, close_before, last_size: self.last_size, bid: best.bid, ask: best.ask }
    }

    pub fn event(&self, time_ms: i64, what: What) -> Event {
        Event { symbol: self.spec.symbol, time_ms, what }
    }
}
