//! One `[[feed.message]]`: which messages it is about, and what becomes of each of their items.

use super::convert::read_unit;
use super::field::{Field, Found, parsed, read_fields};
use super::matcher::Matcher;
use super::pointer::{Path, Pointer};
use super::sync::{Change, Order, Then};
use super::table::Table;
use super::template::TopicTemplate;
use crate::model::Key;

/// Longest silence that can be watched, in ms: a day.
const SILENCE_MS_MAX: u64 = 86_400_000;
const IDS_MAX: u64 = 100_000;

#[derive(Clone, Debug)]
pub(super) struct Rule {
    /// Of its table in the configuration.
    pub path: String,
    pub name: String,
    /// Names of sockets and polls; empty: all.
    pub from: Vec<String>,
    /// Of the message.
    pub when: Matcher,
    /// The items of a message; `None`: it is one itself.
    pub each: Option<Path>,
    /// Of an item.
    pub only: Matcher,
    /// Items come newest first.
    pub reverse: bool,
    /// Where the provider's symbol stands; `None`: the source knows it, if anybody.
    pub symbol: Option<Found>,
    pub topic: TopicTemplate,
    pub change: Change,
    pub fields: Vec<(Key, Field)>,
    pub te: Option<Found>,
    /// Watches each topic apart from its source.
    pub silence_ms: Option<u64>,
    pub gap: Option<Gap>,
    /// Ids of events that are remembered per topic, so that none is told twice.
    pub ids_kept: usize,
}

/// Where a sequence stands, and what to do when it breaks.
#[derive(Clone, Debug)]
pub(super) struct Gap {
    pub at: Pointer,
    pub order: Order,
    pub then: Then,
}

const CHANGES: [(&str, Change); 4] =
    [("patch", Change::Patch), ("state", Change::State), ("event", Change::Event), ("retire", Change::Retire)];

impl Rule {
    /// Reads a message; `None` after a problem without which it has no meaning.
    pub(super) fn read(mut table: Table<'_>, feed: &str) -> Option<Rule> {
        let topic = table.needed_text("topic", "as \"quote.{name}.{/s}\"");
        let topic = topic.and_then(|text| parsed(TopicTemplate::parse(text, feed), "topic", &table));
        let each = table.text("each").and_then(|path| parsed(Path::parse(path), "each", &table));
        let rule = Rule {
            path: table.path().to_owned(),
            name: table.text("name").map_or_else(|| table.path().to_owned(), str::to_owned),
            from: table.texts("from").into_iter().map(str::to_owned).collect(),
            when: table.table("when").map(|when| Matcher::read(&when)).unwrap_or_default(),
            each,
            only: table.table("only").map(|only| Matcher::read(&only)).unwrap_or_default(),
            reverse: table.flag("reverse"),
            symbol: table.text("symbol").and_then(|at| parsed(Pointer::parse(at), "symbol", &table)).map(Found::text),
            topic: topic.clone().unwrap_or_default(),
            change: table.choice("change", &CHANGES),
            fields: table.table("fields").map(|fields| read_fields(&fields, 0)).unwrap_or_default(),
            te: read_te(&mut table),
            silence_ms: Some(table.whole("silence_ms", 0..=SILENCE_MS_MAX, 0)).filter(|ms| *ms > 0),
            gap: Gap::read(&mut table),
            ids_kept: usize::try_from(table.whole("ids_kept", 0..=IDS_MAX, 1_000)).unwrap_or(0),
        };
        rule.check(&table);
        table.done();
        topic.map(|_| rule)
    }

    /// What fits together only in part.
    fn check(&self, table: &Table<'_>) {
        match self.change {
            Change::Retire if table.has("fields") => table.problem("fields", "change = \"retire\" says nothing more"),
            Change::Patch | Change::State | Change::Event if !table.has("fields") => {
                table.problem("fields", "is missing; a table of what is published, as { bid = \"/b\" }");
            }
            _ => {}
        }
        if self.reverse && !table.has("each") {
            table.problem("reverse", "means nothing without each");
        }
        if self.symbol.is_some() && !self.topic.is_empty() && !self.topic.has_symbol() {
            table.problem("symbol", "means nothing without {symbol} in the topic");
        }
    }

    pub(super) fn is_from(&self, source: &str) -> bool {
        self.from.is_empty() || self.from.iter().any(|name| name == source)
    }

    /// Every pointer of its fields, with the path of the field.
    pub(super) fn pointers(&self) -> Vec<(String, Pointer)> {
        let mut found = Vec::new();
        self.fields.iter().for_each(|(key, field)| field.pointers(key, &mut found));
        found
    }
}

/// `te = { at = …, unit = … }`, or a pointer to ms.
fn read_te(table: &mut Table<'_>) -> Option<Found> {
    match table.value("te")? {
        serde_json::Value::Object(_) => {
            let mut te = table.table("te")?;
            let pointer = te.needed_text("at", "the JSON pointer of the time");
            let at = pointer.and_then(|pointer| parsed(Pointer::parse(pointer), "at", &te));
            let unit = read_unit(&mut te);
            te.done();
            Some(Found::time(at?, unit))
        }
        _ => {
            let at = table.text("te").and_then(|pointer| parsed(Pointer::parse(pointer), "te", table))?;
            Some(Found::time(at, super::convert::Unit::Ms))
        }
    }
}

impl Gap {
    /// Reads `gap = { at = …, order = …, then = … }`.
    pub(super) fn read(table: &mut Table<'_>) -> Option<Gap> {
        let mut gap = table.table("gap")?;
        let pointer = gap.needed_text("at", "the JSON pointer of the sequence number");
        let at = pointer.and_then(|pointer| parsed(Pointer::parse(pointer), "at", &gap));
        let order = gap.choice("order", &[("next", Order::Next), ("rising", Order::Rising)]);
        let then = gap.choice("then", &[("reset", Then::Reset), ("reconnect", Then::Reconnect)]);
        gap.done();
        Some(Gap { at: at?, order, then })
    }
}
