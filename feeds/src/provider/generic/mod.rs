//! Any provider of JSON over WebSocket or HTTP, by configuration alone: a mapping from JSON pointers to topics and
//! fields.
//!
//! `config.rs` reads the tables into a mapping, `source.rs` knows sockets and polls, `message.rs` what a kind of message
//! becomes, `translate.rs` does it, `trial.rs` shows it. Numbers are read by `model`'s own scanner, never as floats.
//! There may be many such feeds, each with a name of its own. Documentation: `docs/generic.md`.

mod config;
mod convert;
mod field;
mod known;
mod matcher;
mod message;
mod notes;
mod pointer;
mod source;
mod symbols;
mod sync;
mod table;
mod template;
mod translate;
mod trial;

pub use config::GenericConfig;
pub use trial::{Trial, Tried};

use crate::access::Access;
use crate::adapter::{Adapter, Input, Link, LinkId, Output, Subscription};
use crate::capture::Head;
use crate::registry::ReplayError;
use config::Mapping;
use known::Known;
use notes::Notes;
use source::Kind;
use translate::Run;

/// The adapter.
#[derive(Debug)]
pub struct Generic {
    mapping: Mapping,
    links: Vec<Link>,
    known: Known,
    notes: Notes,
    /// Bodies come from a recording: none is asked for.
    is_replay: bool,
}

impl Generic {
    /// For a validated configuration; what has problems is left out.
    pub fn new(config: &GenericConfig) -> Generic {
        let mapping = config.mapping();
        let links = mapping.sources.iter().filter_map(|source| match &source.kind {
            Kind::Socket(socket) => {
                Some(Link { url: source.url.template().to_owned(), lifetime_ms: socket.lifetime_ms })
            }
            Kind::Poll(_) => None,
        });
        let links = links.collect();
        let known = Known::new(subscriptions(&mapping), mapping.topics_max);
        let mut generic = Generic { mapping, links, known, notes: Notes::default(), is_replay: false };
        generic.expect_topics();
        generic
    }

    /// Configured from a capture of ours, which holds the mapping that it was made with.
    pub fn for_replay(head: &Head) -> Result<Generic, ReplayError> {
        let config = head.config.as_deref().and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
        let Some(serde_json::Value::Object(mut entries)) = config else {
            return Err(ReplayError::NothingSubscribed("it holds no mapping; only our own recordings do"));
        };
        entries.remove("provider");
        let config: GenericConfig = serde_json::from_value(entries.into())
            .map_err(|_| ReplayError::NothingSubscribed("its mapping cannot be read"))?;
        Ok(Generic { is_replay: true, ..Generic::new(&config) })
    }

    /// Watches the topics that the symbols promise, before they say anything: a mistyped one never does.
    fn expect_topics(&mut self) {
        let sources = &self.mapping.sources;
        for rule in self.mapping.rules.iter().filter(|rule| rule.silence_ms.is_some() && rule.topic.has_symbol()) {
            for (index, listed) in self.mapping.symbols.listed().iter().enumerate() {
                let is_of = |source: &source::Source| source.symbol.is_none_or(|symbol| symbol == index);
                let source = sources.iter().position(|source| rule.is_from(&source.name) && is_of(source));
                if let (Some(source), Some(name)) = (source, rule.topic.name_of(&listed.canonical)) {
                    // One that makes no topic, or is too many, is told when it says something.
                    let _ = self.known.entry(&name, source, rule.silence_ms);
                }
            }
        }
    }

    /// Takes a frame or a body of a source; false if it could not be read.
    fn take(&mut self, source: usize, bytes: &[u8], output: &mut Output) -> bool {
        let (mapping, known, notes) = (&self.mapping, &mut self.known, &mut self.notes);
        output.counts.frames += 1;
        Run { mapping, known, source, output, notes }.frame(bytes)
    }

    fn start(&mut self, now_ms: i64, output: &mut Output) {
        for source in self.mapping.sources.iter_mut().filter(|_| !self.is_replay) {
            if let Kind::Poll(poll) = &mut source.kind {
                poll.start(&source.url, now_ms, output);
            }
        }
    }

    fn opened(&mut self, link: LinkId, now_ms: i64, output: &mut Output) {
        if let Some(Kind::Socket(socket)) = self.mapping.sources.get_mut(link.0).map(|source| &mut source.kind) {
            socket.opened(link, now_ms, output);
            self.known.restart(link.0);
        }
    }

    fn closed(&mut self, link: LinkId, output: &mut Output) {
        if let Some(Kind::Socket(socket)) = self.mapping.sources.get_mut(link.0).map(|source| &mut source.kind) {
            socket.closed();
            self.known.interrupt(link.0);
            output.out_of_sync = self.known.waiting;
        }
    }

    /// Takes an answer, or none; a recorded one from whoever has the address.
    fn fetched(&mut self, url: &str, answer: Option<(u16, &[u8])>, now_ms: i64, output: &mut Output) {
        let is_replay = self.is_replay;
        let is_of = |source: &source::Source| match &source.kind {
            Kind::Poll(poll) => poll.awaits(url) || (is_replay && source.url.text(now_ms) == url),
            Kind::Socket(_) => false,
        };
        let Some(index) = self.mapping.sources.iter().position(is_of) else { return };
        let is_good = match answer {
            Some((200..=299, body)) => self.take(index, body, output),
            // Not modified: what was told is still so.
            Some((304, _)) => true,
            _ => false,
        };
        if is_good {
            output.alive.push(index);
        }
        let source = &mut self.mapping.sources[index];
        if let (Kind::Poll(poll), false) = (&mut source.kind, is_replay) {
            poll.answered(is_good, &source.url, now_ms, output);
        }
    }

    /// Pings where it is time, and asks to be woken for the next one.
    fn ping(&mut self, now_ms: i64, output: &mut Output) {
        let mut due_ms = None;
        for (index, source) in self.mapping.sources.iter_mut().enumerate() {
            if let Kind::Socket(socket) = &mut source.kind {
                let next_ms = socket.ping(LinkId(index), now_ms, output);
                due_ms = due_ms.into_iter().chain(next_ms).min();
            }
        }
        output.wake_at_ms = due_ms;
    }
}

/// One subscription per source: everything from it that is not watched apart.
fn subscriptions(mapping: &Mapping) -> Vec<(Subscription, Option<LinkId>)> {
    let subscription = |(index, source): (usize, &source::Source)| {
        let name = match source.symbol {
            Some(symbol) => format!("{} {}", source.name, mapping.symbols.listed()[symbol].canonical),
            None => source.name.clone(),
        };
        let subscription = Subscription { name, topics: Vec::new(), silence_ms: source.silence_ms };
        (subscription, source.is_socket().then_some(LinkId(index)))
    };
    mapping.sources.iter().enumerate().map(subscription).collect()
}

impl Adapter for Generic {
    fn provider(&self) -> &str {
        &self.mapping.name
    }

    fn links(&self) -> &[Link] {
        &self.links
    }

    fn subscriptions(&self) -> &[Subscription] {
        &self.known.subscriptions
    }

    fn link_of(&self, subscription: usize) -> Option<LinkId> {
        self.known.link_of(subscription)
    }

    fn access(&self) -> Access {
        self.mapping.access.clone()
    }

    fn handle(&mut self, input: Input<'_>, now_ms: i64, output: &mut Output) {
        match input {
            Input::Start => self.start(now_ms, output),
            Input::Opened(link) => self.opened(link, now_ms, output),
            Input::Closed(link) => self.closed(link, output),
            Input::Frame(link, bytes) if link.0 < self.links.len() => {
                self.take(link.0, bytes, output);
            }
            Input::Fetched { url, status, body } => self.fetched(url, Some((status, body)), now_ms, output),
            Input::FetchFailed { url } => self.fetched(url, None, now_ms, output),
            Input::Frame(..) | Input::Wake => {}
        }
        self.ping(now_ms, output);
    }
}
