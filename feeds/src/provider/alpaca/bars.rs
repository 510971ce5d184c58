//! One symbol's last bars of one interval.

use super::message::Bar;
use crate::model::{Key, Object, Value};
use std::collections::BTreeMap;

/// Bars in the state of a bar topic (DESIGN.md section 2).
const BARS_MAX: usize = 16;

/// Open time in Unix ms → the bar as it was told.
#[derive(Debug, Default)]
pub(super) struct Bars {
    bars: BTreeMap<i64, Object>,
}

impl Bars {
    /// A minute that is over, or a correction of it; the patch, `None` if it says nothing new.
    pub(super) fn minute(&mut self, bar: &Bar) -> Option<Object> {
        let mut patch = Object::new();
        self.put(bar, true, &mut patch);
        self.drop_old(&mut patch);
        (!patch.is_empty()).then_some(patch)
    }

    /// The day so far: a new day closes the one before it.
    pub(super) fn day(&mut self, bar: &Bar) -> Option<Object> {
        let mut patch = Object::new();
        let is_last = self.bars.last_key_value().is_none_or(|(last, _)| *last <= bar.open_ms);
        for (open_ms, told) in self.bars.range_mut(..bar.open_ms).rev().take(1) {
            if told.get("closed") != Some(&Value::Bool(true)) {
                told.set("closed", true);
                patch.set(key(*open_ms), told.clone());
            }
        }
        self.put(bar, !is_last, &mut patch);
        self.drop_old(&mut patch);
        (!patch.is_empty()).then_some(patch)
    }

    /// Tells a bar unless it is told already; one that was closed gets the next `rev`.
    fn put(&mut self, bar: &Bar, is_closed: bool, patch: &mut Object) {
        let is_too_old = self.bars.first_key_value().is_some_and(|(first, _)| bar.open_ms < *first);
        if is_too_old && self.bars.len() >= BARS_MAX {
            return;
        }
        let told = self.bars.get(&bar.open_ms);
        let rev = told.and_then(|told| told.get("rev")?.as_number()).unwrap_or(0.into());
        let mut fields = fields(bar, is_closed).with("rev", rev);
        if told == Some(&fields) {
            return;
        }
        if told.is_some_and(|told| told.get("closed") == Some(&Value::Bool(true))) {
            fields.set("rev", rev.checked_add(1.into()).unwrap_or(rev));
        }
        patch.set(key(bar.open_ms), fields.clone());
        self.bars.insert(bar.open_ms, fields);
    }

    fn drop_old(&mut self, patch: &mut Object) {
        while self.bars.len() > BARS_MAX {
            if let Some((open_ms, _)) = self.bars.pop_first() {
                patch.set(key(open_ms), Value::Null);
            }
        }
    }
}

fn key(open_ms: i64) -> Key {
    Key::from(itoa::Buffer::new().format(open_ms))
}

fn fields(bar: &Bar, is_closed: bool) -> Object {
    Object::with_capacity(8)
        .with("c", bar.close)
        .with("closed", is_closed)
        .with("h", bar.high)
        .with("l", bar.low)
        .with("n", bar.trades)
        .with("o", bar.open)
        .with("v", bar.volume)
}
