//! The topics that a feed has named so far: which subscription watches each, its sequence, the ids of its events.

use super::sync::{Sequence, Sync};
use crate::adapter::{LinkId, Subscription};
use crate::model::{Object, Topic, Value};
use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Invariant BOUNDED: at most `topics_max` topics are known; a message about one more is refused.
#[derive(Debug)]
pub(super) struct Known {
    topics: HashMap<String, Entry>,
    topics_max: usize,
    /// One per source, in their order, then those of topics that are watched by themselves.
    pub subscriptions: Vec<Subscription>,
    links: Vec<Option<LinkId>>,
    /// One per source, in their order: that of the connection itself.
    pub sequences: Vec<Sequence>,
    /// Subscriptions whose topic is over.
    free: Vec<usize>,
    /// Topics that wait for a whole state.
    pub waiting: usize,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub topic: Topic,
    pub subscription: usize,
    pub source: usize,
    pub sync: Sync,
    pub told: Told,
}

impl Known {
    /// `sources`: a subscription for each, with its link if it is a socket.
    pub(super) fn new(sources: Vec<(Subscription, Option<LinkId>)>, topics_max: usize) -> Known {
        let sequences = vec![Sequence::default(); sources.len()];
        let (subscriptions, links) = sources.into_iter().unzip();
        Known { topics: HashMap::new(), topics_max, subscriptions, links, sequences, free: Vec::new(), waiting: 0 }
    }

    pub(super) fn link_of(&self, subscription: usize) -> Option<LinkId> {
        self.links.get(subscription).copied().flatten()
    }

    /// The topic of that name, from now on; else why not.
    pub(super) fn entry(&mut self, name: &str, source: usize, silence_ms: Option<u64>) -> Result<&mut Entry, String> {
        if !self.topics.contains_key(name) {
            let topic = Topic::new(name).map_err(|error| format!("topic {name:?}: {error}"))?;
            if self.topics.len() >= self.topics_max {
                return Err(format!("topic {name}: there are topics_max = {} already", self.topics_max));
            }
            let subscription = self.watch(&topic, source, silence_ms);
            let entry = Entry { topic, subscription, source, sync: Sync::default(), told: Told::default() };
            self.topics.insert(name.to_owned(), entry);
        }
        self.topics.get_mut(name).ok_or_else(|| "no topic".to_owned())
    }

    /// Puts a topic under the watch of its own, or of its source.
    fn watch(&mut self, topic: &Topic, source: usize, silence_ms: Option<u64>) -> usize {
        if silence_ms.is_none() {
            self.subscriptions[source].topics.push(topic.clone());
            return source;
        }
        let own = Subscription { name: topic.as_str().to_owned(), topics: vec![topic.clone()], silence_ms };
        let link = self.links[source];
        match self.free.pop() {
            Some(index) => {
                (self.subscriptions[index], self.links[index]) = (own, link);
                index
            }
            None => {
                self.subscriptions.push(own);
                self.links.push(link);
                self.subscriptions.len() - 1
            }
        }
    }

    /// Forgets a topic that is over; `None` if nobody knew it.
    pub(super) fn retire(&mut self, name: &str) -> Option<Topic> {
        let entry = self.topics.remove(name)?;
        self.waiting -= usize::from(entry.sync.is_waiting());
        let watch = &mut self.subscriptions[entry.subscription];
        watch.topics.retain(|topic| *topic != entry.topic);
        if entry.subscription != entry.source {
            watch.silence_ms = None;
            self.free.push(entry.subscription);
        }
        Some(entry.topic)
    }

    /// The source has a new connection, which counts anew.
    pub(super) fn restart(&mut self, source: usize) {
        self.sequences[source] = Sequence::default();
    }

    /// The source's connection is gone: what follows may not join what was.
    pub(super) fn interrupt(&mut self, source: usize) {
        let of_source = self.topics.values_mut().filter(|entry| entry.source == source);
        let began_to_wait = of_source.filter_map(|entry| entry.sync.interrupt().then_some(())).count();
        self.waiting += began_to_wait;
    }

    /// The source's own sequence has a gap.
    pub(super) fn break_off(&mut self, source: usize) {
        self.topics.values_mut().filter(|entry| entry.source == source).for_each(|entry| entry.sync.break_off());
    }
}

/// What was told of a topic's last events: id → content. Providers repeat themselves in every body, and after a
/// reconnect.
#[derive(Debug, Default)]
pub(super) struct Told {
    contents: HashMap<u64, u64>,
    order: VecDeque<u64>,
}

impl Told {
    /// Notes an event; false if the same was told before, word for word. One without `id` is always new.
    pub(super) fn is_new(&mut self, event: &Object, ids_kept: usize) -> bool {
        let Some(id) = event.get("id").filter(|id| **id != Value::Null && ids_kept > 0) else { return true };
        let mut text = Vec::new();
        id.write(&mut text);
        let id = hash(&text);
        text.clear();
        event.write(&mut text);
        let content = hash(&text);
        match self.contents.insert(id, content) {
            Some(before) => before != content,
            None => {
                self.order.push_back(id);
                if self.order.len() > ids_kept {
                    self.order.pop_front().map(|oldest| self.contents.remove(&oldest));
                }
                true
            }
        }
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(topics_max: usize) -> Known {
        let source = Subscription { name: "main".into(), topics: Vec::new(), silence_ms: None };
        Known::new(vec![(source, Some(LinkId(0)))], topics_max)
    }

    #[test]
    fn topics_are_bounded_and_places_are_used_again() {
        let mut known = known(2);
        for name in ["score.x.1", "score.x.2"] {
            known.entry(name, 0, Some(5)).unwrap();
        }
        let refused = known.entry("score.x.3", 0, None).unwrap_err();
        assert_eq!(refused, "topic score.x.3: there are topics_max = 2 already");
        assert!(known.retire("score.x.1").is_some() && known.retire("score.x.1").is_none());
        assert_eq!((known.subscriptions[1].silence_ms, known.subscriptions[1].topics.len()), (None, 0));
        assert_eq!(known.entry("score.x.3", 0, Some(7)).unwrap().subscription, 1);
        assert_eq!((known.subscriptions.len(), known.subscriptions[1].silence_ms), (3, Some(7)));
        assert!(known.entry("bad name", 0, None).is_err());
    }

    #[test]
    fn an_event_is_told_once_unless_it_changed() {
        let mut told = Told::default();
        let event = |id: i64, price: i64| Object::new().with("id", id).with("price", price);
        assert!(told.is_new(&event(1, 5), 2) && !told.is_new(&event(1, 5), 2));
        assert!(told.is_new(&event(1, 6), 2) && told.is_new(&event(1, 5), 2), "edited, and edited back");
        assert!(told.is_new(&event(2, 5), 2) && told.is_new(&event(3, 5), 2));
        assert!(told.is_new(&event(1, 5), 2), "too long ago");
        assert_eq!((told.contents.len(), told.order.len()), (2, 2));
        let nameless = Object::new().with("price", 5);
        assert!(told.is_new(&nameless, 2) && told.is_new(&nameless, 2));
    }
}
