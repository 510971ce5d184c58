//! The sequencer: the only writer of all state. Merges updates, drops what changed nothing, numbers and encodes the
//! rest once, stores the new snapshots, appends to the log. It never waits for a reader.
//!
//! [`Sequencer`] is pure (time is an argument); [`Seat`] is where it is at work.

mod kinds;
mod record;
mod run;

pub use kinds::{KindRule, KindRules};
pub use run::{Publish, PublishOutcome, Seat, SequencerCounters, SequencerInputs};

use crate::framing::Draft;
use crate::limits::Limits;
use crate::log::{EntryKind, Link, LogWriter, Offset, SegmentDraft, Seq, TopicId};
use crate::mutation::{self, Mutation};
use crate::store::{Content, Event, Kind, Snapshot, Store};
use feeds::model::{Change, Object, Topic, Update, merge};
use record::Record;
use std::collections::HashMap;
use std::sync::Arc;

/// Why an update was not taken. Codes as in `docs/protocol.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("an event for a state topic, or a state for an event topic")]
    WrongKind,
    #[error("no such topic")]
    UnknownTopic,
    #[error("the gateway holds as many topics as it may")]
    TopicsLimit,
    #[error("the topic's state is as large as it may be")]
    StateTooBig,
}

impl Refusal {
    pub fn code(self) -> &'static str {
        match self {
            Refusal::WrongKind => "wrong_kind",
            Refusal::UnknownTopic => "unknown_topic",
            Refusal::TopicsLimit => "topics_limit",
            Refusal::StateTooBig => "state_too_big",
        }
    }
}

/// Entries made, by kind, and updates that changed nothing; sums since the start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Made {
    pub births: u64,
    pub deltas: u64,
    pub appends: u64,
    pub marks: u64,
    pub gones: u64,
    pub resets: u64,
    pub unchanged: u64,
}

/// All state, and the log's writing end.
#[derive(Debug)]
pub struct Sequencer {
    store: Arc<Store>,
    log: LogWriter,
    kinds: KindRules,
    topics_max: usize,
    state_bytes_max: usize,
    by_name: HashMap<Arc<str>, TopicId>,
    records: Vec<Record>,
    /// Slots whose former topic has no entry left in the log.
    free: Vec<TopicId>,
    live: usize,
    draft: SegmentDraft,
    /// Topics changed since the last commit.
    touched: Vec<TopicId>,
    scratch: Vec<u8>,
    made: Made,
}

impl Sequencer {
    pub fn new(store: Arc<Store>, log: LogWriter, kinds: KindRules, limits: &Limits) -> Sequencer {
        Sequencer {
            store,
            log,
            kinds,
            topics_max: limits.topics_max,
            state_bytes_max: limits.state_bytes_max,
            by_name: HashMap::new(),
            records: Vec::new(),
            free: Vec::new(),
            live: 0,
            draft: SegmentDraft::default(),
            touched: Vec::new(),
            scratch: Vec::new(),
            made: Made::default(),
        }
    }

    pub fn made(&self) -> Made {
        self.made
    }

    /// Topics alive now.
    pub fn topics(&self) -> usize {
        self.live
    }

    /// Entries and bytes drafted since the last commit.
    pub fn drafted(&self) -> (usize, usize) {
        (self.draft.len(), self.draft.bytes())
    }

    /// Takes one update. `Ok(Some(offset))` is the last entry it made, `Ok(None)` means that it changed nothing.
    /// Readers see nothing of it before [`Sequencer::commit`].
    pub fn apply(&mut self, update: Update, now_ms: i64) -> Result<Option<Offset>, Refusal> {
        let Update { topic, te, change } = update;
        let drafted = self.draft.len();
        match change {
            Change::Patch(patch) => self.patch(&topic, te, &patch, now_ms)?,
            Change::State(state) => self.replace(&topic, te, state, now_ms, false)?,
            Change::Reset(state) => self.replace(&topic, te, state, now_ms, true)?,
            Change::Event(event) => self.event(&topic, te, event, now_ms)?,
            Change::Lost(lost) => self.lost(&topic, lost, now_ms)?,
            Change::Stale(stale) => self.stale(&topic, stale, now_ms),
            Change::Retire => self.retire(&topic, now_ms)?,
        }
        if self.draft.len() == drafted {
            self.made.unchanged += 1;
            return Ok(None);
        }
        Ok(Some(self.log.next_offset(self.draft.len() - 1)))
    }

    /// Makes all that was applied visible: first the snapshots, then the log (the store's invariant). True if there
    /// was anything.
    pub fn commit(&mut self) -> bool {
        self.store_snapshots();
        self.publish_segment()
    }

    /// The first half of a commit.
    pub fn store_snapshots(&mut self) {
        if let Some(last) = self.draft.len().checked_sub(1) {
            self.store.begin(self.log.next_offset(last));
        }
        for id in std::mem::take(&mut self.touched) {
            let record = &mut self.records[id.index()];
            record.touched = false;
            let snapshot = record.live.then(|| Arc::new(record.snapshot(id, self.store.encodings())));
            self.store.put(id, snapshot);
        }
    }

    /// The second half. Only to be called after [`Sequencer::store_snapshots`], with nothing applied in between.
    pub fn publish_segment(&mut self) -> bool {
        if self.draft.is_empty() {
            return false;
        }
        let mut evicted_gone = Vec::new();
        self.log.publish(&mut self.draft, |entry, offset| {
            if entry.kind == EntryKind::Gone {
                evicted_gone.push((entry.topic, offset));
            }
        });
        for (id, offset) in evicted_gone {
            self.free_slot(id, offset);
        }
        true
    }

    /// The name is forgotten once its `gone` left the log, unless it was born again meanwhile.
    fn free_slot(&mut self, id: TopicId, gone: Offset) {
        let record = &self.records[id.index()];
        if !record.live && record.newest.is_some_and(|newest| newest.offset == gone) {
            self.by_name.remove(&record.name);
            self.free.push(id);
        }
    }

    fn live_id(&self, topic: &Topic) -> Option<TopicId> {
        self.by_name.get(topic.as_str()).copied().filter(|id| self.records[id.index()].live)
    }

    /// The live topic of that name and kind, with any stale mark lifted; `None` if it is not born.
    fn fresh(&mut self, topic: &Topic, kind: Kind, now_ms: i64) -> Result<Option<TopicId>, Refusal> {
        let Some(id) = self.live_id(topic) else {
            let ruled = self.kinds.of(topic.as_str()).map(|rule| rule.kind);
            return if ruled.is_some_and(|ruled| ruled != kind) { Err(Refusal::WrongKind) } else { Ok(None) };
        };
        if self.records[id.index()].kind != kind {
            return Err(Refusal::WrongKind);
        }
        if self.records[id.index()].stale {
            self.mark(id, false, now_ms);
        }
        Ok(Some(id))
    }

    fn patch(&mut self, topic: &Topic, te: Option<i64>, patch: &Object, now_ms: i64) -> Result<(), Refusal> {
        let Some(id) = self.fresh(topic, Kind::State, now_ms)? else {
            let mut state = Object::new();
            merge(&mut state, patch);
            return self.birth_of_state(topic, te, state, now_ms);
        };
        self.check_size(id)?;
        let record = &mut self.records[id.index()];
        // Cost: the stored snapshot shares the state, so this copies its top level once per commit; what is nested is
        // shared until it changes.
        if let Some(delta) = merge(Arc::make_mut(&mut record.state), patch) {
            self.delta(id, te, &delta, now_ms);
        }
        Ok(())
    }

    fn replace(
        &mut self,
        topic: &Topic,
        te: Option<i64>,
        state: Object,
        now_ms: i64,
        reset: bool,
    ) -> Result<(), Refusal> {
        let mut clean = Object::new();
        merge(&mut clean, &state);
        let Some(id) = self.fresh(topic, Kind::State, now_ms)? else {
            return self.birth_of_state(topic, te, clean, now_ms);
        };
        let record = &mut self.records[id.index()];
        if reset {
            record.state = Arc::new(clean);
            record.seq = Seq(record.seq.0 + 1);
            self.made.resets += 1;
            self.add_snapshot(id, te, EntryKind::Reset, None, now_ms);
        } else if let Some(delta) = feeds::model::diff(&record.state, &clean) {
            record.state = Arc::new(clean);
            self.delta(id, te, &delta, now_ms);
        }
        Ok(())
    }

    /// BOUNDED: refuses to add to a state that is too large already. What patches added is summed up as they come; only a
    /// sum above the cap has the state itself measured, since patches also take away.
    fn check_size(&mut self, id: TopicId) -> Result<(), Refusal> {
        let record = &mut self.records[id.index()];
        if record.grown > self.state_bytes_max {
            self.scratch.clear();
            record.state.write(&mut self.scratch);
            record.grown = self.scratch.len();
        }
        if record.grown > self.state_bytes_max { Err(Refusal::StateTooBig) } else { Ok(()) }
    }

    fn delta(&mut self, id: TopicId, te: Option<i64>, delta: &Object, now_ms: i64) {
        let record = &mut self.records[id.index()];
        record.seq = Seq(record.seq.0 + 1);
        self.made.deltas += 1;
        self.add(id, EntryKind::Delta, None, te, None, now_ms, |out| delta.write(out));
    }

    fn event(&mut self, topic: &Topic, te: Option<i64>, raw: Object, now_ms: i64) -> Result<(), Refusal> {
        let mut event = Object::with_capacity(raw.len() + 1);
        merge(&mut event, &raw);
        if let Some(te) = te.filter(|_| event.get("te").is_none()) {
            event.set("te", te);
        }
        let mut json = Vec::with_capacity(128);
        event.write(&mut json);
        let json: Box<[u8]> = json.into();
        let known = self.fresh(topic, Kind::Event, now_ms)?;
        let offset = self.log.next_offset(self.draft.len());
        if let Some(id) = known {
            let record = &mut self.records[id.index()];
            let from = record.seq;
            record.seq = Seq(from.0 + 1);
            let event = Arc::new(Event { seq: record.seq, offset, json });
            record.push_event(Arc::clone(&event), self.state_bytes_max);
            self.made.appends += 1;
            self.add(id, EntryKind::Append, Some(from), None, None, now_ms, |out| {
                out.push(b'[');
                out.extend_from_slice(&event.json);
                out.push(b']');
            });
            return Ok(());
        }
        let id = self.begin(topic, Kind::Event)?;
        let record = &mut self.records[id.index()];
        record.push_event(Arc::new(Event { seq: record.seq, offset, json }), self.state_bytes_max);
        self.add_snapshot(id, None, EntryKind::Born, None, now_ms);
        Ok(())
    }

    fn lost(&mut self, topic: &Topic, lost: Option<u64>, now_ms: i64) -> Result<(), Refusal> {
        if let Some(id) = self.live_id(topic) {
            if self.records[id.index()].kind != Kind::Event {
                return Err(Refusal::WrongKind);
            }
            self.made.resets += 1;
            self.add_snapshot(id, None, EntryKind::Reset, Some(lost), now_ms);
        }
        Ok(())
    }

    fn stale(&mut self, topic: &Topic, stale: bool, now_ms: i64) {
        if let Some(id) = self.live_id(topic).filter(|id| self.records[id.index()].stale != stale) {
            self.mark(id, stale, now_ms);
        }
    }

    fn mark(&mut self, id: TopicId, stale: bool, now_ms: i64) {
        self.records[id.index()].stale = stale;
        self.made.marks += 1;
        self.add(id, EntryKind::Mark, None, None, None, now_ms, |_| {});
    }

    fn retire(&mut self, topic: &Topic, now_ms: i64) -> Result<(), Refusal> {
        let id = self.live_id(topic).ok_or(Refusal::UnknownTopic)?;
        self.made.gones += 1;
        self.add(id, EntryKind::Gone, None, None, None, now_ms, |_| {});
        self.records[id.index()].end();
        self.live -= 1;
        Ok(())
    }

    fn birth_of_state(&mut self, topic: &Topic, te: Option<i64>, state: Object, now_ms: i64) -> Result<(), Refusal> {
        let id = self.begin(topic, Kind::State)?;
        self.records[id.index()].state = Arc::new(state);
        self.add_snapshot(id, te, EntryKind::Born, None, now_ms);
        Ok(())
    }

    /// Finds or makes the slot of a topic that is about to be born.
    fn begin(&mut self, topic: &Topic, kind: Kind) -> Result<TopicId, Refusal> {
        if self.live >= self.topics_max {
            return Err(Refusal::TopicsLimit);
        }
        let keep = self.kinds.keep(topic.as_str());
        let birth = self.log.next_offset(self.draft.len());
        let known = self.by_name.get(topic.as_str()).copied();
        let id = known.or_else(|| self.free.pop()).unwrap_or_else(|| self.store.add_slot());
        let is_linked = known.is_some() && !mutation::on(Mutation::RebirthUnlinked);
        let newest = if is_linked { self.records[id.index()].newest } else { None };
        let record = Record::born(Arc::clone(topic.shared()), kind, keep, birth, newest);
        if id.index() == self.records.len() {
            self.records.push(record);
        } else {
            let touched = self.records[id.index()].touched;
            self.records[id.index()] = record;
            self.records[id.index()].touched = touched;
        }
        self.by_name.insert(Arc::clone(topic.shared()), id);
        self.live += 1;
        self.made.births += 1;
        Ok(id)
    }

    fn add_snapshot(&mut self, id: TopicId, te: Option<i64>, kind: EntryKind, lost: Option<Option<u64>>, now_ms: i64) {
        let record = &self.records[id.index()];
        let from = (record.kind == Kind::Event).then(|| record.from());
        let content = record.content();
        self.add(id, kind, from, te, lost, now_ms, |out| write_content(&content, out));
    }

    /// Adds the entry to the draft and brings the record up to it.
    #[allow(clippy::too_many_arguments)]
    fn add(
        &mut self,
        id: TopicId,
        kind: EntryKind,
        from: Option<Seq>,
        te: Option<i64>,
        lost: Option<Option<u64>>,
        now_ms: i64,
        data: impl FnOnce(&mut Vec<u8>),
    ) {
        let link: Link = self.log.next_link(self.draft.len());
        let record = &mut self.records[id.index()];
        let draft = Draft {
            kind,
            topic: id,
            name: &record.name,
            n: record.n,
            from,
            seq: record.seq,
            offset: link.offset,
            before: record.newest,
            ts: now_ms,
            te,
            stale: record.stale,
            lost,
        };
        draft.add(&mut self.draft, &mut self.scratch, data);
        record.newest = Some(link);
        record.grown += self.scratch.len();
        if !matches!(kind, EntryKind::Mark) {
            (record.ts, record.te) = (now_ms, te);
        }
        if !std::mem::replace(&mut record.touched, true) {
            self.touched.push(id);
        }
    }
}

fn write_content(content: &Content, out: &mut Vec<u8>) {
    match content {
        Content::State(state) => state.write(out),
        Content::Events(events) => Snapshot::write_events(events, out),
    }
}
