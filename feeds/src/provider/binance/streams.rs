//! Streams: what is subscribed to, by which name, on which link.

use super::config::{BinanceConfig, BookSource, TickerStream, TradeStream};
use super::{Venue, config};
use crate::adapter::Link;
use crate::market::Kind;

/// Binance cuts a connection at 24 h.
const LIFETIME_MS: u64 = (23 * 60 + 50) * 60 * 1_000;
/// Longest URL: above 8 KiB many servers answer 414.
const URL_BYTES_MAX: usize = 7_500;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StreamKind {
    Trade,
    AggTrade,
    BookTicker,
    /// Self-contained snapshots.
    TopBook,
    DiffBook,
    Kline,
    Ticker,
}

impl StreamKind {
    /// What it brings.
    pub(super) fn kind(self) -> Kind {
        match self {
            StreamKind::Trade | StreamKind::AggTrade => Kind::Trade,
            StreamKind::BookTicker => Kind::Quote,
            StreamKind::TopBook | StreamKind::DiffBook => Kind::Book,
            StreamKind::Kline => Kind::Bar,
            StreamKind::Ticker => Kind::Ticker,
        }
    }
}

/// One subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stream {
    /// `btcusdt@trade`.
    pub name: String,
    pub kind: StreamKind,
    /// The venue's symbol in upper case.
    pub native: String,
    /// Index of the link it lives on.
    pub link: usize,
}

/// The part of a stream's name after the symbol → what it is; `None` for what we cannot translate.
fn kind_of(suffix: &str) -> Option<StreamKind> {
    match suffix {
        "trade" => Some(StreamKind::Trade),
        "aggTrade" => Some(StreamKind::AggTrade),
        "bookTicker" => Some(StreamKind::BookTicker),
        "kline_1m" => Some(StreamKind::Kline),
        "ticker" | "miniTicker" => Some(StreamKind::Ticker),
        "depth" | "depth@100ms" | "depth@250ms" | "depth@500ms" => Some(StreamKind::DiffBook),
        _ if ["depth5", "depth10", "depth20"].contains(&suffix.split('@').next()?) => Some(StreamKind::TopBook),
        _ => None,
    }
}

/// The streams a configuration asks for, symbol by symbol, spread over links.
pub(super) fn wanted(venue: Venue, config: &BinanceConfig) -> (Vec<Stream>, Vec<Link>) {
    let base = config.ws_url.as_deref().unwrap_or(venue.ws_url()).trim_end_matches('/');
    let suffixes = suffixes(venue, config);
    let (mut streams, mut urls) = (Vec::new(), Vec::new());
    for route in venue.routes() {
        let names = config.symbols.iter().filter_map(|symbol| config::native(symbol)).flat_map(|native| {
            let routed = suffixes.iter().filter_map(|suffix| Some((*suffix, kind_of(suffix)?)));
            let routed = routed.filter(|(_, kind)| venue.route(*kind) == *route);
            routed.map(|(suffix, kind)| (native.clone(), suffix, kind)).collect::<Vec<_>>()
        });
        // A route's streams never share a link with another's.
        let mut room = 0;
        for (native, suffix, kind) in names {
            let name = format!("{}@{suffix}", native.to_lowercase());
            match urls.last_mut() {
                Some(url) if room > 0 && String::len(url) + name.len() < URL_BYTES_MAX => {
                    url.push('/');
                    url.push_str(&name);
                    room -= 1;
                }
                _ => {
                    urls.push(format!("{base}{route}/stream?streams={name}"));
                    room = venue.streams_max() - 1;
                }
            }
            streams.push(Stream { name, kind, native, link: urls.len() - 1 });
        }
    }
    (streams, urls.into_iter().map(link).collect())
}

fn suffixes(venue: Venue, config: &BinanceConfig) -> Vec<&'static str> {
    let trade = match config.trades(venue) {
        TradeStream::Trade => "trade",
        TradeStream::Agg => "aggTrade",
    };
    let book = match config.book {
        BookSource::Top => "depth20@100ms",
        BookSource::Diff => "depth@100ms",
    };
    let ticker = match config.ticker {
        TickerStream::Mini => "miniTicker",
        TickerStream::Full => "ticker",
    };
    let all = [
        (Kind::Trade, trade),
        (Kind::Quote, "bookTicker"),
        (Kind::Book, book),
        (Kind::Bar, "kline_1m"),
        (Kind::Ticker, ticker),
    ];
    all.into_iter().filter(|(kind, _)| config.has(*kind)).map(|(_, suffix)| suffix).collect()
}

/// The streams that recorded addresses name; those we cannot translate are left out.
pub(super) fn recorded(addrs: &[String]) -> (Vec<Stream>, Vec<Link>) {
    let mut streams: Vec<Stream> = Vec::new();
    for (link, addr) in addrs.iter().enumerate() {
        let names = addr.split_once("streams=").or_else(|| addr.split_once("/ws/")).map_or("", |(_, names)| names);
        for name in names.split('&').next().unwrap_or_default().split('/') {
            let Some((symbol, suffix)) = name.split_once('@') else { continue };
            let Some(kind) = kind_of(suffix) else { continue };
            if streams.iter().all(|known| known.name != name) {
                streams.push(Stream { name: name.to_owned(), kind, native: symbol.to_uppercase(), link });
            }
        }
    }
    (streams, addrs.iter().cloned().map(link).collect())
}

fn link(url: String) -> Link {
    Link { url, lifetime_ms: Some(LIFETIME_MS) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_streams() {
        let config = BinanceConfig { symbols: vec!["BTC-USDT".into()], ..BinanceConfig::default() };
        let (streams, links) = wanted(Venue::Binance, &config);
        assert_eq!(
            links[0].url,
            "wss://stream.binance.com:9443/stream?streams=\
             btcusdt@trade/btcusdt@bookTicker/btcusdt@depth20@100ms/btcusdt@kline_1m"
        );
        assert_eq!(links[0].lifetime_ms, Some(85_800_000));
        assert_eq!(streams.len(), 4);
    }

    #[test]
    fn futures_are_routed_by_what_they_carry() {
        let config = BinanceConfig { symbols: vec!["BTC-USDT".into()], ..BinanceConfig::default() };
        let (streams, links) = wanted(Venue::BinanceFutures, &config);
        let urls: Vec<&str> = links.iter().map(|link| &*link.url).collect();
        assert_eq!(
            urls,
            [
                "wss://fstream.binance.com/public/stream?streams=btcusdt@bookTicker/btcusdt@depth20@100ms",
                "wss://fstream.binance.com/market/stream?streams=btcusdt@aggTrade/btcusdt@kline_1m"
            ]
        );
        assert_eq!(streams.iter().map(|stream| stream.link).collect::<Vec<_>>(), [0, 0, 1, 1]);
    }

    #[test]
    fn many_streams_are_spread_over_links() {
        let symbols = (0..2_000).map(|n| format!("A{n}-USDT")).collect();
        let config = BinanceConfig { symbols, ..BinanceConfig::default() };
        for venue in Venue::ALL {
            let (streams, links) = wanted(venue, &config);
            assert_eq!(streams.len(), 8_000);
            for (index, link) in links.iter().enumerate() {
                let count = streams.iter().filter(|stream| stream.link == index).count();
                assert!(link.url.len() <= URL_BYTES_MAX && count <= venue.streams_max());
                assert_eq!(link.url.matches('@').count() - link.url.matches("@100ms").count(), count);
            }
        }
    }

    #[test]
    fn recorded_addresses() {
        let addrs =
            ["wss://x/stream?streams=nknusdt@depth@100ms/nknusdt@weather/blzeth@kline_1m", "wss://x/ws/a@trade"];
        let (streams, links) = recorded(&addrs.map(str::to_owned));
        let found: Vec<_> = streams.iter().map(|stream| (&*stream.native, stream.kind, stream.link)).collect();
        assert_eq!(
            found,
            [("NKNUSDT", StreamKind::DiffBook, 0), ("BLZETH", StreamKind::Kline, 0), ("A", StreamKind::Trade, 1)]
        );
        assert_eq!(links.len(), 2);
    }
}
