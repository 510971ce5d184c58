//! A game's plays as a reader of its events holds them, and the rows of an oracle.
#![allow(dead_code, reason = "each test binary uses a part")]

use super::Topics;
use feeds::adapter::Counts;
use feeds::capture::{Head, Reader, Speed, replay};
use feeds::registry::for_replay;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// The topics that come of a recording, and what was counted.
pub fn played(provider: &str, path: &Path) -> (Topics, Counts) {
    let mut adapter = for_replay(provider, &Head::read(path).unwrap()).unwrap();
    let mut topics = Topics::default();
    let entries = Reader::open(path).unwrap();
    let counts = replay(&mut *adapter, entries, Speed::Max, |_, updates| topics.take(updates)).unwrap();
    (topics, counts)
}

pub fn state(topics: &Topics, topic: &str) -> Value {
    serde_json::from_str(&topics.state(topic)).unwrap()
}

/// The plays that stand after all events, in their order; each event has to fit the ones before it.
pub fn standing(topics: &Topics, topic: &str) -> Vec<Value> {
    let mut plays: BTreeMap<String, Value> = BTreeMap::new();
    for text in topics.events(topic) {
        let event: Value = serde_json::from_str(&text).unwrap();
        let id = event["id"].as_str().unwrap().to_owned();
        match event["action"].as_str().unwrap() {
            "remove" => assert!(plays.remove(&id).is_some(), "{text}"),
            "add" => assert!(plays.insert(id, event).is_none(), "{text}"),
            "edit" => assert!(plays.insert(id, event).is_some(), "{text}"),
            other => panic!("{other}"),
        }
    }
    let mut plays: Vec<Value> = plays.into_values().collect();
    plays.sort_by_key(|play| play["order"].as_i64());
    plays
}

/// The rows that were computed independently.
pub fn oracle(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
