//! One symbol's last bars.

use crate::model::{Decimal, Key, Object, Value};
use std::collections::BTreeMap;

/// Bars in the state of a bar topic (DESIGN.md section 2).
const BARS_MAX: usize = 16;

/// A bar as a venue says it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bar {
    pub open_ms: i64,
    pub open: Decimal,
    pub high: Decimal,
    pub low: Decimal,
    pub close: Decimal,
    pub volume: Decimal,
    /// `None` where the venue does not count them.
    pub trades: Option<i64>,
    pub is_closed: bool,
}

/// How a venue tells that a bar is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Closing {
    /// By a flag.
    #[default]
    Said,
    /// By beginning the next one.
    ByNext,
}

/// Open time in Unix ms → bar.
#[derive(Debug, Default)]
pub(crate) struct Bars {
    bars: BTreeMap<i64, Known>,
    closing: Closing,
    /// Event time of the newest bar: with two connections an older one may come later.
    last_event_ms: i64,
}

#[derive(Debug)]
struct Known {
    bar: Bar,
    fields: Object,
    /// Corrections after it was closed.
    rev: i64,
}

impl Bars {
    pub(crate) fn new(closing: Closing) -> Bars {
        Bars { closing, ..Bars::default() }
    }

    /// A live bar; the patch, `None` if it is older than what is known. `event_ms` is `None` where a venue's bars have
    /// no time of their own.
    pub(crate) fn live(&mut self, bar: &Bar, event_ms: Option<i64>) -> Option<Object> {
        let event_ms = event_ms.unwrap_or(self.last_event_ms);
        if event_ms < self.last_event_ms {
            return None;
        }
        self.last_event_ms = event_ms;
        self.put(*bar)
    }

    /// A bar from a table of past ones; a live one that knows more stays.
    pub(crate) fn backfill(&mut self, bar: &Bar) -> Option<Object> {
        let known = self.bars.get(&bar.open_ms);
        let is_known = known.is_some_and(|known| known.bar.is_closed || known.bar.trades > bar.trades);
        if is_known { None } else { self.put(*bar) }
    }

    /// Sets the bar, closes those before it and drops the 17th; the patch that says so.
    fn put(&mut self, bar: Bar) -> Option<Object> {
        let is_older_than_all = self.bars.first_key_value().is_some_and(|(first, _)| bar.open_ms < *first);
        if self.bars.len() >= BARS_MAX && is_older_than_all {
            return None;
        }
        let mut patch = Object::with_capacity(2);
        self.set(bar, &mut patch);
        if self.closing == Closing::ByNext {
            self.close_all_but_the_last(&mut patch);
        }
        while self.bars.len() > BARS_MAX {
            if let Some((open_ms, _)) = self.bars.pop_first() {
                patch.set(key(open_ms), Value::Null);
            }
        }
        (!patch.is_empty()).then_some(patch)
    }

    fn set(&mut self, mut bar: Bar, patch: &mut Object) {
        let known = self.bars.get(&bar.open_ms);
        let was_closed = known.is_some_and(|known| known.bar.is_closed);
        bar.is_closed |= was_closed && self.closing == Closing::ByNext;
        let mut rev = known.map_or(0, |known| known.rev);
        let mut fields = fields(&bar, rev);
        if known.is_some_and(|known| known.fields == fields) {
            return;
        }
        if was_closed {
            rev += 1;
            fields.set("rev", rev);
        }
        patch.set(key(bar.open_ms), fields.clone());
        self.bars.insert(bar.open_ms, Known { bar, fields, rev });
    }

    fn close_all_but_the_last(&mut self, patch: &mut Object) {
        let open = self.bars.iter_mut().rev().skip(1).take_while(|(_, known)| !known.bar.is_closed);
        for (open_ms, known) in open {
            known.bar.is_closed = true;
            known.fields.set("closed", true);
            patch.set(key(*open_ms), known.fields.clone());
        }
    }
}

fn key(open_ms: i64) -> Key {
    Key::from(itoa::Buffer::new().format(open_ms))
}

fn fields(bar: &Bar, rev: i64) -> Object {
    // In the order of the keys: each is appended.
    let mut fields = Object::with_capacity(8)
        .with("c", bar.close)
        .with("closed", bar.is_closed)
        .with("h", bar.high)
        .with("l", bar.low);
    if let Some(trades) = bar.trades {
        fields.set("n", trades);
    }
    fields.with("o", bar.open).with("rev", rev).with("v", bar.volume)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::merge;

    fn bar(open_ms: i64, close: i64, trades: i64, is_closed: bool) -> Bar {
        let (open, high, low, volume) = (1.into(), 9.into(), 1.into(), trades.into());
        Bar { open_ms, open, high, low, close: close.into(), volume, trades: Some(trades), is_closed }
    }

    fn field(patch: Option<&Object>, open_ms: &str, name: &str) -> String {
        let value = patch.and_then(|patch| patch.get(open_ms)?.as_object()?.get(name).cloned());
        value.map(|value| Object::new().with("x", value).to_string()).unwrap_or_default()
    }

    #[test]
    fn the_seventeenth_bar_pushes_the_first_out() {
        let (mut bars, mut state) = (Bars::default(), Object::new());
        for n in 0..500 {
            let patch = bars.backfill(&bar(n * 60_000, 5, 1, true)).unwrap();
            merge(&mut state, &patch);
            assert_eq!(state.len(), usize::try_from(n + 1).unwrap().min(16));
        }
        assert!(state.get("29940000").is_some() && state.get("29040000").is_some());
        assert!(bars.backfill(&bar(0, 6, 2, true)).is_none(), "too old");
    }

    #[test]
    fn a_live_bar_stays_when_older_ones_are_filled_in() {
        let (mut bars, mut state) = (Bars::default(), Object::new());
        merge(&mut state, &bars.live(&bar(60_000 * 500, 7, 9, false), Some(1)).unwrap());
        for n in 0..=500 {
            if let Some(patch) = bars.backfill(&bar(n * 60_000, 5, 1, n < 500)) {
                merge(&mut state, &patch);
            }
            assert!(state.len() <= 16);
        }
        let live = state.get("30000000").unwrap().as_object().unwrap();
        assert_eq!(live.get("c").unwrap().as_number(), Some(7.into()));
        assert_eq!(state.len(), 16);
    }

    #[test]
    fn a_correction_after_the_close_has_a_new_rev() {
        let mut bars = Bars::default();
        let rev = |patch: Option<Object>| field(patch.as_ref(), "0", "rev");
        assert_eq!(rev(bars.live(&bar(0, 5, 1, false), Some(1))), r#"{"x":0}"#);
        assert_eq!(rev(bars.live(&bar(0, 6, 2, true), Some(2))), r#"{"x":0}"#);
        assert_eq!(bars.live(&bar(0, 6, 2, true), Some(2)), None, "the same again");
        assert_eq!(bars.live(&bar(0, 5, 1, false), Some(1)), None, "from the other connection, older");
        assert_eq!(rev(bars.live(&bar(0, 7, 3, true), Some(3))), r#"{"x":1}"#);
    }

    #[test]
    fn where_no_flag_says_so_the_next_bar_closes_the_one_before() {
        let mut bars = Bars::new(Closing::ByNext);
        let first = bars.live(&bar(0, 5, 1, false), None);
        assert_eq!(field(first.as_ref(), "0", "closed"), r#"{"x":false}"#);
        let second = bars.live(&bar(60_000, 6, 1, false), None);
        assert_eq!(field(second.as_ref(), "0", "closed"), r#"{"x":true}"#);
        assert_eq!(field(second.as_ref(), "60000", "closed"), r#"{"x":false}"#);
        let late = bars.live(&bar(0, 7, 2, false), None);
        assert_eq!(field(late.as_ref(), "0", "rev"), r#"{"x":1}"#);
        assert_eq!(field(late.as_ref(), "0", "closed"), r#"{"x":true}"#, "a late trade opens no bar again");
    }
}
