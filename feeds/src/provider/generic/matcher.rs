//! Which messages are meant: pointers and what has to stand there.

use super::convert::{constant, text};
use super::field::{parsed, shortened};
use super::pointer::{Place, Pointer};
use super::table::{Table, kind};
use crate::model::Value;

/// All of its conditions have to hold; none of them: everything matches.
#[derive(Clone, Debug, Default)]
pub(super) struct Matcher {
    conditions: Vec<(Pointer, Want)>,
}

#[derive(Clone, Debug)]
enum Want {
    /// Any of these.
    OneOf(Vec<Value>),
    Exists(bool),
}

/// A frame that is told apart by its text, or by what stands in it.
#[derive(Clone, Debug)]
pub(super) enum Sign {
    Text(String),
    Matches(Matcher),
}

impl Matcher {
    /// Reads a table of pointers.
    pub(super) fn read(table: &Table<'_>) -> Matcher {
        let condition = |(key, value)| {
            let pointer = parsed(Pointer::parse(key), key, table);
            let want = read_want(key, value, table);
            Some((pointer?, want?))
        };
        Matcher { conditions: table.entries().filter_map(condition).collect() }
    }

    pub(super) fn matches(&self, place: &Place<'_>) -> bool {
        self.miss(place).is_none()
    }

    /// The first condition that does not hold, for people; `None` if all do.
    pub(super) fn miss(&self, place: &Place<'_>) -> Option<String> {
        self.conditions.iter().find_map(|(pointer, want)| {
            let found = pointer.find(place);
            let holds = match want {
                Want::Exists(exists) => found.is_some() == *exists,
                Want::OneOf(values) => found.as_deref().is_some_and(|found| values.iter().any(|v| is_same(v, found))),
            };
            (!holds).then(|| match found.as_deref().map(text) {
                None => format!("nothing stands at {}", pointer.as_str()),
                Some(None) => format!("{} is something else", pointer.as_str()),
                Some(Some(text)) => format!("{} is {}", pointer.as_str(), shortened(&text)),
            })
        })
    }
}

impl Sign {
    /// Reads a list of texts and tables of pointers.
    pub(super) fn read_all(key: &'static str, table: &mut Table<'_>) -> Vec<Sign> {
        let Some(value) = table.value(key) else { return Vec::new() };
        let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        let mut signs = Vec::new();
        for (n, item) in items.iter().enumerate() {
            let path = format!("{key}[{n}]");
            match item {
                serde_json::Value::String(text) => signs.push(Sign::Text(text.clone())),
                serde_json::Value::Object(entries) => {
                    signs.push(Sign::Matches(Matcher::read(&table.below(&path, entries))));
                }
                other => {
                    let expected = "must be a frame's text, as \"pong\", or a table, as { \"/type\" = \"pong\" }";
                    table.problem(&path, format!("{expected}, not {}", kind(other)));
                }
            }
        }
        signs
    }

    pub(super) fn is_text(&self, frame: &[u8]) -> bool {
        matches!(self, Sign::Text(text) if text.as_bytes() == frame)
    }

    pub(super) fn matches(&self, place: &Place<'_>) -> bool {
        matches!(self, Sign::Matches(matcher) if matcher.matches(place))
    }
}

fn read_want(key: &str, value: &serde_json::Value, table: &Table<'_>) -> Option<Want> {
    let expected = "must be a string, a whole number, true, false, a list of them, or { exists = true }";
    let want = match value {
        serde_json::Value::Object(entries) => match (entries.len(), entries.get("exists")) {
            (1, Some(serde_json::Value::Bool(exists))) => Some(Want::Exists(*exists)),
            _ => None,
        },
        serde_json::Value::Array(items) => items.iter().map(constant).collect::<Option<_>>().map(Want::OneOf),
        single => constant(single).map(|value| Want::OneOf(vec![value])),
    };
    if want.is_none() {
        table.problem(key, expected);
    }
    want
}

/// Numbers by value, also if the message has them in strings; all else as it is.
fn is_same(want: &Value, found: &Value) -> bool {
    match (want, found) {
        (Value::Number(want), Value::Text(found)) => found.parse().is_ok_and(|found| *want == found),
        (want, found) => want == found,
    }
}
