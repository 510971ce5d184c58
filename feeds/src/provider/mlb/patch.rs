//! RFC 6902 operations on what is kept of a feed. One that does not fit says that we are out of step.

use super::kept::{Share, pruned, share};
use crate::score::Unread;
use serde::Deserialize;
use serde_json::Value;

/// One operation, as sent.
#[derive(Debug, Deserialize)]
pub(super) struct Operation {
    op: String,
    path: String,
    /// Of `copy` and `move`; `None` in others.
    from: Option<String>,
    /// Of `add` and `replace`; `None` in others.
    #[serde(default)]
    value: Option<Value>,
}

impl Operation {
    /// Applies it, as far as it is about something that is kept.
    pub fn apply(self, state: &mut Value) -> Result<(), Unread> {
        let path = keys(&self.path)?;
        match self.op.as_str() {
            // A null value is a value.
            "add" => set(state, path, self.value.unwrap_or(Value::Null), true),
            "replace" => set(state, path, self.value.unwrap_or(Value::Null), false),
            "remove" => remove(state, &path).map(drop),
            "move" => {
                let value = remove(state, &source(self.from, &path)?)?;
                set(state, path, value, true)
            }
            "copy" => {
                let value = find(state, &source(self.from, &path)?).cloned().ok_or(Unread::OutOfStep)?;
                set(state, path, value, true)
            }
            "test" => Ok(()),
            _ => Err(Unread::OutOfStep),
        }
    }
}

/// Where a value comes from: it has to be kept as much as it will be.
fn source(from: Option<String>, to: &[String]) -> Result<Vec<String>, Unread> {
    let from = keys(from.as_deref().ok_or(Unread::OutOfStep)?)?;
    (share(&from) == share(to)).then_some(from).ok_or(Unread::OutOfStep)
}

/// The keys of a JSON pointer (RFC 6901).
fn keys(pointer: &str) -> Result<Vec<String>, Unread> {
    if pointer.is_empty() {
        return Ok(Vec::new());
    }
    let keys = pointer.strip_prefix('/').ok_or(Unread::OutOfStep)?.split('/');
    Ok(keys.map(|key| key.replace("~1", "/").replace("~0", "~")).collect())
}

fn find<'a>(state: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(state, |at, key| match at {
        Value::Object(fields) => fields.get(key),
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        _ => None,
    })
}

fn find_mut<'a>(state: &'a mut Value, path: &[String]) -> Option<&'a mut Value> {
    path.iter().try_fold(state, |at, key| match at {
        Value::Object(fields) => fields.get_mut(key),
        Value::Array(items) => items.get_mut(key.parse::<usize>().ok()?),
        _ => None,
    })
}

/// `inserts`: into a list, before the item of that index.
fn set(state: &mut Value, mut path: Vec<String>, value: Value, inserts: bool) -> Result<(), Unread> {
    let Some(value) = pruned(value, &mut path) else { return Ok(()) };
    let Some((key, parent)) = path.split_last() else {
        *state = value;
        return Ok(());
    };
    match find_mut(state, parent).ok_or(Unread::OutOfStep)? {
        Value::Object(fields) => drop(fields.insert(key.clone(), value)),
        Value::Array(items) if key == "-" => items.push(value),
        Value::Array(items) => {
            let index: usize = key.parse().map_err(|_| Unread::OutOfStep)?;
            if inserts && index <= items.len() {
                items.insert(index, value);
            } else {
                *items.get_mut(index).ok_or(Unread::OutOfStep)? = value;
            }
        }
        _ => return Err(Unread::OutOfStep),
    }
    Ok(())
}

/// Takes a value out; null stands for one that is not kept.
fn remove(state: &mut Value, path: &[String]) -> Result<Value, Unread> {
    let (key, parent) = path.split_last().ok_or(Unread::OutOfStep)?;
    if share(path) == Share::Nothing {
        return Ok(Value::Null);
    }
    match find_mut(state, parent).ok_or(Unread::OutOfStep)? {
        Value::Object(fields) => fields.remove(key).ok_or(Unread::OutOfStep),
        Value::Array(items) => {
            let index = key.parse().ok().filter(|index| *index < items.len());
            Ok(items.remove(index.ok_or(Unread::OutOfStep)?))
        }
        _ => Err(Unread::OutOfStep),
    }
}
