//! US stocks from Alpaca over one WebSocket: trades with corrections and cancellations, quotes, bars, halts.
//!
//! Source: docs.alpaca.markets, "Real-time Stock Pricing Data". The account may have one connection, so none is opened
//! beside another. Keys are put in by `supervise` (see [`crate::access`]). Out go `trade`, `quote`, `bar.1m`, `bar.1d`
//! and `instrument` `.alpaca.<symbol>`.

mod config;
mod hours;
mod message;
mod renamed;
mod session;
mod symbols;
mod translate;
mod watch;

pub use config::{AlpacaConfig, Feed, Kind, Silence};

use crate::access::Access;
use crate::adapter::{Adapter, Input, Link, LinkId, Output, Subscription};
use crate::capture::Head;
use crate::model::{Change, Object, Update};
use crate::registry::ReplayError;
use message::{Control, Data, Message};
use renamed::Renamed;
use session::{Remedy, Session};
use std::collections::HashMap;
use symbols::Symbol;
use watch::Watch;

/// Most symbols that are followed with `symbols = ["*"]`; the market has some 12,000.
pub const SYMBOLS_MAX: usize = 20_000;
/// Missing subscriptions that are named in the log and in `feed.alpaca`.
const MISSING_NAMED_MAX: usize = 5;
const MINUTE_MS: i64 = 60_000;

/// The adapter.
#[derive(Debug)]
pub struct Alpaca {
    links: [Link; 1],
    access: Access,
    session: Session,
    /// Every symbol is welcome.
    takes_all: bool,
    symbols: HashMap<String, Symbol>,
    watch: Watch,
    renamed: Renamed,
}

impl Alpaca {
    /// For a validated configuration; symbols that make no topic are left out.
    pub fn new(config: &AlpacaConfig) -> Alpaca {
        let listed = config.symbols.iter().filter(|symbol| *symbol != "*");
        let symbols: HashMap<String, Symbol> =
            listed.filter_map(|native| Some((native.clone(), Symbol::new(native).ok()?))).collect();
        Alpaca {
            links: [Link { url: config.url(), lifetime_ms: None }],
            access: config.access(),
            session: Session::new(config),
            takes_all: config.symbols.iter().any(|symbol| symbol == "*"),
            watch: Watch::new(config, &symbols),
            symbols,
            renamed: Renamed::default(),
        }
    }

    /// Configured from a capture of ours.
    pub fn for_replay(head: &Head) -> Result<Alpaca, ReplayError> {
        let config = head.config.as_deref().and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
        let Some(serde_json::Value::Object(mut entries)) = config else {
            return Err(ReplayError::NothingSubscribed("it holds no configuration; only our own recordings do"));
        };
        entries.remove("provider");
        let config = serde_json::from_value::<AlpacaConfig>(entries.into())
            .map_err(|_| ReplayError::NothingSubscribed("its configuration cannot be read"))?;
        Ok(Alpaca::new(&config))
    }

    fn frame(&mut self, link: LinkId, bytes: &[u8], output: &mut Output) {
        output.counts.frames += 1;
        let Ok(items) = message::items(bytes) else {
            output.counts.rejected += 1;
            return;
        };
        for item in &items {
            match Message::read(item) {
                Some(Message::Market { symbol, te, data }) => self.market(symbol, te, data, output),
                Some(Message::Control(control)) => self.control(link, control, output),
                Some(Message::Unknown) => output.counts.ignored += 1,
                None => output.counts.rejected += 1,
            }
        }
    }

    fn market(&mut self, native: String, te: Option<i64>, data: Data, output: &mut Output) {
        let kind = kind_of(&data);
        self.follow(&native);
        let Some(symbol) = self.symbols.get_mut(&native) else {
            // Nobody asked for it, or there are too many.
            output.counts.ignored += 1;
            return;
        };
        translate::translate(symbol, te, data, &mut self.renamed, output);
        output.alive.extend(self.watch.index(kind, &native));
    }

    /// Knows a symbol from now on, where all are welcome.
    fn follow(&mut self, native: &str) {
        if !self.takes_all || self.symbols.contains_key(native) || self.symbols.len() >= SYMBOLS_MAX {
            return;
        }
        if let Ok(symbol) = Symbol::new(native) {
            self.watch.add(&symbol);
            self.symbols.insert(native.to_owned(), symbol);
        }
    }

    fn control(&mut self, link: LinkId, control: Control, output: &mut Output) {
        match control {
            Control::Connected => self.session.connected(link, output),
            Control::Authenticated => self.session.authenticated(link, output),
            Control::Subscription(list) => self.subscribed(&list, output),
            Control::Error { code, message } => refused(link, code, &message, output),
        }
    }

    fn subscribed(&mut self, list: &Object, output: &mut Output) {
        let missing = self.session.subscribed(list);
        if missing.is_empty() {
            output.refusal = None;
            return self.describe(output);
        }
        let named = missing[..missing.len().min(MISSING_NAMED_MAX)].join(", ");
        tracing::warn!(provider = "alpaca", count = missing.len(), named, "not everything is subscribed to");
        output.refusal = Some(format!("{} not subscribed to, as {named}", missing.len()));
    }

    /// What is known of the symbols without being told.
    fn describe(&self, output: &mut Output) {
        for (native, symbol) in &self.symbols {
            let change = Change::Patch(symbols::instrument(native));
            output.updates.push(Update::new(symbol.topics.instrument.clone(), None, change));
        }
    }

    fn closed(&mut self) {
        self.session.reset();
        self.symbols.values_mut().for_each(|symbol| symbol.is_interrupted = symbol.has_traded);
    }
}

/// An error of Alpaca's is told in `feed.alpaca` until it is over.
fn refused(link: LinkId, code: i64, message: &str, output: &mut Output) {
    if session::remedy(code) == Remedy::Nothing {
        output.counts.ignored += 1;
        return;
    }
    tracing::warn!(provider = "alpaca", code, message, "the provider refuses");
    output.counts.refused += 1;
    output.refusal = Some(format!("{code} {message}"));
    if session::remedy(code) == Remedy::Reconnect {
        output.reconnects.push(link);
    }
}

fn kind_of(data: &Data) -> Kind {
    match data {
        Data::Trade(_) | Data::Correction { .. } | Data::Cancel { .. } => Kind::Trade,
        Data::Quote(_) => Kind::Quote,
        Data::Bar(_) | Data::UpdatedBar(_) => Kind::Bar,
        Data::DayBar(_) => Kind::Day,
        Data::Status { .. } | Data::Limits { .. } => Kind::Status,
    }
}

impl Adapter for Alpaca {
    fn provider(&self) -> &str {
        "alpaca"
    }

    fn links(&self) -> &[Link] {
        &self.links
    }

    fn subscriptions(&self) -> &[Subscription] {
        self.watch.subscriptions()
    }

    fn link_of(&self, _subscription: usize) -> Option<LinkId> {
        Some(LinkId(0))
    }

    fn access(&self) -> Access {
        self.access.clone()
    }

    fn handle(&mut self, input: Input<'_>, now_ms: i64, output: &mut Output) {
        match input {
            Input::Frame(link, bytes) => self.frame(link, bytes, output),
            Input::Opened(_) => self.session.reset(),
            Input::Closed(_) => self.closed(),
            Input::Start | Input::Wake | Input::Fetched { .. } | Input::FetchFailed { .. } => {}
        }
        if self.watch.follow_hours(hours::is_open(now_ms)) {
            output.wake_at_ms = Some(now_ms - now_ms.rem_euclid(MINUTE_MS) + MINUTE_MS);
        }
    }
}
