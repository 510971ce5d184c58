//! The best levels of a book as a state, and the least that leads from one to another.

use super::Level;
use crate::model::{Decimal, Key, Object, Value};
use std::cmp::Ordering;

/// The best levels of both sides, best first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Top {
    pub bids: Vec<Level>,
    pub asks: Vec<Level>,
}

impl Top {
    /// `{bids:{price text: size}, asks:{…}}`.
    pub(crate) fn state(&self) -> Object {
        Object::with_capacity(2).with("asks", side(&self.asks)).with("bids", side(&self.bids))
    }

    /// The merge patch that makes `before` this; only what differs stands in it.
    pub(crate) fn patch_from(&self, before: &Top) -> Object {
        let sides = [
            ("asks", side_patch(&before.asks, &self.asks, |a, b| a.cmp(&b))),
            ("bids", side_patch(&before.bids, &self.bids, |a, b| b.cmp(&a))),
        ];
        let mut patch = Object::with_capacity(2);
        for (name, changes) in sides {
            if !changes.is_empty() {
                patch.set(name, changes);
            }
        }
        patch
    }
}

fn side(levels: &[Level]) -> Object {
    let mut text = Vec::with_capacity(24);
    levels.iter().map(|level| (key(level.price, &mut text), Value::from(level.size))).collect()
}

/// Walks both lists at once; `order` is that of the lists.
fn side_patch(before: &[Level], now: &[Level], order: fn(Decimal, Decimal) -> Ordering) -> Object {
    let (mut before, mut now) = (before.iter().peekable(), now.iter().peekable());
    let mut text = Vec::with_capacity(24);
    let mut changes = Vec::new();
    loop {
        let first = match (before.peek(), now.peek()) {
            (None, None) => return changes.into_iter().collect(),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => order(old.price, new.price),
        };
        let old = before.next_if(|_| first.is_le());
        let new = now.next_if(|_| first.is_ge());
        match (old, new) {
            (Some(old), Some(new)) if old.size == new.size => {}
            (_, Some(new)) => changes.push((key(new.price, &mut text), Value::from(new.size))),
            (Some(old), None) => changes.push((key(old.price, &mut text), Value::Null)),
            (None, None) => {}
        }
    }
}

/// The canonical text of a price. `text` is scratch space.
fn key(price: Decimal, text: &mut Vec<u8>) -> Key {
    text.clear();
    price.write(text);
    Key::from_utf8_lossy(text)
}

#[cfg(test)]
mod tests {
    use super::super::Levels;
    use super::*;
    use crate::model::{diff, merge};
    use proptest::prelude::*;

    fn levels() -> impl Strategy<Value = Vec<Level>> {
        proptest::collection::vec((0i64..12, 1i64..4), 0..8).prop_map(|pairs| {
            pairs.into_iter().map(|(price, size)| Level { price: price.into(), size: size.into() }).collect()
        })
    }

    proptest! {
        #[test]
        fn the_patch_leads_from_one_to_the_other_and_is_minimal(
            a in levels(), b in levels(), c in levels(), d in levels(), depth in 0usize..6,
        ) {
            let (before, now) = (Levels::new(&a, &b).top(depth), Levels::new(&c, &d).top(depth));
            let patch = now.patch_from(&before);
            let mut state = before.state();
            prop_assert_eq!(diff(&state, &now.state()).unwrap_or_default(), patch.clone());
            merge(&mut state, &patch);
            prop_assert_eq!(state, now.state());
        }
    }
}
