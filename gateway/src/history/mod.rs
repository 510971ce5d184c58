//! History: past bars and events of each topic, kept by one more reader of the log.
//!
//! It has read the log to a cursor and says so in every answer: a chart that takes its history from here and then
//! subscribes with that cursor joins the live stream with no gap. In memory; bounded per topic and in topics.

mod topic;

use crate::log::{Entry, EntryKind, Log, Offset, Overtaken, Reader, Segment, Seq, TopicId};
use crate::store::{Content, Snapshot, Store};
use feeds::model::{Object, Value, parse_object};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use topic::TopicHistory;

/// Shared by the thread that reads the log and the requests that ask. Why a lock: nothing of delivery waits for it.
#[derive(Debug)]
pub struct History {
    log: Arc<Log>,
    store: Arc<Store>,
    items_max: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    reader: Reader,
    position: Offset,
    by_name: HashMap<Arc<str>, TopicId>,
    topics: HashMap<TopicId, TopicHistory>,
}

/// What was asked for, true at `cursor`.
#[derive(Debug)]
pub struct Excerpt {
    pub cursor: Offset,
    pub seq: Seq,
    /// Oldest first, each one JSON object.
    pub items: Vec<Vec<u8>>,
}

/// Which items are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// Inclusive, Unix ms of a bar's open time or an event's `te`; `None`: from the oldest.
    pub from: Option<i64>,
    /// Exclusive; `None`: to the newest.
    pub to: Option<i64>,
    /// The newest so many of those.
    pub limit: usize,
}

impl History {
    pub fn new(log: Arc<Log>, store: Arc<Store>, items_max: usize) -> History {
        let reader = log.reader_at_tail();
        let state = State { reader, position: Offset(0), by_name: HashMap::new(), topics: HashMap::new() };
        History { log, store, items_max, state: Mutex::new(state) }
    }

    /// Reads the log to its head.
    pub fn catch_up(&self) {
        let mut state = self.lock();
        self.read(&mut state);
    }

    /// What is held of `topic`; `None` if it keeps no history (or does not exist).
    pub fn excerpt(&self, topic: &str, span: Span) -> Option<Excerpt> {
        let mut state = self.lock();
        self.read(&mut state);
        let id = state.by_name.get(topic)?;
        let history = state.topics.get(id)?;
        Some(Excerpt { cursor: state.position, seq: history.seq, items: history.excerpt(span) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic in another request leaves at worst an item out; the lock is no reason to stop serving.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads to the log's end; past one fresh start a call, what is left is for the next.
    fn read(&self, state: &mut State) {
        let mut fresh = false;
        loop {
            match state.reader.read(&self.log) {
                Ok(None) => return,
                Ok(Some(segment)) => {
                    for (index, entry) in (0u32..).zip(segment.entries.iter()) {
                        self.take(state, &segment, index, entry);
                    }
                    state.position = segment.last();
                }
                Err(Overtaken) if std::mem::replace(&mut fresh, true) => return,
                Err(Overtaken) => self.start_over(state),
            }
        }
    }

    fn take(&self, state: &mut State, segment: &Segment, index: u32, entry: &Entry) {
        if let Some(name) = entry.name.as_ref().filter(|name| keeps_history(name)) {
            state.by_name.insert(Arc::clone(name), entry.topic);
            state.topics.insert(entry.topic, TopicHistory::new(Arc::clone(name), self.items_max));
        }
        let Some(history) = state.topics.get_mut(&entry.topic) else { return };
        match entry.kind {
            EntryKind::Gone => {
                if let Some(gone) = state.topics.remove(&entry.topic) {
                    state.by_name.remove(gone.name());
                }
                return;
            }
            EntryKind::Mark => {}
            _ => {
                let message = parse_object(segment.json(index)).unwrap_or_default();
                history.take(&message);
            }
        }
        history.seq = entry.seq;
    }

    /// The log ran away: what the snapshots still hold is all that can be known. Topics that ended, and slots that are
    /// another's by now, are forgotten.
    fn start_over(&self, state: &mut State) {
        tracing::warn!("the history was overtaken by the log's eviction; older items are gone");
        (state.reader, state.position) = self.log.reader_at_head();
        let mut former = std::mem::take(&mut state.topics);
        state.by_name.clear();
        for snapshot in self.store.all().filter(|snapshot| keeps_history(&snapshot.name)) {
            let name = Arc::clone(&snapshot.name);
            let known = former.remove(&snapshot.topic).filter(|history| history.name() == &*name);
            let mut history = known.unwrap_or_else(|| TopicHistory::new(Arc::clone(&name), self.items_max));
            history.take(&content_of(&snapshot));
            history.seq = snapshot.seq;
            state.by_name.insert(name, snapshot.topic);
            state.topics.insert(snapshot.topic, history);
        }
    }
}

/// Bars, and the two kinds of event topic.
fn keeps_history(name: &str) -> bool {
    matches!(name.split('.').next(), Some("bar" | "trade" | "play"))
}

fn content_of(snapshot: &Snapshot) -> Object {
    let data = match &snapshot.content {
        Content::State(state) => Value::Object(Arc::clone(state)),
        Content::Events(_) => feeds::model::parse_value(&snapshot.data(false)).unwrap_or(Value::Null),
    };
    Object::new().with("data", data).with("seq", snapshot.seq.0 as i64).with("ts", snapshot.ts)
}
