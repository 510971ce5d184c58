//! Bitstamp: books from changes and REST snapshots, put in order by their time; quotes asked for over REST.
//!
//! Nothing is numbered: what keeps a book right is that changes are kept from before the snapshot on. Source:
//! bitstamp.net/websocket/v2 and bitstamp.net/api.

mod config;
mod fetched;
mod message;
mod requests;
mod sync;
mod translate;

use crate::adapter::{Fetch, LinkId, Output};
use crate::capture::Head;
use crate::market::{Kind, Market, Protocol, Rules, Symbol, Unreadable, VenueConfig};
use requests::Rest;
use std::collections::HashMap;
use sync::Waiting;

#[derive(Default)]
pub(crate) struct Bitstamp {
    rest: Rest,
    /// By native name: what a book out of sync waits for.
    waiting: HashMap<String, Waiting>,
    /// Quotes are being asked for: once begun, each answer brings the next question.
    is_polling: bool,
}

impl Protocol for Bitstamp {
    const RULES: Rules = config::RULES;

    fn configured(&mut self, config: &VenueConfig, _: &mut Market) {
        self.rest = Rest::new(config.rest_url.as_deref().unwrap_or(Self::RULES.rest_url));
    }

    fn subscribe(&self, market: &Market, link: LinkId) -> Vec<String> {
        requests::subscribe(market, link)
    }

    fn opened(&mut self, link: LinkId, market: &Market, output: &mut Output) {
        if market.kinds().contains(&Kind::Quote) && !std::mem::replace(&mut self.is_polling, true) {
            let spread = market.natives(link).zip((0..).step_by(requests::SPACING_MS));
            let first = spread.map(|(native, delay_ms)| Fetch { url: self.rest.ticker(native), delay_ms });
            output.fetches.extend(first);
        }
        for symbol in market.on(link).filter(|symbol| !symbol.book.is_synced()) {
            if let Some(waiting) = self.waiting.get_mut(&symbol.native) {
                waiting.begin_anew();
            }
        }
    }

    fn frame(
        &mut self,
        link: LinkId,
        bytes: &mut [u8],
        market: &mut Market,
        output: &mut Output,
    ) -> Result<(), Unreadable> {
        self.translate(link, bytes, market, output)
    }

    fn resync(&mut self, symbol: &Symbol, _: &Market, output: &mut Output) {
        self.fetch_book(&symbol.native, 0, output);
    }

    fn fetched(&mut self, url: &str, answer: Option<(u16, &[u8])>, market: &mut Market, output: &mut Output) {
        self.answered(url, answer.filter(|(status, _)| *status == 200).map(|(_, body)| body), market, output);
    }

    fn names(head: &Head) -> HashMap<String, String> {
        head.bodies.iter().flat_map(|(_, body)| message::pairs(body)).collect()
    }
}
