//! Streams: what is subscribed to, by which name, on which link.

use super::config::{BinanceConfig, BookSource, Kind, TickerStream, TradeStream};
use super::{Venue, config};
use crate::adapter::Link;

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
    let (mut streams, mut urls): (Vec<Stream>, Vec<(String, usize)>) = (Vec::new(), Vec::new());
    for native in config.symbols.iter().filter_map(|symbol| config::native(symbol)) {
        for suffix in &suffixes {
            let Some(kind) = kind_of(suffix) else { continue };
            let name = format!("{}@{suffix}", native.to_lowercase());
            match urls.last_mut() {
                Some((url, count)) if *count < venue.streams_max() && url.len() + name.len() < URL_BYTES_MAX => {
                    url.push('/');
                    url.push_str(&name);
                    *count += 1;
                }
                _ => urls.push((format!("{base}/stream?streams={name}"), 1)),
            }
            streams.push(Stream { name, kind, native: native.clone(), link: urls.len() - 1 });
        }
    }
    (streams, urls.into_iter().map(|(url, _)| link(url)).collect())
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
        let (futures, _) = wanted(Venue::BinanceFutures, &config);
        assert_eq!(futures[0].kind, StreamKind::AggTrade);
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
