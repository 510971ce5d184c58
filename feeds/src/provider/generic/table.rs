//! One TOML table, read key by key: every problem is noted with its key path, and what nobody asked for is unknown.
//!
//! Why not serde: it stops at the first mistake, and a mapping is written by trial.

use crate::registry::Problem;
use serde_json::{Map, Value};
use std::cell::RefCell;

/// Where problems are noted, by all tables of one configuration.
pub(super) type Problems = RefCell<Vec<Problem>>;

pub(super) struct Table<'a> {
    path: String,
    entries: &'a Map<String, Value>,
    problems: &'a Problems,
    /// The keys that were asked for.
    known: Vec<&'static str>,
}

impl<'a> Table<'a> {
    pub(super) fn new(path: &str, entries: &'a Map<String, Value>, problems: &'a Problems) -> Table<'a> {
        Table { path: path.to_owned(), entries, problems, known: Vec::new() }
    }

    /// The path of a key of this table.
    pub(super) fn key(&self, key: &str) -> String {
        let is_bare = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-*[]".contains(&byte));
        let key = if is_bare { key.to_owned() } else { format!("{key:?}") };
        if self.path.is_empty() { key } else { format!("{}.{key}", self.path) }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn problem(&self, key: &str, message: impl Into<String>) {
        self.problem_at(self.key(key), message);
    }

    pub(super) fn problem_at(&self, path: String, message: impl Into<String>) {
        self.problems.borrow_mut().push(Problem::new(path, message));
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// The value as it stands there.
    pub(super) fn value(&mut self, key: &'static str) -> Option<&'a Value> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.entries.get(key)
    }

    pub(super) fn text(&mut self, key: &'static str) -> Option<&'a str> {
        let value = self.value(key)?;
        value.as_str().or_else(|| self.mismatch(key, "a string", value))
    }

    /// A string that has to be there; `example` says what it looks like.
    pub(super) fn needed_text(&mut self, key: &'static str, example: &str) -> Option<&'a str> {
        if self.value(key).is_none() {
            self.problem(key, format!("is missing; {example}"));
        }
        self.text(key)
    }

    /// A string or a list of strings.
    pub(super) fn texts(&mut self, key: &'static str) -> Vec<&'a str> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        let mut texts = Vec::new();
        for (n, item) in items.iter().enumerate() {
            match item.as_str() {
                Some(text) => texts.push(text),
                None => {
                    self.problem_at(format!("{}[{n}]", self.key(key)), format!("must be a string, not {}", kind(item)))
                }
            }
        }
        texts
    }

    /// A whole number of a range, or `default` if it is left out.
    pub(super) fn whole(&mut self, key: &'static str, range: std::ops::RangeInclusive<u64>, default: u64) -> u64 {
        let Some(value) = self.value(key) else { return default };
        match value.as_u64().filter(|number| range.contains(number)) {
            Some(number) => number,
            None => {
                let (least, most) = (range.start(), range.end());
                self.problem(key, format!("must be a whole number from {least} to {most}, not {value}"));
                default
            }
        }
    }

    pub(super) fn flag(&mut self, key: &'static str) -> bool {
        let Some(value) = self.value(key) else { return false };
        value.as_bool().or_else(|| self.mismatch(key, "true or false", value)).unwrap_or(false)
    }

    /// One of a few words, given with their meanings; the first if it is left out.
    pub(super) fn choice<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)]) -> T {
        let default = choices[0].1;
        let Some(value) = self.value(key) else { return default };
        let chosen = value.as_str().and_then(|text| choices.iter().find(|(word, _)| *word == text));
        if chosen.is_none() {
            let words: Vec<String> = choices.iter().map(|(word, _)| format!("{word:?}")).collect();
            self.problem(key, format!("must be one of {}, not {value}", words.join(", ")));
        }
        chosen.map_or(default, |(_, choice)| *choice)
    }

    pub(super) fn table(&mut self, key: &'static str) -> Option<Table<'a>> {
        let value = self.value(key)?;
        let entries = value.as_object().or_else(|| self.mismatch(key, "a table", value))?;
        Some(Table::new(&self.key(key), entries, self.problems))
    }

    /// An array of tables, `[[…]]`.
    pub(super) fn tables(&mut self, key: &'static str) -> Vec<Table<'a>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Some(items) = value.as_array() else {
            self.mismatch::<()>(key, "an array of tables", value);
            return Vec::new();
        };
        let path = self.key(key);
        let mut tables = Vec::new();
        for (n, item) in items.iter().enumerate() {
            match item.as_object() {
                Some(entries) => tables.push(Table::new(&format!("{path}[{n}]"), entries, self.problems)),
                None => self.problem_at(format!("{path}[{n}]"), format!("must be a table, not {}", kind(item))),
            }
        }
        tables
    }

    /// Every entry, whatever its key: for tables whose keys are the user's.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
        self.entries.iter().map(|(key, value)| (&**key, value))
    }

    /// A table of the user's own keys below this one.
    pub(super) fn below(&self, key: &str, entries: &'a Map<String, Value>) -> Table<'a> {
        Table::new(&self.key(key), entries, self.problems)
    }

    /// After all keys were asked for: the rest is unknown.
    pub(super) fn done(self) {
        for key in self.entries.keys().filter(|key| !self.known.contains(&key.as_str())) {
            self.problem(key, format!("no such key; there are {}", self.known.join(", ")));
        }
    }

    fn mismatch<T>(&self, key: &str, expected: &str, found: &Value) -> Option<T> {
        self.problem(key, format!("must be {expected}, not {}", kind(found)));
        None
    }
}

/// What a value is, for people.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "a table",
    }
}
