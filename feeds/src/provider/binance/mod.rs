//! Binance spot, Binance.US and Binance USD-M futures: one protocol, three venues.
//!
//! Streams are named in the connection's URL, so nothing is ever sent. Books are self-contained snapshots, or changes
//! kept in sync by REST snapshots (`book.rs`); bars are filled in over REST; the instrument table comes from
//! exchangeInfo. Sources: binance-docs.github.io "WebSocket Streams" and "Market Data endpoints".

mod book;
mod config;
mod control;
mod fetched;
mod instruments;
mod message;
mod rest;
mod streams;
mod symbols;
mod sync;
mod translate;
mod venue;

pub use crate::market::{Kind, Silence};
pub use config::{BinanceConfig, BookSource, TickerStream, TradeStream};
pub use venue::Venue;

use crate::adapter::{Adapter, Input, Link, LinkId, Output, Subscription};
use crate::capture::Head;
use crate::market::{Topics, recorded};
use crate::registry::ReplayError;
use rest::Rest;
use std::collections::HashMap;
use streams::{Stream, StreamKind};
use symbols::Symbol;
use translate::Read;

/// The adapter.
pub struct Binance {
    venue: Venue,
    rest: Rest,
    book_levels: usize,
    bar_backfill: u32,
    instruments_refresh_ms: i64,
    links: Vec<Link>,
    links_open: Vec<bool>,
    streams: Vec<Stream>,
    /// Same indices as `streams`.
    subscriptions: Vec<Subscription>,
    /// Same indices as `streams`: the symbol of each.
    symbol_of: Vec<usize>,
    by_name: HashMap<String, usize>,
    symbols: Vec<Symbol>,
    /// Built once: the hot path asks it and cuts no strings.
    by_native: HashMap<String, usize>,
    buffers: simd_json::Buffers,
}

impl Binance {
    /// For a validated configuration; symbols that are not `BASE-QUOTE` are left out.
    pub fn new(venue: Venue, config: &BinanceConfig) -> Binance {
        let (streams, links) = streams::wanted(venue, config);
        let names = config.symbols.iter().filter_map(|name| Some((config::native(name)?, name.clone()))).collect();
        Binance::build(venue, config, streams, links, &names)
    }

    /// Configured from a capture: streams from the addresses of its connections, names from its exchangeInfo or from
    /// its header, if we recorded it.
    pub fn for_replay(venue: Venue, head: &Head) -> Result<Binance, ReplayError> {
        let (streams, links) = streams::recorded(&head.addrs);
        if streams.is_empty() {
            return Err(ReplayError::NothingSubscribed("no connection names a stream we know"));
        }
        let config = BinanceConfig { bar_backfill: 0, ..recorded::<BinanceConfig>(head).unwrap_or_default() };
        let tables: Vec<_> = head.bodies.iter().filter_map(|(_, body)| instruments::parse(body).ok()).collect();
        let mut names: HashMap<String, String> = HashMap::new();
        for native in streams.iter().map(|stream| &stream.native) {
            let configured = config.symbols.iter().find(|symbol| config::native(symbol).as_ref() == Some(native));
            let name = configured.cloned().unwrap_or_else(|| instruments::canonical(native, &tables));
            names.insert(native.clone(), name);
        }
        Ok(Binance::build(venue, &config, streams, links, &names))
    }

    fn build(
        venue: Venue,
        config: &BinanceConfig,
        streams: Vec<Stream>,
        links: Vec<Link>,
        names: &HashMap<String, String>,
    ) -> Binance {
        let mut binance = Binance {
            venue,
            rest: Rest::new(venue, config.rest_url.as_deref()),
            book_levels: config.book_levels,
            bar_backfill: config.bar_backfill,
            instruments_refresh_ms: i64::try_from(config.instruments_refresh_s).map_or(i64::MAX, |s| s * 1_000),
            links_open: vec![false; links.len()],
            links,
            streams: Vec::with_capacity(streams.len()),
            subscriptions: Vec::with_capacity(streams.len()),
            symbol_of: Vec::with_capacity(streams.len()),
            by_name: HashMap::new(),
            symbols: Vec::new(),
            by_native: HashMap::new(),
            buffers: simd_json::Buffers::default(),
        };
        for stream in streams {
            let name = names.get(&stream.native).unwrap_or(&stream.native).clone();
            binance.add(stream, &name, &config.silence);
        }
        binance
    }

    fn add(&mut self, stream: Stream, canonical: &str, silence: &Silence) {
        let Some(symbol) = self.symbol(&stream.native, canonical) else { return };
        let (index, state) = (self.streams.len(), &mut self.symbols[symbol]);
        // Why: where best prices come too, a silent ticker does not make the quote old.
        let is_extra = stream.kind == StreamKind::Ticker && state.has_quotes;
        let topic = state.topics.of(stream.kind.kind()).clone();
        state.add(&stream, index, self.venue);
        self.subscriptions.push(Subscription {
            name: stream.name.clone(),
            topics: if is_extra { Vec::new() } else { vec![topic] },
            silence_ms: silence.of(stream.kind.kind()),
        });
        self.by_name.insert(stream.name.clone(), index);
        self.symbol_of.push(symbol);
        self.streams.push(stream);
    }

    /// The symbol's index, made if it is new; `None` if its name makes no topic.
    fn symbol(&mut self, native: &str, canonical: &str) -> Option<usize> {
        if let Some(index) = self.by_native.get(native) {
            return Some(*index);
        }
        let topics = Topics::new(self.venue.name(), canonical, "1m").ok()?;
        self.symbols.push(Symbol::new(native, topics));
        self.by_native.insert(native.to_owned(), self.symbols.len() - 1);
        Some(self.symbols.len() - 1)
    }

    fn frame(&mut self, link: LinkId, bytes: &mut [u8], output: &mut Output) {
        output.counts.frames += 1;
        let Some(index) = translate::stream_name(bytes).and_then(|name| self.by_name.get(name)).copied() else {
            return self.control(link, bytes, output);
        };
        let (kind, symbol) = (self.streams[index].kind, &mut self.symbols[self.symbol_of[index]]);
        match translate::translate(kind, symbol, self.book_levels, bytes, &mut self.buffers, output) {
            Ok(Read::Fresh) => output.alive.push(index),
            Ok(Read::Repeated) => {}
            Ok(Read::Diff(diff)) => self.diff(self.symbol_of[index], diff, output),
            Err(_) => output.counts.rejected += 1,
        }
        if kind == StreamKind::TopBook && output.out_of_sync > 0 {
            self.count_out_of_sync(output);
        }
    }
}

impl Adapter for Binance {
    fn provider(&self) -> &str {
        self.venue.name()
    }

    fn links(&self) -> &[Link] {
        &self.links
    }

    fn subscriptions(&self) -> &[Subscription] {
        &self.subscriptions
    }

    fn link_of(&self, subscription: usize) -> Option<LinkId> {
        self.streams.get(subscription).map(|stream| LinkId(stream.link))
    }

    fn handle(&mut self, input: Input<'_>, now_ms: i64, output: &mut Output) {
        match input {
            Input::Start | Input::Wake => {
                self.count_out_of_sync(output);
                self.fetch_instruments(now_ms, output);
            }
            Input::Opened(link) => self.opened(link, output),
            Input::Closed(link) => self.closed(link, output),
            Input::Frame(link, bytes) => self.frame(link, bytes, output),
            Input::Fetched { url, status, body } => {
                output.counts.frames += 1;
                self.fetched(url, Some((status, body)), now_ms, output);
            }
            Input::FetchFailed { url } => self.fetched(url, None, now_ms, output),
        }
    }
}
