//! What the simulated pairs are like.

/// What a pair is like. Amounts in 10⁻⁸.
#[derive(Debug)]
pub struct Spec {
    pub symbol: &'static str,
    pub base: &'static str,
    pub quote: &'static str,
    pub start_price: i64,
    pub tick: i64,
    pub lot: i64,
    /// Ticks between two levels, on average.
    pub gap: i64,
    /// A usual order, in lots.
    pub order: i64,
    /// How many times larger an order is that rests: the deeper the book, the calmer the price.
    pub depth: i64,
}

pub const PAIRS: [Spec; 4] = [
    Spec {
        symbol: "BTCUSDT",
        base: "BTC",
        quote: "USDT",
        start_price: 6_508_367_000_000,
        tick: 1_000_000,
        lot: 1_000,
        gap: 60,
        order: 4_000,
        depth: 1,
    },
    Spec {
        symbol: "ETHUSDT",
        base: "ETH",
        quote: "USDT",
        start_price: 321_044_000_000,
        tick: 1_000_000,
        lot: 10_000,
        gap: 6,
        order: 8_000,
        depth: 2,
    },
    Spec {
        symbol: "SOLUSDT",
        base: "SOL",
        quote: "USDT",
        start_price: 15_212_000_000,
        tick: 1_000_000,
        lot: 100_000,
        gap: 1,
        order: 16_000,
        depth: 8,
    },
    Spec {
        symbol: "XRPUSDT",
        base: "XRP",
        quote: "USDT",
        start_price: 231_450_000,
        tick: 10_000,
        lot: 10_000_000,
        gap: 1,
        order: 9_000,
        depth: 6,
    },
];
