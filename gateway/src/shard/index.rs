//! The shard's own table of topics, as of the log position it has read: name → slot → newest entry.
//!
//! Why not one shared table: a shard answers cursors and matches patterns as of *its* position, so every answer is
//! consistent with what it delivers next, and nothing is locked.

use super::filters::Rate;
use super::sets::SetKey;
use crate::log::{Entry, EntryKind, Link, Offset, Seq, TopicId};
use crate::store::Snapshot;
use smallvec::SmallVec;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

#[derive(Debug)]
pub struct Indexed {
    pub name: Arc<str>,
    pub newest: Link,
    /// Its seq at that entry.
    pub seq: Seq,
    /// Offset of its `gone`; `None` while it lives. It is remembered until that entry leaves the log, since a client
    /// may still hold the topic.
    pub retired: Option<Offset>,
    /// Offset of its birth: tells incarnations of one name apart.
    pub born: Offset,
    /// The sets that cover it unthrottled.
    pub sets: SmallVec<[SetKey; 2]>,
    /// What is kept of it for each rate class that covers it.
    pub rated: Vec<Rated>,
}

/// A topic in one rate class.
#[derive(Debug)]
pub struct Rated {
    pub rate: Rate,
    /// The sets that cover it at this rate.
    pub sets: SmallVec<[SetKey; 2]>,
    /// The state at the class's last tick; `None` before the first of the topic's life.
    pub at: Option<Arc<Snapshot>>,
    /// Somebody may hold this life of the topic, so its end has to be told.
    pub held: bool,
    /// Everyone who holds it holds it at least up to here.
    pub from: Offset,
    /// The class's next tick looks at it.
    pub noted: bool,
    /// Of an event topic: events that the provider lost since the last tick; `Some(None)` if nobody knows how many.
    pub lost: Option<Option<u64>>,
}

impl Indexed {
    pub fn is_alive(&self) -> bool {
        self.retired.is_none()
    }

    pub fn rated(&self, rate: Rate) -> Option<&Rated> {
        self.rated.iter().find(|rated| rated.rate == rate)
    }

    /// The seq that a member of the class has, or a live reader: before the first tick, none of this life.
    pub fn seq_at(&self, rate: Rate) -> Seq {
        match self.rated(rate) {
            Some(rated) => rated.at.as_ref().map_or(Seq(self.born.0 - 1), |at| at.seq),
            None => self.seq,
        }
    }

    /// Its part in the class of `rate`, made if there is none.
    pub fn at_rate(&mut self, rate: Rate) -> &mut Rated {
        let known = self.rated.iter().position(|rated| rated.rate == rate);
        let at = known.unwrap_or_else(|| {
            let (sets, from) = (SmallVec::new(), Offset(0));
            self.rated.push(Rated { rate, sets, at: None, held: false, from, noted: false, lost: None });
            self.rated.len() - 1
        });
        &mut self.rated[at]
    }

    /// All sets that cover it, at whatever rate.
    pub fn all_sets(&self) -> impl Iterator<Item = SetKey> {
        self.sets.iter().chain(self.rated.iter().flat_map(|rated| &rated.sets)).copied()
    }

    /// A set does not cover it any more.
    pub fn detach(&mut self, set: SetKey) {
        self.sets.retain(|other| *other != set);
        self.rated.iter_mut().for_each(|rated| rated.sets.retain(|other| *other != set));
        self.rated.retain(|rated| !rated.sets.is_empty());
    }
}

/// What an entry meant to the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observed {
    /// The name is new here: its sets are to be found.
    New,
    /// A name that had ended lives again, in its old place.
    Reborn,
    Ended,
    Else,
}

#[derive(Debug, Default)]
pub struct Index {
    by_name: HashMap<Arc<str>, TopicId>,
    topics: Vec<Option<Indexed>>,
    graves: VecDeque<(Offset, TopicId)>,
    live: usize,
}

impl Index {
    pub fn get(&self, id: TopicId) -> Option<&Indexed> {
        self.topics.get(id.index())?.as_ref()
    }

    pub fn get_mut(&mut self, id: TopicId) -> Option<&mut Indexed> {
        self.topics.get_mut(id.index())?.as_mut()
    }

    pub fn id(&self, name: &str) -> Option<TopicId> {
        self.by_name.get(name).copied()
    }

    /// A seq at which a topic that ended unseen may be told to be gone: not below its last, which is not known any more,
    /// and below that of a later life, whose first seq is the offset of its birth.
    pub fn end_of_former(&self, former: &Indexed, position: Offset) -> Offset {
        let later = self.id(&former.name).and_then(|id| self.get(id)).filter(|later| later.born > former.born);
        later.map_or(position, |later| Offset(later.born.0 - 1))
    }

    /// True if the slot holds that name, and it lives.
    pub fn is_alive(&self, id: TopicId, name: &str) -> bool {
        self.get(id).is_some_and(|topic| topic.retired.is_none() && *topic.name == *name)
    }

    /// Topics alive.
    pub fn live(&self) -> usize {
        self.live
    }

    /// All that is remembered, retired topics included.
    pub fn iter(&self) -> impl Iterator<Item = (TopicId, &Indexed)> {
        (0u32..).zip(&self.topics).filter_map(|(id, topic)| Some((TopicId(id), topic.as_ref()?)))
    }

    /// Takes note of an entry.
    pub fn observe(&mut self, entry: &Entry, link: Link) -> Observed {
        if let Some(name) = &entry.name {
            return self.observe_birth(entry.topic, name, link);
        }
        let Some(topic) = self.topics.get_mut(entry.topic.index()).and_then(Option::as_mut) else {
            return Observed::Else;
        };
        (topic.newest, topic.seq) = (link, entry.seq);
        if entry.kind == EntryKind::Gone && topic.retired.is_none() {
            topic.retired = Some(link.offset);
            self.graves.push_back((link.offset, entry.topic));
            self.live -= 1;
            return Observed::Ended;
        }
        Observed::Else
    }

    fn observe_birth(&mut self, id: TopicId, name: &Arc<str>, link: Link) -> Observed {
        if let Some(topic) = self.get_mut(id).filter(|topic| topic.name == *name) {
            let was_retired = topic.retired.take().is_some();
            (topic.newest, topic.seq, topic.born) = (link, Seq(link.offset.0), link.offset);
            self.live += usize::from(was_retired);
            return if was_retired { Observed::Reborn } else { Observed::Else };
        }
        self.forget(id);
        self.insert(id, Arc::clone(name), link, Seq(link.offset.0), link.offset);
        Observed::New
    }

    /// A topic learnt from the store instead of the log, by a shard that was overtaken.
    pub fn learn(&mut self, snapshot: &Snapshot) {
        if self.get(snapshot.topic).is_none() {
            let (name, born) = (Arc::clone(&snapshot.name), Offset(snapshot.n));
            self.insert(snapshot.topic, name, snapshot.link, snapshot.seq, born);
        }
    }

    fn insert(&mut self, id: TopicId, name: Arc<str>, newest: Link, seq: Seq, born: Offset) {
        if self.topics.len() <= id.index() {
            self.topics.resize_with(id.index() + 1, || None);
        }
        self.by_name.insert(Arc::clone(&name), id);
        let (sets, rated) = (SmallVec::new(), Vec::new());
        self.topics[id.index()] = Some(Indexed { name, newest, seq, retired: None, born, sets, rated });
        self.live += 1;
    }

    /// Removes the topic from the table. Returns the sets that covered it.
    pub fn forget(&mut self, id: TopicId) -> SmallVec<[SetKey; 2]> {
        let Some(topic) = self.topics.get_mut(id.index()).and_then(Option::take) else { return SmallVec::new() };
        if self.by_name.get(&topic.name) == Some(&id) {
            self.by_name.remove(&topic.name);
        }
        self.live -= usize::from(topic.retired.is_none());
        topic.all_sets().collect()
    }

    /// The next topic whose `gone` has left the log and that was not born again: it is to be forgotten.
    pub fn next_grave(&mut self, gone_evicted: Offset) -> Option<TopicId> {
        while let Some(&(offset, id)) = self.graves.front().filter(|(offset, _)| *offset <= gone_evicted) {
            self.graves.pop_front();
            if self.get(id).is_some_and(|topic| topic.retired == Some(offset)) {
                return Some(id);
            }
        }
        None
    }
}
