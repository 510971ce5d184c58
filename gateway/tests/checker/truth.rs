//! What was published and what it means, computed apart from the gateway: every entry that there must be, every state
//! that ever was, and what each topic was at each offset.

use serde_json::{Map, Value};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    State,
    Event,
}

impl Kind {
    /// The kind that a name has before anything is published.
    fn ruled(topic: &str) -> Option<Kind> {
        match topic.split('.').next().unwrap_or_default() {
            "trade" | "play" => Some(Kind::Event),
            "quote" | "score" | "book" => Some(Kind::State),
            _ => None,
        }
    }
}

/// What a publisher says of a topic.
#[derive(Clone, Debug)]
pub enum Act {
    Patch(Value),
    State(Value),
    Reset(Value),
    Event(Value),
    Lost(Option<u64>),
    Stale(bool),
    Retire,
}

impl Act {
    fn kind(&self) -> Option<Kind> {
        match self {
            Act::Patch(_) | Act::State(_) | Act::Reset(_) => Some(Kind::State),
            Act::Event(_) | Act::Lost(_) => Some(Kind::Event),
            Act::Stale(_) | Act::Retire => None,
        }
    }
}

/// An entry as all transports are to tell it. Its offset is its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Word {
    pub t: &'static str,
    pub topic: Rc<str>,
    pub seq: u64,
    /// Null of marks and ends. Of a reset event topic what is lost: how much is kept is the gateway's own affair.
    pub data: Value,
    pub stale: Option<bool>,
}

/// A topic as it was after one of its entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub offset: u64,
    pub seq: u64,
    /// The number of this life of the name.
    pub n: u64,
    pub alive: bool,
    pub stale: bool,
    pub is_event: bool,
}

#[derive(Debug, Default)]
pub struct Topic {
    /// One for each entry, oldest first.
    pub moments: Vec<Moment>,
    states: HashMap<u64, Rc<Value>>,
    events: HashMap<u64, Value>,
    /// Offset of the delta or append with that seq.
    steps: HashMap<u64, u64>,
}

impl Topic {
    pub fn now(&self) -> Option<Moment> {
        self.moments.last().copied().filter(|moment| moment.alive)
    }

    /// What it was when everything up to `offset` had happened; `None` if it did not live then.
    pub fn at(&self, offset: u64) -> Option<Moment> {
        let count = self.moments.partition_point(|moment| moment.offset <= offset);
        self.moments[..count].last().copied().filter(|moment| moment.alive)
    }

    /// What it became after `offset`, one by one.
    pub fn since(&self, offset: u64) -> impl Iterator<Item = Option<Moment>> {
        let count = self.moments.partition_point(|moment| moment.offset <= offset);
        self.moments[count..].iter().map(|moment| Some(*moment).filter(|moment| moment.alive))
    }

    /// The number of the life that `seq` belongs to.
    pub fn life_of(&self, seq: u64) -> Option<u64> {
        self.moments.iter().map(|moment| moment.n).filter(|n| *n <= seq).max()
    }
}

#[derive(Debug, Default)]
pub struct Truth {
    pub epoch: String,
    /// Of the newest entry.
    pub offset: u64,
    /// All entries, the first of which has offset 1.
    words: Vec<Word>,
    topics: BTreeMap<Rc<str>, Topic>,
    /// The text of each entry's `data` as it was first told, with numbers and with strings: SAME-WORDS holds to the byte.
    told: RefCell<HashMap<(u64, bool), String>>,
}

impl Truth {
    pub fn new(epoch: &str) -> Truth {
        Truth { epoch: epoch.to_owned(), ..Truth::default() }
    }

    pub fn topic(&self, topic: &str) -> Option<&Topic> {
        self.topics.get(topic)
    }

    pub fn topics(&self) -> impl Iterator<Item = (&Rc<str>, &Topic)> {
        self.topics.iter()
    }

    pub fn word(&self, offset: u64) -> Option<&Word> {
        self.words.get(usize::try_from(offset.checked_sub(1)?).ok()?)
    }

    /// The entries after `from` and up to `to`, with their offsets.
    pub fn words(&self, from: u64, to: u64) -> impl Iterator<Item = (u64, &Word)> {
        (from + 1..=to).filter_map(|offset| Some((offset, self.word(offset)?)))
    }

    /// The delta or append that led to this seq.
    pub fn step(&self, topic: &str, seq: u64) -> Option<(u64, &Word)> {
        let offset = *self.topics.get(topic)?.steps.get(&seq)?;
        Some((offset, self.word(offset)?))
    }

    pub fn state(&self, topic: &str, seq: u64) -> Option<&Value> {
        self.topics.get(topic)?.states.get(&seq).map(|state| &**state)
    }

    pub fn event(&self, topic: &str, seq: u64) -> Option<&Value> {
        self.topics.get(topic)?.events.get(&seq)
    }

    /// Everyone is told the same text. False if another one was told before.
    pub fn is_same_text(&self, offset: u64, num_string: bool, text: &str) -> bool {
        let mut told = self.told.borrow_mut();
        *told.entry((offset, num_string)).or_insert_with(|| text.to_owned()) == *text
    }

    /// Notes what is published. How many entries it makes; `None` if it is to be refused.
    pub fn apply(&mut self, name: &str, act: &Act) -> Option<u64> {
        let before = self.offset;
        let now = self.topics.get(name).and_then(Topic::now);
        let kind = now.map(|now| if now.is_event { Kind::Event } else { Kind::State }).or_else(|| Kind::ruled(name));
        // Marks and ends fit every kind; what a feed lost of a topic that is not there means nothing.
        let fits = act.kind().is_none() || kind.is_none() || act.kind() == kind;
        match (act, now) {
            (Act::Lost(_), None) => return Some(0),
            (Act::Retire, None) => return None,
            _ if !fits => return None,
            _ => {}
        }
        match act {
            Act::Retire => self.add(name, "gone", Value::Null, |now| Moment { alive: false, ..now }),
            Act::Stale(stale) => {
                if now.is_some_and(|now| now.stale != *stale) {
                    self.mark(name, *stale);
                }
            }
            Act::Lost(lost) => self.add(name, "snap", serde_json::json!(lost), |now| now),
            Act::Event(event) => self.event_happened(name, event, now),
            Act::Patch(_) | Act::State(_) | Act::Reset(_) => self.state_said(name, act, now),
        }
        Some(self.offset - before)
    }

    fn mark(&mut self, name: &str, stale: bool) {
        self.add(name, "mark", Value::Null, |now| Moment { stale, ..now });
    }

    fn event_happened(&mut self, name: &str, event: &Value, now: Option<Moment>) {
        if now.is_some_and(|now| now.stale) {
            self.mark(name, false);
        }
        let data = Value::Array(vec![event.clone()]);
        match now {
            Some(_) => self.add(name, "append", data, |now| Moment { seq: now.seq + 1, ..now }),
            None => self.add(name, "snap", data, |now| Moment { is_event: true, ..now }),
        }
        let topic = self.topics.get_mut(name).expect("it was added to");
        let seq = topic.moments.last().map_or(0, |now| now.seq);
        topic.events.insert(seq, event.clone());
    }

    fn state_said(&mut self, name: &str, act: &Act, now: Option<Moment>) {
        if now.is_some_and(|now| now.stale) {
            self.mark(name, false);
        }
        let empty = || Value::Object(Map::new());
        let old = now.and_then(|now| self.state(name, now.seq)).cloned().unwrap_or_else(empty);
        let mut new = if matches!(act, Act::Patch(_)) { old.clone() } else { empty() };
        if let Act::Patch(said) | Act::State(said) | Act::Reset(said) = act {
            merge(&mut new, said);
        }
        let next = |now: Moment| Moment { seq: now.seq + 1, ..now };
        match (now, act) {
            (None, _) => self.add(name, "snap", new.clone(), |now| Moment { is_event: false, ..now }),
            (_, Act::Reset(_)) => self.add(name, "snap", new.clone(), next),
            _ if new == old => return,
            _ => self.add(name, "delta", difference(&old, &new), next),
        }
        let topic = self.topics.get_mut(name).expect("it was added to");
        let seq = topic.moments.last().map_or(0, |now| now.seq);
        topic.states.insert(seq, Rc::new(new));
    }

    /// Adds one entry; `next` says what the topic is after it. A topic that does not live is born.
    fn add(&mut self, name: &str, t: &'static str, data: Value, next: impl FnOnce(Moment) -> Moment) {
        self.offset += 1;
        let offset = self.offset;
        let known = self.topics.get_key_value(name).map(|(name, _)| Rc::clone(name));
        let name = known.unwrap_or_else(|| name.into());
        let topic = self.topics.entry(Rc::clone(&name)).or_default();
        let birth = Moment { offset, seq: offset, n: offset, alive: true, stale: false, is_event: false };
        let now = Moment { offset, ..next(topic.now().unwrap_or(birth)) };
        topic.moments.push(now);
        if matches!(t, "delta" | "append") {
            topic.steps.insert(now.seq, offset);
        }
        let stale = (t == "mark").then_some(now.stale);
        self.words.push(Word { t, topic: name, seq: now.seq, data, stale });
    }
}

/// RFC 7396.
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (key, change) in patch {
        if change.is_null() {
            target.remove(key);
        } else {
            merge(target.entry(key).or_insert(Value::Null), change);
        }
    }
}

/// The smallest patch that makes `new` of `old`.
fn difference(old: &Value, new: &Value) -> Value {
    let (Value::Object(old), Value::Object(new)) = (old, new) else { return new.clone() };
    let mut patch = Map::new();
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    for (key, value) in new.iter().filter(|(key, value)| old.get(*key) != Some(*value)) {
        patch.insert(key.clone(), old.get(key).map_or_else(|| value.clone(), |old| difference(old, value)));
    }
    Value::Object(patch)
}
