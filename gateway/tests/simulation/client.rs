//! A client that follows the protocol to the letter and fails at the first message that breaks it. It shares no code
//! with the gateway's framing or merging.

use super::wire::Pipe;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

/// What really was: (topic, seq) → state, or → event.
#[derive(Debug, Default)]
pub struct Truth {
    pub states: HashMap<(String, u64), Value>,
    pub events: HashMap<(String, u64), Value>,
    /// Epochs by name: anything of an unknown one is foreign.
    pub epoch: String,
}

/// What the client holds of one topic.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    pub seq: u64,
    /// Of a state topic; null for events.
    pub state: Value,
    pub stale: bool,
    pub is_event: bool,
    /// Held since before this connection, perhaps beyond the cursor: the server may count as lost what was received.
    pub ahead: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Form {
    WebSocket,
    Sse,
}

#[derive(Debug)]
pub struct Client {
    pub name: usize,
    pub form: Form,
    pub held: BTreeMap<String, Held>,
    /// The last cursor that the server stated, and to which requests it applies.
    pub cursor: Option<String>,
    /// Filters that the cursor covers.
    pub covered: BTreeSet<String>,
    /// Filters asked for, by the id of the request, whose `ok` has not come.
    pub asked: BTreeMap<u64, Vec<String>>,
    /// Filters whose `ok` came; the next cursor covers them.
    pub granted: BTreeSet<String>,
    buffer: Vec<u8>,
    live_offset: u64,
    epoch: String,
    greeted: bool,
    /// Topics named since the last full answer began; `None` outside of one.
    named: BTreeSet<String>,
    /// Seqs of topics that are gone: what is older than that may come again after a resume, and means nothing.
    graves: HashMap<String, u64>,
    pub num_string: bool,
    pub ids: bool,
    numbers: HashMap<u64, String>,
    pub lost: u64,
    pub lost_unknown: u64,
    pub messages: u64,
}

impl Client {
    pub fn new(name: usize, form: Form, num_string: bool, ids: bool) -> Client {
        Client {
            name,
            form,
            held: BTreeMap::new(),
            cursor: None,
            covered: BTreeSet::new(),
            asked: BTreeMap::new(),
            granted: BTreeSet::new(),
            buffer: Vec::new(),
            live_offset: 0,
            epoch: String::new(),
            greeted: false,
            named: BTreeSet::new(),
            graves: HashMap::new(),
            num_string,
            ids,
            numbers: HashMap::new(),
            lost: 0,
            lost_unknown: 0,
            messages: 0,
        }
    }

    /// The connection is gone, and what was on its way with it.
    pub fn disconnected(&mut self) {
        self.buffer.clear();
        self.greeted = false;
        self.live_offset = 0;
        self.named.clear();
        self.numbers.clear();
        // What no `at` covered has to be asked for anew, without a cursor. Its data may be kept or thrown away; a
        // client that throws it away needs no proof for it.
        let covered = &self.covered;
        self.held.retain(|topic, _| covered.iter().any(|filter| matches(filter, topic)));
        self.held.values_mut().for_each(|held| held.ahead = true);
    }

    /// Takes `count` bytes from the pipe.
    pub fn read(&mut self, pipe: &Rc<RefCell<Pipe>>, count: usize, truth: &Truth) {
        let mut pipe = pipe.borrow_mut();
        let count = count.min(pipe.bytes.len());
        self.buffer.extend(pipe.bytes.drain(..count));
        drop(pipe);
        while let Some((message, id)) = self.next_message() {
            self.take(&message, id.as_deref(), truth);
        }
    }

    fn next_message(&mut self) -> Option<(Value, Option<String>)> {
        match self.form {
            Form::WebSocket => self.next_frame().map(|message| (message, None)),
            Form::Sse => self.next_block(),
        }
    }

    fn next_frame(&mut self) -> Option<Value> {
        loop {
            let (first, second) = (*self.buffer.first()?, *self.buffer.get(1)?);
            let (length, head) = match second {
                126 => (usize::from(u16::from_be_bytes(self.buffer.get(2..4)?.try_into().unwrap())), 4),
                127 => (u64::from_be_bytes(self.buffer.get(2..10)?.try_into().unwrap()) as usize, 10),
                short => (usize::from(short), 2),
            };
            assert!(second < 128, "a server's frame is not masked");
            let frame = self.buffer.get(head..head + length)?.to_vec();
            self.buffer.drain(..head + length);
            match first {
                0x81 => return Some(serde_json::from_slice(&frame).expect("a frame holds one JSON message")),
                0x88 | 0x89 => {}
                other => panic!("frame head {other:#x}: something was inserted into a frame"),
            }
        }
    }

    fn next_block(&mut self) -> Option<(Value, Option<String>)> {
        loop {
            let end = self.buffer.windows(2).position(|two| two == b"\n\n")?;
            let block = String::from_utf8(self.buffer.drain(..end + 2).collect()).expect("a block is UTF-8");
            let (mut id, mut data) = (None, None);
            for line in block.trim_end().lines() {
                match line.split_once(": ") {
                    Some(("id", text)) => id = Some(text.to_owned()),
                    Some(("data", text)) => data = Some(text.to_owned()),
                    Some(("retry", _)) => {}
                    other => panic!("a line of no known field: {other:?}"),
                }
            }
            if let Some(data) = data {
                return Some((serde_json::from_str(&data).expect("a block holds one JSON message"), id));
            }
        }
    }

    fn fail(&self, what: &str, message: &Value) -> ! {
        panic!("client {}: {what}: {message}", self.name)
    }

    fn take(&mut self, message: &Value, id: Option<&str>, truth: &Truth) {
        if std::env::var_os("TRACE").is_some() {
            eprintln!("    client {} <- {message}", self.name);
        }
        self.messages += 1;
        let kind = message["t"].as_str().unwrap_or_default().to_owned();
        if !self.greeted && kind != "hello" {
            self.fail("hello comes first", message);
        }
        match kind.as_str() {
            "hello" => self.hello(message, truth),
            "ok" => {
                let granted = self.asked.remove(&message["id"].as_u64().unwrap()).expect("an ok to a request");
                self.granted.extend(granted);
            }
            "name" => {
                let (n, topic) = (message["n"].as_u64().unwrap(), message["topic"].as_str().unwrap());
                self.numbers.insert(n, topic.to_owned());
            }
            "at" => self.at(message, id),
            "snap" | "delta" | "append" | "mark" | "gone" => self.entry(&kind, message, id, truth),
            "bye" => {}
            _ => self.fail("a message of no known kind", message),
        }
    }

    fn hello(&mut self, message: &Value, truth: &Truth) {
        self.greeted = true;
        let epoch = message["epoch"].as_str().unwrap().to_owned();
        assert_eq!(epoch, truth.epoch);
        if epoch != self.epoch {
            // Seqs mean nothing across epochs; the states stay until they are replaced or told to be gone.
            for held in self.held.values_mut() {
                held.seq = 0;
            }
            self.graves.clear();
        }
        self.epoch = epoch;
        if self.form == Form::Sse {
            // The request of a stream is granted by its beginning.
            self.granted.extend(std::mem::take(&mut self.asked).into_values().flatten());
        }
    }

    fn at(&mut self, message: &Value, id: Option<&str>) {
        let cursor = message["cursor"].as_str().unwrap().to_owned();
        if let Some(id) = id {
            assert_eq!(id, cursor, "an `at` and its id say the same");
        } else if self.form == Form::Sse {
            self.fail("an `at` without id", message);
        }
        if message["full"] == Value::Bool(true) {
            let named = std::mem::take(&mut self.named);
            self.held.retain(|topic, _| named.contains(topic));
        }
        let offset: u64 = cursor.split_once(':').unwrap().1.parse().unwrap();
        assert!(offset >= self.live_offset, "a cursor went back: {message}");
        self.live_offset = offset;
        self.stated(cursor);
    }

    /// A cursor covers the subscriptions whose `ok` came before it.
    fn stated(&mut self, cursor: String) {
        self.cursor = Some(cursor);
        self.covered.append(&mut self.granted);
    }

    fn topic_of(&self, message: &Value) -> String {
        match (message["topic"].as_str(), message["n"].as_u64()) {
            (Some(topic), _) => topic.to_owned(),
            (None, Some(n)) if self.ids => {
                self.numbers.get(&n).cloned().unwrap_or_else(|| self.fail("a number nobody told", message))
            }
            _ => self.fail("a message of no topic", message),
        }
    }

    fn entry(&mut self, kind: &str, message: &Value, id: Option<&str>, truth: &Truth) {
        let topic = self.topic_of(message);
        let seq = message["seq"].as_u64().unwrap();
        if let Some(n) = message["n"].as_u64() {
            self.numbers.insert(n, topic.clone());
        }
        if let Some(offset) = message["o"].as_u64() {
            if offset <= self.live_offset {
                self.fail("o does not rise", message);
            }
            self.live_offset = offset;
            let cursor = format!("{}:{offset}", self.epoch);
            if self.form == Form::Sse && id != Some(&cursor) {
                self.fail("the id is not the cursor", message);
            }
            self.stated(cursor);
        } else if id.is_some() {
            self.fail("a quiet message states a cursor", message);
        }
        self.named.insert(topic.clone());
        let data = if self.num_string { unquoted(&message["data"]) } else { message["data"].clone() };
        if kind != "snap" && kind != "gone" && self.graves.get(&topic).is_some_and(|grave| seq <= *grave) {
            return;
        }
        match kind {
            "snap" => self.snap(&topic, seq, message, &data, truth),
            "delta" => self.delta(&topic, seq, message, &data, truth),
            "append" => self.append(&topic, seq, message, &data, truth),
            "mark" => {
                let Some(held) = self.held.get_mut(&topic) else { self.fail("a mark before its snapshot", message) };
                if seq == held.seq {
                    held.stale = message["stale"].as_bool().unwrap();
                } else if seq > held.seq {
                    self.fail("a mark from the future", message);
                }
            }
            _ => {
                if self.held.get(&topic).is_none_or(|held| seq >= held.seq) {
                    self.held.remove(&topic);
                    self.graves.insert(topic, seq);
                }
            }
        }
    }

    fn snap(&mut self, topic: &str, seq: u64, message: &Value, data: &Value, truth: &Truth) {
        let own = self.held.get(topic).map(|held| held.seq);
        let is_event = data.is_array();
        if is_event {
            self.events(topic, message["from"].as_u64().unwrap(), seq, message, data, truth);
            let from = message["from"].as_u64().unwrap();
            if let Some(own) = own.filter(|own| *own > 0) {
                let missed = from.saturating_sub(own);
                match &message["lost"] {
                    Value::Number(lost) => {
                        let lost = lost.as_u64().unwrap();
                        let ahead = self.held[topic].ahead;
                        if message["why"] != "reset" && (lost < missed || (!ahead && lost > missed)) {
                            self.fail(&format!("lost is not the {missed} that were missed (own seq {own})"), message);
                        }
                        self.lost += lost;
                    }
                    Value::Null if message.get("lost").is_some() => self.lost_unknown += 1,
                    _ if missed > 0 && message["why"] != "born" => {
                        self.fail(&format!("{missed} events are missing and nobody says so"), message)
                    }
                    _ => {}
                }
            }
        } else if truth.states.get(&(topic.to_owned(), seq)) != Some(data) {
            self.fail(
                &format!("a state that never was; truth: {:?}", truth.states.get(&(topic.to_owned(), seq))),
                message,
            );
        }
        if own.is_some_and(|own| own > seq) || self.graves.get(topic).is_some_and(|grave| seq <= *grave) {
            return;
        }
        let state = if is_event { Value::Null } else { data.clone() };
        let stale = message["stale"] == Value::Bool(true);
        self.held.insert(topic.to_owned(), Held { seq, state, stale, is_event, ahead: false });
    }

    fn events(&self, topic: &str, from: u64, seq: u64, message: &Value, data: &Value, truth: &Truth) {
        let events = data.as_array().unwrap();
        if events.len() as u64 != seq - from {
            self.fail("not exactly the events from+1..seq", message);
        }
        for (at, event) in (from + 1..).zip(events) {
            if truth.events.get(&(topic.to_owned(), at)) != Some(event) {
                self.fail("an event that never was", message);
            }
        }
    }

    fn delta(&mut self, topic: &str, seq: u64, message: &Value, data: &Value, truth: &Truth) {
        let Some(held) = self.held.get_mut(topic) else { self.fail("a delta before its snapshot", message) };
        if seq <= held.seq {
            return;
        }
        let from = message["from"].as_u64().unwrap_or(seq - 1);
        if held.seq != from {
            let own = held.seq;
            self.fail(&format!("a gap: own seq {own}"), message);
        }
        merge(&mut held.state, data);
        held.seq = seq;
        held.ahead = false;
        if truth.states.get(&(topic.to_owned(), seq)) != Some(&held.state) {
            let state = held.state.clone();
            let truth = truth.states.get(&(topic.to_owned(), seq));
            self.fail(&format!("a state that never was: {state}; truth: {truth:?}"), message);
        }
    }

    fn append(&mut self, topic: &str, seq: u64, message: &Value, data: &Value, truth: &Truth) {
        let from = message["from"].as_u64().unwrap();
        self.events(topic, from, seq, message, data, truth);
        let Some(held) = self.held.get_mut(topic) else { self.fail("an append before its snapshot", message) };
        if seq <= held.seq {
            return;
        }
        if held.seq < from {
            let own = held.seq;
            self.fail(&format!("a gap: own seq {own}"), message);
        }
        held.seq = seq;
        held.ahead = false;
    }
}

/// RFC 7396.
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
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

/// Undoes `num=string`: the schedule publishes no strings that look like numbers.
fn unquoted(value: &Value) -> Value {
    match value {
        Value::String(text) => text.parse::<i64>().map_or_else(|_| value.clone(), Value::from),
        Value::Array(items) => items.iter().map(unquoted).collect(),
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), unquoted(value))).collect(),
        other => other.clone(),
    }
}

pub fn matches(filter: &str, topic: &str) -> bool {
    match filter.strip_suffix(".>") {
        Some(head) => topic.strip_prefix(head).is_some_and(|rest| rest.starts_with('.')),
        None => filter == topic,
    }
}
