//! A client that believes nothing: it applies messages by the seq rule of `docs/protocol.md` and panics at the first that
//! does not apply.

use super::exact::Tree;
use std::collections::BTreeMap;

/// What is held of one topic. Numbers are held as text, so that states in both number forms are the same.
#[derive(Debug)]
pub struct Held {
    pub n: u64,
    pub seq: u64,
    /// Of an event topic empty.
    pub state: Tree,
    /// By seq; of a state topic empty.
    pub events: BTreeMap<u64, Tree>,
}

#[derive(Debug, Default)]
pub struct Follower {
    pub topics: BTreeMap<String, Held>,
    /// `ids=1`: which topic a number stands for.
    names: BTreeMap<u64, String>,
}

impl Follower {
    /// Takes one message about a topic; false if it is about something else.
    pub fn hear(&mut self, message: &Tree) -> bool {
        let Some(kind @ ("snap" | "delta" | "append" | "mark" | "gone" | "name")) = message.text("t") else {
            return false;
        };
        let name = self.name_of(message);
        match kind {
            "snap" => self.snap(name, message),
            "delta" => self.delta(&name, message),
            "append" => self.append(&name, message),
            "mark" => assert!(self.topics.contains_key(&name), "a mark on what is not held: {message:?}"),
            "gone" => drop(self.topics.remove(&name)),
            _ => {}
        }
        true
    }

    fn name_of(&mut self, message: &Tree) -> String {
        let n = message.whole("n");
        match (message.text("topic"), n) {
            (Some(name), Some(n)) => {
                self.names.insert(n, name.to_owned());
                name.to_owned()
            }
            (Some(name), None) => name.to_owned(),
            (None, Some(n)) => self.names.get(&n).unwrap_or_else(|| panic!("nobody said which topic {n} is")).clone(),
            (None, None) => panic!("about which topic? {message:?}"),
        }
    }

    fn snap(&mut self, name: String, message: &Tree) {
        let (seq, n) = (seq_of(message), message.whole("n").expect("a snapshot has n"));
        let data = message.get("data").expect("a snapshot has data").quoted();
        let held = self.topics.remove(&name).filter(|held| held.n == n);
        assert!(held.as_ref().is_none_or(|held| held.seq <= seq), "a snapshot from before: {message:?}");
        let mut events = held.map(|held| held.events).unwrap_or_default();
        let state = match data {
            Tree::List(items) => {
                let from = message.whole("from").expect("a snapshot of events has from");
                assert_eq!(from + items.len() as u64, seq, "{message:?}");
                events.extend((from + 1..).zip(items));
                Tree::empty()
            }
            state => state,
        };
        self.topics.insert(name, Held { n, seq, state, events });
    }

    fn delta(&mut self, name: &str, message: &Tree) {
        let held = self.topics.get_mut(name).unwrap_or_else(|| panic!("a delta on nothing: {message:?}"));
        assert_eq!(message.whole("from").unwrap_or(held.seq), held.seq, "{message:?}");
        assert!(message.whole("from").is_some() || seq_of(message) == held.seq + 1, "at {}: {message:?}", held.seq);
        held.seq = seq_of(message);
        let patch = message.get("data").expect("a delta has data").quoted();
        held.state = Tree::patched(Some(held.state.clone()), &patch).expect("a patch is an object");
    }

    fn append(&mut self, name: &str, message: &Tree) {
        let held = self.topics.get_mut(name).unwrap_or_else(|| panic!("events of nothing: {message:?}"));
        assert_eq!(message.whole("from"), Some(held.seq), "at {}: {message:?}", held.seq);
        let items = message.list("data").expect("events are an array");
        held.events.extend((held.seq + 1..).zip(items.iter().map(Tree::quoted)));
        held.seq = seq_of(message);
        assert_eq!(held.events.keys().next_back(), Some(&held.seq), "{message:?}");
    }
}

fn seq_of(message: &Tree) -> u64 {
    message.whole("seq").unwrap_or_else(|| panic!("no seq: {message:?}"))
}
