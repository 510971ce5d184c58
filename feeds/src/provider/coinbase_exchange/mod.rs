//! Coinbase Exchange: batched books, matches with contiguous ids.
//!
//! Books have no numbers: a connection is what keeps them right, and a crossed one is asked for again. Source:
//! docs.cdp.coinbase.com, "Exchange WebSocket Feed".

mod config;
mod message;
mod requests;
mod translate;

use crate::adapter::{LinkId, Output};
use crate::market::{Market, Protocol, Rules, Symbol, Unreadable};
use simd_json::Buffers;

#[derive(Default)]
pub(crate) struct CoinbaseExchange {
    buffers: Buffers,
}

impl Protocol for CoinbaseExchange {
    const RULES: Rules = config::RULES;

    fn subscribe(&self, market: &Market, link: LinkId) -> Vec<String> {
        vec![requests::subscribe(market, link)]
    }

    fn frame(
        &mut self,
        link: LinkId,
        bytes: &mut [u8],
        market: &mut Market,
        output: &mut Output,
    ) -> Result<(), Unreadable> {
        let message = simd_json::serde::from_slice_with_buffers(bytes, &mut self.buffers)?;
        translate::translate(link, &message, market, output)
    }

    fn resync(&mut self, symbol: &Symbol, _: &Market, output: &mut Output) {
        let again = ["unsubscribe", "subscribe"].map(|word| requests::book(word, &symbol.native));
        output.sends.extend(again.map(|text| (symbol.link, text)));
    }
}
