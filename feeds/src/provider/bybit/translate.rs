//! Bytes of a frame → what it means to the market. Pure.

use super::message::{Book, Frame, Kline, Ticker, Trade};
use super::requests;
use crate::adapter::{LinkId, Output};
use crate::market::{Bar, Kind, Market, SymbolId, Trade as Made, Unreadable, read};
use crate::model::Object;

/// The number of a book with which the service began anew.
const RESTARTED: i64 = 1;

pub(super) fn translate(
    link: LinkId,
    bytes: &[u8],
    market: &mut Market,
    output: &mut Output,
) -> Result<(), Unreadable> {
    let frame: Frame<'_> = serde_json::from_slice(bytes)?;
    if frame.topic.is_empty() {
        answer(link, &frame, market, output);
        return Ok(());
    }
    let Some((kind, native)) = requests::kind_of(&frame.topic).zip(frame.topic.rsplit('.').next()) else {
        output.counts.ignored += 1;
        return Ok(());
    };
    let Some(id) = market.find(link, native, output) else { return Ok(()) };
    match kind {
        Kind::Book => book(id, &frame, market, output),
        Kind::Trade => trades(id, &frame, market, output),
        Kind::Bar => klines(id, &frame, market, output),
        Kind::Quote | Kind::Ticker => ticker(id, &frame, market, output),
    }
}

fn answer(link: LinkId, frame: &Frame<'_>, market: &Market, output: &mut Output) {
    match frame.success {
        Some(false) => market.refused_in(link, requests::kind_of(&frame.ret_msg), &frame.ret_msg, output),
        Some(true) => {}
        None => output.counts.ignored += u64::from(frame.op != "pong"),
    }
}

fn book(id: SymbolId, frame: &Frame<'_>, market: &mut Market, output: &mut Output) -> Result<(), Unreadable> {
    let Book { bids, asks, number } = read(frame.data)?;
    let book = &mut market.symbol_mut(id).book;
    match book.last() {
        _ if frame.is_snapshot() || number == RESTARTED => book.snapshot(&bids, &asks, Some(number)),
        Some(last) if number == last + 1 => book.apply(&bids, &asks, Some(number)),
        // Two connections overlap for a while.
        Some(last) if number <= last => return Ok(()),
        Some(_) => {
            output.counts.gaps += 1;
            market.lose_book(id, output);
            return Ok(());
        }
        // What still comes before the snapshot that was asked for.
        None => return Ok(()),
    }
    market.show_book(id, frame.at_ms, output);
    Ok(())
}

fn ticker(id: SymbolId, frame: &Frame<'_>, market: &mut Market, output: &mut Output) -> Result<(), Unreadable> {
    let ticker: Ticker = read(frame.data)?;
    let fields = [
        ("ask", ticker.ask1_price),
        ("ask_size", ticker.ask1_size),
        ("bid", ticker.bid1_price),
        ("bid_size", ticker.bid1_size),
        ("high", ticker.high_price24h),
        ("last", ticker.last_price),
        ("low", ticker.low_price24h),
        ("open", ticker.prev_price24h),
        ("turnover", ticker.turnover24h),
        ("volume", ticker.volume24h),
    ];
    let mut quote = Object::with_capacity(fields.len());
    // A patch keeps what it does not name: just so a change is to be read. A snapshot's missing field is absent.
    for (name, number) in fields.into_iter().filter(|(_, number)| frame.is_snapshot() || number.is_some()) {
        quote.set(name, number.map(|number| number.0));
    }
    market.quote(id, frame.at_ms, quote, output);
    Ok(())
}

fn trades(id: SymbolId, frame: &Frame<'_>, market: &mut Market, output: &mut Output) -> Result<(), Unreadable> {
    for trade in read::<Vec<Trade<'_>>>(frame.data)? {
        let made = Made {
            id: &trade.id,
            price: trade.price.0,
            size: trade.size.0,
            side: trade.side,
            trade_ms: Some(trade.trade_ms),
        };
        market.trades(id, &made, None, frame.at_ms, output);
    }
    Ok(())
}

fn klines(id: SymbolId, frame: &Frame<'_>, market: &mut Market, output: &mut Output) -> Result<(), Unreadable> {
    for kline in read::<Vec<Kline>>(frame.data)? {
        let bar = Bar {
            open_ms: kline.open_ms,
            open: kline.open.0,
            high: kline.high.0,
            low: kline.low.0,
            close: kline.close.0,
            volume: kline.volume.0,
            trades: None,
            is_closed: kline.confirm,
        };
        market.bar(id, &bar, Some(kline.event_ms), output);
    }
    Ok(())
}
