//! Bytes of a frame → what it means to the market. Pure.

use super::checksum::checksum;
use super::message::{Book, Frame, Ohlc, PriceLevel, Ticker, Trade};
use super::requests;
use crate::adapter::{LinkId, Output};
use crate::book::Level;
use crate::market::{Bar, Market, Trade as Made, Unreadable, read};
use crate::model::Object;

pub(super) fn translate(
    link: LinkId,
    bytes: &[u8],
    market: &mut Market,
    output: &mut Output,
) -> Result<(), Unreadable> {
    let frame: Frame<'_> = serde_json::from_slice(bytes)?;
    let Some(channel) = frame.channel.as_deref() else {
        answer(link, &frame, market, output);
        return Ok(());
    };
    let te = frame.timestamp.as_ref().and_then(|time| time.ms());
    match channel {
        "book" => {
            read::<Vec<Book<'_>>>(frame.data)?.iter().for_each(|b| book(link, b, frame.is_snapshot(), market, output))
        }
        "ticker" => read::<Vec<_>>(frame.data)?.iter().for_each(|row| ticker(link, row, te, market, output)),
        "trade" => {
            let mut trades: Vec<Trade<'_>> = read(frame.data)?;
            trades.sort_by_key(|trade| trade.trade_id);
            trades.iter().for_each(|row| trade(link, row, te, market, output));
        }
        "ohlc" => read::<Vec<_>>(frame.data)?.iter().for_each(|row| ohlc(link, row, te, market, output)),
        // The socket lives; of the subscriptions they say nothing.
        "heartbeat" | "status" => {}
        _ => output.counts.ignored += 1,
    }
    Ok(())
}

/// An answer to a request. Why it is looked at: a refused subscription leaves the socket open, and heart-beating.
fn answer(link: LinkId, frame: &Frame<'_>, market: &mut Market, output: &mut Output) {
    let is_subscription = frame.method.as_deref() == Some("subscribe");
    if frame.success == Some(false) && is_subscription {
        let reason = frame.error.as_deref().unwrap_or("no reason given");
        let kind = frame.req_id.and_then(requests::kind_of);
        return market.refused(link, kind, frame.symbol.as_deref(), reason, output);
    }
    match &frame.result {
        Some(accepted) if accepted.channel == "book" && is_subscription => {
            let id = accepted.symbol.as_deref().and_then(|symbol| market.find(link, symbol, output));
            if let (Some(id), Some(depth)) = (id, accepted.depth) {
                market.symbol_mut(id).book.set_depth(depth);
            }
        }
        Some(_) => {}
        None => output.counts.ignored += u64::from(frame.method.as_deref() != Some("pong")),
    }
}

fn book(link: LinkId, book: &Book<'_>, is_snapshot: bool, market: &mut Market, output: &mut Output) {
    let Some(id) = market.find(link, &book.symbol, output) else { return };
    let te = book.timestamp.as_ref().and_then(|time| time.ms());
    let levels = |side: &[PriceLevel]| side.iter().map(|level| (*level).into()).collect::<Vec<Level>>();
    let (bids, asks) = (levels(&book.bids), levels(&book.asks));
    let state = &mut market.symbol_mut(id).book;
    if is_snapshot {
        state.snapshot(&bids, &asks, None);
    } else if state.is_synced() {
        state.apply(&bids, &asks, None);
    } else {
        // What still comes before the snapshot that was asked for.
        return;
    }
    match book.checksum {
        Some(wanted) if wanted != checksum(state.levels()) => {
            output.counts.checksum_failed += 1;
            market.lose_book(id, output);
        }
        wanted => {
            output.counts.checksum_ok += u64::from(wanted.is_some());
            market.show_book(id, te, output);
        }
    }
}

fn ticker(link: LinkId, ticker: &Ticker<'_>, te: Option<i64>, market: &mut Market, output: &mut Output) {
    let Some(id) = market.find(link, &ticker.symbol, output) else { return };
    let te = ticker.timestamp.as_ref().and_then(|time| time.ms()).or(te);
    let quote = Object::with_capacity(11)
        .with("ask", ticker.ask.0)
        .with("ask_size", ticker.ask_qty.0)
        .with("bid", ticker.bid.0)
        .with("bid_size", ticker.bid_qty.0)
        .with("change", ticker.change.0)
        .with("change_pct", ticker.change_pct.0)
        .with("high", ticker.high.0)
        .with("last", ticker.last.0)
        .with("low", ticker.low.0)
        .with("volume", ticker.volume.0)
        .with("vwap", ticker.vwap.0);
    market.quote(id, te, quote, output);
}

fn trade(link: LinkId, trade: &Trade<'_>, te: Option<i64>, market: &mut Market, output: &mut Output) {
    let Some(id) = market.find(link, &trade.symbol, output) else { return };
    let trade_ms = trade.timestamp.ms();
    let mut text = itoa::Buffer::new();
    let made =
        Made { id: text.format(trade.trade_id), price: trade.price.0, size: trade.qty.0, side: trade.side, trade_ms };
    market.trade(id, &made, te.or(trade_ms), output);
}

fn ohlc(link: LinkId, ohlc: &Ohlc<'_>, te: Option<i64>, market: &mut Market, output: &mut Output) {
    let Some(id) = market.find(link, &ohlc.symbol, output) else { return };
    let Some(open_ms) = ohlc.interval_begin.ms().filter(|_| ohlc.interval == 1) else {
        output.counts.ignored += 1;
        return;
    };
    let bar = Bar {
        open_ms,
        open: ohlc.open.0,
        high: ohlc.high.0,
        low: ohlc.low.0,
        close: ohlc.close.0,
        volume: ohlc.volume.0,
        trades: Some(ohlc.trades),
        is_closed: false,
    };
    market.bar(id, &bar, te, output);
}
