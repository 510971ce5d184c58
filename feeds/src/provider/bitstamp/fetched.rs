//! REST answers: snapshots of books, and quotes.

use super::Bitstamp;
use super::message::Ticker;
use super::requests::Endpoint;
use crate::adapter::{Fetch, LinkId, Output};
use crate::market::Market;
use crate::model::Object;
use serde::de::DeserializeOwned;

/// Between two questions for one pair's quote, in ms.
const QUOTE_INTERVAL_MS: u64 = 10_000;
/// All pairs live on one link.
const LINK: LinkId = LinkId(0);

impl Bitstamp {
    /// `None`: no answer, or not a good one.
    pub(super) fn answered(&mut self, url: &str, body: Option<&[u8]>, market: &mut Market, output: &mut Output) {
        match Endpoint::of(url) {
            Some(Endpoint::Book { native }) => {
                let snapshot = body.and_then(|body| read(body, output));
                self.snapshot(LINK, native, snapshot, market, output);
            }
            Some(Endpoint::Ticker { native }) => {
                output.fetches.push(Fetch { url: url.to_owned(), delay_ms: QUOTE_INTERVAL_MS });
                if let Some(ticker) = body.and_then(|body| read(body, output)) {
                    quote(native, &ticker, market, output);
                }
            }
            // A recorder's own questions.
            None => {}
        }
    }
}

fn quote(native: &str, ticker: &Ticker, market: &mut Market, output: &mut Output) {
    let Some(id) = market.find(LINK, native, output) else { return };
    let quote = Object::with_capacity(8)
        .with("ask", ticker.ask.0)
        .with("bid", ticker.bid.0)
        .with("high", ticker.high.0)
        .with("last", ticker.last.0)
        .with("low", ticker.low.0)
        .with("open", ticker.open.0)
        .with("volume", ticker.volume.0)
        .with("vwap", ticker.vwap.0);
    market.quote(id, ticker.timestamp.0.checked_mul(1_000), quote, output);
}

/// What cannot be read is rejected.
fn read<T: DeserializeOwned>(body: &[u8], output: &mut Output) -> Option<T> {
    let read = serde_json::from_slice(body);
    output.counts.rejected += u64::from(read.is_err());
    read.ok()
}
