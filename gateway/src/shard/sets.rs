//! Interned subscription sets: equal sets of filters in one framing are one set, topics point to sets, and connections
//! hang on a set. So 10,000 readers of `score.>` cost one entry per topic, and their bytes are gathered once.

use super::backlog::Owed;
use super::connection::ConnKey;
use super::index::Index;
use super::poll::Waiters;
use crate::framing::Framing;
use crate::limits::IDLE_SETS_MAX;
use crate::log::TopicId;
use feeds::model::Pattern;
use slab::Slab;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SetKey(u32);

/// What is subscribed: names and patterns, sorted, each once.
pub type Filters = Arc<[Pattern]>;

#[derive(Debug)]
pub struct Set {
    /// Never reused, unlike its key.
    pub serial: u64,
    pub filters: Filters,
    /// The framing of its members while they are live.
    pub framing: Framing,
    /// Topics covered, retired ones included as long as the index remembers them.
    pub topics: BTreeSet<TopicId>,
    pub members: Vec<ConnKey>,
    pub waiters: Waiters,
    /// Polls that are being answered.
    pub leases: u32,
    /// Entries read in this pass that the members are owed.
    pub owed: Vec<Owed>,
}

impl Set {
    fn in_use(&self) -> bool {
        !self.members.is_empty() || !self.waiters.is_empty() || self.leases > 0
    }
}

#[derive(Debug, Default)]
pub struct Sets {
    sets: Slab<Set>,
    made: u64,
    by_filters: HashMap<(Filters, Framing), SetKey>,
    exact: HashMap<Pattern, Vec<SetKey>>,
    wild: HashMap<Pattern, Vec<SetKey>>,
    /// Sets that fell out of use, oldest first; some may be in use again.
    idle: VecDeque<SetKey>,
}

impl Sets {
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

    /// The set of `filters` (sorted, each once), made if there is none.
    pub fn intern(&mut self, filters: Filters, framing: Framing, index: &mut Index) -> SetKey {
        if let Some(&key) = self.by_filters.get(&(Arc::clone(&filters), framing)) {
            return key;
        }
        let topics = covered(&filters, index);
        self.made += 1;
        let set = Set {
            serial: self.made,
            filters: Arc::clone(&filters),
            framing,
            topics,
            members: Vec::new(),
            waiters: Waiters::default(),
            leases: 0,
            owed: Vec::new(),
        };
        let key = SetKey(self.sets.insert(set) as u32);
        for filter in filters.iter() {
            let table = if filter.is_exact() { &mut self.exact } else { &mut self.wild };
            table.entry(filter.clone()).or_default().push(key);
        }
        for &topic in &self.sets[key.0 as usize].topics {
            if let Some(topic) = index.get_mut(topic) {
                topic.sets.push(key);
            }
        }
        self.by_filters.insert((filters, framing), key);
        key
    }

    /// Points a topic that is new in the index to all sets that cover it.
    pub fn cover(&mut self, id: TopicId, index: &mut Index) {
        let Some(topic) = index.get_mut(id) else { return };
        // Cost: each distinct pattern is tried once per birth; births are rare.
        let wild = self.wild.iter().filter(|(pattern, _)| pattern.matches(&topic.name)).flat_map(|(_, keys)| keys);
        let exact = Pattern::new(&topic.name).ok().and_then(|name| self.exact.get(&name));
        for &key in wild.chain(exact.into_iter().flatten()) {
            if self.sets[key.0 as usize].topics.insert(id) {
                topic.sets.push(key);
            }
        }
    }

    /// The index forgot a topic that these sets covered.
    pub fn uncover(&mut self, id: TopicId, keys: &[SetKey]) {
        for key in keys {
            if let Some(set) = self.sets.get_mut(key.0 as usize) {
                set.topics.remove(&id);
            }
        }
    }

    /// Points every topic of a new index to its sets, and the sets to what it holds.
    pub fn recover(&mut self, index: &mut Index) {
        for (_, set) in self.sets.iter_mut() {
            set.topics.clear();
        }
        let ids: Vec<TopicId> = index.iter().map(|(id, _)| id).collect();
        for id in ids {
            self.cover(id, index);
        }
    }

    /// To be called when a member or a waiter left: an unused set is kept for a while, then dropped.
    pub fn left(&mut self, key: SetKey, index: &mut Index) {
        if !self.get(key).in_use() {
            self.idle.push_back(key);
        }
        while self.idle.len() > IDLE_SETS_MAX {
            let Some(oldest) = self.idle.pop_front() else { break };
            if self.sets.get(oldest.0 as usize).is_some_and(|set| !set.in_use()) && !self.idle.contains(&oldest) {
                self.drop_set(oldest, index);
            }
        }
    }

    fn drop_set(&mut self, key: SetKey, index: &mut Index) {
        let set = self.sets.remove(key.0 as usize);
        for filter in set.filters.iter() {
            let table = if filter.is_exact() { &mut self.exact } else { &mut self.wild };
            if let Some(keys) = table.get_mut(filter) {
                keys.retain(|other| *other != key);
                if keys.is_empty() {
                    table.remove(filter);
                }
            }
        }
        for topic in set.topics {
            if let Some(topic) = index.get_mut(topic) {
                topic.sets.retain(|other| *other != key);
            }
        }
        self.by_filters.remove(&(set.filters, set.framing));
    }
}

/// Topics of the index that `filters` cover, retired ones included.
fn covered(filters: &Filters, index: &Index) -> BTreeSet<TopicId> {
    let mut topics: BTreeSet<TopicId> =
        filters.iter().filter(|filter| filter.is_exact()).filter_map(|filter| index.id(filter.as_str())).collect();
    let wild: Vec<&Pattern> = filters.iter().filter(|filter| !filter.is_exact()).collect();
    if !wild.is_empty() {
        let matching = index.iter().filter(|(_, topic)| wild.iter().any(|pattern| pattern.matches(&topic.name)));
        topics.extend(matching.map(|(id, _)| id));
    }
    topics
}
