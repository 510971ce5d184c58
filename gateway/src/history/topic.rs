//! The past of one topic: bars by open time, or events in order.

use super::Span;
use crate::log::Seq;
use feeds::model::{Object, Value, merge};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct TopicHistory {
    name: Arc<str>,
    pub seq: Seq,
    items_max: usize,
    /// Of a bar topic, by open time in Unix ms.
    bars: BTreeMap<i64, Object>,
    /// Of an event topic: seq, time and the event.
    events: VecDeque<(Seq, i64, Object)>,
}

impl TopicHistory {
    pub fn new(name: Arc<str>, items_max: usize) -> TopicHistory {
        TopicHistory { name, seq: Seq(0), items_max, bars: BTreeMap::new(), events: VecDeque::new() }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Takes a message of the log: a snapshot's state, a delta's patch or events.
    pub fn take(&mut self, message: &Object) {
        match message.get("data") {
            Some(Value::Object(bars)) => bars.iter().for_each(|(time, bar)| self.take_bar(time, bar)),
            Some(Value::Array(events)) => self.take_events(message, events),
            _ => {}
        }
    }

    fn take_bar(&mut self, time: &str, bar: &Value) {
        // A null only means that the bar left the topic's window of 16: here it stays.
        let (Ok(time), Value::Object(patch)) = (time.parse(), bar) else { return };
        merge(self.bars.entry(time).or_default(), patch);
        while self.bars.len() > self.items_max {
            self.bars.pop_first();
        }
    }

    /// Events carry consecutive seqs that end at the message's own; those that are known are passed over.
    fn take_events(&mut self, message: &Object, events: &[Value]) {
        let last = message.get("seq").and_then(whole).unwrap_or_default();
        let first = (last + 1).saturating_sub(events.len() as i64);
        let time = message.get("ts").and_then(whole).unwrap_or_default();
        let known = self.events.back().map_or(0, |(seq, ..)| seq.0);
        for (seq, event) in (first..).zip(events) {
            if let Value::Object(event) = event
                && seq as u64 > known
            {
                let time = event.get("te").and_then(whole).unwrap_or(time);
                self.events.push_back((Seq(seq as u64), time, Object::clone(event)));
            }
        }
        while self.events.len() > self.items_max {
            self.events.pop_front();
        }
    }

    pub fn excerpt(&self, span: Span) -> Vec<Vec<u8>> {
        let inside = |time: i64| span.from.is_none_or(|from| time >= from) && span.to.is_none_or(|to| time < to);
        let mut items: Vec<Vec<u8>> = if self.events.is_empty() {
            let bars = self.bars.iter().rev().filter(|(time, _)| inside(**time)).take(span.limit);
            bars.map(|(time, bar)| written(bar.clone().with("t", *time))).collect()
        } else {
            let events = self.events.iter().rev().filter(|(_, time, _)| inside(*time)).take(span.limit);
            events.map(|(_, _, event)| written(event.clone())).collect()
        };
        items.reverse();
        items
    }
}

fn whole(value: &Value) -> Option<i64> {
    let number = value.as_number()?.normalized();
    if number.scale() == 0 { i64::try_from(number.mantissa()).ok() } else { None }
}

fn written(item: Object) -> Vec<u8> {
    let mut out = Vec::new();
    item.write(&mut out);
    out
}
