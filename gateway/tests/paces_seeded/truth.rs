//! What really was: every moment of every topic, as a second sequencer's log tells it, entry by entry.

use super::client::merge;
use fanwire::limits::Limits;
use fanwire::log::{Epoch, Log, LogLimits, Reader};
use fanwire::sequencer::{KindRules, Sequencer};
use fanwire::store::Store;
use feeds::model::Update;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// One life of a topic, at some moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Life {
    pub n: u64,
    pub seq: u64,
    pub stale: bool,
    /// Null for events.
    pub state: Value,
}

pub struct Truth {
    sequencer: Sequencer,
    log: Arc<Log>,
    reader: Reader,
    /// From which offset on a topic was what; `None`: not alive.
    pub moments: BTreeMap<String, Vec<(u64, Option<Life>)>>,
    /// (topic, seq) → state, or event.
    pub states: HashMap<(String, u64), Value>,
    pub events: HashMap<(String, u64), Value>,
}

impl Truth {
    pub fn new(epoch: Epoch, rules: KindRules) -> Truth {
        let (log, writer) = Log::new(epoch, LogLimits { segments_max: 4, bytes_max: 1 << 30 });
        let sequencer = Sequencer::new(Arc::new(Store::new()), writer, rules, &Limits::default());
        let (reader, moments) = (log.reader_at_tail(), BTreeMap::new());
        Truth { sequencer, log, reader, moments, states: HashMap::new(), events: HashMap::new() }
    }

    pub fn apply(&mut self, update: Update, now_ms: i64) {
        let _ = self.sequencer.apply(update, now_ms);
        self.sequencer.commit();
        while let Some(segment) = self.reader.read(&self.log).expect("read at once") {
            for index in 0..segment.entries.len() as u32 {
                self.note(&serde_json::from_slice(segment.json(index)).expect("an entry is JSON"));
            }
        }
    }

    fn note(&mut self, entry: &Value) {
        let topic = entry["topic"].as_str().unwrap().to_owned();
        let (seq, offset) = (entry["seq"].as_u64().unwrap(), entry["o"].as_u64().unwrap());
        let moments = self.moments.entry(topic.clone()).or_default();
        let mut life = moments.last().and_then(|(_, life)| life.clone());
        let data = &entry["data"];
        match entry["t"].as_str().unwrap() {
            "gone" => life = None,
            "mark" => life.as_mut().unwrap().stale = entry["stale"] == true,
            "delta" => {
                let life = life.as_mut().unwrap();
                life.seq = seq;
                merge(&mut life.state, data);
            }
            t => {
                let (stale, state) = (entry["stale"] == true, if data.is_array() { Value::Null } else { data.clone() });
                let n = entry["n"].as_u64().unwrap_or_else(|| life.as_ref().unwrap().n);
                let stale = if t == "snap" { stale } else { life.as_ref().unwrap().stale };
                life = Some(Life { n, seq, stale, state });
                if let Some(events) = data.as_array().filter(|_| entry["why"] != "reset") {
                    self.events.insert((topic.clone(), seq), events.last().unwrap().clone());
                }
            }
        }
        if let Some(life) = &life {
            self.states.insert((topic, seq), life.state.clone());
        }
        moments.push((offset, life));
    }

    /// What the topic has been since `offset`.
    pub fn since(&self, topic: &str, offset: u64) -> impl Iterator<Item = Option<&Life>> {
        let moments = self.moments.get(topic).map_or(&[][..], Vec::as_slice);
        let next = moments.partition_point(|(at, _)| *at <= offset);
        let first = next.checked_sub(1).and_then(|at| moments[at].1.as_ref());
        std::iter::once(first).chain(moments[next..].iter().map(|(_, life)| life.as_ref()))
    }

    pub fn now(&self, topic: &str) -> Option<&Life> {
        self.since(topic, u64::MAX).next().flatten()
    }
}
