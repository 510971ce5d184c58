//! Where messages come from: WebSockets that are kept open, and addresses that are polled. No socket, no clock.

use super::field::parsed;
use super::message::Gap;
use super::symbols::Symbols;
use super::table::Table;
use super::template::{self, Request};
use crate::adapter::{Fetch, LinkId, Output};

const DAY_MS: u64 = 86_400_000;
/// Shortest time between two pings, or two polls of one address, in ms.
const INTERVAL_MS_MIN: u64 = 100;
/// Intervals without a good body that make a poll silent, where nothing else is said.
const SILENCE_INTERVALS: u64 = 4;
/// Most doublings of a poll's interval after failures.
const DOUBLINGS_MAX: u32 = 5;
/// Between the first polls of addresses that stand in one `url`.
const STAGGER_MS: u64 = 250;
/// Most sockets, and most polls, after `{native}` has made several of one.
const SOURCES_MAX: usize = 1_000;

/// A socket or a poll. Its index among the sources is that of its subscription; sockets stand first, in the order of
/// their links.
#[derive(Debug)]
pub(super) struct Source {
    pub name: String,
    /// The symbol that all of it is about; `None` if its address names none.
    pub symbol: Option<usize>,
    pub url: Request,
    pub silence_ms: Option<u64>,
    pub kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Socket(Socket),
    Poll(Poll),
}

#[derive(Debug)]
pub(super) struct Socket {
    pub lifetime_ms: Option<u64>,
    subscribe: Vec<Request>,
    ping: Option<(Request, i64)>,
    /// When to ping next; `None` while it is closed.
    ping_at_ms: Option<i64>,
    pub gap: Option<Gap>,
}

#[derive(Debug)]
pub(super) struct Poll {
    interval_ms: u64,
    /// The first request comes so much later.
    stagger_ms: u64,
    /// The address that was asked for and has not answered.
    asked: Option<String>,
    /// Answers without a good body since the last good one.
    failures: u32,
}

/// Reads all `[[feed.socket]]` and `[[feed.poll]]`.
pub(super) fn read_all(feed: &mut Table<'_>, name: &str, symbols: &Symbols) -> Vec<Source> {
    let mut sources = Vec::new();
    for table in feed.tables("socket") {
        read_socket(table, name, symbols, &mut sources);
    }
    for table in feed.tables("poll") {
        read_poll(table, name, symbols, &mut sources);
    }
    if sources.is_empty() && !feed.has("socket") && !feed.has("poll") {
        feed.problem("socket", "is missing; a feed needs a [[feed.socket]] or a [[feed.poll]]");
    }
    if sources.len() > SOURCES_MAX {
        feed.problem("symbols", format!("they make {} sockets and polls; at most {SOURCES_MAX}", sources.len()));
        sources.truncate(SOURCES_MAX);
    }
    sources
}

fn read_socket(mut table: Table<'_>, name: &str, symbols: &Symbols, sources: &mut Vec<Source>) {
    let own_name = table.text("name").unwrap_or("socket").to_owned();
    let urls = read_urls(&mut table, ["ws://", "wss://"], name, symbols);
    let templates = table.texts("subscribe");
    for (n, text) in
        templates.iter().enumerate().filter(|(_, text)| symbols.listed().is_empty() && template::has_symbols(text))
    {
        table.problem_at(
            format!("{}[{n}]", table.key("subscribe")),
            format!("{text:?} names symbols, and there are none"),
        );
    }
    let subscribe: Vec<Request> = templates.iter().flat_map(|text| Request::expand(text, name, symbols)).collect();
    let ping = read_ping(&mut table, name, symbols);
    let lifetime_ms = Some(table.whole("lifetime_ms", 0..=30 * DAY_MS, 0)).filter(|ms| *ms > 0);
    let silence_ms = Some(table.whole("silence_ms", 0..=DAY_MS, 0)).filter(|ms| *ms > 0);
    let gap = Gap::read(&mut table);
    for url in urls {
        // A connection for one symbol subscribes to that one only.
        let is_of =
            |request: &&Request| url.symbol.is_none() || request.symbol.is_none() || request.symbol == url.symbol;
        let socket = Socket {
            lifetime_ms,
            subscribe: subscribe.iter().filter(is_of).cloned().collect(),
            ping: ping.clone(),
            ping_at_ms: None,
            gap: gap.clone(),
        };
        sources.push(Source {
            name: own_name.clone(),
            symbol: url.symbol,
            url,
            silence_ms,
            kind: Kind::Socket(socket),
        });
    }
    table.done();
}

fn read_ping(table: &mut Table<'_>, name: &str, symbols: &Symbols) -> Option<(Request, i64)> {
    let text = table.text("ping");
    if text.is_none() && table.has("ping_interval_ms") {
        table.problem("ping_interval_ms", "means nothing without ping, the frame to send");
    }
    let interval_ms = table.whole("ping_interval_ms", INTERVAL_MS_MIN..=DAY_MS, 20_000);
    let request = Request::expand(text?, name, symbols).into_iter().next()?;
    Some((request, i64::try_from(interval_ms).ok()?))
}

fn read_poll(mut table: Table<'_>, name: &str, symbols: &Symbols, sources: &mut Vec<Source>) {
    let own_name = table.text("name").unwrap_or("poll").to_owned();
    let urls = read_urls(&mut table, ["http://", "https://"], name, symbols);
    let interval_ms = table.whole("interval_ms", INTERVAL_MS_MIN..=DAY_MS, 5_000);
    let silence_ms = table.whole("silence_ms", 0..=DAY_MS, interval_ms.saturating_mul(SILENCE_INTERVALS).min(DAY_MS));
    for (n, url) in urls.into_iter().enumerate() {
        let stagger_ms = (n as u64 * STAGGER_MS) % interval_ms;
        let kind = Kind::Poll(Poll { interval_ms, stagger_ms, asked: None, failures: 0 });
        let silence_ms = (silence_ms > 0).then_some(silence_ms);
        sources.push(Source { name: own_name.clone(), symbol: url.symbol, url, silence_ms, kind });
    }
    table.done();
}

fn read_urls(table: &mut Table<'_>, schemes: [&str; 2], name: &str, symbols: &Symbols) -> Vec<Request> {
    let [plain, secure] = schemes;
    let Some(url) = table.needed_text("url", &format!("as \"{secure}api.example.org/v1\"")) else { return Vec::new() };
    let has_host = schemes.iter().any(|scheme| url.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()));
    let checked =
        if has_host { Ok(()) } else { Err(format!("must begin with {plain} or {secure} and a host, not {url:?}")) };
    if parsed(checked, "url", table).is_none() {
        return Vec::new();
    }
    if template::has_symbols(url) && symbols.listed().is_empty() {
        table.problem("url", "names symbols, and there are none: list them in symbols of the feed");
    }
    Request::expand(url, name, symbols)
}

impl Source {
    pub(super) fn is_socket(&self) -> bool {
        matches!(self.kind, Kind::Socket(_))
    }
}

impl Socket {
    pub(super) fn opened(&mut self, link: LinkId, now_ms: i64, output: &mut Output) {
        output.sends.extend(self.subscribe.iter().map(|request| (link, request.text(now_ms))));
        self.ping_at_ms = self.ping.as_ref().map(|(_, interval_ms)| now_ms.saturating_add(*interval_ms));
    }

    pub(super) fn closed(&mut self) {
        self.ping_at_ms = None;
    }

    /// Pings if it is time; when it will be time again.
    pub(super) fn ping(&mut self, link: LinkId, now_ms: i64, output: &mut Output) -> Option<i64> {
        let (request, interval_ms) = self.ping.as_ref()?;
        if self.ping_at_ms? <= now_ms {
            output.sends.push((link, request.text(now_ms)));
            self.ping_at_ms = Some(now_ms.saturating_add(*interval_ms));
        }
        self.ping_at_ms
    }
}

impl Poll {
    /// Asks for the first body.
    pub(super) fn start(&mut self, url: &Request, now_ms: i64, output: &mut Output) {
        self.ask(url, self.stagger_ms, now_ms, output);
    }

    /// True if it is this one's answer.
    pub(super) fn awaits(&self, url: &str) -> bool {
        self.asked.as_deref() == Some(url)
    }

    /// After an answer: asks for the next body, later after failures.
    pub(super) fn answered(&mut self, is_good: bool, url: &Request, now_ms: i64, output: &mut Output) {
        self.failures = if is_good { 0 } else { (self.failures + 1).min(DOUBLINGS_MAX) };
        self.ask(url, self.interval_ms.saturating_mul(1 << self.failures).min(DAY_MS), now_ms, output);
    }

    fn ask(&mut self, url: &Request, delay_ms: u64, now_ms: i64, output: &mut Output) {
        let url = url.text(now_ms.saturating_add(i64::try_from(delay_ms).unwrap_or(i64::MAX)));
        self.asked = Some(url.clone());
        output.fetches.push(Fetch { url, delay_ms });
    }
}
