//! OKX v5: spot, swaps and dated futures on one link, under the venue's own names.
//!
//! Books are chained by numbers and, as long as the venue sends one, by a checksum. Source: okx.com/docs-v5, "Public
//! Channel".

mod checksum;
mod config;
mod message;
mod requests;
mod translate;

use crate::adapter::{LinkId, Output};
use crate::market::{Market, Protocol, Rules, Symbol, Unreadable};

#[derive(Default)]
pub(crate) struct Okx;

impl Protocol for Okx {
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
        // The answer to a ping is no JSON.
        if bytes == b"pong" { Ok(()) } else { translate::translate(link, bytes, market, output) }
    }

    fn resync(&mut self, symbol: &Symbol, _: &Market, output: &mut Output) {
        let again = ["unsubscribe", "subscribe"].map(|word| requests::book(word, &symbol.native));
        output.sends.extend(again.map(|text| (symbol.link, text)));
    }
}
