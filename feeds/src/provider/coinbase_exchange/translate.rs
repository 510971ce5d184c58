//! A frame → what it means to the market. Pure.

use super::message::Message;
use crate::adapter::{LinkId, Output};
use crate::book::Level;
use crate::market::{Market, Side, SymbolId, Trade as Made, Unreadable, quote};
use crate::model::utc_ms;

pub(super) fn translate(
    link: LinkId,
    message: &Message<'_>,
    market: &mut Market,
    output: &mut Output,
) -> Result<(), Unreadable> {
    let read: fn(SymbolId, &Message<'_>, &mut Market, &mut Output) -> Result<(), Unreadable> = match &*message.kind {
        "l2update" => change,
        "snapshot" => snapshot,
        // The last one before the subscription: it tells what was missed while no connection was there.
        "match" | "last_match" => trade,
        "ticker" => ticker,
        // The socket lives; of the channels it says nothing.
        "heartbeat" | "subscriptions" => return Ok(()),
        "error" => {
            market.refused_in(link, None, &format!("{} {}", message.message, message.reason), output);
            return Ok(());
        }
        _ => {
            output.counts.ignored += 1;
            return Ok(());
        }
    };
    let Some(id) = market.find(link, &message.product_id, output) else { return Ok(()) };
    read(id, message, market, output)
}

fn snapshot(id: SymbolId, message: &Message<'_>, market: &mut Market, output: &mut Output) -> Result<(), Unreadable> {
    market.symbol_mut(id).book.snapshot(&message.bids, &message.asks, None);
    market.show_book(id, utc_ms(&message.time), output);
    Ok(())
}

fn change(id: SymbolId, message: &Message<'_>, market: &mut Market, output: &mut Output) -> Result<(), Unreadable> {
    let side = |wanted: Side| {
        let changes = message.changes.iter().filter(|(side, ..)| *side == wanted);
        changes.map(|(_, price, size)| Level { price: price.0, size: size.0 }).collect::<Vec<_>>()
    };
    market.symbol_mut(id).book.apply(&side(Side::Buy), &side(Side::Sell), None);
    market.show_book(id, utc_ms(&message.time), output);
    Ok(())
}

fn trade(id: SymbolId, message: &Message<'_>, market: &mut Market, output: &mut Output) -> Result<(), Unreadable> {
    let Message { price: Some(price), size: Some(size), side: Some(maker), trade_id: Some(trade_id), .. } = message
    else {
        return Err(Unreadable);
    };
    let te = utc_ms(&message.time);
    let mut text = itoa::Buffer::new();
    let made = Made { id: text.format(*trade_id), price: price.0, size: size.0, side: maker.opposite(), trade_ms: te };
    market.trade(id, &made, te, output);
    Ok(())
}

fn ticker(id: SymbolId, message: &Message<'_>, market: &mut Market, output: &mut Output) -> Result<(), Unreadable> {
    let (Some(price), Some(sequence)) = (message.price, message.sequence) else { return Err(Unreadable) };
    let quote = quote([
        ("ask", message.best_ask),
        ("ask_size", message.best_ask_size),
        ("bid", message.best_bid),
        ("bid_size", message.best_bid_size),
        ("high", message.high_24h),
        ("last", Some(price)),
        ("last_size", message.last_size),
        ("low", message.low_24h),
        ("open", message.open_24h),
        ("volume", message.volume_24h),
    ]);
    market.quote_in_order(id, sequence, utc_ms(&message.time), quote, output);
    Ok(())
}
