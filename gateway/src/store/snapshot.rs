//! One topic's state at one seq, with its encodings made at most once each.

use super::Encodings;
use crate::log::{Link, Seq, TopicId};
use bytes::Bytes;
use feeds::model::Object;
use std::sync::{Arc, OnceLock};

/// The two kinds of topic (DESIGN.md section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    State,
    Event,
}

impl Kind {
    pub fn word(self) -> &'static str {
        match self {
            Kind::State => "state",
            Kind::Event => "event",
        }
    }
}

/// One event of an append log, encoded.
#[derive(Debug)]
pub struct Event {
    pub seq: Seq,
    /// Its entry in the log.
    pub offset: crate::log::Offset,
    pub json: Box<[u8]>,
}

#[derive(Clone, Debug)]
pub enum Content {
    State(Arc<Object>),
    /// The last events, oldest first.
    Events(Vec<Arc<Event>>),
}

#[derive(Debug)]
pub struct Snapshot {
    pub topic: TopicId,
    pub name: Arc<str>,
    pub kind: Kind,
    /// The topic's number: the offset of its birth, so never given twice in an epoch.
    pub n: u64,
    pub seq: Seq,
    /// Of an event topic, the seq before the oldest event held; of a state topic, its `seq`.
    pub from: Seq,
    /// The topic's newest entry in the log.
    pub link: Link,
    /// Gateway time of the last change, Unix ms.
    pub ts: i64,
    /// Provider time of the last change, Unix ms; `None` if it gave none.
    pub te: Option<i64>,
    pub stale: bool,
    pub content: Content,
    /// `data` as numbers and as strings. Invariant ENCODE-ONCE.
    encoded: [OnceLock<Bytes>; 2],
    encodings: Arc<Encodings>,
}

impl Snapshot {
    #[allow(clippy::too_many_arguments)] // Why: one place builds it, from all that a topic's record holds.
    pub(crate) fn new(
        topic: TopicId,
        name: Arc<str>,
        n: u64,
        (from, seq): (Seq, Seq),
        link: Link,
        (ts, te): (i64, Option<i64>),
        stale: bool,
        content: Content,
        encodings: Arc<Encodings>,
    ) -> Snapshot {
        let kind = match content {
            Content::State(_) => Kind::State,
            Content::Events(_) => Kind::Event,
        };
        Snapshot {
            topic,
            name,
            kind,
            n,
            seq,
            from,
            link,
            ts,
            te,
            stale,
            content,
            encoded: Default::default(),
            encodings,
        }
    }

    /// The JSON of `data`, made on first use and shared by all who ask.
    pub fn data(&self, num_string: bool) -> Bytes {
        self.encoded[usize::from(num_string)].get_or_init(|| self.encode(num_string).into()).clone()
    }

    /// Appends the events as one JSON array.
    pub(crate) fn write_events(events: &[Arc<Event>], out: &mut Vec<u8>) {
        out.push(b'[');
        for (n, event) in events.iter().enumerate() {
            if n > 0 {
                out.push(b',');
            }
            out.extend_from_slice(&event.json);
        }
        out.push(b']');
    }

    fn encode(&self, num_string: bool) -> Vec<u8> {
        self.encodings.note(num_string);
        let mut out = Vec::new();
        if num_string {
            crate::framing::quote_numbers(&self.data(false), &mut out);
            return out;
        }
        match &self.content {
            Content::State(state) => state.write(&mut out),
            Content::Events(events) => Snapshot::write_events(events, &mut out),
        }
        out
    }
}
