//! A shard that the log's eviction overtook: it takes its topic table from the store, and every subscriber lags.

use super::backlog::{Basis, Gone, Waiting};
use super::connection::{ConnKey, Wire};
use super::core::Core;
use super::counters::ShardCounters;
use super::index::{Index, Indexed};
use crate::framing::message::{Why, gone};
use crate::framing::wrap;
use crate::log::{Offset, TopicId};
use crate::mutation::{self, Mutation};
use bytes::Bytes;

impl<W: Wire> Core<W> {
    /// The log evicted entries before this shard read them: the topic table is made anew and every subscriber lags.
    pub(super) fn rebuild(&mut self, now_ms: i64) {
        ShardCounters::add(&self.counters.overtaken, 1);
        tracing::warn!("the shard was overtaken by the log's eviction; its subscribers get snapshots");
        let old = std::mem::take(&mut self.index);
        // The head first, then the snapshots: what comes between is read again from the log, and nothing is missed.
        (self.reader, self.position) = self.log.reader_at_head();
        for snapshot in self.store.all() {
            self.index.learn(&snapshot);
        }
        // Invariant CURSOR-TRUE: of a topic whose end is in the store but not in the log yet, the table knows nothing, though it
        // lives at the position. So the table is true from where the log says what the store shows.
        self.known_from = self.position.max(self.store.shown());
        if mutation::on(Mutation::OvertakenShardTrusted) {
            self.known_from = Offset(0);
        }
        self.sets.recover(&mut self.index);
        self.resync_all(&old, now_ms);
        self.tell_limited();
    }

    /// Every subscriber gets its topics anew; what ended unseen is told as such.
    fn resync_all(&mut self, old: &Index, now_ms: i64) {
        let ended: Vec<(TopicId, &Indexed, Vec<u8>)> = old
            .iter()
            .filter(|(id, topic)| topic.retired.is_none() && !self.index.is_alive(*id, &topic.name))
            .map(|(id, topic)| (id, topic, gone(&topic.name, self.index.end_of_former(topic, self.position))))
            .collect();
        for (key, connection) in &mut self.connections {
            let Some(set) = connection.set.filter(|_| connection.closing.is_none()) else { continue };
            self.ready.push(ConnKey(key));
            let (form, set) = (connection.framing.form, self.sets.get(set));
            let backlog = connection.backlog();
            backlog.lag();
            let covered = |topic: &Indexed| set.terms.filters.cover(&topic.name);
            for (id, _, gone) in ended.iter().filter(|(_, topic, _)| covered(topic)) {
                let gone: Bytes = wrap(form, gone, None).into();
                backlog.push_gone(Gone { topic: *id, live: gone.clone(), quiet: gone });
            }
            let joining = std::mem::take(&mut backlog.joining);
            for &topic in &set.topics {
                if self.index.get(topic).is_some_and(Indexed::is_alive) {
                    let held = |old: &Indexed| {
                        joining.get(&topic).map_or_else(|| old.seq_at(set.rate(topic)), |held| held.seq)
                    };
                    let basis = old.get(topic).map_or(Basis::Unknown, |old| Basis::Delivered(held(old)));
                    backlog.wait_for_newest(topic);
                    backlog.wait(topic, Waiting::newest(Why::Lag, basis));
                }
            }
        }
        for (key, set) in self.sets.iter_mut() {
            if set.waiters.begin_gathering() {
                self.gathering.push_back((now_ms, key));
            }
        }
    }
}
