//! REST: the URLs that are asked, and which question a URL was.

use super::Venue;

/// Levels of a depth snapshot per side.
const DEPTH_LIMIT: u32 = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint<'a> {
    Depth { native: &'a str },
    Klines { native: &'a str },
    ExchangeInfo,
}

impl Endpoint<'_> {
    /// By the last part of the path, so that recordings of other hosts and versions are known too.
    pub(super) fn of(url: &str) -> Option<Endpoint<'_>> {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let native = query.split('&').find_map(|pair| pair.strip_prefix("symbol="));
        match path.rsplit('/').next()? {
            "depth" => Some(Endpoint::Depth { native: native? }),
            "klines" => Some(Endpoint::Klines { native: native? }),
            "exchangeInfo" => Some(Endpoint::ExchangeInfo),
            _ => None,
        }
    }
}

/// Builds URLs under one base.
pub(super) struct Rest {
    /// With the path of the API's version.
    base: String,
    is_futures: bool,
}

impl Rest {
    pub(super) fn new(venue: Venue, rest_url: Option<&str>) -> Rest {
        let host = rest_url.unwrap_or(venue.rest_url()).trim_end_matches('/');
        Rest { base: format!("{host}{}", venue.rest_path()), is_futures: venue.is_futures() }
    }

    pub(super) fn depth(&self, native: &str) -> String {
        format!("{}/depth?symbol={native}&limit={DEPTH_LIMIT}", self.base)
    }

    pub(super) fn klines(&self, native: &str, limit: u32) -> String {
        format!("{}/klines?symbol={native}&interval=1m&limit={limit}", self.base)
    }

    /// Futures cannot be asked for some symbols only.
    pub(super) fn exchange_info<'a>(&self, natives: impl Iterator<Item = &'a str>) -> String {
        if self.is_futures {
            return format!("{}/exchangeInfo", self.base);
        }
        let list = natives.map(|native| format!("%22{native}%22")).collect::<Vec<_>>().join(",");
        format!("{}/exchangeInfo?symbols=%5B{list}%5D", self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_known_again() {
        let rest = Rest::new(Venue::Binance, Some("http://localhost:1/"));
        let (depth, klines) = (rest.depth("BTCUSDT"), rest.klines("BTCUSDT", 500));
        assert_eq!(depth, "http://localhost:1/api/v3/depth?symbol=BTCUSDT&limit=1000");
        assert_eq!(klines, "http://localhost:1/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=500");
        assert_eq!(Endpoint::of(&depth), Some(Endpoint::Depth { native: "BTCUSDT" }));
        assert_eq!(Endpoint::of(&klines), Some(Endpoint::Klines { native: "BTCUSDT" }));
        let info = rest.exchange_info(["A", "B"].into_iter());
        assert_eq!(info, "http://localhost:1/api/v3/exchangeInfo?symbols=%5B%22A%22,%22B%22%5D");
        assert_eq!(Endpoint::of(&info), Some(Endpoint::ExchangeInfo));
        assert_eq!(Endpoint::of("https://x/fapi/v1/time"), None);
        assert_eq!(Endpoint::of("https://x/depth"), None);
    }
}
