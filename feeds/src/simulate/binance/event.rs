//! What happens on the simulated exchange: one variant for each kind of stream.

/// One message of one stream. Amounts are in 10⁻⁸, times in Unix ms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `BTCUSDT`.
    pub symbol: &'static str,
    pub time_ms: i64,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    Trade(Trade),
    AggTrade(AggTrade),
    BookTicker(BookTicker),
    /// `@depth@100ms`.
    Diff(Diff),
    /// `@depth20@100ms`.
    Depth20(Depth),
    /// `@kline_1m`.
    Kline {
        bar: Bar,
        closed: bool,
    },
    /// `@ticker` and `@miniTicker`: the last 24 hours.
    Ticker(Ticker),
}

/// (price, size).
pub type Level = (i64, i64);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trade {
    /// Contiguous.
    pub id: i64,
    pub price: i64,
    pub size: i64,
    /// The taker sold.
    pub buyer_is_maker: bool,
}

/// The trades that one taker order made at one price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AggTrade {
    /// Contiguous.
    pub id: i64,
    pub price: i64,
    pub size: i64,
    pub first: i64,
    pub last: i64,
    pub buyer_is_maker: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookTicker {
    pub update_id: i64,
    pub bid: Level,
    pub ask: Level,
}

/// Levels that changed; size zero removes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diff {
    /// `U`: the last diff's `u` + 1.
    pub first_update_id: i64,
    /// `u`.
    pub last_update_id: i64,
    pub bids: Vec<Level>,
    pub asks: Vec<Level>,
}

/// Both sides, best first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Depth {
    pub update_id: i64,
    pub bids: Vec<Level>,
    pub asks: Vec<Level>,
}

/// A bar of one minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    pub open_ms: i64,
    pub open: i64,
    pub high: i64,
    pub low: i64,
    pub close: i64,
    pub volume: i64,
    pub turnover: i64,
    pub trades: i64,
    /// Ids of the first and the last trade; -1 in a bar without trades.
    pub first: i64,
    pub last: i64,
    /// The part in which the taker bought.
    pub taker_volume: i64,
    pub taker_turnover: i64,
}

/// The bars of 24 hours in one, and the book's best.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticker {
    pub day: Bar,
    /// The close before the window.
    pub close_before: i64,
    pub last_size: i64,
    pub bid: Level,
    pub ask: Level,
}
