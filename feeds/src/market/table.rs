//! The symbols of one venue, and the way from what was read to updates.

use super::subscriptions::Subscriptions;
use super::{Bar, Kind, Order, Rules, Symbol, Topics, Trade, VenueConfig};
use crate::adapter::{LinkId, Output};
use crate::model::{Change, Object, Topic, Update};
use std::collections::HashMap;

/// Most symbols that a recording may bring along.
const DISCOVERED_MAX: usize = 10_000;

/// A symbol's index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SymbolId(usize);

/// All that is remembered of a venue between its frames.
pub(crate) struct Market {
    rules: Rules,
    kinds: Vec<Kind>,
    depth: Option<usize>,
    levels: usize,
    symbols: Vec<Symbol>,
    /// Per link: native name → symbol. Built once: the hot path asks it and cuts no strings.
    by_native: Vec<HashMap<String, SymbolId>>,
    pub(super) subscriptions: Subscriptions,
    /// Of each link, its index in the rules' paths.
    paths: Vec<usize>,
    /// Canonical names by native ones, for symbols that are not configured; `None`: those are ignored.
    discovered: Option<HashMap<String, String>>,
    /// Books that were lost and have not been asked for again.
    lost: Vec<SymbolId>,
}

impl Market {
    /// Without symbols; `paths` has one item per link.
    pub(super) fn new(rules: Rules, config: &VenueConfig, paths: Vec<usize>) -> Market {
        Market {
            kinds: config.kinds(&rules).to_vec(),
            depth: config.book_depth(&rules),
            levels: config.book_levels(&rules),
            symbols: Vec::new(),
            by_native: vec![HashMap::new(); paths.len()],
            subscriptions: Subscriptions::new(config.silence.clone()),
            paths,
            discovered: None,
            lost: Vec::new(),
            rules,
        }
    }

    /// From now on unknown symbols are taken in: a recording need not say what was subscribed to.
    pub(super) fn discover(&mut self, names: HashMap<String, String>) {
        self.discovered = Some(names);
    }

    /// Adds a symbol; nothing if its name makes no topic.
    pub(super) fn add(&mut self, native: &str, canonical: &str, link: LinkId) -> Option<SymbolId> {
        let topics = Topics::new(self.rules.provider, canonical, self.rules.interval).ok()?;
        let id = SymbolId(self.symbols.len());
        self.symbols.push(Symbol::new(native, link, topics, self.depth, &self.rules));
        self.by_native[link.0].insert(native.to_owned(), id);
        Some(id)
    }

    /// Subscribes a symbol to all that is configured.
    pub(super) fn subscribe(&mut self, id: SymbolId) {
        for kind in &self.kinds {
            self.subscriptions.of(&mut self.symbols[id.0], *kind);
        }
    }

    /// Other native names that data comes under; a symbol that has such a name itself keeps it.
    pub(crate) fn add_aliases(&mut self, alias_of: impl Fn(&str) -> Option<String>) {
        for (index, symbol) in self.symbols.iter().enumerate() {
            if let Some(alias) = alias_of(&symbol.native) {
                self.by_native[symbol.link.0].entry(alias).or_insert(SymbolId(index));
            }
        }
    }

    /// The symbol of a native name; what nobody asked for is counted as ignored.
    pub(crate) fn find(&mut self, link: LinkId, native: &str, output: &mut Output) -> Option<SymbolId> {
        let known = self.by_native.get(link.0)?.get(native).copied();
        let found = known.or_else(|| self.discover_one(link, native));
        output.counts.ignored += u64::from(found.is_none());
        found
    }

    fn discover_one(&mut self, link: LinkId, native: &str) -> Option<SymbolId> {
        let names = self.discovered.as_ref().filter(|_| self.symbols.len() < DISCOVERED_MAX)?;
        let canonical = names.get(native).cloned();
        let canonical = canonical.unwrap_or_else(|| (self.rules.canonical)(native, self.paths[link.0]));
        self.add(native, &canonical, link)
    }

    pub(crate) fn symbol(&self, id: SymbolId) -> &Symbol {
        &self.symbols[id.0]
    }

    pub(crate) fn symbol_mut(&mut self, id: SymbolId) -> &mut Symbol {
        &mut self.symbols[id.0]
    }

    /// The native names on a link that are subscribed to.
    pub(crate) fn natives(&self, link: LinkId) -> impl Iterator<Item = &str> {
        self.on(link).map(|symbol| &*symbol.native)
    }

    pub(crate) fn on(&self, link: LinkId) -> impl Iterator<Item = &Symbol> {
        self.symbols.iter().filter(move |symbol| symbol.link == link)
    }

    pub(crate) fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// The depth of books that is asked for.
    pub(crate) fn depth(&self) -> Option<usize> {
        self.depth
    }

    /// The best prices, the last trade, the day: what of it is new.
    pub(crate) fn quote(&mut self, id: SymbolId, te: Option<i64>, patch: Object, output: &mut Output) {
        say(output, &self.symbols[id.0].topics.quote, te, Change::Patch(patch));
        self.alive(id, Kind::Quote, output);
    }

    /// The same where quotes are numbered, rising with holes: an older one is not said.
    pub(crate) fn quote_in_order(
        &mut self,
        id: SymbolId,
        number: i64,
        te: Option<i64>,
        patch: Object,
        output: &mut Output,
    ) {
        if self.symbols[id.0].quotes.take(Some((number, number))) != Order::Repeated {
            self.quote(id, te, patch, output);
        }
    }

    /// A trade whose id is a number where ids are contiguous; `said_ms`: when the venue said it.
    pub(crate) fn trade(&mut self, id: SymbolId, trade: &Trade<'_>, said_ms: Option<i64>, output: &mut Output) {
        let native_id = trade.id.parse().ok();
        self.trades(id, trade, native_id.map(|id| (id, id)), said_ms, output);
    }

    /// The same for one event that stands for the trades of all ids from the first to the last.
    pub(crate) fn trades(
        &mut self,
        id: SymbolId,
        trade: &Trade<'_>,
        ids: Option<(i64, i64)>,
        said_ms: Option<i64>,
        output: &mut Output,
    ) {
        self.alive(id, Kind::Trade, output);
        let Symbol { trades, topics, .. } = &mut self.symbols[id.0];
        match trades.take(ids) {
            Order::Repeated => return,
            Order::Next => {}
            Order::After(missing) => {
                output.counts.gaps += 1;
                say(output, &topics.trade, said_ms, Change::Lost(missing));
            }
        }
        say(output, &topics.trade, said_ms, Change::Event(trade.event()));
    }

    pub(crate) fn bar(&mut self, id: SymbolId, bar: &Bar, event_ms: Option<i64>, output: &mut Output) {
        let Symbol { bars, topics, .. } = &mut self.symbols[id.0];
        if let Some(patch) = bars.live(bar, event_ms) {
            say(output, &topics.bar, event_ms, Change::Patch(patch));
        }
        self.alive(id, Kind::Bar, output);
    }

    /// Shows a book that changed; one that is crossed is lost.
    pub(crate) fn show_book(&mut self, id: SymbolId, te: Option<i64>, output: &mut Output) {
        let Symbol { book, topics, .. } = &mut self.symbols[id.0];
        if book.show(&topics.book, self.levels, te, output) {
            self.alive(id, Kind::Book, output);
        } else if book.is_synced() {
            output.counts.gaps += 1;
            self.lose_book(id, output);
        }
    }

    /// A sequence is broken, a checksum wrong, a book crossed: it is wrong from here on and has to be asked for again.
    pub(crate) fn lose_book(&mut self, id: SymbolId, output: &mut Output) {
        let Symbol { book, topics, losses, .. } = &mut self.symbols[id.0];
        book.lose(&topics.book, output);
        *losses += 1;
        self.lost.push(id);
    }

    /// The books that were lost since the last call.
    pub(super) fn take_lost(&mut self) -> Vec<SymbolId> {
        std::mem::take(&mut self.lost)
    }

    /// A sign of life of one subscription.
    pub(crate) fn alive(&mut self, id: SymbolId, kind: Kind, output: &mut Output) {
        let symbol = &mut self.symbols[id.0];
        let index = symbol.subscription(kind);
        let made = || self.discovered.is_some().then(|| self.subscriptions.of(symbol, kind));
        output.alive.extend(index.or_else(made));
    }

    /// The venue refused a subscription: said aloud, counted, and what it was to bring is old for good. `None`: of all
    /// kinds, of all symbols of the link; both: nobody knows which.
    pub(crate) fn refused(
        &self,
        link: LinkId,
        kind: Option<Kind>,
        native: Option<&str>,
        reason: &str,
        output: &mut Output,
    ) {
        let (word, symbol) = (kind.map_or("all", Kind::word), native.unwrap_or("all"));
        tracing::warn!(provider = self.rules.provider, kind = word, symbol, reason, "a subscription was refused");
        output.counts.refused += 1;
        if kind.is_none() && native.is_none() {
            return;
        }
        for symbol in self.on(link).filter(|symbol| native.is_none_or(|native| symbol.native == native)) {
            for kind in self.kinds.iter().filter(|known| kind.is_none_or(|kind| **known == kind)) {
                say(output, symbol.topics.of(*kind), None, Change::Stale(true));
            }
        }
    }

    /// The same where the venue says in words what it is about.
    pub(crate) fn refused_in(&self, link: LinkId, kind: Option<Kind>, text: &str, output: &mut Output) {
        // The longest: `BTC-USDC` names `BTC-USD` too.
        let named =
            self.on(link).filter(|symbol| text.contains(&symbol.native)).max_by_key(|symbol| symbol.native.len());
        self.refused(link, kind, named.map(|symbol| &*symbol.native), text, output);
    }

    pub(super) fn opened(&mut self, link: LinkId, output: &mut Output) {
        for symbol in self.symbols.iter_mut().filter(|symbol| symbol.link == link) {
            symbol.losses = 0;
            symbol.book.say_broken(&symbol.topics.book, output);
        }
    }

    /// What the connection brought is old from here on.
    pub(crate) fn closed(&mut self, link: LinkId, output: &mut Output) {
        for symbol in self.symbols.iter_mut().filter(|symbol| symbol.link == link) {
            symbol.book.lose(&symbol.topics.book, output);
            symbol.trades.break_off();
        }
    }

    pub(super) fn out_of_sync(&self) -> usize {
        self.symbols.iter().filter(|symbol| symbol.is_out_of_sync()).count()
    }
}

fn say(output: &mut Output, topic: &Topic, te: Option<i64>, change: Change) {
    output.updates.push(Update::new(topic.clone(), te, change));
}
