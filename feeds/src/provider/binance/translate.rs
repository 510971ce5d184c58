//! Bytes of one stream's frame → updates. Pure.

use super::message::{AggTrade, BookTicker, Combined, Depth, Diff, KlineEvent, Ticker, Trade};
use super::streams::StreamKind;
use super::symbols::Symbol;
use crate::adapter::Output;
use crate::book::Levels;
use crate::market::{Order, Side, Trade as Made};
use crate::model::{Change, Number, Object, Topic, Update};
use serde::Deserialize;
use simd_json::Buffers;

/// What a frame was worth.
#[derive(Debug)]
pub(super) enum Read {
    /// A sign of life.
    Fresh,
    /// Known already: two connections overlap for a while.
    Repeated,
    /// A change of a diff book, for the caller to apply.
    Diff(Diff),
}

/// The stream's name at the start of a combined frame, without parsing it.
pub(super) fn stream_name(frame: &[u8]) -> Option<&str> {
    let rest = frame.strip_prefix(b"{\"stream\":\"")?;
    let end = rest.iter().position(|byte| *byte == b'"')?;
    std::str::from_utf8(&rest[..end]).ok()
}

/// Reads a frame of a stream of `kind`; destroys it.
pub(super) fn translate(
    kind: StreamKind,
    symbol: &mut Symbol,
    depth: usize,
    frame: &mut [u8],
    buffers: &mut Buffers,
    output: &mut Output,
) -> Result<Read, simd_json::Error> {
    Ok(match kind {
        StreamKind::Trade => trade(symbol, &parse(frame, buffers)?, output),
        StreamKind::AggTrade => agg_trade(symbol, &parse(frame, buffers)?, output),
        StreamKind::BookTicker => book_ticker(symbol, &parse(frame, buffers)?, output),
        StreamKind::TopBook => top_book(symbol, &parse(frame, buffers)?, depth, output),
        StreamKind::DiffBook => Read::Diff(parse(frame, buffers)?),
        StreamKind::Kline => kline(symbol, &parse(frame, buffers)?, output),
        StreamKind::Ticker => ticker(symbol, &parse(frame, buffers)?, output),
    })
}

fn parse<'a, T: Deserialize<'a>>(frame: &'a mut [u8], buffers: &mut Buffers) -> Result<T, simd_json::Error> {
    Ok(simd_json::serde::from_slice_with_buffers::<Combined<T>>(frame, buffers)?.data)
}

fn say(output: &mut Output, topic: &Topic, te: Option<i64>, change: Change) {
    output.updates.push(Update::new(topic.clone(), te, change));
}

fn trade(symbol: &mut Symbol, trade: &Trade, output: &mut Output) -> Read {
    // The update's `te` is when the venue said it, the event's own `te` when the trade was made.
    let id = id(trade.id);
    let made = made(&id, trade.price, trade.size, trade.is_buyer_maker, trade.trade_ms);
    one_trade(symbol, trade.id, trade.event_ms, &made, made.event(), output)
}

fn agg_trade(symbol: &mut Symbol, trade: &AggTrade, output: &mut Output) -> Read {
    let id_text = id(trade.id);
    let made = made(&id_text, trade.price, trade.size, trade.is_buyer_maker, trade.trade_ms);
    let event = made.event().with("agg_first", &*id(trade.first)).with("agg_last", &*id(trade.last));
    one_trade(symbol, trade.id, trade.event_ms, &made, event, output)
}

fn made(id: &str, price: Number, size: Number, is_buyer_maker: bool, trade_ms: i64) -> Made<'_> {
    let side = if is_buyer_maker { Side::Sell } else { Side::Buy };
    Made { id, price: price.0, size: size.0, side, trade_ms: Some(trade_ms) }
}

/// Ids are strings: they may exceed 2^53.
fn id(native: i64) -> String {
    native.to_string()
}

fn one_trade(symbol: &mut Symbol, id: i64, event_ms: i64, made: &Made<'_>, event: Object, output: &mut Output) -> Read {
    let (te, topics) = (Some(event_ms), &symbol.topics);
    match symbol.trades.take(Some((id, id))) {
        Order::Repeated => return Read::Repeated,
        Order::Next => {}
        Order::After(missing) => {
            output.counts.gaps += 1;
            say(output, &topics.trade, te, Change::Lost(missing));
        }
    }
    say(output, &topics.trade, te, Change::Event(event));
    if symbol.has_quotes {
        let last = Object::with_capacity(2).with("last", made.price).with("last_size", made.size);
        say(output, &topics.quote, te, Change::Patch(last));
    }
    Read::Fresh
}

fn book_ticker(symbol: &mut Symbol, ticker: &BookTicker, output: &mut Output) -> Read {
    if ticker.update_id <= symbol.quote_id {
        return Read::Repeated;
    }
    symbol.quote_id = ticker.update_id;
    // An empty side comes as price 0; absent is null.
    let shown = |price: Number, value: Number| (!price.0.is_zero()).then_some(value.0);
    let quote = Object::with_capacity(4)
        .with("ask", shown(ticker.ask, ticker.ask))
        .with("ask_size", shown(ticker.ask, ticker.ask_size))
        .with("bid", shown(ticker.bid, ticker.bid))
        .with("bid_size", shown(ticker.bid, ticker.bid_size));
    say(output, &symbol.topics.quote, ticker.event_ms, Change::Patch(quote));
    Read::Fresh
}

/// A self-contained snapshot of the best levels; a crossed one is not shown.
fn top_book(symbol: &mut Symbol, depth: &Depth, levels: usize, output: &mut Output) -> Read {
    if depth.last < symbol.top_id {
        return Read::Repeated;
    }
    symbol.top_id = depth.last;
    let book = Levels::new(&depth.bids, &depth.asks);
    if book.is_crossed() {
        output.counts.rejected += 1;
        return Read::Repeated;
    }
    symbol.show_book(book.top(levels), depth.event_ms, output);
    Read::Fresh
}

fn kline(symbol: &mut Symbol, event: &KlineEvent, output: &mut Output) -> Read {
    if let Some(patch) = symbol.bars.live(&event.kline.bar(), Some(event.event_ms)) {
        say(output, &symbol.topics.bar, Some(event.event_ms), Change::Patch(patch));
    }
    Read::Fresh
}

fn ticker(symbol: &mut Symbol, ticker: &Ticker, output: &mut Output) -> Read {
    if ticker.event_ms < symbol.ticker_ms {
        return Read::Repeated;
    }
    symbol.ticker_ms = ticker.event_ms;
    let mut quote = Object::with_capacity(7)
        .with("high", ticker.high.0)
        .with("last", ticker.last.0)
        .with("low", ticker.low.0)
        .with("open", ticker.open.0)
        .with("volume", ticker.volume.0);
    if let Some(size) = ticker.last_size {
        quote.set("last_size", size.0);
    }
    if let Some(average) = ticker.average {
        quote.set("vwap", average.0);
    }
    say(output, &symbol.topics.quote, Some(ticker.event_ms), Change::Patch(quote));
    Read::Fresh
}
