//! Bybit v5: spot, linear and inverse contracts, one link each.
//!
//! Books are numbered one by one; tickers of contracts say only what changed. Source: bybit-exchange.github.io/docs/v5,
//! "WebSocket Stream, Public".

mod config;
mod message;
mod requests;
mod translate;

use crate::adapter::{LinkId, Output};
use crate::market::{Market, Protocol, Rules, Symbol, Unreadable};

#[derive(Default)]
pub(crate) struct Bybit;

impl Protocol for Bybit {
    const RULES: Rules = config::RULES;

    fn subscribe(&self, market: &Market, link: LinkId) -> Vec<String> {
        requests::subscribe(market, link)
    }

    fn frame(
        &mut self,
        link: LinkId,
        bytes: &mut [u8],
        market: &mut Market,
        output: &mut Output,
    ) -> Result<(), Unreadable> {
        translate::translate(link, bytes, market, output)
    }

    fn resync(&mut self, symbol: &Symbol, market: &Market, output: &mut Output) {
        let topic = requests::book(&symbol.native, market);
        let again = ["unsubscribe", "subscribe"].map(|word| requests::request(word, std::slice::from_ref(&topic)));
        output.sends.extend(again.map(|text| (symbol.link, text)));
    }
}
