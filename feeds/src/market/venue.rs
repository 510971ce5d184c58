//! An adapter made of a protocol: links, subscriptions, pings, breaks and resyncs.

use super::{Market, Protocol, VenueConfig, recorded};
use crate::adapter::{Adapter, Input, Link, LinkId, Output, Subscription};
use crate::capture::Head;

/// A book that is lost more often than this on one connection costs the connection. Why: asking again and again knows no
/// pause, dialling again does.
const LOSSES_MAX: u32 = 8;

/// The adapter.
pub(crate) struct Venue<P> {
    protocol: P,
    market: Market,
    links: Vec<Link>,
    is_open: Vec<bool>,
}

impl<P: Protocol> Venue<P> {
    /// For a validated configuration; symbols that are no names here are left out.
    pub(crate) fn new(config: &VenueConfig) -> Venue<P> {
        let base = config.ws_url.as_deref().unwrap_or(P::RULES.ws_url).trim_end_matches('/');
        let places = config.symbols.iter().filter_map(|name| Some((name, (P::RULES.place)(name)?)));
        let mut paths: Vec<usize> = places.map(|(_, place)| place.path).collect();
        paths.sort_unstable();
        paths.dedup();
        let urls = paths.iter().map(|path| format!("{base}{}", P::RULES.paths[*path])).collect();
        Venue::build(config, urls, paths)
    }

    /// Configured from a capture: links from the addresses of its connections, symbols from its header, if we recorded
    /// it, and from its frames.
    pub(crate) fn for_replay(head: &Head) -> Venue<P> {
        // Where nobody says how deep the books are: too deep does no harm to the best levels, too shallow does.
        let deepest = || VenueConfig { book_depth: P::RULES.depths.last().copied(), ..VenueConfig::default() };
        let config = recorded::<VenueConfig>(head).unwrap_or_else(deepest);
        let urls = if head.addrs.is_empty() { vec![P::RULES.ws_url.to_owned()] } else { head.addrs.clone() };
        let path_of = |url: &String| P::RULES.paths.iter().position(|path| url.contains(path)).unwrap_or(0);
        let paths = urls.iter().map(path_of).collect();
        let mut venue = Venue::build(&config, urls, paths);
        venue.market.discover(P::names(head));
        venue
    }

    fn build(config: &VenueConfig, urls: Vec<String>, paths: Vec<usize>) -> Venue<P> {
        let mut market = Market::new(P::RULES, config, paths.clone());
        for name in &config.symbols {
            let Some(place) = (P::RULES.place)(name) else { continue };
            let Some(link) = paths.iter().position(|path| *path == place.path) else { continue };
            if let Some(id) = market.add(&place.native, name, LinkId(link)) {
                market.subscribe(id);
            }
        }
        let links: Vec<Link> = urls.into_iter().map(|url| Link { url, lifetime_ms: None }).collect();
        let mut protocol = P::default();
        protocol.configured(config, &mut market);
        Venue { protocol, market, is_open: vec![false; links.len()], links }
    }

    fn opened(&mut self, link: LinkId, now_ms: i64, output: &mut Output) {
        let Some(is_open) = self.is_open.get_mut(link.0) else { return };
        if !std::mem::replace(is_open, true) {
            self.market.opened(link, output);
        }
        self.protocol.opened(link, &self.market, output);
        let frames = self.protocol.subscribe(&self.market, link);
        output.sends.extend(frames.into_iter().map(|text| (link, text)));
        if let Some(ping) = P::RULES.ping {
            let due_ms = now_ms.saturating_add(ping.every_ms);
            output.wake_at_ms = Some(output.wake_at_ms.map_or(due_ms, |at_ms| at_ms.min(due_ms)));
        }
    }

    fn closed(&mut self, link: LinkId, output: &mut Output) {
        if let Some(is_open) = self.is_open.get_mut(link.0) {
            *is_open = false;
            self.market.closed(link, output);
            output.out_of_sync = self.market.out_of_sync();
        }
    }

    fn ping(&mut self, now_ms: i64, output: &mut Output) {
        let Some(ping) = P::RULES.ping else { return };
        for link in (0..self.links.len()).filter(|index| self.is_open[*index]).map(LinkId) {
            output.sends.push((link, ping.text.to_owned()));
        }
        output.wake_at_ms = Some(now_ms.saturating_add(ping.every_ms));
    }

    fn frame(&mut self, link: LinkId, bytes: &mut [u8], output: &mut Output) {
        output.counts.frames += 1;
        let read = self.protocol.frame(link, bytes, &mut self.market, output);
        output.counts.rejected += u64::from(read.is_err());
    }

    /// Asks for the books that were lost with this input.
    fn resync(&mut self, output: &mut Output) {
        for id in self.market.take_lost() {
            let symbol = self.market.symbol(id);
            if symbol.losses > LOSSES_MAX {
                output.reconnects.push(symbol.link);
            } else {
                self.protocol.resync(symbol, &self.market, output);
            }
            output.out_of_sync += 1;
        }
        // Cost: a frame that loses no book while all are in sync changes nothing, and nothing is counted for it.
        if output.out_of_sync > 0 {
            output.out_of_sync = self.market.out_of_sync();
        }
    }
}

impl<P: Protocol> Adapter for Venue<P> {
    fn provider(&self) -> &str {
        P::RULES.provider
    }

    fn links(&self) -> &[Link] {
        &self.links
    }

    fn subscriptions(&self) -> &[Subscription] {
        self.market.subscriptions.all()
    }

    fn link_of(&self, subscription: usize) -> Option<LinkId> {
        self.market.subscriptions.link_of(subscription)
    }

    fn handle(&mut self, input: Input<'_>, now_ms: i64, output: &mut Output) {
        match input {
            Input::Start => output.out_of_sync = self.market.out_of_sync(),
            Input::Wake => self.ping(now_ms, output),
            Input::Opened(link) => self.opened(link, now_ms, output),
            Input::Closed(link) => self.closed(link, output),
            Input::Frame(link, bytes) => self.frame(link, bytes, output),
            Input::Fetched { url, status, body } => {
                output.counts.frames += 1;
                self.protocol.fetched(url, Some((status, body)), &mut self.market, output);
            }
            Input::FetchFailed { url } => self.protocol.fetched(url, None, &mut self.market, output),
        }
        self.resync(output);
    }
}
