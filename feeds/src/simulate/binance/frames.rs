//! Binance's JSON: an event as the text of its stream.

use super::bars::MINUTE_MS;
use super::event::{AggTrade, Bar, BookTicker, Depth, Diff, Event, Level, Ticker, Trade, What};
use super::units::{self, text};

/// One message, written once for all clients.
#[derive(Debug)]
pub(super) struct Frame {
    /// `btcusdt@trade`.
    pub stream: String,
    /// As sent on `/stream`: `{"stream":…,"data":…}`.
    wrapped: String,
    data_at: usize,
}

impl Frame {
    /// One for each stream that tells of the event.
    pub fn all(event: &Event) -> impl Iterator<Item = Frame> + '_ {
        streams(&event.what).iter().map(|suffix| Frame::of(event, suffix))
    }

    fn of(event: &Event, suffix: &str) -> Frame {
        let stream = format!("{}@{suffix}", event.symbol.to_ascii_lowercase());
        let head = format!("{{\"stream\":\"{stream}\",\"data\":");
        Frame { wrapped: format!("{head}{}}}", data(event, suffix)), data_at: head.len(), stream }
    }

    /// `combined`: for a client of `/stream`, not of `/ws`.
    pub fn text(&self, combined: bool) -> &str {
        if combined { &self.wrapped } else { &self.wrapped[self.data_at..self.wrapped.len() - 1] }
    }
}

fn streams(what: &What) -> &'static [&'static str] {
    match what {
        What::Trade(_) => &["trade"],
        What::AggTrade(_) => &["aggTrade"],
        What::BookTicker(_) => &["bookTicker"],
        What::Diff(_) => &["depth@100ms"],
        What::Depth20(_) => &["depth20@100ms"],
        What::Kline { .. } => &["kline_1m"],
        What::Ticker(_) => &["ticker", "miniTicker"],
    }
}

fn data(event: &Event, suffix: &str) -> String {
    let (symbol, at) = (event.symbol, event.time_ms);
    match &event.what {
        What::Trade(it) => trade(it, symbol, at),
        What::AggTrade(it) => agg_trade(it, symbol, at),
        What::BookTicker(it) => book_ticker(it, symbol),
        What::Diff(it) => diff(it, symbol, at),
        What::Depth20(it) => depth(it),
        What::Kline { bar, closed } => kline(bar, *closed, symbol, at),
        What::Ticker(it) if suffix == "miniTicker" => mini_ticker(it, symbol, at),
        What::Ticker(it) => ticker(it, symbol, at),
    }
}

fn trade(it: &Trade, symbol: &str, at: i64) -> String {
    format!(
        r#"{{"e":"trade","E":{at},"s":"{symbol}","t":{},"p":"{}","q":"{}","T":{at},"m":{},"M":true}}"#,
        it.id,
        text(it.price),
        text(it.size),
        it.buyer_is_maker
    )
}

fn agg_trade(it: &AggTrade, symbol: &str, at: i64) -> String {
    format!(
        r#"{{"e":"aggTrade","E":{at},"s":"{symbol}","a":{},"p":"{}","q":"{}","f":{},"l":{},"T":{at},"m":{},"M":true}}"#,
        it.id,
        text(it.price),
        text(it.size),
        it.first,
        it.last,
        it.buyer_is_maker
    )
}

/// The one spot stream without an event time.
fn book_ticker(it: &BookTicker, symbol: &str) -> String {
    format!(
        r#"{{"u":{},"s":"{symbol}","b":"{}","B":"{}","a":"{}","A":"{}"}}"#,
        it.update_id,
        text(it.bid.0),
        text(it.bid.1),
        text(it.ask.0),
        text(it.ask.1)
    )
}

fn diff(it: &Diff, symbol: &str, at: i64) -> String {
    format!(
        r#"{{"e":"depthUpdate","E":{at},"s":"{symbol}","U":{},"u":{},"b":{},"a":{}}}"#,
        it.first_update_id,
        it.last_update_id,
        levels(&it.bids),
        levels(&it.asks)
    )
}

/// Also the body of `/api/v3/depth`.
pub(super) fn depth(it: &Depth) -> String {
    format!(r#"{{"lastUpdateId":{},"bids":{},"asks":{}}}"#, it.update_id, levels(&it.bids), levels(&it.asks))
}

fn levels(levels: &[Level]) -> String {
    let pairs: Vec<String> =
        levels.iter().map(|(price, size)| format!(r#"["{}","{}"]"#, text(*price), text(*size))).collect();
    format!("[{}]", pairs.join(","))
}

fn kline(bar: &Bar, closed: bool, symbol: &str, at: i64) -> String {
    let head = format!(r#""t":{},"T":{},"s":"{symbol}","i":"1m""#, bar.open_ms, bar.open_ms + MINUTE_MS - 1);
    let prices = format!(
        r#""f":{},"L":{},"o":"{}","c":"{}","h":"{}","l":"{}""#,
        bar.first,
        bar.last,
        text(bar.open),
        text(bar.close),
        text(bar.high),
        text(bar.low)
    );
    let sizes = format!(
        r#""v":"{}","n":{},"x":{closed},"q":"{}","V":"{}","Q":"{}","B":"0""#,
        text(bar.volume),
        bar.trades,
        text(bar.turnover),
        text(bar.taker_volume),
        text(bar.taker_turnover)
    );
    format!(r#"{{"e":"kline","E":{at},"s":"{symbol}","k":{{{head},{prices},{sizes}}}}}"#)
}

fn ticker(it: &Ticker, symbol: &str, at: i64) -> String {
    let day = &it.day;
    let change = day.close - day.open;
    let average = i128::from(day.turnover) * i128::from(units::UNIT) / i128::from(day.volume.max(1));
    let prices = format!(
        r#""p":"{}","P":"{}","w":"{}","x":"{}","c":"{}","Q":"{}""#,
        text(change),
        percent(change, day.open),
        text(i64::try_from(average).unwrap_or(i64::MAX)),
        text(it.close_before),
        text(day.close),
        text(it.last_size)
    );
    let best = format!(
        r#""b":"{}","B":"{}","a":"{}","A":"{}""#,
        text(it.bid.0),
        text(it.bid.1),
        text(it.ask.0),
        text(it.ask.1)
    );
    let range = range(day);
    let (opened, first, last, count) = (day.open_ms, day.first, day.last, day.trades);
    format!(
        r#"{{"e":"24hrTicker","E":{at},"s":"{symbol}",{prices},{best},{range},"O":{opened},"C":{at},"F":{first},"L":{last},"n":{count}}}"#
    )
}

fn mini_ticker(it: &Ticker, symbol: &str, at: i64) -> String {
    let (close, range) = (text(it.day.close), range(&it.day));
    format!(r#"{{"e":"24hrMiniTicker","E":{at},"s":"{symbol}","c":"{close}",{range}}}"#)
}

fn range(day: &Bar) -> String {
    format!(
        r#""o":"{}","h":"{}","l":"{}","v":"{}","q":"{}""#,
        text(day.open),
        text(day.high),
        text(day.low),
        text(day.volume),
        text(day.turnover)
    )
}

/// `part` of `whole` in percent, with three decimals.
fn percent(part: i64, whole: i64) -> String {
    let thousandths = i128::from(part) * 100_000 / i128::from(whole.max(1));
    let size = thousandths.unsigned_abs();
    format!("{}{}.{:03}", if thousandths < 0 { "-" } else { "" }, size / 1000, size % 1000)
}
