//! Interned subscription sets: equal filters in one framing and with one latency budget are one set, topics point to
//! sets, and connections hang on a set. So 10,000 readers of `score.>` cost one entry per topic, and their bytes are
//! gathered once.

use super::backlog::{Owed, OwedList};
use super::classes::Classes;
use super::connection::ConnKey;
use super::filters::{Filters, Rate};
use super::index::{Index, Indexed};
use super::linger::Lingers;
use super::poll::Waiters;
use crate::framing::Framing;
use crate::limits::{IDLE_SETS_MAX, IDLE_SETS_WEIGHT_MAX, LINGER_ENTRIES_MAX, TooManyTopics};
use crate::log::{Offset, TopicId};
use feeds::model::Pattern;
use slab::Slab;
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SetKey(u32);

/// What makes two subscribers' bytes equal, and equal in time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Terms {
    pub filters: Filters,
    /// While they are live. Quiet if some filter is throttled, or if no cursor is ever to be stated.
    pub framing: Framing,
    pub linger_ms: u32,
    /// No cursor is ever to be stated: its members met the cap on topics.
    pub limited: bool,
}

impl Terms {
    pub fn new(filters: Filters, framing: Framing, linger_ms: u32, limited: bool) -> Terms {
        let quiet = limited || !filters.rates().is_empty();
        Terms { filters, framing: framing.quiet(quiet), linger_ms, limited }
    }
}

/// Cost: `repr(C)` keeps what every entry touches side by side, in three cache lines instead of six. With one subscriber to
/// a set, as where each has a list of its own, fetching them is most of what a delivery costs beside the kernel.
#[derive(Debug)]
#[repr(C)]
pub struct Set {
    /// Few in a set of its own: then they cost no look elsewhere.
    pub members: SmallVec<[ConnKey; 2]>,
    /// Entries of the log that the members are owed.
    pub owed: OwedList,
    /// Entries of the tick at hand that the members are owed.
    pub ticked: Vec<Owed>,
    pub terms: Terms,
    /// The rates of its filters.
    pub rates: BTreeSet<Rate>,
    pub waiters: Waiters,
    /// A topic that it should cover was born beyond the cap: it is not complete, and nobody may join it.
    pub limited: bool,
    /// It stands in the line of its latency budget.
    lingers: bool,
    /// It was used since it stands in the line of unused sets.
    used_since: bool,
    /// Polls that are being answered.
    pub leases: u32,
    /// Never reused, unlike its key.
    pub serial: u64,
    /// Topics covered, retired ones included as long as the index remembers them.
    pub topics: BTreeSet<TopicId>,
    /// Those of them that are throttled.
    pub rated: BTreeMap<TopicId, Rate>,
    /// Of a throttled set: up to where an `at` is due for what was delivered, and the last offset stated after a tick. A
    /// class that is behind may keep the one from reaching the other for some ticks.
    pub delivered: Offset,
    pub stated: Offset,
    /// Where a life ended that its members were not told of, since a class had not ticked. A cursor that another class keeps
    /// back might be from the midst of it.
    pub untold: Offset,
    /// How many of its topics are alive.
    pub live: usize,
    /// `Some(weight)`: it stands in the line of unused sets. One that is used again may stay there until it is looked at.
    idle: Option<usize>,
}

impl Set {
    fn in_use(&self) -> bool {
        !self.members.is_empty() || !self.waiters.is_empty() || self.leases > 0
    }

    pub fn is_throttled(&self) -> bool {
        !self.rates.is_empty()
    }

    /// An `at` is due that says more than the last one.
    pub fn owes_at(&self) -> bool {
        self.stated < self.delivered
    }

    /// At which rate it covers a topic.
    pub fn rate(&self, topic: TopicId) -> Rate {
        self.rated.get(&topic).copied().unwrap_or_default()
    }
}

#[derive(Debug, Default)]
pub struct Sets {
    sets: Slab<Set>,
    made: u64,
    by_terms: HashMap<Terms, SetKey>,
    exact: HashMap<Pattern, Vec<SetKey>>,
    wild: HashMap<Pattern, Vec<SetKey>>,
    /// Sets that fell out of use, oldest first, each once; some may be in use again.
    idle: VecDeque<SetKey>,
    idle_weight: usize,
    /// Sets that are owed entries and handed them at the end of the pass.
    pub marked: Vec<SetKey>,
    pub lingers: Lingers,
    pub classes: Classes,
    /// Sets that met the cap on topics and whose members are to be told.
    pub newly_limited: Vec<SetKey>,
    topics_max: usize,
}

impl Sets {
    /// `topics_max`: how many topics one set may cover.
    pub fn new(topics_max: usize) -> Sets {
        Sets { topics_max, ..Sets::default() }
    }

    pub fn get(&self, key: SetKey) -> &Set {
        &self.sets[key.0 as usize]
    }

    pub fn get_mut(&mut self, key: SetKey) -> &mut Set {
        &mut self.sets[key.0 as usize]
    }

    pub fn contains(&self, key: SetKey) -> bool {
        self.sets.contains(key.0 as usize)
    }

    pub fn len(&self) -> usize {
        self.sets.len()
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = (SetKey, &mut Set)> {
        self.sets.iter_mut().map(|(key, set)| (SetKey(key as u32), set))
    }

    /// The set of these terms, made if there is none.
    pub fn intern(&mut self, terms: Terms, index: &mut Index) -> Result<SetKey, TooManyTopics> {
        if let Some(&key) = self.by_terms.get(&terms) {
            return Ok(key);
        }
        let topics = self.covered(&terms.filters, index)?;
        self.made += 1;
        let set = Set {
            serial: self.made,
            terms: terms.clone(),
            topics,
            rated: BTreeMap::new(),
            rates: terms.filters.rates(),
            members: SmallVec::new(),
            waiters: Waiters::default(),
            leases: 0,
            owed: SmallVec::new(),
            ticked: Vec::new(),
            delivered: Offset(0),
            stated: Offset(0),
            untold: Offset(0),
            live: 0,
            idle: None,
            used_since: false,
            lingers: false,
            limited: false,
        };
        let key = SetKey(self.sets.insert(set) as u32);
        for pattern in terms.filters.patterns() {
            let table = if pattern.is_exact() { &mut self.exact } else { &mut self.wild };
            table.entry(pattern.clone()).or_default().push(key);
        }
        let set = &mut self.sets[key.0 as usize];
        for rate in &set.rates {
            self.classes.get_mut(*rate).sets.insert(key);
        }
        for topic in set.topics.clone() {
            if let Some(indexed) = index.get_mut(topic) {
                attach(set, key, topic, indexed);
            }
        }
        self.by_terms.insert(terms, key);
        Ok(key)
    }

    /// Topics that a set covers and another one does not.
    pub fn beyond(&self, set: SetKey, other: Option<SetKey>) -> BTreeSet<TopicId> {
        let topics = &self.get(set).topics;
        other.map_or_else(|| topics.clone(), |other| topics.difference(&self.get(other).topics).copied().collect())
    }

    /// Whether there may be a set of these terms.
    pub fn check(&self, terms: &Terms, index: &Index) -> Result<(), TooManyTopics> {
        if self.by_terms.contains_key(terms) { Ok(()) } else { self.covered(&terms.filters, index).map(drop) }
    }

    /// The topics that the filters cover, if they are not too many.
    fn covered(&self, filters: &Filters, index: &Index) -> Result<BTreeSet<TopicId>, TooManyTopics> {
        let topics = covered(filters, index);
        let live = topics.iter().filter(|id| index.get(**id).is_some_and(Indexed::is_alive)).count();
        if live > self.topics_max { Err(TooManyTopics { most: self.topics_max }) } else { Ok(topics) }
    }

    /// Points a topic that is new in the index to all sets that cover it.
    pub fn cover(&mut self, id: TopicId, index: &mut Index) {
        let Some(topic) = index.get_mut(id) else { return };
        let name = Arc::clone(&topic.name);
        // Cost: each distinct pattern is tried once per birth; births are rare.
        let wild = self.wild.iter().filter(|(pattern, _)| pattern.matches(&name)).flat_map(|(_, keys)| keys);
        let exact = Pattern::new(&name).ok().and_then(|name| self.exact.get(&name));
        for &key in wild.chain(exact.into_iter().flatten()) {
            let set = &mut self.sets[key.0 as usize];
            if set.topics.contains(&id) {
                continue;
            }
            if set.live >= self.topics_max {
                if !std::mem::replace(&mut set.limited, true) {
                    self.newly_limited.push(key);
                }
                continue;
            }
            set.topics.insert(id);
            attach(set, key, id, topic);
        }
    }

    /// Takes the sets that met the cap since the last call out of the table: nobody else is to join them.
    pub fn take_newly_limited(&mut self) -> Vec<SetKey> {
        let limited = std::mem::take(&mut self.newly_limited);
        for key in &limited {
            let set = &mut self.sets[key.0 as usize];
            if self.by_terms.get(&set.terms) == Some(key) {
                self.by_terms.remove(&set.terms);
            }
            (set.terms.framing.quiet, set.terms.limited) = (true, true);
        }
        limited
    }

    /// A topic that sets cover ended, or lives again.
    pub fn count_life(&mut self, topic: Option<&Indexed>, by: isize) {
        for key in topic.into_iter().flat_map(Indexed::all_sets) {
            let set = self.get_mut(key);
            set.live = set.live.saturating_add_signed(by);
        }
    }

    /// The index forgot a topic that these sets covered.
    pub fn uncover(&mut self, id: TopicId, keys: &[SetKey]) {
        for key in keys {
            if let Some(set) = self.sets.get_mut(key.0 as usize) {
                set.topics.remove(&id);
                set.rated.remove(&id);
            }
        }
    }

    /// Points every topic of a new index to its sets, and the sets to what it holds.
    pub fn recover(&mut self, index: &mut Index) {
        for (_, set) in self.sets.iter_mut() {
            set.topics.clear();
            set.rated.clear();
            set.live = 0;
        }
        self.classes.forget_changed();
        let ids: Vec<TopicId> = index.iter().map(|(id, _)| id).collect();
        for id in ids {
            self.cover(id, index);
            // Whoever held it before may hold it now.
            let rated = index.get_mut(id).into_iter().flat_map(|topic| &mut topic.rated);
            rated.for_each(|rated| rated.held = true);
        }
    }

    /// The members of a set are owed an entry: at the end of the pass, or of its latency budget.
    pub fn owe(&mut self, key: SetKey, owed: Owed, now_ms: i64) {
        let set = &mut self.sets[key.0 as usize];
        if set.members.is_empty() {
            return;
        }
        if set.terms.linger_ms == 0 {
            if set.owed.is_empty() {
                self.marked.push(key);
            }
        } else {
            if !std::mem::replace(&mut set.lingers, true) {
                self.lingers.wait(key, set.terms.linger_ms, now_ms);
            }
            self.lingers.need(set.terms.linger_ms, owed.position.segment);
            if set.owed.len() == LINGER_ENTRIES_MAX {
                self.marked.push(key);
            }
        }
        set.owed.push(owed);
    }

    /// Something unthrottled was delivered to a throttled set: the next tick of any of its classes states a cursor.
    pub fn wish_at(&mut self, key: SetKey, position: Offset, now_ms: i64) {
        let set = &mut self.sets[key.0 as usize];
        if !set.owes_at() {
            set.rates.iter().for_each(|rate| self.classes.wish(*rate, now_ms));
        }
        set.delivered = set.delivered.max(position);
    }

    /// Sets of a rate to which something was delivered that no `at` covers yet.
    pub fn that_owe_at(&self, rate: Rate) -> Vec<SetKey> {
        self.classes.sets(rate).filter(|key| self.get(*key).owes_at()).collect()
    }

    /// Sets whose latency budget is over, or all that wait for it.
    pub fn take_lingering(&mut self, now_ms: Option<i64>) -> Vec<SetKey> {
        let mut taken = match now_ms {
            Some(now_ms) => self.lingers.take_due(now_ms),
            None => self.lingers.take_all(),
        };
        // One that was dropped meanwhile may have left its key to another.
        taken.retain(|key| self.sets.get_mut(key.0 as usize).is_some_and(|set| std::mem::take(&mut set.lingers)));
        taken
    }

    /// To be called when a member or a waiter left: an unused set is kept for a while, then dropped.
    pub fn left(&mut self, key: SetKey, index: &mut Index) {
        let set = self.get_mut(key);
        if set.members.is_empty() {
            set.owed.clear();
            set.ticked.clear();
        }
        if !set.in_use() {
            self.put_aside(key);
        }
        while self.idle.len() > IDLE_SETS_MAX || self.idle_weight > IDLE_SETS_WEIGHT_MAX {
            self.look_at_oldest(index);
        }
    }

    fn put_aside(&mut self, key: SetKey) {
        let set = &mut self.sets[key.0 as usize];
        if set.idle.is_some() {
            set.used_since = true;
            return;
        }
        let weight = set.terms.filters.iter().count() + set.topics.len();
        set.idle = Some(weight);
        self.idle_weight += weight;
        self.idle.push_back(key);
    }

    /// Drops the oldest set that stands aside. One that was used since stands there as if it came now; one that is in use
    /// leaves the line.
    fn look_at_oldest(&mut self, index: &mut Index) {
        let Some(key) = self.idle.pop_front() else { return };
        let set = &mut self.sets[key.0 as usize];
        self.idle_weight -= set.idle.take().unwrap_or_default();
        let used_since = std::mem::take(&mut set.used_since);
        match set.in_use() {
            true => {}
            false if used_since => self.put_aside(key),
            false => self.drop_set(key, index),
        }
    }

    fn drop_set(&mut self, key: SetKey, index: &mut Index) {
        let set = self.sets.remove(key.0 as usize);
        for pattern in set.terms.filters.patterns() {
            let table = if pattern.is_exact() { &mut self.exact } else { &mut self.wild };
            if let Some(keys) = table.get_mut(pattern) {
                keys.retain(|other| *other != key);
                if keys.is_empty() {
                    table.remove(pattern);
                }
            }
        }
        for rate in &set.rates {
            self.classes.get_mut(*rate).sets.remove(&key);
        }
        for topic in set.topics {
            if let Some(topic) = index.get_mut(topic) {
                topic.detach(key);
            }
        }
        if self.by_terms.get(&set.terms) == Some(&key) {
            self.by_terms.remove(&set.terms);
        }
    }
}

/// Points a topic and a set that covers it to each other.
fn attach(set: &mut Set, key: SetKey, id: TopicId, topic: &mut Indexed) {
    set.live += usize::from(topic.is_alive());
    let rate = if set.rates.is_empty() { None } else { set.terms.filters.rate_of(&topic.name) };
    match rate.filter(|rate| rate.is_throttled()) {
        Some(rate) => {
            set.rated.insert(id, rate);
            topic.at_rate(rate).sets.push(key);
        }
        None => topic.sets.push(key),
    }
}

/// Topics of the index that `filters` cover, retired ones included.
fn covered(filters: &Filters, index: &Index) -> BTreeSet<TopicId> {
    let mut topics: BTreeSet<TopicId> =
        filters.patterns().filter(|name| name.is_exact()).filter_map(|name| index.id(name.as_str())).collect();
    let wild: Vec<&Pattern> = filters.patterns().filter(|pattern| !pattern.is_exact()).collect();
    if !wild.is_empty() {
        let matching = index.iter().filter(|(_, topic)| wild.iter().any(|pattern| pattern.matches(&topic.name)));
        topics.extend(matching.map(|(id, _)| id));
    }
    topics
}
