//! Bytes of a frame → what it means to the market. Pure.

use super::Bitstamp;
use super::message::{Frame, Refusal, Trade};
use super::requests;
use crate::adapter::{LinkId, Output};
use crate::market::{Kind, Market, Side, SymbolId, Trade as Made, Unreadable, read};

impl Bitstamp {
    pub(super) fn translate(
        &mut self,
        link: LinkId,
        bytes: &[u8],
        market: &mut Market,
        output: &mut Output,
    ) -> Result<(), Unreadable> {
        let frame: Frame<'_> = serde_json::from_slice(bytes)?;
        match &*frame.event {
            "data" | "trade" | "bts:subscription_succeeded" => self.channel(link, &frame, market, output),
            "bts:request_reconnect" => {
                output.replacements.push(link);
                Ok(())
            }
            "bts:error" => refused(link, &frame, market, output),
            "bts:heartbeat" | "bts:unsubscription_succeeded" => Ok(()),
            _ => {
                output.counts.ignored += 1;
                Ok(())
            }
        }
    }

    fn channel(
        &mut self,
        link: LinkId,
        frame: &Frame<'_>,
        market: &mut Market,
        output: &mut Output,
    ) -> Result<(), Unreadable> {
        let Some((kind, native)) = requests::channel(&frame.channel) else {
            output.counts.ignored += 1;
            return Ok(());
        };
        let Some(id) = market.find(link, native, output) else { return Ok(()) };
        match (&*frame.event, kind) {
            ("data", Kind::Book) => self.change(id, read(frame.data)?, market, output),
            ("trade", Kind::Trade) => trade(id, &read(frame.data)?, market, output)?,
            ("bts:subscription_succeeded", Kind::Book) => self.book_begins(id, market, output),
            ("bts:subscription_succeeded", _) => {}
            _ => output.counts.ignored += 1,
        }
        Ok(())
    }
}

fn refused(link: LinkId, frame: &Frame<'_>, market: &Market, output: &mut Output) -> Result<(), Unreadable> {
    let reason: Refusal<'_> = read(frame.data)?;
    let (kind, native) = requests::channel(&frame.channel).unzip();
    market.refused(link, kind, native, &reason.message, output);
    Ok(())
}

fn trade(id: SymbolId, trade: &Trade, market: &mut Market, output: &mut Output) -> Result<(), Unreadable> {
    let side = match trade.kind {
        0 => Side::Buy,
        1 => Side::Sell,
        _ => return Err(Unreadable),
    };
    let mut text = itoa::Buffer::new();
    let made = Made {
        id: text.format(trade.id),
        price: trade.price_str.0,
        size: trade.amount_str.0,
        side,
        trade_ms: Some(trade.microtimestamp.ms()),
    };
    market.trade(id, &made, made.trade_ms, output);
    Ok(())
}
