//! JSON-shaped state with exact numbers: what a topic's snapshot and its deltas are made of.

use super::{Decimal, json};
use compact_str::CompactString;
use std::sync::Arc;

/// A field name, a price text, an open time: up to 24 bytes live inline.
pub type Key = CompactString;

/// One JSON value. Containers are shared, so that a clone costs a reference count and a merge copies only what changes.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Number(Decimal),
    Text(Arc<str>),
    Array(Arc<[Value]>),
    Object(Arc<Object>),
}

/// Fields sorted by key, each key once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object {
    fields: Vec<(Key, Value)>,
}

impl Object {
    pub fn new() -> Object {
        Object::default()
    }

    pub fn with_capacity(fields: usize) -> Object {
        Object { fields: Vec::with_capacity(fields) }
    }

    pub fn len(&self) -> usize {
        self.fields.len()
    }

    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    pub fn get(&self, key: &str) -> Option<&Value> {
        self.find(key).ok().map(|at| &self.fields[at].1)
    }

    /// Sets `key`, whatever was there before.
    pub fn set(&mut self, key: impl Into<Key>, value: impl Into<Value>) {
        let key = key.into();
        match self.find(&key) {
            Ok(at) => self.fields[at].1 = value.into(),
            Err(at) => self.fields.insert(at, (key, value.into())),
        }
    }

    /// The same as [`Object::set`], as a builder.
    pub fn with(mut self, key: impl Into<Key>, value: impl Into<Value>) -> Object {
        self.set(key, value);
        self
    }

    pub fn remove(&mut self, key: &str) -> Option<Value> {
        self.find(key).ok().map(|at| self.fields.remove(at).1)
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Key, &Value)> {
        self.fields.iter().map(|(key, value)| (key, value))
    }

    pub(super) fn find(&self, key: &str) -> Result<usize, usize> {
        self.fields.binary_search_by(|(k, _)| k.as_str().cmp(key))
    }

    pub(super) fn fields(&self) -> &[(Key, Value)] {
        &self.fields
    }

    pub(super) fn fields_mut(&mut self) -> &mut Vec<(Key, Value)> {
        &mut self.fields
    }

    /// Appends the JSON text; numbers in canonical form.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        for (n, (key, value)) in self.fields.iter().enumerate() {
            if n > 0 {
                out.push(b',');
            }
            json::write_text(key, out);
            out.push(b':');
            value.write(out);
        }
        out.push(b'}');
    }
}

impl FromIterator<(Key, Value)> for Object {
    /// The last of several values for one key wins.
    fn from_iter<I: IntoIterator<Item = (Key, Value)>>(fields: I) -> Object {
        let mut fields: Vec<_> = fields.into_iter().collect();
        fields.reverse();
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        fields.dedup_by(|a, b| a.0 == b.0);
        Object { fields }
    }
}

impl Value {
    pub fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    /// The number, if it is one.
    pub fn as_number(&self) -> Option<Decimal> {
        if let Value::Number(number) = self { Some(*number) } else { None }
    }

    pub fn as_text(&self) -> Option<&str> {
        if let Value::Text(text) = self { Some(text) } else { None }
    }

    pub fn as_object(&self) -> Option<&Arc<Object>> {
        if let Value::Object(object) = self { Some(object) } else { None }
    }

    /// Appends the JSON text; numbers in canonical form.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Value::Null => out.extend_from_slice(b"null"),
            Value::Bool(true) => out.extend_from_slice(b"true"),
            Value::Bool(false) => out.extend_from_slice(b"false"),
            Value::Number(number) => number.write(out),
            Value::Text(text) => json::write_text(text, out),
            Value::Array(items) => {
                out.push(b'[');
                for (n, item) in items.iter().enumerate() {
                    if n > 0 {
                        out.push(b',');
                    }
                    item.write(out);
                }
                out.push(b']');
            }
            Value::Object(object) => object.write(out),
        }
    }
}

impl From<Decimal> for Value {
    fn from(number: Decimal) -> Value {
        Value::Number(number)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        Value::Number(number.into())
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Value {
        Value::Bool(flag)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::text(text)
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Value {
        Value::Object(Arc::new(object))
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    /// `None` is null, which means absent.
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}

impl From<Vec<Value>> for Value {
    fn from(items: Vec<Value>) -> Value {
        Value::Array(items.into())
    }
}

impl std::fmt::Display for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = Vec::new();
        self.write(&mut text);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}
