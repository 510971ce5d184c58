//! A tick of the rate classes: what each throttled topic has become since the tick before, made once for all members.
//!
//! Invariant: a message of a tick is the difference between two states that were, and says from which seq it starts;
//! patches are never composed. Who is not a member yet (it joins, or was behind) is told a state, and becomes one.

use super::backlog::{Basis, Held, Owed, Waiting};
use super::connection::{ConnKey, Wire};
use super::core::Core;
use super::counters::ShardCounters;
use super::filters::Rate;
use super::sets::{Set, SetKey};
use super::write::enqueue;
use crate::framing::Draft;
use crate::framing::message::Why;
use crate::limits::PARTING_EVENTS_MAX;
use crate::log::{EntryKind, Epoch, Link, Offset, Position, Segment, SegmentDraft, Seq, TopicId};
use crate::mutation::{self, Mutation};
use crate::store::{Content, Snapshot};
use feeds::model::diff;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The entries of one tick, in a segment of their own that is never in the log.
#[derive(Debug)]
pub struct Tick {
    segment: Segment,
    /// For each entry, the seq that a member had before it.
    from: Vec<Seq>,
}

impl Tick {
    /// Stands where no segment of the log ever will.
    const NUMBER: u64 = u64::MAX;

    /// A tick that says nothing.
    pub fn empty(epoch: Epoch) -> Tick {
        Drafting::default().seal(epoch)
    }

    pub fn segment(&self) -> &Segment {
        &self.segment
    }

    pub fn from(&self, owed: &Owed) -> Seq {
        self.from[owed.position.index as usize]
    }
}

#[derive(Debug, Default)]
struct Drafting {
    draft: SegmentDraft,
    from: Vec<Seq>,
    scratch: Vec<u8>,
}

impl Drafting {
    fn seal(mut self, epoch: Epoch) -> Tick {
        let segment = self.draft.seal(Tick::NUMBER, Offset(1), epoch, Arc::default());
        Tick { segment, from: self.from }
    }

    /// What became of a topic between two ticks. `lost`: what its provider lost meanwhile.
    fn add_change(&mut self, before: Option<&Snapshot>, now: &Snapshot, lost: Option<Option<u64>>) {
        let Some(before) = before else {
            return self.add_snapshot(EntryKind::Born, now, Seq(now.n - 1), lost);
        };
        let advanced = now.seq > before.seq || lost.is_some();
        if before.stale && (advanced || !now.stale) {
            self.mark(now, before.seq, false);
        }
        // A snapshot says itself that it is stale.
        let told = advanced && self.add_advance(before, now, lost);
        if now.stale && (advanced || !before.stale) && !told {
            self.mark(now, now.seq, true);
        }
    }

    fn mark(&mut self, now: &Snapshot, seq: Seq, stale: bool) {
        let mark = Draft { stale, ..draft_of(EntryKind::Mark, now, seq) };
        mark.add(&mut self.draft, &mut self.scratch, |_| {});
        self.from.push(seq);
    }

    /// True if it takes a snapshot to tell it.
    fn add_advance(&mut self, before: &Snapshot, now: &Snapshot, lost: Option<Option<u64>>) -> bool {
        match (&before.content, &now.content) {
            (Content::State(old), Content::State(new)) => {
                // A state that changed and changed back: only the seq goes on.
                let delta = diff(old, new).unwrap_or_default();
                let said = Seq(before.seq.0 + u64::from(mutation::on(Mutation::TickFromWrong)));
                self.add(EntryKind::Delta, now, (before.seq, Some(said)), None, |out| delta.write(out));
                false
            }
            (_, Content::Events(events)) if now.from <= before.seq && lost.is_none() => {
                let new: Vec<_> = events.iter().filter(|event| event.seq > before.seq).cloned().collect();
                let from = (before.seq, Some(before.seq));
                self.add(EntryKind::Append, now, from, None, |out| Snapshot::write_events(&new, out));
                false
            }
            _ => {
                let kind = if lost.is_some() { EntryKind::Reset } else { EntryKind::Rate };
                self.add_snapshot(kind, now, before.seq, lost);
                true
            }
        }
    }

    /// `from`: the seq that members have; of the events after it, some may not be held any more.
    fn add_snapshot(&mut self, kind: EntryKind, now: &Snapshot, from: Seq, lost: Option<Option<u64>>) {
        let (mut said, mut counted) = (None, None);
        if matches!(now.content, Content::Events(_)) {
            let missed = now.from.0.saturating_sub(from.0);
            let any = lost.is_some() || missed > 0 || kind != EntryKind::Born;
            counted = any.then(|| lost.unwrap_or(Some(0)).map(|lost| lost + missed));
            said = Some(now.from);
        }
        self.add(kind, now, (from, said), counted, |out| out.extend_from_slice(&now.data(false)));
    }

    fn add(
        &mut self,
        kind: EntryKind,
        now: &Snapshot,
        (from, said): (Seq, Option<Seq>),
        lost: Option<Option<u64>>,
        data: impl FnOnce(&mut Vec<u8>),
    ) {
        let draft = Draft { from: said, lost, ..draft_of(kind, now, now.seq) };
        draft.add(&mut self.draft, &mut self.scratch, data);
        self.from.push(from);
    }
}

fn draft_of(kind: EntryKind, now: &Snapshot, seq: Seq) -> Draft<'_> {
    Draft {
        kind,
        topic: now.topic,
        name: &now.name,
        n: now.n,
        from: None,
        seq,
        // Never said: throttled connections state their cursor by `at`.
        offset: Offset(0),
        before: None,
        ts: now.ts,
        te: now.te,
        stale: now.stale,
        lost: None,
    }
}

/// What these entries of a topic say of events, marks among them, since fresh events follow one; nothing of a state topic.
fn events_of(
    topic: TopicId,
    links: impl Iterator<Item = Link>,
    mut segment_of: impl FnMut(u64) -> Option<Arc<Segment>>,
) -> Vec<Owed> {
    let mut events = Vec::new();
    for Link { position, .. } in links {
        let Some(segment) = segment_of(position.segment) else { continue };
        let entry = &segment.entries[position.index as usize];
        let owed = Owed { position, topic, kind: entry.kind, seq: entry.seq };
        match entry.kind {
            EntryKind::Append | EntryKind::Mark => events.push(owed),
            EntryKind::Reset if segment.lost_of(position.index).is_some() => events.push(owed),
            EntryKind::Delta | EntryKind::Reset => return Vec::new(),
            EntryKind::Born | EntryKind::Gone | EntryKind::Rate => {}
        }
    }
    events
}

impl<W: Wire> Core<W> {
    /// Hands out what waits for a tick that has come: first of latency budgets, then of rate classes.
    pub(super) fn serve_ticks(&mut self, now_ms: i64) {
        let lingering = self.sets.take_lingering(Some(now_ms));
        self.hand_out_to(lingering, None, now_ms);
        let due = self.sets.classes.take_due(now_ms);
        self.tick(&due, now_ms);
        self.drop_handed_out();
    }

    /// Hands out everything that waits for any tick, as before a drain.
    pub fn flush(&mut self, now_ms: i64) {
        self.settle(now_ms);
        self.hand_out_lingering(now_ms);
        let wishing = self.sets.classes.take_all();
        self.tick(&wishing, now_ms);
        self.drop_handed_out();
    }

    /// Hands out what latency budgets hold back.
    pub(super) fn hand_out_lingering(&mut self, now_ms: i64) {
        let lingering = self.sets.take_lingering(None);
        self.hand_out_to(lingering, None, now_ms);
    }

    fn tick(&mut self, rates: &BTreeSet<Rate>, now_ms: i64) {
        if rates.is_empty() {
            return;
        }
        ShardCounters::add(&self.counters.ticks, rates.len() as u64);
        let mut drafting = Drafting::default();
        let mut sets = BTreeSet::new();
        for &rate in rates {
            self.draft_class(rate, &mut drafting, &mut sets, now_ms);
            // Unthrottled topics of theirs were delivered meanwhile: the `at` is due all the same.
            sets.extend(self.sets.that_owe_at(rate));
        }
        ShardCounters::add(&self.counters.ticked_entries, drafting.from.len() as u64);
        let tick = drafting.seal(self.log.epoch().clone());
        self.hand_out_to(sets, Some(&tick), now_ms);
        self.admit_joiners(rates, now_ms);
    }

    /// Drafts what the class's topics became, and notes which sets are owed it.
    fn draft_class(&mut self, rate: Rate, drafting: &mut Drafting, sets: &mut BTreeSet<SetKey>, now_ms: i64) {
        let mut left = Vec::new();
        for topic in self.sets.classes.take_changed(rate) {
            let Some(indexed) = self.index.get_mut(topic) else { continue };
            let (born, alive) = (indexed.born, indexed.is_alive());
            let Some(rated) = indexed.rated.iter_mut().find(|rated| rated.rate == rate) else { continue };
            rated.noted = false;
            if !alive {
                continue;
            }
            // Of another life, or none: this one is over, as the log is about to tell.
            let Some(now) = self.store.load(topic).filter(|now| now.n == born.0) else {
                rated.noted = true;
                left.push(topic);
                continue;
            };
            let first = drafting.from.len();
            let (before, lost) = (rated.at.replace(Arc::clone(&now)), rated.lost.take());
            (rated.held, rated.from) = (true, now.link.offset);
            if !rated.sets.iter().any(|set| !self.sets.get(*set).members.is_empty()) {
                continue;
            }
            drafting.add_change(before.as_deref(), &now, lost);
            for index in first..drafting.from.len() {
                let position = Position { segment: Tick::NUMBER, index: index as u32 };
                let owed = Owed { position, topic, kind: drafting.draft.kind_of(index), seq: now.seq };
                for &key in &rated.sets {
                    let set = self.sets.get_mut(key);
                    set.ticked.push(owed);
                    // It may be newer than what this shard has read: its cursor follows once that is.
                    set.delivered = set.delivered.max(now.link.offset);
                    sets.insert(key);
                }
            }
        }
        self.sets.classes.end_tick(rate, left, now_ms);
    }

    /// Those who were told a state since the last tick become members: at once if it is the one of the tick, else by
    /// being told that one.
    fn admit_joiners(&mut self, rates: &BTreeSet<Rate>, now_ms: i64) {
        let joiners: BTreeSet<ConnKey> = std::mem::take(&mut self.sets.classes.joiners).into_iter().collect();
        for key in joiners {
            if self.admit(key, rates, now_ms) {
                self.sets.classes.joiners.push(key);
            }
        }
    }

    /// True if the connection has to wait for another tick with some of its topics.
    fn admit(&mut self, key: ConnKey, rates: &BTreeSet<Rate>, now_ms: i64) -> bool {
        let Some(connection) = self.connections.get_mut(key.0) else { return false };
        let (Some(set), Some(backlog)) = (connection.set, connection.backlog.as_mut()) else { return false };
        let mut later = BTreeSet::new();
        backlog.awaits_tick = false;
        for topic in backlog.joining.keys().copied().collect::<Vec<_>>() {
            let Some(&rate) = self.sets.get(set).rated.get(&topic) else {
                backlog.joining.remove(&topic);
                continue;
            };
            let at = self.index.get(topic).and_then(|indexed| indexed.rated(rate)).and_then(|rated| rated.at.as_ref());
            let held = backlog.joining[&topic];
            match at.filter(|at| rates.contains(&rate) && at.link.offset >= held.offset) {
                None => drop(later.insert(rate)),
                Some(at) => {
                    backlog.joining.remove(&topic);
                    if at.link.offset > held.offset && !mutation::on(Mutation::JoinerUntold) {
                        let basis = Basis::Delivered(held.seq);
                        backlog.wait(topic, Waiting { why: Why::Rate, basis, ticked: true });
                    }
                }
            }
        }
        self.ready.push(key);
        later.iter().for_each(|rate| self.sets.classes.wish(*rate, now_ms));
        !later.is_empty()
    }

    /// A reader of a throttled topic becomes a member of its class at the next tick.
    pub(super) fn hold_until_tick(&mut self, topic: TopicId, rate: Rate, now_ms: i64) {
        let Some(indexed) = self.index.get_mut(topic).filter(|indexed| indexed.is_alive()) else { return };
        let rated = indexed.at_rate(rate);
        if !std::mem::replace(&mut rated.held, true) {
            rated.from = self.position;
        }
        if !std::mem::replace(&mut rated.noted, true) {
            self.sets.classes.note(rate, topic, self.position, now_ms);
        }
    }

    /// Through which offset the members of a set were delivered everything, once what it is owed is handed out.
    pub(super) fn through(&self, set: &Set) -> Offset {
        if mutation::on(Mutation::FastestClassStated) {
            return self.position;
        }
        let slowest = set.rates.iter().map(|rate| self.sets.classes.through(*rate, self.position)).min();
        slowest.unwrap_or(self.position)
    }

    /// A throttled topic ended: what of its events was not told yet is owed now, before the end.
    pub(super) fn part(&mut self, owed: Owed, gone: Link, current: &Arc<Segment>, now_ms: i64) {
        let Some(indexed) = self.index.get_mut(owed.topic) else { return };
        let mut parting = Vec::new();
        for rated in &mut indexed.rated {
            rated.lost = None;
            let before = rated.at.take();
            let from = rated.from;
            let held = std::mem::take(&mut rated.held);
            if before.is_none() {
                // Its members were not told of this life, whatever those are told who join.
                rated.sets.iter().for_each(|set| self.sets.get_mut(*set).untold = gone.offset);
            }
            if !held {
                continue;
            }
            let is_state = before.as_ref().is_some_and(|before| matches!(before.content, Content::State(_)));
            let links = if is_state { None } else { self.log.entries_after(from, gone, PARTING_EVENTS_MAX) };
            let missed =
                before.as_ref().filter(|_| !is_state && links.is_none()).map(|before| owed.seq.0 - before.seq.0);
            ShardCounters::add(&self.counters.lost_events, missed.unwrap_or(0));
            let untold = links.into_iter().flatten().filter(|link| link.offset < gone.offset);
            let events = events_of(owed.topic, untold, |number| self.pass.recall(number, current, &self.log));
            if before.is_some() {
                events.iter().for_each(|event| rated.sets.iter().for_each(|set| self.sets.owe(*set, *event, now_ms)));
            } else if !events.is_empty() {
                parting.push((rated.rate, events));
            }
            rated.sets.iter().for_each(|set| self.sets.owe(*set, owed, now_ms));
        }
        let born = indexed.born;
        parting.into_iter().for_each(|(rate, events)| self.part_joiners((owed.topic, born), rate, &events, current));
    }

    /// A topic ended that the class never ticked: its members were not told of it, only those who join were.
    fn part_joiners(&mut self, (topic, born): (TopicId, Offset), rate: Rate, events: &[Owed], current: &Arc<Segment>) {
        let joiners: BTreeSet<ConnKey> = self.sets.classes.joiners.iter().copied().collect();
        for key in joiners {
            let Some(connection) = self.connections.get_mut(key.0) else { continue };
            let framing = connection.framing;
            let joins = connection.set.is_some_and(|set| self.sets.get(set).rate(topic) == rate);
            // One that holds a former life is about to be told of its end.
            let holds = |held: &Held| held.offset >= born;
            let backlog = connection.backlog.as_mut().filter(|_| joins);
            let backlog = backlog.filter(|backlog| backlog.joining.get(&topic).is_some_and(holds));
            let Some(backlog) = backlog else { continue };
            for event in events {
                if let Some(segment) = self.pass.recall(event.position.segment, current, &self.log) {
                    enqueue(backlog, &segment, *event, framing);
                }
            }
            self.ready.push(key);
        }
    }
}
