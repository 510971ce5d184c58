//! Bytes of a frame → what it means to the market. Pure.

use super::checksum::checksum;
use super::message::{Book, Frame, Ticker, Trade};
use super::requests;
use crate::adapter::{LinkId, Output};
use crate::market::{Kind, Market, SymbolId, Trade as Made, Unreadable, quote, read};
use crate::model::Number;

pub(super) fn translate(
    link: LinkId,
    bytes: &[u8],
    market: &mut Market,
    output: &mut Output,
) -> Result<(), Unreadable> {
    let frame: Frame<'_> = serde_json::from_slice(bytes)?;
    if !frame.event.is_empty() {
        answer(link, &frame, market, output);
        return Ok(());
    }
    let Some(kind) = requests::kind_of(&frame.arg.channel) else {
        output.counts.ignored += 1;
        return Ok(());
    };
    let Some(id) = market.find(link, &frame.arg.inst_id, output) else { return Ok(()) };
    match kind {
        Kind::Book => read::<Vec<_>>(frame.data)?.iter().for_each(|row| book(id, row, &frame, market, output)),
        Kind::Trade => read::<Vec<_>>(frame.data)?.iter().for_each(|row| trade(id, row, market, output)),
        _ => read::<Vec<_>>(frame.data)?.iter().for_each(|row| ticker(id, row, market, output)),
    }
    Ok(())
}

fn answer(link: LinkId, frame: &Frame<'_>, market: &Market, output: &mut Output) {
    match &*frame.event {
        "error" => market.refused_in(link, requests::kind_in(&frame.msg), &frame.msg, output),
        "subscribe" | "unsubscribe" | "channel-conn-count" => {}
        _ => output.counts.ignored += 1,
    }
}

/// A whole number of ms in a string.
fn ms(number: Number) -> Option<i64> {
    i64::try_from(number.0.normalized().mantissa()).ok().filter(|_| number.0.normalized().scale() == 0)
}

fn book(id: SymbolId, row: &Book, frame: &Frame<'_>, market: &mut Market, output: &mut Output) {
    let book = &mut market.symbol_mut(id).book;
    if frame.action == "snapshot" {
        book.snapshot(&row.bids, &row.asks, row.seq_id);
    } else if !book.is_synced() || is_repeated(row, book.last()) {
        return;
    } else if row.prev_seq_id != book.last() {
        output.counts.gaps += 1;
        return market.lose_book(id, output);
    } else {
        book.apply(&row.bids, &row.asks, row.seq_id);
    }
    if row.checksum != 0 && row.checksum != checksum(book.levels()) {
        output.counts.checksum_failed += 1;
        return market.lose_book(id, output);
    }
    output.counts.checksum_ok += u64::from(row.checksum != 0);
    market.show_book(id, ms(row.ts), output);
}

/// Two connections overlap for a while. Numbers may run back with maintenance; then they are chained to the one before.
fn is_repeated(row: &Book, last: Option<i64>) -> bool {
    row.prev_seq_id != last && row.seq_id.zip(last).is_some_and(|(number, last)| number <= last)
}

fn ticker(id: SymbolId, ticker: &Ticker, market: &mut Market, output: &mut Output) {
    let quote = quote([
        ("ask", ticker.ask_px),
        ("ask_size", ticker.ask_sz),
        ("bid", ticker.bid_px),
        ("bid_size", ticker.bid_sz),
        ("high", ticker.high24h),
        ("last", ticker.last),
        ("last_size", ticker.last_sz),
        ("low", ticker.low24h),
        ("open", ticker.open24h),
        ("volume", ticker.vol24h),
    ]);
    market.quote(id, ms(ticker.ts), quote, output);
}

fn trade(id: SymbolId, trade: &Trade<'_>, market: &mut Market, output: &mut Output) {
    let te = ms(trade.ts);
    let made = Made { id: &trade.trade_id, price: trade.px.0, size: trade.sz.0, side: trade.side, trade_ms: te };
    let count = trade.count.and_then(ms).filter(|count| *count >= 1).unwrap_or(1);
    let last: Option<i64> = trade.trade_id.parse().ok();
    market.trades(id, &made, last.map(|last| (last - count + 1, last)), te, output);
}
