//! Kraken spot over WebSocket v2: every book message carries a checksum.
//!
//! A book whose checksum is wrong is asked for again, that symbol alone. Numbers come bare and are read from their
//! digits, since the checksum is made of them. Source: docs.kraken.com/api, "WebSocket v2".

mod checksum;
mod config;
mod message;
mod requests;
mod translate;

use crate::adapter::{LinkId, Output};
use crate::market::{Kind, Market, Protocol, Rules, Symbol, Unreadable};

#[derive(Default)]
pub(crate) struct Kraken;

impl Protocol for Kraken {
    const RULES: Rules = config::RULES;

    fn subscribe(&self, market: &Market, link: LinkId) -> Vec<String> {
        let natives: Vec<&str> = market.natives(link).collect();
        let depth = market.depth();
        market.kinds().iter().map(|kind| requests::subscribe(*kind, &natives, depth)).collect()
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
        let again = [
            requests::unsubscribe_book(&symbol.native, market.depth()),
            requests::subscribe(Kind::Book, &[&symbol.native], market.depth()),
        ];
        output.sends.extend(again.map(|text| (symbol.link, text)));
    }
}
