//! What kind of schedule a seed makes: how many topics and clients, how small the log and the caps, how often what
//! happens. Very different shapes find different bugs.

use fanwire::limits::Limits;
use fanwire::log::LogLimits;
use rand::Rng;
use rand::rngs::SmallRng;

#[derive(Clone, Debug)]
pub struct Shape {
    pub names: Vec<String>,
    pub filters: Vec<String>,
    pub clients: usize,
    pub steps: usize,
    pub limits: Limits,
    pub log: LogLimits,
    pub poll_gather_ms: u64,
    /// Events that a snapshot holds.
    pub keep: usize,
    /// Of a hundred acts so many are ends of topics.
    pub retire_percent: u32,
    /// Most bytes that a socket takes at a time.
    pub room_max: usize,
    /// Every topic is born before the first step, and filters are asked for by the thousand.
    pub is_large: bool,
    /// Of a hundred subscriptions and connections so many have a rate, or a latency budget.
    pub paced_percent: u32,
}

const NAMES: [&str; 14] = [
    "quote.a.1",
    "quote.a.2",
    "quote.b.1",
    "score.x.1",
    "score.x.2",
    "score.y.1",
    "book.a.1",
    "trade.a.1",
    "trade.a.2",
    "play.x.1",
    "play.x.2",
    "any.a",
    "any.b",
    "any.c",
];
const FILTERS: [&str; 16] = [
    ">",
    "quote.>",
    "quote.a.*",
    "quote.a.1",
    "score.*.1",
    "score.x.2",
    "book.a.1",
    "trade.>",
    "trade.a.1",
    "play.x.*",
    "play.x.1",
    "any.*",
    "any.b",
    "*.a.1",
    "*.x.>",
    "nobody.yet",
];

impl Shape {
    pub fn draw(random: &mut SmallRng) -> Shape {
        let base = Shape::everyday(random);
        match random.random_range(0..100) {
            0..45 => base,
            45..70 => Shape::cramped(base, random),
            70..86 => Shape::mortal(base, random),
            86..99 => Shape::crowded(base, random),
            _ => Shape::large(base),
        }
    }

    pub fn everyday(random: &mut SmallRng) -> Shape {
        let limits = Limits {
            pending_entries_max: random.random_range(1..30),
            resume_entries_max: random.random_range(0..60),
            poll_body_bytes_max: [1, 300, 1 << 20][random.random_range(0..3)],
            ..Limits::default()
        };
        Shape {
            names: NAMES.map(String::from).into(),
            filters: FILTERS.map(String::from).into(),
            clients: random.random_range(1..6),
            steps: random.random_range(50..300),
            limits,
            log: LogLimits { segments_max: 1 << random.random_range(1..7), bytes_max: 1 << 20 },
            poll_gather_ms: [0, 2, 20][random.random_range(0..3)],
            keep: random.random_range(1..12),
            retire_percent: 6,
            room_max: 2_000,
            is_large: false,
            paced_percent: [0, 0, 30, 80][random.random_range(0..4)],
        }
    }

    /// Everything is evicted at once, and sockets take a few bytes.
    fn cramped(base: Shape, random: &mut SmallRng) -> Shape {
        let limits = Limits {
            pending_entries_max: random.random_range(1..4),
            resume_entries_max: random.random_range(0..8),
            ..base.limits
        };
        Shape { limits, log: LogLimits { segments_max: 2, bytes_max: 1 << 20 }, room_max: 300, ..base }
    }

    /// Few names, born and gone all the time.
    fn mortal(base: Shape, random: &mut SmallRng) -> Shape {
        let names = ["quote.a.1", "trade.a.1", "any.a", "any.b"].map(String::from).into();
        let filters = [">", "quote.a.1", "trade.a.1", "any.*", "any.b"].map(String::from).into();
        Shape { names, filters, retire_percent: random.random_range(15..50), ..base }
    }

    /// A hundred topics, many clients, a long log.
    fn crowded(base: Shape, random: &mut SmallRng) -> Shape {
        let names = (0..100).map(|n| format!("{}.g{}.{n}", ["quote", "score", "trade", "any"][n % 4], n % 7)).collect();
        let mut filters: Vec<String> =
            (0..100).map(|n| format!("{}.g{}.{n}", ["quote", "trade"][n % 2], n % 7)).collect();
        filters.extend((0..7).map(|n| format!("*.g{n}.*")));
        filters.extend(["quote.>", "any.>"].map(String::from));
        let limits = Limits {
            pending_entries_max: random.random_range(10..400),
            resume_entries_max: random.random_range(0..400),
            ..base.limits
        };
        let log = LogLimits { segments_max: 1 << random.random_range(3..9), ..base.log };
        Shape { names, filters, clients: random.random_range(4..9), limits, log, room_max: 20_000, ..base }
    }

    /// Two thousand topics, subscribed to by name, all at once.
    fn large(base: Shape) -> Shape {
        let names: Vec<String> = (0..2_000).map(|n| format!("{}.l.{n}", ["quote", "trade"][n % 2])).collect();
        let filters = names.clone();
        Shape { names, filters, clients: 3, steps: 60, room_max: 200_000, is_large: true, ..base }
    }
}
