//! What a client holds of each topic, by the Seq rule: SNAPSHOT-FIRST, no gap, no repeat, nothing that never was, and
//! `lost` wherever events are missing.

use super::message::Message;
use super::reader::{Form, Reader};
use super::truth::{Truth, merge};
use serde_json::Value;

#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    pub seq: u64,
    /// The number of this life of the name.
    pub n: u64,
    /// Of a state topic; null for events.
    pub state: Value,
    pub stale: bool,
    pub is_event: bool,
    /// Perhaps newer than the cursor that the connection went on from: it may be told again.
    pub ahead: bool,
    /// Of another epoch.
    pub is_foreign: bool,
}

impl Held {
    pub(super) fn moment(&self) -> (u64, u64, bool, bool) {
        (self.seq, self.n, self.stale, self.is_event)
    }
}

/// A message about a topic.
#[derive(Debug)]
pub(super) struct Told<'a> {
    pub topic: String,
    pub seq: u64,
    pub message: &'a Message<'a>,
    /// With numbers, whatever the form.
    pub data: Value,
    /// As it stands in the message.
    pub text: String,
}

impl<'a> Told<'a> {
    pub fn new(reader: &Reader, topic: String, seq: u64, message: &'a Message<'a>) -> Told<'a> {
        let text = message.data.map(|data| data.get().to_owned()).unwrap_or_default();
        let raw: Value = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).expect("JSON in JSON") };
        if reader.form_is_settled() && holds_a_number(&raw, !reader.num_string) {
            reader.fail("numbers are not told in the form that was asked for", message);
        }
        Told { topic, seq, message, data: unquoted(raw), text }
    }
}

impl Reader {
    /// What is held of the topic in this epoch.
    fn own(&self, topic: &str) -> Option<&Held> {
        self.held.get(topic).filter(|held| !held.is_foreign)
    }

    pub(super) fn apply(&mut self, told: &Told<'_>, truth: &Truth) {
        let is_buried = self.graves.get(&told.topic).is_some_and(|grave| told.seq <= *grave);
        match told.message.t {
            "snap" => self.snap(told, is_buried, truth),
            "gone" => self.gone(told),
            _ if is_buried => {}
            "mark" => self.mark(told),
            "delta" => self.delta(told, truth),
            _ => self.append(told, truth),
        }
    }

    fn snap(&mut self, told: &Told<'_>, is_buried: bool, truth: &Truth) {
        let Message { why, n, ts, o, stale, .. } = told.message;
        let (Some(why), Some(n), Some(_)) = (*why, *n, *ts) else { self.fail("a snapshot lacks n, ts or why", told) };
        if o.is_some() && !matches!(why, "born" | "reset") {
            self.fail("a snapshot outside the log states o", told);
        }
        if truth.topic(&told.topic).and_then(|topic| topic.life_of(told.seq)) != Some(n) {
            self.fail("the number of another life", told);
        }
        let is_event = told.data.is_array();
        if is_event {
            self.snap_of_events(told, why, n, truth);
        } else if truth.state(&told.topic, told.seq) != Some(&told.data) {
            self.fail(&format!("a state that never was; it was {:?}", truth.state(&told.topic, told.seq)), told);
        } else if told.message.lost.is_some() || told.message.from.is_some() {
            self.fail("from or lost of a state", told);
        }
        if let Some(own) = self.own(&told.topic) {
            match own.ahead {
                true if own.seq > told.seq => return,
                true => {}
                false if own.seq > told.seq => self.fail(&format!("back from {}", own.seq), told),
                false if own.n == n && why == "born" => self.fail("born though it lives", told),
                false if own.n != n && o.is_some() => self.fail("a death was not told", told),
                false => {}
            }
        }
        if is_buried {
            return;
        }
        let state = if is_event { Value::Null } else { told.data.clone() };
        let (seq, stale) = (told.seq, stale.unwrap_or(false));
        let held = Held { seq, n, state, stale, is_event, ahead: false, is_foreign: false };
        self.held.insert(told.topic.clone(), held);
    }

    fn snap_of_events(&mut self, told: &Told<'_>, why: &str, n: u64, truth: &Truth) {
        let from = self.check_events(told, truth);
        if from + 1 < n {
            self.fail("events of a former life", told);
        }
        match told.message.lost {
            Some(lost) if self.may_be_lost(told, why, n, from, lost, truth) => self.lost += lost.unwrap_or(0),
            None if why == "subscribe" || (why == "born" && from + 1 == n) => {}
            _ => self.fail(&format!("lost is not what was missed; held is {:?}", self.held.get(&told.topic)), told),
        }
    }

    /// What of the topic the client did not get and will not get.
    fn may_be_lost(&self, told: &Told<'_>, why: &str, n: u64, from: u64, lost: Option<u64>, truth: &Truth) -> bool {
        match why {
            // What the provider said is compared with the log where the entry states its offset. A tick adds what it had to
            // leave out.
            "reset" | "born" => {
                let held = self.own(&told.topic).filter(|own| own.n == n).map_or(n - 1, |own| own.seq);
                lost.is_none_or(|lost| lost >= from.saturating_sub(held))
            }
            "resume" => match self.resume_offset() {
                None => lost.is_none(),
                Some(cursor) if cursor < n => lost.is_none(),
                Some(cursor) => {
                    let had = truth.topic(&told.topic).and_then(|topic| topic.at(cursor)).map_or(0, |then| then.seq);
                    // Past retention nobody needs to count; where the events overlap there is nothing to count.
                    lost.map_or(from >= had, |lost| lost == from.saturating_sub(had))
                }
            },
            "lag" | "rate" => {
                let own = self.own(&told.topic);
                let same_life = own.filter(|own| own.n == n);
                let missed = from.saturating_sub(same_life.map_or(n - 1, |own| own.seq));
                let is_sure = same_life.is_some_and(|own| !own.ahead);
                match lost {
                    Some(lost) => lost == missed || (!is_sure && self.replay && lost > missed),
                    None => !is_sure,
                }
            }
            _ => false,
        }
    }

    /// `data` holds exactly the events `from+1 … seq`, as they were. Returns `from`.
    fn check_events(&self, told: &Told<'_>, truth: &Truth) -> u64 {
        let (Some(from), Value::Array(events)) = (told.message.from, &told.data) else {
            self.fail("no events, or no from", told)
        };
        if told.seq.checked_sub(from) != Some(events.len() as u64) {
            self.fail("not exactly the events from+1..seq", told);
        }
        for (seq, event) in (from + 1..).zip(events) {
            if truth.event(&told.topic, seq) != Some(event) {
                self.fail(&format!("an event that never was, at {seq}"), told);
            }
        }
        from
    }

    fn gone(&mut self, told: &Told<'_>) {
        match self.held.get(&told.topic) {
            Some(held) if !held.is_foreign && held.seq > told.seq => {
                if !held.ahead {
                    self.fail(&format!("an end from before {}", held.seq), told);
                }
                return;
            }
            _ => {}
        }
        self.held.remove(&told.topic);
        self.graves.insert(told.topic.clone(), told.seq);
    }

    fn mark(&mut self, told: &Told<'_>) {
        let Some(stale) = told.message.stale else { self.fail("a mark of nothing", told) };
        let Some(own) = self.own(&told.topic) else { self.fail("a mark before its snapshot", told) };
        let (ahead, own_seq, was_stale) = (own.ahead, own.seq, own.stale);
        if own_seq < told.seq || (own_seq > told.seq && !ahead) {
            self.fail(&format!("a mark of another seq than {own_seq}"), told);
        }
        if was_stale == stale && !ahead {
            self.fail("a mark that changes nothing", told);
        }
        if let Some(held) = self.held.get_mut(&told.topic).filter(|_| own_seq == told.seq) {
            held.stale = stale;
        }
    }

    /// True if the message leads on from what is held; false if it is a repeat that may be ignored.
    fn leads_on(&self, told: &Told<'_>, from: u64) -> bool {
        let Some(own) = self.own(&told.topic) else { self.fail("before its snapshot (SNAPSHOT-FIRST)", told) };
        if told.seq <= own.seq {
            if !own.ahead {
                self.fail(&format!("a repeat: held is {}", own.seq), told);
            }
            return false;
        }
        // A client that is ahead may have some of the events.
        let joins = own.seq == from || (own.ahead && own.is_event && own.seq > from);
        if !joins {
            self.fail(&format!("a gap: held is {}", own.seq), told);
        }
        if own.stale {
            self.fail("fresh data without a mark (STALE-TOLD)", told);
        }
        true
    }

    fn delta(&mut self, told: &Told<'_>, truth: &Truth) {
        let from = told.message.from.unwrap_or(told.seq - 1);
        if !self.leads_on(told, from) {
            return;
        }
        let Some(held) = self.held.get_mut(&told.topic).filter(|held| !held.is_event) else {
            self.fail("a delta of an event topic", told)
        };
        merge(&mut held.state, &told.data);
        (held.seq, held.ahead) = (told.seq, false);
        if truth.state(&told.topic, told.seq) != Some(&held.state) {
            let state = held.state.clone();
            self.fail(&format!("a state that never was: {state}"), told);
        }
    }

    fn append(&mut self, told: &Told<'_>, truth: &Truth) {
        let from = self.check_events(told, truth);
        if self.leads_on(told, from) {
            let Some(held) = self.held.get_mut(&told.topic).filter(|held| held.is_event) else {
                self.fail("an append to a state topic", told)
            };
            (held.seq, held.ahead) = (told.seq, false);
        }
    }

    /// True if the client is of a form that may come again with its cursor.
    pub fn may_resume(&self) -> bool {
        self.cursor.is_some() && !self.covered.is_empty() && self.form != Form::Polling
    }
}

/// True if some number is told as a number (`bare`), or as a string. What is published has no strings that look like
/// numbers.
fn holds_a_number(value: &Value, bare: bool) -> bool {
    match value {
        // The form is wrong if numbers are bare though strings were asked for, or the reverse.
        Value::Number(_) => !bare,
        Value::String(text) => bare && text.parse::<i64>().is_ok(),
        Value::Array(items) => items.iter().any(|item| holds_a_number(item, bare)),
        Value::Object(fields) => fields.values().any(|value| holds_a_number(value, bare)),
        _ => false,
    }
}

/// Undoes `num=string`.
fn unquoted(value: Value) -> Value {
    match value {
        Value::String(text) => text.parse::<i64>().map_or(Value::String(text), Value::from),
        Value::Array(items) => items.into_iter().map(unquoted).collect(),
        Value::Object(fields) => fields.into_iter().map(|(key, value)| (key, unquoted(value))).collect(),
        other => other,
    }
}
