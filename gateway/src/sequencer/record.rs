//! What the sequencer keeps of one topic.

use crate::log::{Link, Offset, Seq, TopicId};
use crate::store::{Content, Encodings, Event, Kind, Snapshot};
use feeds::model::Object;
use std::collections::VecDeque;
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct Record {
    pub name: Arc<str>,
    pub kind: Kind,
    /// The offset of the birth: the topic's number and its first seq.
    pub n: u64,
    /// False once it is retired; the record stays until its `gone` leaves the log.
    pub live: bool,
    pub seq: Seq,
    /// Newest entry in the log; `None` only before the birth's own entry is drafted.
    pub newest: Option<Link>,
    pub ts: i64,
    pub te: Option<i64>,
    pub stale: bool,
    pub touched: bool,
    /// Bytes that entries added to the state since it was last measured.
    pub grown: usize,
    /// Of a state topic; else empty.
    pub state: Arc<Object>,
    /// Of an event topic, the last `keep`; else empty.
    events: VecDeque<Arc<Event>>,
    keep: usize,
    events_bytes: usize,
}

impl Record {
    pub fn born(name: Arc<str>, kind: Kind, keep: usize, birth: Offset, newest: Option<Link>) -> Record {
        Record {
            name,
            kind,
            n: birth.0,
            live: true,
            seq: Seq(birth.0),
            newest,
            ts: 0,
            te: None,
            stale: false,
            touched: false,
            grown: 0,
            state: Arc::default(),
            events: VecDeque::new(),
            keep: keep.max(1),
            events_bytes: 0,
        }
    }

    /// Adds an event. The oldest go while there are too many, or too many bytes of them.
    pub fn push_event(&mut self, event: Arc<Event>, bytes_max: usize) {
        self.events_bytes += event.json.len();
        self.events.push_back(event);
        while self.events.len() > self.keep || (self.events_bytes > bytes_max && self.events.len() > 1) {
            let Some(oldest) = self.events.pop_front() else { break };
            self.events_bytes -= oldest.json.len();
        }
    }

    /// The seq before the oldest event held.
    pub fn from(&self) -> Seq {
        self.events.front().map_or(self.seq, |oldest| Seq(oldest.seq.0 - 1))
    }

    pub fn content(&self) -> Content {
        match self.kind {
            Kind::State => Content::State(Arc::clone(&self.state)),
            Kind::Event => Content::Events(self.events.iter().cloned().collect()),
        }
    }

    /// Only called once an entry is drafted, hence with a newest link.
    pub fn snapshot(&self, id: TopicId, encodings: &Arc<Encodings>) -> Snapshot {
        let newest = self.newest.expect("a live record has the entry of its birth");
        let from = if self.kind == Kind::Event { self.from() } else { self.seq };
        let (name, content) = (Arc::clone(&self.name), self.content());
        let (times, encodings) = ((self.ts, self.te), Arc::clone(encodings));
        Snapshot::new(id, name, self.n, (from, self.seq), newest, times, self.stale, content, encodings)
    }

    pub fn end(&mut self) {
        self.live = false;
        self.state = Arc::default();
        self.events = VecDeque::new();
    }
}
