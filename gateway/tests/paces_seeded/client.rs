//! A client that follows `docs/protocol.md` to the letter and fails at the first message that breaks it. It shares no
//! code with the gateway's framing or merging.

use super::truth::Truth;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// What the client holds of one topic.
#[derive(Clone, Debug)]
pub struct Held {
    pub n: u64,
    pub seq: u64,
    pub stale: bool,
    /// Null for events.
    pub state: Value,
    /// Held since before this connection, perhaps beyond its cursor: what was received may be counted as lost.
    ahead: bool,
}

/// A command whose `ok` has not come.
#[derive(Clone, Debug)]
pub enum Asked {
    Sub(BTreeSet<String>),
    Unsub(BTreeSet<String>),
    Set,
}

#[derive(Clone, Debug, Default)]
pub struct Client {
    name: usize,
    pub held: BTreeMap<String, Held>,
    pub cursor: Option<(String, u64)>,
    /// Filters whose `ok` came, and those of them that the cursor covers.
    pub active: BTreeSet<String>,
    pub covered: BTreeSet<String>,
    pub asked: VecDeque<Asked>,
    /// It was told `topics_limit`: no cursor may come any more.
    pub limited: bool,
    epoch: String,
    buffer: Vec<u8>,
    live_offset: u64,
    named: BTreeSet<String>,
    graves: HashMap<String, u64>,
    numbers: HashMap<u64, String>,
}

impl Client {
    pub fn new(name: usize) -> Client {
        Client { name, ..Client::default() }
    }

    /// The connection is gone. What the cursor does not cover is thrown away.
    pub fn disconnected(&mut self) {
        (self.buffer, self.live_offset, self.limited) = (Vec::new(), 0, false);
        self.named.clear();
        self.numbers.clear();
        self.asked.clear();
        self.active.clear();
        let covered = &self.covered;
        self.held.retain(|topic, _| covered.iter().any(|filter| matches(filter, topic)));
        self.held.values_mut().for_each(|held| held.ahead = true);
    }

    pub fn read(&mut self, bytes: &[u8], truth: &Truth) {
        self.buffer.extend_from_slice(bytes);
        while let Some(message) = self.next_message() {
            self.take(&message, truth);
        }
    }

    fn next_message(&mut self) -> Option<Value> {
        let (length, head) = match *self.buffer.get(1)? {
            126 => (usize::from(u16::from_be_bytes(self.buffer.get(2..4)?.try_into().unwrap())), 4),
            short => (usize::from(short), 2),
        };
        assert_eq!(self.buffer[0], 0x81, "something was inserted into a frame");
        let frame = self.buffer.get(head..head + length)?.to_vec();
        self.buffer.drain(..head + length);
        Some(serde_json::from_slice(&frame).expect("a frame holds one JSON message"))
    }

    fn fail(&self, what: &str, message: &Value) -> ! {
        panic!("client {}: {what}: {message}", self.name)
    }

    fn take(&mut self, message: &Value, truth: &Truth) {
        if std::env::var_os("TRACE").is_some() {
            eprintln!("    client {} <- {message}", self.name);
        }
        match message["t"].as_str().unwrap() {
            "hello" => self.epoch = message["epoch"].as_str().unwrap().to_owned(),
            "ok" => self.granted(),
            "name" => drop(self.numbers.insert(number(message, "n"), message["topic"].as_str().unwrap().to_owned())),
            "at" => self.at(message, truth),
            "error" if message["code"] == "topics_limit" && !self.limited => self.limited = true,
            "error" | "bye" => self.fail("not called for", message),
            kind => self.entry(kind, message, truth),
        }
    }

    fn granted(&mut self) {
        match self.asked.pop_front().expect("an ok to a command") {
            Asked::Sub(filters) => self.active.extend(filters),
            Asked::Unsub(filters) => {
                self.active.retain(|filter| !filters.contains(filter));
                self.covered.retain(|filter| !filters.contains(filter));
                let active = &self.active;
                self.held.retain(|topic, _| active.iter().any(|filter| matches(filter, topic)));
            }
            Asked::Set => {}
        }
    }

    fn at(&mut self, message: &Value, truth: &Truth) {
        if message["full"] == true {
            let named = std::mem::take(&mut self.named);
            self.held.retain(|topic, _| named.contains(topic));
        }
        let (epoch, offset) = message["cursor"].as_str().unwrap().split_once(':').unwrap();
        assert_eq!(epoch, self.epoch);
        self.stated(offset.parse().unwrap(), message, truth);
    }

    /// CURSOR-TRUE: of every topic the client holds what was at the cursor, or later.
    fn stated(&mut self, offset: u64, message: &Value, truth: &Truth) {
        if self.limited {
            self.fail("a cursor, though topics are missing", message);
        }
        for topic in truth.moments.keys().filter(|topic| self.covers(topic)) {
            let held = self.held.get(topic).map(|held| (held.n, held.seq, held.stale));
            if !truth.since(topic, offset).any(|life| life.map(|life| (life.n, life.seq, life.stale)) == held) {
                let was = truth.since(topic, offset).next().flatten();
                self.fail(&format!("the cursor is too early: {topic} is held as {held:?}, was {was:?}"), message);
            }
        }
        self.cursor = Some((self.epoch.clone(), offset));
        self.covered.clone_from(&self.active);
    }

    pub fn covers(&self, topic: &str) -> bool {
        self.active.iter().any(|filter| matches(filter, topic))
    }

    fn entry(&mut self, kind: &str, message: &Value, truth: &Truth) {
        let topic = match message["topic"].as_str() {
            Some(topic) => topic.to_owned(),
            None => match self.numbers.get(&number(message, "n")) {
                Some(topic) => topic.clone(),
                None => self.fail("a number that nobody told", message),
            },
        };
        if kind == "snap" {
            self.numbers.insert(number(message, "n"), topic.clone());
        }
        if !self.covers(&topic) {
            self.fail("nobody asked for that", message);
        }
        let seq = number(message, "seq");
        self.named.insert(topic.clone());
        if kind == "gone" {
            self.held.remove(&topic);
            self.graves.insert(topic, seq);
        } else if self.graves.get(&topic).is_none_or(|grave| seq > *grave) {
            match kind {
                "snap" => self.snap(&topic, message, truth),
                "mark" => self.mark(&topic, message),
                _ => self.advance(&topic, message, truth),
            }
        }
        if let Some(offset) = message["o"].as_u64() {
            if offset <= self.live_offset {
                self.fail("o does not rise", message);
            }
            self.live_offset = offset;
            self.stated(offset, message, truth);
        }
    }

    fn snap(&mut self, topic: &str, message: &Value, truth: &Truth) {
        let (n, seq) = (number(message, "n"), number(message, "seq"));
        let own = self.held.get(topic).filter(|own| own.n == n);
        if own.is_some_and(|own| own.seq > seq) || self.held.get(topic).is_some_and(|own| own.n > n) {
            return;
        }
        let mut state = message["data"].clone();
        unquote(&mut state);
        if let Some(events) = state.as_array() {
            self.check_events(topic, events, message, truth);
            if let Some(own) = own {
                let missed = number(message, "from").saturating_sub(own.seq);
                match message["lost"].as_u64() {
                    Some(lost) if lost < missed => self.fail(&format!("{missed} events were missed"), message),
                    Some(lost) if lost > missed && message["why"] != "reset" && !own.ahead => {
                        self.fail(&format!("only {missed} events were missed"), message)
                    }
                    None if missed > 0 && message.get("lost") != Some(&Value::Null) => {
                        self.fail(&format!("{missed} events were missed, and nobody says so"), message)
                    }
                    _ => {}
                }
            }
            state = Value::Null;
        }
        if truth.states.get(&(topic.to_owned(), seq)) != Some(&state) {
            self.fail("a state that never was", message);
        }
        let stale = message["stale"] == true;
        self.held.insert(topic.to_owned(), Held { n, seq, stale, state, ahead: false });
    }

    fn check_events(&self, topic: &str, events: &[Value], message: &Value, truth: &Truth) {
        let (from, seq) = (number(message, "from"), number(message, "seq"));
        let are = (from + 1..=seq).map(|seq| truth.events.get(&(topic.to_owned(), seq)));
        if !are.eq(events.iter().map(Some)) {
            self.fail("not exactly the events from+1..seq", message);
        }
    }

    fn mark(&mut self, topic: &str, message: &Value) {
        let seq = number(message, "seq");
        match self.held.get_mut(topic) {
            Some(held) if held.seq == seq => held.stale = message["stale"] == true,
            Some(held) if held.seq > seq => {}
            _ => self.fail("a mark of what is not held", message),
        }
    }

    /// A delta or an append.
    fn advance(&mut self, topic: &str, message: &Value, truth: &Truth) {
        let seq = number(message, "seq");
        let from = message["from"].as_u64().unwrap_or(seq - 1);
        let mut data = message["data"].clone();
        unquote(&mut data);
        if let Some(events) = data.as_array() {
            self.check_events(topic, events, message, truth);
        }
        let Some(held) = self.held.get_mut(topic) else { self.fail("it applies to nothing", message) };
        if seq <= held.seq {
            return;
        }
        let applies = if data.is_array() { held.seq >= from } else { held.seq == from };
        if !applies {
            let own = held.seq;
            self.fail(&format!("it does not apply to {own}"), message);
        }
        (held.seq, held.ahead) = (seq, false);
        if !data.is_array() {
            merge(&mut held.state, &data);
        }
        if held.stale || truth.states.get(&(topic.to_owned(), seq)) != Some(&held.state) {
            self.fail("it leads to a state that never was, or is stale", message);
        }
    }
}

fn number(message: &Value, member: &str) -> u64 {
    message[member].as_u64().unwrap_or_else(|| panic!("no {member}: {message}"))
}

/// RFC 7396.
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else { return *target = patch.clone() };
    if !target.is_object() {
        *target = Value::Object(Default::default());
    }
    let target = target.as_object_mut().unwrap();
    for (key, change) in patch {
        if change.is_null() {
            target.remove(key);
        } else {
            merge(target.entry(key).or_insert(Value::Null), change);
        }
    }
}

/// Undoes `num=string`: nobody publishes strings.
fn unquote(value: &mut Value) {
    match value {
        Value::String(text) => *value = text.parse::<i64>().unwrap().into(),
        Value::Array(items) => items.iter_mut().for_each(unquote),
        Value::Object(fields) => fields.values_mut().for_each(unquote),
        _ => {}
    }
}

pub fn matches(filter: &str, topic: &str) -> bool {
    let mut tokens = topic.split('.');
    for token in filter.split('.') {
        match (token, tokens.next()) {
            (">", Some(_)) => return true,
            (token, Some(own)) if token == "*" || token == own => {}
            _ => return false,
        }
    }
    tokens.next().is_none()
}
