//! Subscribing: which topics a connection gains, and what it is told of them first.

use super::answer::Answer;
use super::backlog::{Basis, Held, Item, Waiting};
use super::connection::{ConnKey, Connection, Wire};
use super::core::Core;
use super::counters::ShardCounters;
use super::filters::{Filters, Rate};
use super::sets::{SetKey, Terms};
use super::write::enqueue;
use crate::framing::message::{Why, name};
use crate::framing::{Framing, wrap};
use crate::limits::{TooManyFilters, TooManyTopics};
use crate::log::{Cursor, Offset, TopicId};
use feeds::model::Pattern;
use std::collections::{BTreeMap, BTreeSet};

/// What a client asks for.
#[derive(Clone, Debug)]
pub struct Subscription {
    pub topics: Vec<Pattern>,
    /// The client holds every one of these topics up to here; `None`: it holds nothing.
    pub cursor: Option<Cursor>,
    pub rate: Rate,
}

/// Options of a connection that a client may change at any time; `None`: as it was.
#[derive(Clone, Debug, Default)]
pub struct Alteration {
    pub num_string: Option<bool>,
    pub ids: Option<bool>,
    pub linger_ms: Option<u32>,
    pub rate: Option<Rate>,
    /// The subscriptions whose rate changes; `None`: all of them.
    pub topics: Option<Vec<Pattern>>,
}

/// A subscription that cannot be. Nothing of it takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error(transparent)]
    Filters(#[from] TooManyFilters),
    #[error(transparent)]
    Topics(#[from] TooManyTopics),
}

/// A topic that a connection keeps, but at another rate.
#[derive(Clone, Copy, Debug)]
struct Moved {
    topic: TopicId,
    rate: Rate,
    /// Up to where a member of the old class was delivered it.
    held: Held,
    /// Its newest entry.
    newest: Offset,
}

impl<W: Wire> Core<W> {
    /// Adds topics to a connection. `reply` (the framed `ok`) goes out after everything pending and before the
    /// subscription's own messages.
    pub fn subscribe(
        &mut self,
        key: ConnKey,
        subscription: &Subscription,
        reply: Option<Vec<u8>>,
        now_ms: i64,
    ) -> Result<(), Refused> {
        let Some(old) = self.settled_terms(key, now_ms) else { return Ok(()) };
        let filters = old.filters.with(subscription.topics.iter().cloned(), subscription.rate);
        self.settings.limits.check_filters(filters.patterns())?;
        let (old, new) = (self.connections[key.0].set, self.set_of(key, filters)?);
        let gained = self.sets.beyond(new, old);
        let answer = self.answer(&gained, subscription.cursor.as_ref());
        if subscription.cursor.is_some() {
            self.count_resume(&answer);
        }
        let moved = self.moved(old, new);
        let was_streaming = old.is_some();
        self.move_to(key, new, now_ms);
        self.owe(key, &gained, answer, subscription, was_streaming, reply);
        self.hold_throttled(key, &gained, now_ms);
        self.change_rates(key, &moved, now_ms);
        Ok(())
    }

    /// Takes topics away. `reply` goes out after everything pending.
    pub fn unsubscribe(
        &mut self,
        key: ConnKey,
        topics: &[Pattern],
        reply: Option<Vec<u8>>,
        now_ms: i64,
    ) -> Result<(), Refused> {
        let Some(terms) = self.settled_terms(key, now_ms) else { return Ok(()) };
        if let Some(old) = self.connections[key.0].set {
            let new = self.set_of(key, terms.filters.without(topics))?;
            self.change_set(key, old, new, now_ms);
        }
        reply.into_iter().for_each(|reply| self.send_raw(key, reply));
        Ok(())
    }

    /// Changes how a connection's entries are framed, and at which pace they come, from now on.
    pub fn alter(
        &mut self,
        key: ConnKey,
        alteration: &Alteration,
        reply: Option<Vec<u8>>,
        now_ms: i64,
    ) -> Result<(), Refused> {
        let Some(terms) = self.settled_terms(key, now_ms) else { return Ok(()) };
        let Alteration { num_string, ids, linger_ms, rate, topics } = alteration;
        let concerned = |pattern: &Pattern| topics.as_ref().is_none_or(|topics| topics.contains(pattern));
        let filters = match *rate {
            Some(rate) => terms.filters.with(terms.filters.patterns().filter(|one| concerned(one)).cloned(), rate),
            None => terms.filters,
        };
        let connection = &mut self.connections[key.0];
        let (old, before, lingered) = (connection.set, connection.framing, connection.linger_ms);
        let (num_string, ids) = (num_string.unwrap_or(before.num_string), ids.unwrap_or(before.ids));
        connection.framing = Framing { num_string, ids, ..before };
        connection.linger_ms = linger_ms.unwrap_or(lingered);
        if let Some(old) = old {
            let new = self.set_of(key, filters).inspect_err(|_| {
                let connection = &mut self.connections[key.0];
                (connection.framing, connection.linger_ms) = (before, lingered);
            })?;
            self.change_set(key, old, new, now_ms);
            if ids && !before.ids {
                self.name_topics(key, new);
            }
        }
        reply.into_iter().for_each(|reply| self.send_raw(key, reply));
        Ok(())
    }

    /// Moves a connection to another set of the same topics or fewer. What the old one could not cover, since it met the
    /// cap on topics, the client is told now.
    fn change_set(&mut self, key: ConnKey, old: SetKey, new: SetKey, now_ms: i64) {
        let (missed, lost) = (self.sets.beyond(new, Some(old)), self.sets.beyond(old, Some(new)));
        let moved = self.moved(Some(old), new);
        self.move_to(key, new, now_ms);
        self.tell_missed(key, &missed, now_ms);
        if let Some(backlog) = self.connections[key.0].backlog.as_mut() {
            lost.into_iter().for_each(|topic| backlog.stop_waiting(topic));
        }
        self.change_rates(key, &moved, now_ms);
        self.ready.push(key);
    }

    /// Whether a connection could begin with this subscription.
    pub fn check(
        &mut self,
        subscription: &Subscription,
        framing: Framing,
        linger_ms: u32,
        now_ms: i64,
    ) -> Result<(), Refused> {
        self.settle(now_ms);
        let filters = Filters::default().with(subscription.topics.iter().cloned(), subscription.rate);
        self.settings.limits.check_filters(filters.patterns())?;
        self.sets.check(&Terms::new(filters, framing, linger_ms, false), &self.index)?;
        Ok(())
    }

    /// Reads the log to its end, so that whatever was before belongs to the old set and every answer is as of the end.
    /// The connection's terms; `None` if it is ending.
    fn settled_terms(&mut self, key: ConnKey, now_ms: i64) -> Option<Terms> {
        self.settle(now_ms);
        let connection = self.open_connection(key)?;
        let (framing, linger_ms, set) = (connection.framing, connection.linger_ms, connection.set);
        let terms = set.map(|set| self.sets.get(set).terms.clone());
        Some(terms.unwrap_or(Terms::new(Filters::default(), framing, linger_ms, false)))
    }

    /// The set that a connection has with these filters.
    fn set_of(&mut self, key: ConnKey, filters: Filters) -> Result<SetKey, TooManyTopics> {
        let &Connection { framing, linger_ms, limited, .. } = &self.connections[key.0];
        self.sets.intern(Terms::new(filters, framing, linger_ms, limited), &mut self.index)
    }

    /// Tells a client of topics that its filters covered before, though it was not given them.
    fn tell_missed(&mut self, key: ConnKey, missed: &BTreeSet<TopicId>, now_ms: i64) {
        if missed.is_empty() {
            return;
        }
        // It may hold one from before: a shard that was overtaken picks those that fit under the cap anew.
        let answer = self.snapshots_of(missed, Why::Subscribe, Basis::Unknown, false);
        let backlog = self.connections[key.0].backlog();
        for (topic, waiting) in answer.snapshots {
            backlog.wait(topic, waiting);
        }
        backlog.owes_at.get_or_insert(false);
        self.hold_throttled(key, missed, now_ms);
        self.ready.push(key);
    }

    /// Topics whose rate differs between two sets, and how far a member of the old one holds them.
    fn moved(&self, old: Option<SetKey>, new: SetKey) -> Vec<Moved> {
        let Some(old) = old.map(|old| self.sets.get(old)) else { return Vec::new() };
        let new = self.sets.get(new);
        if old.rates.is_empty() && new.rates.is_empty() {
            return Vec::new();
        }
        let kept = old.topics.intersection(&new.topics).filter(|topic| old.rate(**topic) != new.rate(**topic));
        kept.filter_map(|&topic| {
            let indexed = self.index.get(topic).filter(|indexed| indexed.is_alive())?;
            let seq = indexed.seq_at(old.rate(topic));
            let newest = indexed.newest.offset;
            let at = indexed.rated(old.rate(topic)).map(|rated| rated.at.as_ref().map(|at| at.link.offset));
            let offset = at.map_or(newest, |at| at.unwrap_or(Offset(indexed.born.0 - 1)));
            Some(Moved { topic, rate: new.rate(topic), held: Held { offset, seq }, newest })
        })
        .collect()
    }

    /// Brings topics to their new rates: what a client does not hold whole it is told anew; then it is live, or becomes a
    /// member of the new class at its next tick.
    fn change_rates(&mut self, key: ConnKey, moved: &[Moved], now_ms: i64) {
        if moved.is_empty() {
            return;
        }
        let backlog = self.connections[key.0].backlog();
        let mut throttled = Vec::new();
        for &Moved { topic, rate, held, newest } in moved {
            let held = backlog.joining.remove(&topic).unwrap_or(held);
            if backlog.is_waiting(topic) {
                backlog.wait_for_newest(topic);
            } else if held.offset < newest || (held.offset > newest && !rate.is_throttled()) {
                // Older than what is; or ahead of the log, which would tell it once more.
                backlog.wait(topic, Waiting::newest(Why::Rate, Basis::Delivered(held.seq)));
            }
            let joins = (!backlog.is_waiting(topic)).then_some(held);
            throttled.extend(Some((topic, rate, joins)).filter(|_| rate.is_throttled()));
        }
        backlog.owes_at.get_or_insert(false);
        for (topic, rate, joins) in throttled {
            match joins {
                Some(held) => self.join(key, topic, rate, held, now_ms),
                // Its end would have to be told even before it is told itself.
                None => self.hold_until_tick(topic, rate, now_ms),
            }
        }
        self.ready.push(key);
    }

    /// A reader holds a throttled topic so far, and becomes a member of its class at the next tick.
    pub(super) fn join(&mut self, key: ConnKey, topic: TopicId, rate: Rate, held: Held, now_ms: i64) {
        let joining = &mut self.connections[key.0].backlog().joining;
        if joining.is_empty() {
            self.sets.classes.joiners.push(key);
        }
        joining.insert(topic, held);
        self.hold_until_tick(topic, rate, now_ms);
        if let Some(indexed) = self.index.get_mut(topic).filter(|indexed| indexed.is_alive()) {
            // The last tick may be ahead of what this shard has read, and so of this reader.
            let rated = indexed.at_rate(rate);
            rated.from = rated.from.min(held.offset);
        }
    }

    /// Of throttled topics, those that are told by entries, or that did not change since the client's cursor.
    fn hold_throttled(&mut self, key: ConnKey, gained: &BTreeSet<TopicId>, now_ms: i64) {
        let set = self.connections[key.0].set.map(|set| self.sets.get(set)).filter(|set| set.is_throttled());
        let Some(set) = set else { return };
        let gained: Vec<(TopicId, Rate)> =
            set.rated.iter().filter(|(topic, _)| gained.contains(topic)).map(|(topic, rate)| (*topic, *rate)).collect();
        for (topic, rate) in gained {
            let Some(indexed) = self.index.get(topic).filter(|indexed| indexed.is_alive()) else { continue };
            let held = Held { offset: indexed.newest.offset, seq: indexed.seq };
            if self.connections[key.0].backlog().is_waiting(topic) {
                self.hold_until_tick(topic, rate, now_ms);
            } else {
                self.join(key, topic, rate, held, now_ms);
            }
        }
    }

    /// `ids=1` from now on: the client may hold topics that it went on with from a cursor, whose numbers it was never
    /// given. They go before the entries that are pending, since these are written in the new framing too, but not before
    /// control messages: the first of those may be the response head.
    fn name_topics(&mut self, key: ConnKey, set: SetKey) {
        let mut names = self.names_for(key, &self.sets.get(set).topics, &Answer::default());
        let connection = &mut self.connections[key.0];
        let form = connection.framing.form;
        let backlog = connection.backlog();
        // What is pending may be of former lives.
        names.extend(backlog.pending.iter().filter_map(|item| match item {
            Item::Entry(owed) => {
                let segment = self.log.segment(owed.position.segment)?;
                let index = owed.position.index;
                Some(wrap(form, &name(segment.entries[index as usize].n(), &segment.name_of(index)), None))
            }
            Item::Gone(_) | Item::Control(_) => None,
        }));
        let is_control = |item: &Item| matches!(item, Item::Control(_));
        let place = backlog.pending.iter().position(|item| !is_control(item)).unwrap_or(backlog.pending.len());
        names.into_iter().rev().for_each(|name| backlog.pending.insert(place, Item::Control(name.into())));
        self.ready.push(key);
    }

    fn count_resume(&self, answer: &Answer) {
        let counter = match answer {
            Answer { full: true, .. } => &self.counters.resumes_full,
            Answer { snapshots, .. } if !snapshots.is_empty() => &self.counters.resumes_snapshots,
            _ => &self.counters.resumes_entries,
        };
        ShardCounters::add(counter, 1);
    }

    /// Joins before it leaves: a set that falls out of use may make room by dropping the oldest one out of use.
    fn move_to(&mut self, key: ConnKey, set: SetKey, now_ms: i64) {
        let old = self.connections[key.0].set;
        if old == Some(set) {
            return;
        }
        // What latency budgets hold back is owed to those who are members now.
        self.hand_out_to(old.into_iter().chain([set]), None, now_ms);
        let framing = self.sets.get(set).terms.framing;
        let connection = &mut self.connections[key.0];
        if connection.framing.quiet && !framing.quiet {
            // Invariant CURSOR-TRUE: what is pending comes before the `ok` by which the client gives up what is throttled, so it
            // states no cursor yet.
            connection.backlog().owes_at.get_or_insert(false);
            self.ready.push(key);
        }
        let member = connection.member;
        connection.framing = framing;
        let members = &mut self.sets.get_mut(set).members;
        let place = members.len() as u32;
        members.push(key);
        let connection = &mut self.connections[key.0];
        (connection.set, connection.since, connection.member) = (Some(set), self.position, place);
        // The tick that was to state a cursor is not this connection's any more; of the new set's it may be too early.
        if self.sets.get(set).is_throttled() || old.is_some_and(|old| self.sets.get(old).owes_at()) {
            connection.backlog().owes_at.get_or_insert(false);
            self.ready.push(key);
        }
        if let Some(old) = old {
            self.leave(old, key, member);
        }
    }

    /// Queues the first messages of a subscription.
    fn owe(
        &mut self,
        key: ConnKey,
        gained: &BTreeSet<TopicId>,
        answer: Answer,
        subscription: &Subscription,
        was_streaming: bool,
        reply: Option<Vec<u8>>,
    ) {
        let named = if subscription.cursor.is_some() { self.names_for(key, gained, &answer) } else { Vec::new() };
        let connection = &mut self.connections[key.0];
        let framing = connection.framing;
        let backlog = connection.backlog();
        reply.into_iter().chain(named).for_each(|message| backlog.push_control(message));
        // They may stand in line from before the client gave them up: what it held then counts no more.
        gained.iter().for_each(|topic| backlog.stop_waiting(*topic));
        // Entries of the past would break the rising order of a stream that is live already: it is not whole until
        // the `at`. A fresh stream whose cursor is answered by entries alone is live from its first byte.
        let whole = answer.is_of_entries() && !was_streaming && !framing.quiet;
        for (_, owed) in answer.entries {
            match self.log.segment(owed.position.segment) {
                Some(segment) => enqueue(backlog, &segment, owed, framing),
                // Evicted since the answer: found out again, and made up for, when it is to be written.
                None => backlog.push_entry(owed),
            }
        }
        for (topic, waiting) in answer.snapshots {
            backlog.wait(topic, waiting);
        }
        let full = answer.full || backlog.owes_at == Some(true);
        if whole {
            backlog.ends_with_at = true;
        } else {
            backlog.owes_at = Some(full);
        }
        self.ready.push(key);
    }

    /// `ids=1`: on resume the client has to learn the numbers of topics that it gets no snapshot of. A topic whose name
    /// was born again meanwhile has the number of its former life first.
    fn names_for(&self, key: ConnKey, gained: &BTreeSet<TopicId>, answer: &Answer) -> Vec<Vec<u8>> {
        let Framing { ids, form, .. } = self.connections[key.0].framing;
        if !ids {
            return Vec::new();
        }
        let by_snapshot: BTreeSet<TopicId> = answer.snapshots.iter().map(|(topic, _)| *topic).collect();
        let mut first_numbers = BTreeMap::new();
        for (_, owed) in &answer.entries {
            if let Some(segment) = self.log.segment(owed.position.segment) {
                first_numbers.entry(owed.topic).or_insert(segment.entries[owed.position.index as usize].n());
            }
        }
        gained
            .difference(&by_snapshot)
            .filter_map(|id| Some((id, self.index.get(*id)?)))
            .map(|(id, topic)| (first_numbers.get(id).copied().unwrap_or(topic.born.0), topic))
            .map(|(n, topic)| wrap(form, &name(n, &topic.name), None))
            .collect()
    }
}
