//! What is sent to Bitstamp, and what is asked of it over REST.

use crate::adapter::LinkId;
use crate::market::{Kind, Market};
use serde_json::json;

/// What is subscribed to by which channel; behind the underscore stands the pair.
const CHANNELS: [(&str, Kind); 2] = [("live_trades_", Kind::Trade), ("diff_order_book_", Kind::Book)];
/// Between two fetches of many, in ms.
pub(super) const SPACING_MS: usize = 100;

pub(super) fn subscribe(market: &Market, link: LinkId) -> Vec<String> {
    let wanted = CHANNELS.iter().filter(|(_, kind)| market.kinds().contains(kind));
    let request =
        |head: &str, native: &str| json!({"event": "bts:subscribe", "data": {"channel": format!("{head}{native}")}});
    wanted.flat_map(|(head, _)| market.natives(link).map(move |native| request(head, native).to_string())).collect()
}

/// What a channel brings, and of which pair.
pub(super) fn channel(name: &str) -> Option<(Kind, &str)> {
    CHANNELS.iter().find_map(|(head, kind)| Some((*kind, name.strip_prefix(head)?)))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint<'a> {
    Book { native: &'a str },
    Ticker { native: &'a str },
}

impl Endpoint<'_> {
    /// By the last parts of the path, so that recordings of other hosts are known too.
    pub(super) fn of(url: &str) -> Option<Endpoint<'_>> {
        let mut parts = url.split('?').next()?.trim_end_matches('/').rsplit('/');
        let native = parts.next()?;
        match parts.next()? {
            "order_book" => Some(Endpoint::Book { native }),
            "ticker" => Some(Endpoint::Ticker { native }),
            _ => None,
        }
    }
}

/// Builds URLs under one base.
#[derive(Default)]
pub(super) struct Rest {
    base: String,
}

impl Rest {
    pub(super) fn new(base: &str) -> Rest {
        Rest { base: base.trim_end_matches('/').to_owned() }
    }

    pub(super) fn book(&self, native: &str) -> String {
        format!("{}/order_book/{native}/", self.base)
    }

    pub(super) fn ticker(&self, native: &str) -> String {
        format!("{}/ticker/{native}/", self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_known_again() {
        let rest = Rest::new("http://localhost:1/api/v2/");
        assert_eq!(rest.book("btcusd"), "http://localhost:1/api/v2/order_book/btcusd/");
        assert_eq!(Endpoint::of(&rest.book("btcusd")), Some(Endpoint::Book { native: "btcusd" }));
        assert_eq!(Endpoint::of(&rest.ticker("btcusd")), Some(Endpoint::Ticker { native: "btcusd" }));
        assert_eq!(Endpoint::of("https://x/api/v2/order_book/btcusd"), Some(Endpoint::Book { native: "btcusd" }));
        assert_eq!(Endpoint::of("https://x/api/v2/trading-pairs-info/"), None);
    }
}
