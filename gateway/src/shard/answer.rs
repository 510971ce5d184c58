//! The one question: what changed in these topics after cursor C?

use super::backlog::{Basis, Owed, Waiting};
use super::connection::Wire;
use super::core::Core;
use crate::framing::message::Why;
use crate::log::{Cursor, EntryKind, Link, Offset, TopicId};
use crate::mutation::{self, Mutation};
use std::collections::BTreeSet;

/// The answer, as of the shard's position.
#[derive(Debug, Default)]
pub struct Answer {
    /// Entries to tell, in rising offset.
    pub entries: Vec<(Offset, Owed)>,
    /// Topics to tell by snapshot.
    pub snapshots: Vec<(TopicId, Waiting)>,
    /// The cursor was foreign or too old: topics that are not named do not exist.
    pub full: bool,
    /// Of some topic that ended, only the end is told: no cursor inside the answer would be true.
    abridged: bool,
}

impl Answer {
    /// True if every entry's own offset is a cursor to resume from.
    pub fn is_of_entries(&self) -> bool {
        self.snapshots.is_empty() && !self.full && !self.abridged
    }
}

/// What a poll gets.
#[derive(Debug)]
pub enum PollAnswer {
    /// A JSON body, shared by all who asked the same.
    Body(bytes::Bytes),
    /// Nothing is newer than the cursor.
    Nothing,
    /// The snapshots are above the cap of one body.
    TooBig,
    /// More topics were born than one set may cover.
    TooManyTopics,
    /// Some snapshot is newer than what the shard has read: ask again after the next wake-up.
    Hold,
}

impl<W: Wire> Core<W> {
    /// Answers for `topics`. Call [`Core::settle`] before, so that the position is at the log's end.
    pub(super) fn answer(&self, topics: &BTreeSet<TopicId>, cursor: Option<&Cursor>) -> Answer {
        let Some(cursor) = cursor else { return self.snapshots_of(topics, Why::Subscribe, Basis::Nothing, false) };
        let other_epoch = cursor.epoch != *self.log.epoch() && !mutation::on(Mutation::ForeignEpochTrusted);
        let foreign = other_epoch || cursor.offset > self.log.end();
        if foreign {
            return self.snapshots_of(topics, Why::Resume, Basis::Unknown, true);
        }
        let is_told_full = cursor.offset < self.log.gone_evicted().max(self.known_from);
        if is_told_full && !mutation::on(Mutation::EvictedEndForgotten) {
            return self.snapshots_of(topics, Why::Resume, Basis::Stated(cursor.offset), true);
        }
        self.changes_since(topics, cursor.offset)
    }

    pub(super) fn snapshots_of(&self, topics: &BTreeSet<TopicId>, why: Why, basis: Basis, full: bool) -> Answer {
        let alive = |id: &&TopicId| self.index.get(**id).is_some_and(|topic| topic.retired.is_none());
        let snapshots = topics.iter().filter(alive).map(|id| (*id, Waiting::newest(why, basis))).collect();
        Answer { snapshots, full, ..Answer::default() }
    }

    fn changes_since(&self, topics: &BTreeSet<TopicId>, cursor: Offset) -> Answer {
        let mut answer = Answer::default();
        let mut budget = self.settings.limits.resume_entries_max;
        for &id in topics {
            let Some(topic) = self.index.get(id).filter(|topic| topic.newest.offset > cursor) else { continue };
            // One may be evicted between the two steps: then a snapshot answers too.
            let links = self.log.entries_after(cursor, topic.newest, budget);
            let entries =
                |links: Vec<Link>| links.into_iter().map(|link| self.owed(id, link)).collect::<Option<Vec<_>>>();
            match links.and_then(entries) {
                Some(entries) => {
                    budget -= entries.len();
                    answer.entries.extend(entries);
                }
                // What is gone for good must be told even where its entries are too many: as its last word.
                None if topic.retired.is_some() => {
                    answer.entries.extend(self.owed(id, topic.newest));
                    answer.abridged = true;
                }
                None => {
                    let waiting = Waiting::newest(Why::Resume, Basis::Stated(cursor));
                    answer.snapshots.push((id, waiting));
                }
            }
        }
        let ends = answer.entries.iter().filter(|(_, owed)| owed.kind == EntryKind::Gone).count();
        if ends > self.settings.limits.pending_entries_max {
            // A stream that is owed so many is closed as `too_far_behind`, and would come back with the same cursor.
            return self.snapshots_of(topics, Why::Resume, Basis::Stated(cursor), true);
        }
        answer.entries.sort_unstable_by_key(|(offset, _)| *offset);
        answer
    }

    fn owed(&self, topic: TopicId, link: Link) -> Option<(Offset, Owed)> {
        let segment = self.log.segment(link.position.segment)?;
        let entry = &segment.entries[link.position.index as usize];
        Some((link.offset, Owed { position: link.position, topic, kind: entry.kind, seq: entry.seq }))
    }
}
