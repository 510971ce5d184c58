//! Subscribing: which topics a connection gains, and what it is told of them first.

use super::answer::Answer;
use super::backlog::Item;
use super::connection::{ConnKey, Wire};
use super::core::Core;
use super::counters::ShardCounters;
use super::sets::{Filters, SetKey};
use super::write::enqueue;
use crate::framing::message::name;
use crate::framing::{Framing, wrap};
use crate::limits::TooManyFilters;
use crate::log::{Cursor, TopicId};
use feeds::model::Pattern;
use std::collections::{BTreeMap, BTreeSet};

/// What a client asks for.
#[derive(Clone, Debug)]
pub struct Subscription {
    pub topics: Vec<Pattern>,
    /// The client holds every one of these topics up to here; `None`: it holds nothing.
    pub cursor: Option<Cursor>,
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
    ) -> Result<(), TooManyFilters> {
        // Whatever was read before belongs to the old set; and the answer is to be as of the log's end.
        self.settle(now_ms);
        let Some(connection) = self.open_connection(key) else { return Ok(()) };
        let (old, framing) = (connection.set, connection.framing);
        let held = old.map_or(&[][..], |set| &self.sets.get(set).filters);
        let filters: Filters =
            held.iter().chain(&subscription.topics).cloned().collect::<BTreeSet<_>>().into_iter().collect();
        self.settings.limits.check_filters(&*filters)?;
        let new = self.sets.intern(filters, framing, &mut self.index);
        let gained: BTreeSet<TopicId> = match old {
            None => self.sets.get(new).topics.clone(),
            Some(old) => self.sets.get(new).topics.difference(&self.sets.get(old).topics).copied().collect(),
        };
        let answer = self.answer(&gained, subscription.cursor.as_ref());
        if subscription.cursor.is_some() {
            self.count_resume(&answer);
        }
        let was_streaming = old.is_some();
        self.move_to(key, new);
        self.owe(key, &gained, answer, subscription, was_streaming, reply);
        Ok(())
    }

    /// Takes topics away. `reply` goes out after everything pending.
    pub fn unsubscribe(&mut self, key: ConnKey, topics: &[Pattern], reply: Option<Vec<u8>>, now_ms: i64) {
        self.settle(now_ms);
        let Some(connection) = self.open_connection(key) else { return };
        if let Some(old) = connection.set {
            let framing = connection.framing;
            let kept: Filters = self.sets.get(old).filters.iter().filter(|f| !topics.contains(f)).cloned().collect();
            let new = self.sets.intern(kept, framing, &mut self.index);
            let lost: Vec<TopicId> =
                self.sets.get(old).topics.difference(&self.sets.get(new).topics).copied().collect();
            self.move_to(key, new);
            if let Some(backlog) = self.connections.get_mut(key.0).and_then(|c| c.backlog.as_mut()) {
                lost.into_iter().for_each(|topic| backlog.stop_waiting(topic));
            }
        }
        if let Some(reply) = reply {
            self.send_raw(key, reply);
        }
    }

    /// Changes how a connection's entries are framed from now on.
    pub fn reframe(
        &mut self,
        key: ConnKey,
        num_string: Option<bool>,
        ids: Option<bool>,
        reply: Option<Vec<u8>>,
        now_ms: i64,
    ) {
        self.settle(now_ms);
        let Some(connection) = self.open_connection(key) else { return };
        let old = connection.framing;
        let framing = Framing { num_string: num_string.unwrap_or(old.num_string), ids: ids.unwrap_or(old.ids), ..old };
        connection.framing = framing;
        if let Some(set) = connection.set {
            let filters = Filters::clone(&self.sets.get(set).filters);
            let new = self.sets.intern(filters, framing, &mut self.index);
            self.move_to(key, new);
            if framing.ids && !old.ids {
                self.name_topics(key, new);
            }
        }
        if let Some(reply) = reply {
            self.send_raw(key, reply);
        }
    }

    /// `ids=1` from now on: the client may hold topics that it went on with from a cursor, whose numbers it was never
    /// given. They go before what is pending, since that is written in the new framing too.
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
        names.into_iter().rev().for_each(|name| backlog.pending.push_front(Item::Control(name.into())));
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
    fn move_to(&mut self, key: ConnKey, set: SetKey) {
        let (old, member) = (self.connections[key.0].set, self.connections[key.0].member);
        if old == Some(set) {
            return;
        }
        let members = &mut self.sets.get_mut(set).members;
        let place = members.len() as u32;
        members.push(key);
        let connection = &mut self.connections[key.0];
        (connection.set, connection.member) = (Some(set), place);
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
        // Entries of the past would break the rising order of a stream that is live already: it is not whole until
        // the `at`. A fresh stream whose cursor is answered by entries alone is live from its first byte.
        let whole = answer.is_of_entries() && !was_streaming;
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
