//! A frame → what it means to the market. Pure.

use super::message::{BookSide, Candle, Envelope, Event, Ticker, Trade};
use crate::adapter::{LinkId, Output};
use crate::book::Level;
use crate::market::{Bar, Market, Trade as Made};
use crate::model::{Object, utc_ms};

/// Past bars of the first frame that are of use: a bar topic holds no more.
const CANDLES_MAX: usize = 16;

pub(super) fn translate(link: LinkId, envelope: Envelope<'_>, market: &mut Market, output: &mut Output) {
    let te = utc_ms(&envelope.timestamp);
    match &*envelope.channel {
        "l2_data" => envelope.events.iter().for_each(|event| book(link, event, te, market, output)),
        "market_trades" => envelope.events.iter().for_each(|event| trades(link, event, te, market, output)),
        "ticker" => {
            let tickers = envelope.events.iter().flat_map(|event| &event.tickers);
            tickers.for_each(|row| ticker(link, row, te, market, output));
        }
        "candles" => envelope.events.into_iter().for_each(|event| candles(link, event.candles, te, market, output)),
        // The socket lives; of the other channels they say nothing.
        "heartbeats" | "subscriptions" => {}
        "" if envelope.kind == "error" => market.refused_in(link, None, &envelope.message, output),
        _ => output.counts.ignored += 1,
    }
}

fn book(link: LinkId, event: &Event<'_>, te: Option<i64>, market: &mut Market, output: &mut Output) {
    let Some(id) = market.find(link, &event.product_id, output) else { return };
    let side = |wanted: BookSide| {
        let levels = event.updates.iter().filter(|update| update.side == wanted);
        levels.map(|update| Level { price: update.price_level.0, size: update.new_quantity.0 }).collect::<Vec<_>>()
    };
    let (bids, asks) = (side(BookSide::Bid), side(BookSide::Offer));
    let book = &mut market.symbol_mut(id).book;
    if event.kind == "snapshot" {
        book.snapshot(&bids, &asks, None);
    } else {
        book.apply(&bids, &asks, None);
    }
    market.show_book(id, te, output);
}

/// The newest comes first.
fn trades(link: LinkId, event: &Event<'_>, te: Option<i64>, market: &mut Market, output: &mut Output) {
    event.trades.iter().rev().for_each(|row| trade(link, row, te, market, output));
}

fn trade(link: LinkId, trade: &Trade<'_>, te: Option<i64>, market: &mut Market, output: &mut Output) {
    let Some(id) = market.find(link, &trade.product_id, output) else { return };
    let made = Made {
        id: &trade.trade_id,
        price: trade.price.0,
        size: trade.size.0,
        side: trade.side.opposite(),
        trade_ms: utc_ms(&trade.time),
    };
    market.trade(id, &made, te, output);
}

fn ticker(link: LinkId, ticker: &Ticker<'_>, te: Option<i64>, market: &mut Market, output: &mut Output) {
    let Some(id) = market.find(link, &ticker.product_id, output) else { return };
    let quote = Object::with_capacity(9)
        .with("ask", ticker.best_ask.0)
        .with("ask_size", ticker.best_ask_quantity.0)
        .with("bid", ticker.best_bid.0)
        .with("bid_size", ticker.best_bid_quantity.0)
        .with("change_pct", ticker.price_percent_chg_24_h.0)
        .with("high", ticker.high_24_h.0)
        .with("last", ticker.price.0)
        .with("low", ticker.low_24_h.0)
        .with("volume", ticker.volume_24_h.0);
    market.quote(id, te, quote, output);
}

fn candles(link: LinkId, candles: Vec<Candle<'_>>, te: Option<i64>, market: &mut Market, output: &mut Output) {
    let start = |candle: &Candle<'_>| candle.start.parse::<i64>().ok()?.checked_mul(1_000);
    let mut timed: Vec<_> = candles.iter().filter_map(|candle| Some((start(candle)?, candle))).collect();
    output.counts.rejected += (candles.len() - timed.len()) as u64;
    timed.sort_unstable_by_key(|(open_ms, _)| *open_ms);
    let useful = timed.len().saturating_sub(CANDLES_MAX);
    for (open_ms, candle) in &timed[useful..] {
        let Some(id) = market.find(link, &candle.product_id, output) else { continue };
        let bar = Bar {
            open_ms: *open_ms,
            open: candle.open.0,
            high: candle.high.0,
            low: candle.low.0,
            close: candle.close.0,
            volume: candle.volume.0,
            trades: None,
            is_closed: false,
        };
        market.bar(id, &bar, te, output);
    }
}
