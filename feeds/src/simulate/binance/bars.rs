//! The simulated bars of one minute: made of the trades, and a past that leads up to them.

use super::event::{Bar, Trade};
use super::units;
use rand::Rng;
use rand::rngs::SmallRng;
use std::collections::VecDeque;

pub(super) const MINUTE_MS: i64 = 60_000;
/// Minutes in a day: the window of the ticker.
const DAY: usize = 1_440;
/// Bars of the past that exist at the start.
const PAST: usize = 1_500;
/// Most bars that are kept; the oldest go first.
const BARS_MAX: usize = 3_000;

/// Never empty: the last bar is the open one.
#[derive(Debug)]
pub(super) struct Bars(VecDeque<Bar>);

impl Bars {
    /// A past that ends at `price`, in steps of up to `step`, with trade ids up to `last_trade_id`.
    pub fn new(rng: &mut SmallRng, now_ms: i64, price: i64, step: i64, size: i64, last_trade_id: i64) -> Bars {
        let open_ms = minute_of(now_ms);
        let mut bars = VecDeque::from([flat(open_ms, price)]);
        let (mut close, mut id) = (price, last_trade_id);
        for n in 1..=PAST as i64 {
            // Why away from the floor: a walk backwards in time must not reach zero.
            let lean = if close < price / 2 { step / 2 } else { 0 };
            let open = close + (rng.random_range(-4..=4) * step + rng.random_range(0..=4) * lean);
            let high = open.max(close) + rng.random_range(0..=3) * step;
            let low = open.min(close) - rng.random_range(0..=3) * step;
            let trades = rng.random_range(800..=2_400);
            let volume = trades * rng.random_range(size / 10..=size / 4);
            let taker_volume = volume / 100 * rng.random_range(30..=70);
            let middle = (high + low) / 2;
            bars.push_front(Bar {
                open_ms: open_ms - n * MINUTE_MS,
                open,
                high,
                low,
                close,
                volume,
                turnover: units::product(middle, volume),
                trades,
                first: id - trades + 1,
                last: id,
                taker_volume,
                taker_turnover: units::product(middle, taker_volume),
            });
            id -= trades;
            close = open;
        }
        Bars(bars)
    }

    /// The open bar.
    pub fn open(&self) -> &Bar {
        self.0.back().expect("never empty")
    }

    /// The newest `limit` bars, oldest first.
    pub fn newest(&self, limit: usize) -> impl Iterator<Item = &Bar> {
        self.0.iter().skip(self.0.len().saturating_sub(limit))
    }

    pub fn take(&mut self, trade: &Trade) {
        let bar = self.0.back_mut().expect("never empty");
        if bar.trades == 0 {
            (bar.open, bar.high, bar.low, bar.first) = (trade.price, trade.price, trade.price, trade.id);
        }
        bar.high = bar.high.max(trade.price);
        bar.low = bar.low.min(trade.price);
        bar.close = trade.price;
        bar.last = trade.id;
        bar.trades += 1;
        let turnover = units::product(trade.price, trade.size);
        bar.volume += trade.size;
        bar.turnover += turnover;
        if !trade.buyer_is_maker {
            bar.taker_volume += trade.size;
            bar.taker_turnover += turnover;
        }
    }

    /// Closes the bar whose minute is over and opens the next; `None` while the minute lasts. Called until `None`.
    pub fn roll(&mut self, now_ms: i64) -> Option<Bar> {
        let closed = self.open().clone();
        if now_ms < closed.open_ms + MINUTE_MS {
            return None;
        }
        self.0.push_back(flat(closed.open_ms + MINUTE_MS, closed.close));
        if self.0.len() > BARS_MAX {
            self.0.pop_front();
        }
        Some(closed)
    }

    /// The last 24 hours in one bar, and the close before them.
    pub fn day(&self) -> (Bar, i64) {
        let mut bars = self.newest(DAY);
        let mut day = bars.next().expect("never empty").clone();
        let close_before = day.open;
        for bar in bars {
            day.high = day.high.max(bar.high);
            day.low = day.low.min(bar.low);
            day.close = bar.close;
            day.volume += bar.volume;
            day.turnover += bar.turnover;
            day.trades += bar.trades;
            day.last = bar.last.max(day.last);
        }
        (day, close_before)
    }
}

fn minute_of(ms: i64) -> i64 {
    ms - ms.rem_euclid(MINUTE_MS)
}

fn flat(open_ms: i64, price: i64) -> Bar {
    Bar {
        open_ms,
        open: price,
        high: price,
        low: price,
        close: price,
        volume: 0,
        turnover: 0,
        trades: 0,
        first: -1,
        last: -1,
        taker_volume: 0,
        taker_turnover: 0,
    }
}
