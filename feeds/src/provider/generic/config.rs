//! A `[[feed]]` with `provider = "generic"`: as written → a mapping as meant, with every problem at once. Every key,
//! its default and the meaning of zero: `docs/generic.md`.

use super::matcher::Sign;
use super::message::Rule;
use super::pointer::Path;
use super::source::{self, Source};
use super::symbols::Symbols;
use super::sync::{Change, Then};
use super::table::{Problems, Table};
use crate::access::{self, Access};
use crate::registry::{PROVIDERS, Problem};
use crate::supervise::Limits;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

const TOPICS_MAX: u64 = 1_000_000;

/// The tables as written. Secrets are not in it: they stand as `${NAME}` and are in the environment.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct GenericConfig {
    entries: Map<String, Value>,
}

/// What the tables mean. Parts with problems are left out.
#[derive(Debug)]
pub(super) struct Mapping {
    pub name: String,
    pub symbols: Symbols,
    pub sources: Vec<Source>,
    /// Where a frame's messages stand; `None`: it is one itself.
    pub messages: Option<Path>,
    pub rules: Vec<Rule>,
    pub heartbeats: Vec<Sign>,
    pub refusals: Vec<Sign>,
    pub topics_max: usize,
    pub access: Access,
}

impl GenericConfig {
    /// The feed's name; `generic` if it has none, which [`GenericConfig::validate`] complains of.
    pub fn name(&self) -> &str {
        self.entries.get("name").and_then(Value::as_str).unwrap_or("generic")
    }

    /// Everything that is wrong, at once; keys are relative to the feed.
    pub fn validate(&self) -> Vec<Problem> {
        let problems = Problems::default();
        self.read(&problems);
        self.limits_or_problems(&mut problems.borrow_mut());
        problems.into_inner()
    }

    pub fn limits(&self) -> Limits {
        self.limits_or_problems(&mut Vec::new())
    }

    pub(super) fn mapping(&self) -> Mapping {
        self.read(&Problems::default())
    }

    fn limits_or_problems(&self, problems: &mut Vec<Problem>) -> Limits {
        let Some(limits) = self.entries.get("limits") else { return Limits::default() };
        match Limits::deserialize(limits) {
            Ok(limits) => {
                limits.check(problems);
                limits
            }
            Err(error) => {
                problems.push(Problem::new("limits", error.to_string()));
                Limits::default()
            }
        }
    }

    fn read(&self, problems: &Problems) -> Mapping {
        let mut feed = Table::new("", &self.entries, problems);
        let name = read_name(&mut feed);
        let symbols = Symbols::read(&mut feed);
        let sources = source::read_all(&mut feed, &name, &symbols);
        let messages =
            feed.text("messages").and_then(|path| super::field::parsed(Path::parse(path), "messages", &feed));
        let rules = feed.tables("message").into_iter().filter_map(|table| Rule::read(table, &name)).collect();
        let mapping = Mapping {
            symbols,
            sources,
            messages,
            rules,
            heartbeats: Sign::read_all("heartbeat", &mut feed),
            refusals: Sign::read_all("refusal", &mut feed),
            topics_max: usize::try_from(feed.whole("topics_max", 1..=TOPICS_MAX, 10_000)).unwrap_or(1),
            access: self.access(&mut feed),
            name,
        };
        feed.value("limits");
        mapping.check(&feed);
        feed.done();
        mapping
    }

    /// Headers, and what `${NAME}` stands for.
    fn access(&self, feed: &mut Table<'_>) -> Access {
        let mut access = Access::default();
        let headers = feed.table("headers");
        for (name, value) in headers.iter().flat_map(Table::entries) {
            let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            match value.as_str().filter(|value| is_name && value.bytes().all(|byte| (0x20..0x7f).contains(&byte))) {
                Some(value) => access = access.with_header(name, value),
                None => feed.problem("headers", format!("{name:?} must be a header's name with a printable string")),
            }
        }
        let text = Value::Object(self.entries.clone()).to_string();
        let mut unset: Vec<&str> = access::placeholders(&text).filter(|name| std::env::var(name).is_err()).collect();
        unset.sort_unstable();
        unset.dedup();
        for name in unset {
            feed.problem("name", format!("the environment variable {name}, which the feed asks for, is not set"));
        }
        access.with_environment(&text)
    }
}

fn read_name(feed: &mut Table<'_>) -> String {
    let name = feed.needed_text("name", "it stands in feed.<name> and in metrics, and is {name} in topics");
    let name = name.unwrap_or("generic");
    let is_token = !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-');
    if !is_token {
        feed.problem("name", format!("must be small letters, digits, - and _, not {name:?}"));
    } else if PROVIDERS.contains(&name) && feed.has("name") {
        feed.problem("name", format!("{name:?} is the name of a built-in provider"));
    }
    name.to_owned()
}

impl Mapping {
    /// What concerns more than one table.
    fn check(&self, feed: &Table<'_>) {
        if self.rules.is_empty() && !feed.has("message") {
            feed.problem("message", "is missing; a feed needs a [[feed.message]], or nothing is published");
        }
        for rule in &self.rules {
            let key = |key: &str| format!("{}.{key}", rule.path);
            for name in rule.from.iter().filter(|name| self.sources.iter().all(|source| source.name != **name)) {
                feed.problem_at(
                    key("from"),
                    format!("no socket and no poll is called {name:?}; there are {}", self.source_names()),
                );
            }
            let lacks_symbol = self.sources.iter().any(|source| rule.is_from(&source.name) && source.symbol.is_none());
            if rule.topic.has_symbol() && rule.symbol.is_none() && lacks_symbol {
                feed.problem_at(
                    key("topic"),
                    "{symbol} needs symbol = \"/pointer\", or sources with {native} in their url",
                );
            }
            let waits =
                rule.change == Change::Patch && rule.gap.as_ref().is_some_and(|gap| gap.then == Then::Reconnect);
            if waits && self.rules.iter().all(|rule| rule.change != Change::State) {
                feed.problem_at(
                    key("gap.then"),
                    "\"reconnect\" waits for a whole state: a message with change = \"state\"",
                );
            }
        }
    }

    pub(super) fn source_names(&self) -> String {
        let mut names: Vec<&str> = self.sources.iter().map(|source| &*source.name).collect();
        names.dedup();
        names.join(", ")
    }
}
