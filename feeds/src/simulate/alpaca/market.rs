//! A seeded stock market: trades, quotes, bars, now and then a correction, a cancellation or a halt. Pure: time is an
//! argument. Prices are whole cents until they are written.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// Symbols and first prices in cents.
pub const STOCKS: [(&str, i64); 4] = [("AAPL", 19_000), ("MSFT", 41_000), ("BRK.B", 45_000), ("FAKEPACA", 13_400)];
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// One message of one symbol on one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tick {
    pub channel: &'static str,
    pub symbol: &'static str,
    pub json: String,
}

/// The market.
#[derive(Debug)]
pub struct Market {
    random: SmallRng,
    stocks: Vec<Stock>,
    next_id: i64,
}

#[derive(Debug)]
struct Stock {
    symbol: &'static str,
    cents: i64,
    bar: Bar,
    day: Bar,
    last_trade: Option<(i64, i64, i64)>,
    is_halted: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bar {
    open_ms: i64,
    cents: [i64; 4],
    volume: i64,
    trades: i64,
}

impl Market {
    pub fn new(seed: u64) -> Market {
        let stock = |(symbol, cents)| Stock {
            symbol,
            cents,
            bar: Bar::default(),
            day: Bar::default(),
            last_trade: None,
            is_halted: false,
        };
        Market { random: SmallRng::seed_from_u64(seed), stocks: STOCKS.map(stock).into(), next_id: 52_983_525_000_000 }
    }

    /// What happened until `now_ms`.
    pub fn step(&mut self, now_ms: i64) -> Vec<Tick> {
        let mut ticks = Vec::new();
        for stock in &mut self.stocks {
            stock.roll(now_ms, &mut ticks);
            match self.random.random_range(0..1_000) {
                0..=1 => stock.halt(now_ms, &mut ticks),
                2..=6 => stock.amend(&mut self.next_id, now_ms, self.random.random(), &mut ticks),
                _ if stock.is_halted => {}
                7..=300 => {
                    self.next_id += 1;
                    stock.trade(self.next_id, self.random.random_range(-3..=3), now_ms, &mut ticks);
                }
                301..=700 => stock.quote(self.random.random_range(1..20), now_ms, &mut ticks),
                _ => {}
            }
        }
        ticks
    }
}

impl Stock {
    fn say(&self, channel: &'static str, json: String, ticks: &mut Vec<Tick>) {
        ticks.push(Tick { channel, symbol: self.symbol, json });
    }

    fn trade(&mut self, id: i64, step: i64, now_ms: i64, ticks: &mut Vec<Tick>) {
        self.cents = (self.cents + step).max(100);
        let (symbol, price, size, time) = (self.symbol, dollars(self.cents), 1 + id % 300, rfc3339(now_ms));
        let condition = if size < 100 { r#"["@","I"]"# } else { r#"["@"]"# };
        self.say(
            "trades",
            format!(r#"{{"T":"t","S":"{symbol}","i":{id},"x":"V","p":{price},"s":{size},"c":{condition},"z":"C","t":"{time}"}}"#),
            ticks,
        );
        self.last_trade = Some((id, self.cents, size));
        self.bar.add(self.cents, size);
        self.day.add(self.cents, size);
    }

    fn quote(&self, spread: i64, now_ms: i64, ticks: &mut Vec<Tick>) {
        let (symbol, bid, ask) = (self.symbol, dollars(self.cents - spread), dollars(self.cents + spread));
        let time = rfc3339(now_ms);
        let json = format!(
            r#"{{"T":"q","S":"{symbol}","bx":"V","bp":{bid},"bs":{spread},"ax":"V","ap":{ask},"as":2,"c":["R"],"z":"C","t":"{time}"}}"#
        );
        self.say("quotes", json, ticks);
    }

    /// Corrects or cancels the last trade.
    fn amend(&mut self, next_id: &mut i64, now_ms: i64, is_correction: bool, ticks: &mut Vec<Tick>) {
        let Some((id, cents, size)) = self.last_trade.take() else { return };
        let (symbol, price, time) = (self.symbol, dollars(cents), rfc3339(now_ms));
        let json = if is_correction {
            *next_id += 1;
            let (new_id, corrected) = (*next_id, dollars(cents + 1));
            format!(
                r#"{{"T":"c","S":"{symbol}","x":"V","oi":{id},"op":{price},"os":{size},"oc":["@"],"ci":{new_id},"cp":{corrected},"cs":{size},"cc":["@"],"z":"C","t":"{time}"}}"#
            )
        } else {
            format!(
                r#"{{"T":"x","S":"{symbol}","i":{id},"x":"V","p":{price},"s":{size},"a":"C","z":"C","t":"{time}"}}"#
            )
        };
        self.say("trades", json, ticks);
    }

    fn halt(&mut self, now_ms: i64, ticks: &mut Vec<Tick>) {
        self.is_halted = !self.is_halted;
        let (code, text) = if self.is_halted { ("H", "Trading Halt") } else { ("T", "Trading Resumption") };
        let (symbol, time) = (self.symbol, rfc3339(now_ms));
        let json = format!(
            r#"{{"T":"s","S":"{symbol}","sc":"{code}","sm":"{text}","rc":"T12","rm":"Additional Information Requested","t":"{time}","z":"C"}}"#
        );
        self.say("statuses", json, ticks);
    }

    /// Tells the bars that are over, and the day so far once a minute.
    fn roll(&mut self, now_ms: i64, ticks: &mut Vec<Tick>) {
        let (minute_ms, day_ms) = (now_ms - now_ms.rem_euclid(MINUTE_MS), now_ms - now_ms.rem_euclid(DAY_MS));
        if self.bar.open_ms != minute_ms {
            if self.bar.trades > 0 {
                self.say("bars", self.bar.json("b", self.symbol), ticks);
                self.say("dailyBars", self.day.json("d", self.symbol), ticks);
            }
            self.bar = Bar { open_ms: minute_ms, ..Bar::default() };
        }
        if self.day.open_ms != day_ms {
            self.day = Bar { open_ms: day_ms, ..Bar::default() };
        }
    }
}

impl Bar {
    fn add(&mut self, cents: i64, size: i64) {
        if self.trades == 0 {
            self.cents = [cents; 4];
        }
        let [_, high, low, close] = &mut self.cents;
        (*high, *low, *close) = ((*high).max(cents), (*low).min(cents), cents);
        self.volume += size;
        self.trades += 1;
    }

    fn json(&self, kind: &str, symbol: &str) -> String {
        let [o, h, l, c] = self.cents.map(dollars);
        let (v, n, time) = (self.volume, self.trades, rfc3339(self.open_ms));
        format!(
            r#"{{"T":"{kind}","S":"{symbol}","o":{o},"h":{h},"l":{l},"c":{c},"v":{v},"vw":{c},"n":{n},"t":"{time}"}}"#
        )
    }
}

fn dollars(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// With the nanoseconds that Alpaca sends.
fn rfc3339(ms: i64) -> String {
    let date = crate::model::utc_date(ms);
    let of_day = ms.rem_euclid(DAY_MS);
    let (hour, minute, second) = (of_day / 3_600_000, of_day / MINUTE_MS % 60, of_day / 1_000 % 60);
    format!("{date}T{hour:02}:{minute:02}:{second:02}.{:03}000123Z", of_day % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_market() {
        let run = |seed| {
            let mut market = Market::new(seed);
            (0..4_000).flat_map(|n| market.step(1_786_309_548_228 + n * 50)).collect::<Vec<_>>()
        };
        let ticks = run(1);
        assert_eq!(ticks, run(1));
        for kind in ["t", "q", "b", "d", "c", "x", "s"] {
            let is_kind = |tick: &Tick| tick.json.starts_with(&format!(r#"{{"T":"{kind}""#));
            assert!(ticks.iter().any(is_kind), "no {kind}");
        }
        assert!(ticks.iter().all(|tick| serde_json::from_str::<serde_json::Value>(&tick.json).is_ok()));
    }
}
