//! One symbol's last bars.

use super::message::Kline;
use crate::model::{Key, Object, Value};
use std::collections::BTreeMap;

/// Bars in the state of a bar topic (DESIGN.md section 2).
const BARS_MAX: usize = 16;

/// Open time in Unix ms → bar.
#[derive(Debug, Default)]
pub(super) struct Bars {
    bars: BTreeMap<i64, Bar>,
    /// Event time of the newest kline: with two connections an older one may come later.
    last_event_ms: i64,
}

#[derive(Debug)]
struct Bar {
    fields: Object,
    trades: i64,
    is_closed: bool,
    /// Corrections after it was closed.
    rev: i64,
}

impl Bars {
    /// A live kline; the patch, `None` if it is older than what is known.
    pub(super) fn live(&mut self, kline: &Kline, event_ms: i64) -> Option<Object> {
        if event_ms < self.last_event_ms {
            return None;
        }
        self.last_event_ms = event_ms;
        self.put(kline)
    }

    /// A bar from REST; a live one that knows more stays.
    pub(super) fn backfill(&mut self, kline: &Kline) -> Option<Object> {
        let known = self.bars.get(&kline.open_ms);
        let is_known = known.is_some_and(|bar| bar.is_closed || bar.trades > kline.trades);
        if is_known { None } else { self.put(kline) }
    }

    /// Sets the bar and drops the 17th; the patch that says so.
    fn put(&mut self, kline: &Kline) -> Option<Object> {
        let is_older_than_all = self.bars.first_key_value().is_some_and(|(first, _)| kline.open_ms < *first);
        if self.bars.len() >= BARS_MAX && is_older_than_all {
            return None;
        }
        let known = self.bars.get(&kline.open_ms);
        let mut rev = known.map_or(0, |bar| bar.rev);
        let mut fields = fields(kline, rev);
        if known.is_some_and(|bar| bar.fields == fields) {
            return None;
        }
        if known.is_some_and(|bar| bar.is_closed) {
            rev += 1;
            fields.set("rev", rev);
        }
        let mut patch = Object::with_capacity(2).with(key(kline.open_ms), fields.clone());
        let bar = Bar { fields, trades: kline.trades, is_closed: kline.is_closed, rev };
        self.bars.insert(kline.open_ms, bar);
        while self.bars.len() > BARS_MAX {
            if let Some((open_ms, _)) = self.bars.pop_first() {
                patch.set(key(open_ms), Value::Null);
            }
        }
        Some(patch)
    }
}

fn key(open_ms: i64) -> Key {
    Key::from(itoa::Buffer::new().format(open_ms))
}

fn fields(kline: &Kline, rev: i64) -> Object {
    // In the order of the keys: each is appended.
    Object::with_capacity(8)
        .with("c", kline.close.0)
        .with("closed", kline.is_closed)
        .with("h", kline.high.0)
        .with("l", kline.low.0)
        .with("n", kline.trades)
        .with("o", kline.open.0)
        .with("rev", rev)
        .with("v", kline.volume.0)
}

#[cfg(test)]
mod tests {
    use super::super::message::Number;
    use super::*;
    use crate::model::merge;

    fn kline(open_ms: i64, close: i64, trades: i64, is_closed: bool) -> Kline {
        let number = |n: i64| Number(n.into());
        let (open, high, low, volume) = (number(1), number(9), number(1), number(trades));
        Kline { open_ms, open, high, low, close: number(close), volume, trades, is_closed }
    }

    #[test]
    fn the_seventeenth_bar_pushes_the_first_out() {
        let (mut bars, mut state) = (Bars::default(), Object::new());
        for n in 0..500 {
            let patch = bars.backfill(&kline(n * 60_000, 5, 1, true)).unwrap();
            merge(&mut state, &patch);
            assert_eq!(state.len(), usize::try_from(n + 1).unwrap().min(16));
        }
        assert!(state.get("29940000").is_some() && state.get("29040000").is_some());
        assert!(bars.backfill(&kline(0, 6, 2, true)).is_none(), "too old");
    }

    #[test]
    fn a_live_bar_stays_when_older_ones_are_filled_in() {
        let (mut bars, mut state) = (Bars::default(), Object::new());
        merge(&mut state, &bars.live(&kline(60_000 * 500, 7, 9, false), 1).unwrap());
        for n in 0..=500 {
            if let Some(patch) = bars.backfill(&kline(n * 60_000, 5, 1, n < 500)) {
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
        let rev = |patch: Option<Object>| {
            patch.and_then(|p| p.get("0")?.as_object()?.get("rev")?.as_number()).map(|rev| rev.to_string())
        };
        assert_eq!(rev(bars.live(&kline(0, 5, 1, false), 1)).as_deref(), Some("0"));
        assert_eq!(rev(bars.live(&kline(0, 6, 2, true), 2)).as_deref(), Some("0"));
        assert_eq!(bars.live(&kline(0, 6, 2, true), 2), None, "the same again");
        assert_eq!(bars.live(&kline(0, 5, 1, false), 1), None, "from the other connection, older");
        assert_eq!(rev(bars.live(&kline(0, 7, 3, true), 3)).as_deref(), Some("1"));
    }
}
