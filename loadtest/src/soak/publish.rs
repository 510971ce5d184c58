//! What is published to a crowd: topics that live for the whole run, and topics that are born and retired all the time.
//! One thread, one NDJSON stream at a time, which is ended and opened again now and then.

use crate::clock::{MILLISECOND_NS, SECOND_NS, now_ns, wait_until};
use crate::payload::{Stamp, write_line, write_retirement};
use crate::publisher::Stream;
use crate::workload::Kind;
use anyhow::ensure;
use std::collections::HashMap;
use std::net::SocketAddrV4;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Bytes of JSON in a message, and in the first of a topic's life.
const DATA_BYTES: usize = 120;
const LIFE_DATA_BYTES: usize = 60;
/// Bytes of one message of the flood, which slow subscribers cannot take in time.
const FLOOD_DATA_BYTES: usize = 300;
/// How long the publisher rests between two looks at the clock.
const REST_NS: u64 = MILLISECOND_NS;
/// Lines in one chunk.
const LINES_MAX: u64 = 2_000;
/// Every so many births one of an event topic.
const EVENT_LIVES: u64 = 8;

/// The topic that only slow subscribers have.
pub const FLOOD: &str = "trade.soak.flood";
/// The pattern of topics that are born and retired.
pub const LIVES: &str = "*.soak.life.*";

/// Rates per second.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    pub hot: u64,
    pub flood: u64,
    pub births: u64,
    /// Topics alive at a time, of those that are born and retired.
    pub alive: u64,
    /// Seconds after which the publisher begins a new request.
    pub reconnect_s: u64,
}

/// How far the publisher is; shared with who looks on.
#[derive(Debug)]
pub struct Board {
    hot: Vec<(String, AtomicU64)>,
    by_name: HashMap<Box<[u8]>, usize>,
    pub births: AtomicU64,
    pub retirements: AtomicU64,
    pub lines: AtomicU64,
    pub requests: AtomicU64,
    pub stop: AtomicBool,
}

impl Board {
    /// `hot` topics, states and events in turn, and the flood.
    pub fn new(hot: usize) -> Board {
        let named = (0..hot).map(|n| format!("{}.soak.hot{n}", if n % 2 == 0 { "trade" } else { "quote" }));
        let names: Vec<String> = named.chain([FLOOD.to_owned()]).collect();
        let by_name = names.iter().enumerate().map(|(n, name)| (name.as_bytes().into(), n)).collect();
        let hot = names.into_iter().map(|name| (name, AtomicU64::new(0))).collect();
        let count = AtomicU64::default;
        let (births, retirements, lines, requests) = (count(), count(), count(), count());
        Board { hot, by_name, births, retirements, lines, requests, stop: AtomicBool::new(false) }
    }

    pub fn topic(&self, n: usize) -> &str {
        &self.hot[n].0
    }

    /// The number of the newest message of a hot topic or the flood.
    pub fn newest(&self, topic: &[u8]) -> u64 {
        self.by_name.get(topic).map_or(0, |n| self.hot[*n].1.load(Ordering::Relaxed))
    }

    fn write(&self, n: usize, sent_ns: u64, lines: &mut Vec<u8>) {
        let (name, newest) = &self.hot[n];
        let kind = if name.starts_with("trade") { Kind::Event } else { Kind::State };
        let bytes = if name == FLOOD { FLOOD_DATA_BYTES } else { DATA_BYTES };
        let k = newest.load(Ordering::Relaxed) + 1;
        write_line(kind, name, Stamp { k, sent_ns }, bytes, lines);
        newest.store(k, Ordering::Relaxed);
    }

    /// Publishes the first message of every hot topic.
    pub fn give_birth(&self, target: SocketAddrV4) -> anyhow::Result<()> {
        let (mut stream, mut lines) = (Stream::open(target)?, Vec::new());
        (0..self.hot.len()).for_each(|n| self.write(n, now_ns(), &mut lines));
        stream.send(&lines)?;
        let accepted = stream.finish()?;
        ensure!(accepted == self.hot.len() as u64, "{accepted} of {} topics were accepted", self.hot.len());
        Ok(())
    }
}

/// The name of a topic that is born and retired.
pub fn life(number: u64) -> String {
    let head = if number.is_multiple_of(EVENT_LIVES) { "trade" } else { "quote" };
    format!("{head}.soak.life.{number}")
}

pub fn write_birth(number: u64, lines: &mut Vec<u8>) {
    let kind = if number.is_multiple_of(EVENT_LIVES) { Kind::Event } else { Kind::State };
    write_line(kind, &life(number), Stamp { k: 1, sent_ns: now_ns() }, LIFE_DATA_BYTES, lines);
}

/// How many of a thing are due by now, and have been done.
struct Pace {
    rate: u64,
    done: u64,
    /// Those that were due while the publisher was held up, and are left out.
    skipped: u64,
}

impl Pace {
    fn due(&self, since_ns: u64) -> u64 {
        let due = (u128::from(since_ns) * u128::from(self.rate) / u128::from(SECOND_NS)) as u64;
        due.saturating_sub(self.done + self.skipped)
    }

    /// Leaves out what is due beyond `most`. Why: a publisher that was held up for long would make up for it in one burst
    /// of deaths, and readers may be too far behind only by their own fault.
    fn forgive(&mut self, since_ns: u64, most: u64) {
        self.skipped += self.due(since_ns).saturating_sub(most);
    }

    /// When the next is due, after the start.
    fn next_ns(&self) -> u64 {
        (u128::from(self.done + 1) * u128::from(SECOND_NS) / u128::from(self.rate.max(1))) as u64
    }
}

/// Publishes until it is stopped, then retires what it gave birth to. Every line has to be accepted.
pub fn publish(board: &Board, rates: Rates, target: SocketAddrV4) -> anyhow::Result<()> {
    let start_ns = now_ns();
    let mut paces = [rates.hot, rates.flood, rates.births].map(|rate| Pace { rate, done: 0, skipped: 0 });
    let mut lines = Vec::new();
    let mut over = false;
    while !over {
        let (mut stream, begun_ns, mut sent) = (Stream::open(target)?, now_ns(), 0);
        board.requests.fetch_add(1, Ordering::Relaxed);
        while !over && now_ns() < begun_ns + rates.reconnect_s * SECOND_NS {
            wait_until(now_ns() + REST_NS);
            over = board.stop.load(Ordering::Relaxed);
            lines.clear();
            let count = write_due(board, rates, &mut paces, start_ns, over, &mut lines);
            if count > 0 {
                stream.send(&lines)?;
                sent += count;
            }
        }
        let accepted = stream.finish()?;
        ensure!(accepted == sent, "the gateway accepted {accepted} of {sent} lines");
        board.lines.fetch_add(sent, Ordering::Relaxed);
    }
    Ok(())
}

fn write_due(
    board: &Board,
    rates: Rates,
    [hot, flood, births]: &mut [Pace; 3],
    start_ns: u64,
    over: bool,
    lines: &mut Vec<u8>,
) -> u64 {
    let since_ns = now_ns() - start_ns;
    let mut count = 0;
    births.forgive(since_ns, rates.births);
    let topics = board.hot.len() - 1;
    for _ in 0..hot.due(since_ns).min(LINES_MAX) {
        board.write(hot.done as usize % topics, start_ns + hot.next_ns(), lines);
        (hot.done, count) = (hot.done + 1, count + 1);
    }
    for _ in 0..flood.due(since_ns).min(LINES_MAX) {
        board.write(topics, start_ns + flood.next_ns(), lines);
        (flood.done, count) = (flood.done + 1, count + 1);
    }
    for _ in 0..births.due(since_ns).min(LINES_MAX) {
        write_birth(births.done, lines);
        (births.done, count) = (births.done + 1, count + 1);
    }
    board.births.store(births.done, Ordering::Relaxed);
    let alive = if over { 0 } else { rates.alive };
    let mut retired = board.retirements.load(Ordering::Relaxed);
    while births.done - retired > alive {
        write_retirement(&life(retired), lines);
        (retired, count) = (retired + 1, count + 1);
    }
    board.retirements.store(retired, Ordering::Relaxed);
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due() {
        let mut pace = Pace { rate: 10, done: 3, skipped: 0 };
        assert_eq!((pace.due(SECOND_NS / 10), pace.due(SECOND_NS), pace.next_ns()), (0, 7, SECOND_NS * 4 / 10));
        pace.forgive(5 * SECOND_NS, 10);
        assert_eq!((pace.due(5 * SECOND_NS), pace.skipped), (10, 37));
        let board = Board::new(2);
        let rates = Rates { hot: 10, flood: 0, births: 5, alive: 2, reconnect_s: 1 };
        let mut paces = [rates.hot, rates.flood, rates.births].map(|rate| Pace { rate, done: 0, skipped: 0 });
        let mut lines = Vec::new();
        let count = write_due(&board, rates, &mut paces, now_ns() - SECOND_NS, false, &mut lines);
        assert_eq!(count, 10 + 5 + 3, "{}", String::from_utf8_lossy(&lines));
        assert_eq!((board.newest(b"trade.soak.hot0"), board.newest(b"quote.soak.hot1")), (5, 5));
        let count = write_due(&board, rates, &mut paces, now_ns() - SECOND_NS, true, &mut lines);
        assert_eq!((count, board.retirements.load(Ordering::Relaxed)), (2, 5));
    }
}
