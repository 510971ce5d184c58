//! What a subscriber holds of one topic when it applies all that it is told: a state, or the newest events.
//!
//! Seqs prove that nothing is missing; this proves that what came is what was said.

use super::ledger::{Breach, breach, words};
use crate::scan::Message;
use serde_json::Value;
use std::collections::VecDeque;

/// Events that are kept.
const EVENTS_KEPT: usize = 16;

#[derive(Clone, Debug, Default, PartialEq)]
pub enum Replica {
    #[default]
    Empty,
    State(Value),
    Events(VecDeque<Value>),
}

impl Replica {
    /// A snapshot replaces what is held; one of the same seq (`same`) must tell it.
    pub fn take_snapshot(&mut self, message: &Message<'_>, same: bool) -> Result<(), Breach> {
        let difference = if same { self.difference(message.data) } else { Ok(None) };
        if let Some(got) = difference.map_err(|error| unreadable(message, &error))? {
            return Err(breach("what is held", message, words(message.data), got));
        }
        self.replace(message.data).map_err(|error| unreadable(message, &error))
    }

    /// A delta, or further events.
    pub fn take_entry(&mut self, message: &Message<'_>) -> Result<(), Breach> {
        self.apply(message.data).map_err(|error| unreadable(message, &error))
    }

    fn replace(&mut self, data: &[u8]) -> serde_json::Result<()> {
        *self = Replica::read(data)?;
        self.forget();
        Ok(())
    }

    fn apply(&mut self, data: &[u8]) -> serde_json::Result<()> {
        match (&mut *self, Replica::read(data)?) {
            (Replica::State(state), Replica::State(patch)) => merge(state, patch),
            (Replica::Events(events), Replica::Events(more)) => events.extend(more),
            (held, told) => *held = told,
        }
        self.forget();
        Ok(())
    }

    fn forget(&mut self) {
        if let Replica::Events(events) = self {
            events.drain(..events.len().saturating_sub(EVENTS_KEPT));
        }
    }

    /// What differs from a snapshot of the same seq; `None` if nothing does.
    fn difference(&self, data: &[u8]) -> serde_json::Result<Option<String>> {
        let told = Replica::read(data)?;
        let same = match (self, &told) {
            // Either may hold events that the other does not hold any more.
            (Replica::Events(held), Replica::Events(told)) => {
                held.iter().rev().zip(told.iter().rev()).all(|(held, told)| held == told)
            }
            (held, told) => held == told,
        };
        Ok((!same).then(|| format!("{self:?}")))
    }

    /// What is wrong if the newest of that topic, held at `held_seq`, is what a snapshot tells at `seq`.
    pub fn unlike(&self, topic: &str, held_seq: Option<u64>, seq: u64, data: &[u8]) -> Option<Breach> {
        let got = match self.difference(data) {
            _ if held_seq != Some(seq) => format!("seq {held_seq:?}"),
            Ok(difference) => difference?,
            Err(error) => error.to_string(),
        };
        let expected = format!("seq {seq}: {}", words(data));
        Some(Breach { what: "what is held", topic: Some(topic.to_owned()), expected, got })
    }

    fn read(data: &[u8]) -> serde_json::Result<Replica> {
        Ok(match serde_json::from_slice(data)? {
            Value::Array(events) => Replica::Events(events.into()),
            state => Replica::State(state),
        })
    }
}

fn unreadable(message: &Message<'_>, error: &serde_json::Error) -> Breach {
    breach("data", message, "JSON", error.to_string())
}

/// RFC 7396.
fn merge(state: &mut Value, patch: Value) {
    let Value::Object(changes) = patch else {
        *state = patch;
        return;
    };
    if !state.is_object() {
        *state = Value::Object(serde_json::Map::new());
    }
    let Value::Object(members) = state else { return };
    for (name, change) in changes {
        if change.is_null() {
            members.remove(&name);
        } else {
            merge(members.entry(name).or_insert(Value::Null), change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(json: &str) -> Value {
        serde_json::from_str(json).unwrap()
    }

    /// The examples of RFC 7396, appendix A.
    #[test]
    fn merge_patches() {
        for (before, patch, after) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
            (r#"[1,2]"#, r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ] {
            let mut held = state(before);
            merge(&mut held, state(patch));
            assert_eq!(held, state(after), "{before} with {patch}");
        }
    }

    #[test]
    fn a_difference_is_seen() {
        let mut replica = Replica::default();
        replica.replace(br#"{"bid":1,"ask":2}"#).unwrap();
        replica.apply(br#"{"bid":3,"ask":null}"#).unwrap();
        assert_eq!(replica.difference(br#"{"bid":3}"#).unwrap(), None);
        assert!(replica.difference(br#"{"bid":3,"ask":2}"#).unwrap().unwrap().contains("bid"));
    }

    #[test]
    fn events_are_compared_as_far_as_both_hold_them() {
        let mut replica = Replica::default();
        replica.replace(br#"[{"k":1},{"k":2}]"#).unwrap();
        (3..200).for_each(|k| replica.apply(format!(r#"[{{"k":{k}}}]"#).as_bytes()).unwrap());
        assert_eq!(replica.difference(br#"[{"k":198},{"k":199}]"#).unwrap(), None);
        let longer: Vec<String> = (100..200).map(|k| format!(r#"{{"k":{k}}}"#)).collect();
        assert_eq!(replica.difference(format!("[{}]", longer.join(",")).as_bytes()).unwrap(), None);
        assert!(replica.difference(br#"[{"k":197},{"k":199}]"#).unwrap().is_some());
        let Replica::Events(events) = replica else { panic!() };
        assert_eq!(events.len(), EVENTS_KEPT);
    }
}
