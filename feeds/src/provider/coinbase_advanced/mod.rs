//! Coinbase Advanced Trade: one numbered stream per connection, over all channels.
//!
//! A hole in the numbers means that anything may be missing, so the connection is made anew. The first frame of a book
//! is the whole book, megabytes of it. Source: docs.cdp.coinbase.com, "Advanced Trade WebSocket".

mod config;
mod message;
mod requests;
mod sequence;
mod translate;

use crate::adapter::{LinkId, Output};
use crate::market::{Market, Protocol, Rules, Symbol, Unreadable, VenueConfig};
use sequence::{Sequence, Turn};
use simd_json::Buffers;

/// Scratch space of larger frames is given back: only the first frames of books need it.
const SCRATCH_BYTES_MAX: usize = 1 << 20;

#[derive(Default)]
pub(crate) struct CoinbaseAdvanced {
    /// One per link.
    sequences: Vec<Sequence>,
    buffers: Buffers,
}

impl CoinbaseAdvanced {
    fn sequence(&mut self, link: LinkId) -> &mut Sequence {
        if self.sequences.len() <= link.0 {
            self.sequences.resize_with(link.0 + 1, Sequence::default);
        }
        &mut self.sequences[link.0]
    }

    /// True if the frame of this number is to be read; a hole costs the connection.
    fn is_next(&mut self, link: LinkId, number: u64, market: &mut Market, output: &mut Output) -> bool {
        match self.sequence(link).take(number) {
            Turn::Next => true,
            Turn::Old => false,
            Turn::Gap => {
                output.counts.gaps += 1;
                output.reconnects.push(link);
                market.closed(link, output);
                false
            }
        }
    }
}

impl Protocol for CoinbaseAdvanced {
    const RULES: Rules = config::RULES;

    /// Data of `BTC-USDC` comes back as that of `BTC-USD`.
    fn configured(&mut self, _: &VenueConfig, market: &mut Market) {
        market.add_aliases(|native| Some(format!("{}-USD", native.strip_suffix("-USDC")?)));
    }

    fn subscribe(&self, market: &Market, link: LinkId) -> Vec<String> {
        requests::subscribe(market, link)
    }

    fn opened(&mut self, link: LinkId, _: &Market, _: &mut Output) {
        self.sequence(link).opened();
    }

    fn frame(
        &mut self,
        link: LinkId,
        bytes: &mut [u8],
        market: &mut Market,
        output: &mut Output,
    ) -> Result<(), Unreadable> {
        let size = bytes.len();
        let read = simd_json::serde::from_slice_with_buffers(bytes, &mut self.buffers);
        if size > SCRATCH_BYTES_MAX {
            self.buffers = Buffers::default();
        }
        let envelope: message::Envelope<'_> = read?;
        let is_next = envelope.sequence_num.is_none_or(|number| self.is_next(link, number, market, output));
        if is_next {
            translate::translate(link, envelope, market, output);
        }
        Ok(())
    }

    fn resync(&mut self, symbol: &Symbol, _: &Market, output: &mut Output) {
        let again = ["unsubscribe", "subscribe"].map(|word| requests::request(word, "level2", &[&symbol.native]));
        output.sends.extend(again.map(|text| (symbol.link, text)));
    }
}
