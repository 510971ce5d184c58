//! RFC 7396 merge patches: applying one, and finding the minimal one.
//!
//! Null means absent, also inside a published state; arrays are replaced whole.

use super::{Object, Value};
use std::sync::Arc;

/// Merges `patch` into `target` and returns the minimal patch that has the same effect, `None` if it changed nothing.
pub fn merge(target: &mut Object, patch: &Object) -> Option<Object> {
    let mut effect = Object::new();
    for (key, change) in patch.iter() {
        let effect_here = match target.find(key) {
            Ok(at) => merge_present(target, at, change),
            Err(at) => {
                let fresh = stripped(change);
                if let Some(fresh) = &fresh {
                    target.fields_mut().insert(at, (key.clone(), fresh.clone()));
                }
                fresh
            }
        };
        if let Some(effect_here) = effect_here {
            // Patches are sorted, so this only ever appends.
            effect.fields_mut().push((key.clone(), effect_here));
        }
    }
    (!effect.is_empty()).then_some(effect)
}

fn merge_present(target: &mut Object, at: usize, change: &Value) -> Option<Value> {
    let slot = &mut target.fields_mut()[at].1;
    match (&mut *slot, change) {
        (_, Value::Null) => {
            target.fields_mut().remove(at);
            Some(Value::Null)
        }
        (Value::Object(inner), Value::Object(patch)) => merge(Arc::make_mut(inner), patch).map(Value::from),
        (old, new) => {
            let new = stripped(new)?;
            if *old == new {
                return None;
            }
            *old = new.clone();
            Some(new)
        }
    }
}

/// Makes `first` the patch that has the effect of `first` and then `then`. False, and nothing done, where a merge patch
/// cannot say it: a field that is removed or set to a scalar and then set to an object.
pub fn compose(first: &mut Object, then: &Object) -> bool {
    if !is_composable(first, then) {
        return false;
    }
    append(first, then);
    true
}

fn is_composable(first: &Object, then: &Object) -> bool {
    then.iter().all(|(key, new)| match (first.get(key), new) {
        (Some(Value::Object(old)), Value::Object(new)) => is_composable(old, new),
        (Some(_), Value::Object(_)) => false,
        _ => true,
    })
}

/// Unlike [`merge`] it keeps nulls: they are what the patch says.
fn append(first: &mut Object, then: &Object) {
    for (key, new) in then.iter() {
        match first.find(key) {
            Ok(at) => match (&mut first.fields_mut()[at].1, new) {
                (Value::Object(old), Value::Object(new)) => append(Arc::make_mut(old), new),
                (old, new) => *old = new.clone(),
            },
            Err(at) => first.fields_mut().insert(at, (key.clone(), new.clone())),
        }
    }
}

/// The minimal patch that turns `old` into `new` (whose nulls count as absent), `None` if they are the same.
pub fn diff(old: &Object, new: &Object) -> Option<Object> {
    let mut patch = Object::with_capacity(4);
    let (mut left, mut right) = (old.fields().iter().peekable(), new.fields().iter().peekable());
    loop {
        let order = match (left.peek(), right.peek()) {
            (None, None) => break,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some((a, _)), Some((b, _))) => a.cmp(b),
        };
        let gone = if order.is_le() { left.next() } else { None };
        let come = if order.is_ge() { right.next() } else { None };
        let change = match (gone, come) {
            (Some((_, old)), Some((_, new))) => diff_value(old, new),
            (Some(_), None) => Some(Value::Null),
            (None, Some((_, new))) => stripped(new),
            (None, None) => None,
        };
        if let (Some(change), Some((key, _))) = (change, gone.or(come)) {
            patch.fields_mut().push((key.clone(), change));
        }
    }
    (!patch.is_empty()).then_some(patch)
}

fn diff_value(old: &Value, new: &Value) -> Option<Value> {
    match (old, new) {
        (_, Value::Null) => Some(Value::Null),
        (Value::Object(a), Value::Object(b)) if Arc::ptr_eq(a, b) => None,
        (Value::Object(a), Value::Object(b)) => diff(a, b).map(Value::from),
        (old, new) if old == new => None,
        (_, new) => stripped(new),
    }
}

/// The value with all nulls inside objects taken out; `None` for null itself. Arrays are taken as they are.
fn stripped(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Object(object) if has_null(object) => {
            let fields = object.iter().filter_map(|(key, value)| Some((key.clone(), stripped(value)?)));
            Some(fields.collect::<Object>().into())
        }
        other => Some(other.clone()),
    }
}

fn has_null(object: &Object) -> bool {
    object.iter().any(|(_, value)| match value {
        Value::Null => true,
        Value::Object(inner) => has_null(inner),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Decimal, parse_object};
    use proptest::prelude::*;

    fn object(text: &str) -> Object {
        parse_object(text.as_bytes()).unwrap()
    }

    #[test]
    fn rfc_7396_and_minimal() {
        for (state, patch, after, effect) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#, r#"{"b":"c"}"#),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#, r#"{"a":null}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{"a":[1]}"#, r#"{"a":{"b":null}}"#, r#"{"a":{}}"#, r#"{"a":{}}"#),
            (r#"{}"#, r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#, r#"{"a":{"bb":{}}}"#),
            (r#"{"a":{"b":1}}"#, r#"{"a":5}"#, r#"{"a":5}"#, r#"{"a":5}"#),
        ] {
            let mut target = object(state);
            let found = merge(&mut target, &object(patch)).unwrap();
            assert_eq!(target, object(after), "{state} + {patch}");
            assert_eq!(found, object(effect), "{state} + {patch}");
        }
        for (state, patch) in [(r#"{"a":1.0}"#, r#"{"a":1}"#), ("{}", r#"{"x":null}"#), (r#"{"a":{}}"#, r#"{"a":{}}"#)]
        {
            assert_eq!(merge(&mut object(state), &object(patch)), None, "{state} + {patch}");
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            (0i64..3, 0u8..2).prop_map(|(m, e)| Value::Number(Decimal::new(i128::from(m), e).unwrap())),
            "[ab]?".prop_map(|t| Value::text(&t)),
            proptest::collection::vec((0i64..2).prop_map(Value::from), 0..2).prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| objects_of(inner).prop_map(Value::from))
    }

    fn objects_of(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Object> {
        proptest::collection::vec(("[a-d]", inner), 0..5)
            .prop_map(|fields| fields.into_iter().map(|(k, v)| (k.into(), v)).collect())
    }

    /// A state as the store holds it: no nulls inside objects.
    fn state(raw: Object) -> Object {
        let mut clean = Object::new();
        merge(&mut clean, &raw);
        clean
    }

    fn without_each_leaf(patch: &Object) -> Vec<Object> {
        let mut all = Vec::new();
        for (key, value) in patch.iter() {
            match value {
                Value::Object(inner) if !inner.is_empty() => {
                    for smaller in without_each_leaf(inner) {
                        all.push(patch.clone().with(key.clone(), smaller));
                    }
                }
                _ => {
                    let mut smaller = patch.clone();
                    smaller.remove(key);
                    all.push(smaller);
                }
            }
        }
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn diff_then_merge_is_identity_and_minimal(a in objects_of(values()), b in objects_of(values())) {
            let (old, new) = (state(a), state(b));
            match diff(&old, &new) {
                None => prop_assert_eq!(&old, &new),
                Some(patch) => {
                    let mut merged = old.clone();
                    prop_assert_eq!(merge(&mut merged, &patch), Some(patch.clone()), "its own effect");
                    prop_assert_eq!(&merged, &new);
                    for smaller in without_each_leaf(&patch) {
                        let mut broken = old.clone();
                        merge(&mut broken, &smaller);
                        prop_assert_ne!(&broken, &new, "a leaf of {} was not needed", patch);
                    }
                }
            }
        }

        #[test]
        fn a_composed_patch_is_both_in_turn(a in objects_of(values()), p in objects_of(values()), q in objects_of(values())) {
            let mut in_turn = state(a);
            let mut at_once = in_turn.clone();
            let mut both = p.clone();
            if compose(&mut both, &q) {
                merge(&mut in_turn, &p);
                merge(&mut in_turn, &q);
                merge(&mut at_once, &both);
                prop_assert_eq!(in_turn, at_once);
            } else {
                prop_assert_eq!(both, p, "untouched");
            }
        }

        #[test]
        fn the_effect_of_a_merge_is_the_diff(a in objects_of(values()), patch in objects_of(values())) {
            let old = state(a);
            let mut new = old.clone();
            let effect = merge(&mut new, &patch);
            prop_assert_eq!(effect, diff(&old, &new));
        }
    }
}
