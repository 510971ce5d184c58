//! Segments read but not yet handed out to everyone.

use super::backlog::Owed;
use crate::log::{Log, Segment};
use std::collections::VecDeque;
use std::sync::Arc;

#[derive(Debug, Default)]
pub struct Pass {
    /// Consecutive: a shard that was overtaken hands everything out before it jumps.
    segments: VecDeque<Arc<Segment>>,
    /// Older ones, of which some subscribers are owed entries all the same.
    older: Vec<Arc<Segment>>,
    bytes: usize,
}

impl Pass {
    /// What the segments weigh together.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn push(&mut self, segment: Arc<Segment>) {
        self.bytes += segment.weight();
        self.segments.push_back(segment);
    }

    /// The segment that an owed entry lies in.
    pub fn segment_of(&self, owed: &Owed) -> &Arc<Segment> {
        let number = owed.position.segment;
        let first = self.segments.front().map_or(u64::MAX, |segment| segment.number);
        if number >= first {
            return &self.segments[(number - first) as usize];
        }
        // Invariant: an entry is only owed once its segment was taken in, by `push` or by `recall`.
        self.older.iter().find(|segment| segment.number == number).expect("the segment of an owed entry")
    }

    /// Takes an older segment in again; `None` if the log has evicted it. `current` is the one being read.
    pub fn recall(&mut self, number: u64, current: &Arc<Segment>, log: &Log) -> Option<Arc<Segment>> {
        if number == current.number {
            return Some(Arc::clone(current));
        }
        let held = self.segments.iter().chain(&self.older).find(|segment| segment.number == number);
        if let Some(segment) = held {
            return Some(Arc::clone(segment));
        }
        let segment = log.segment(number)?;
        self.older.push(Arc::clone(&segment));
        Some(segment)
    }

    /// Drops all segments, or those before `oldest`.
    pub fn drop_before(&mut self, oldest: Option<u64>) {
        let Some(oldest) = oldest else {
            self.segments.clear();
            self.older.clear();
            self.bytes = 0;
            return;
        };
        while let Some(segment) = self.segments.pop_front_if(|segment| segment.number < oldest) {
            self.bytes -= segment.weight();
        }
    }
}
