//! A mapping tried on a sample, without a provider: what becomes of it, and what does not.

use super::{Generic, GenericConfig, Notes};
use crate::adapter::{Counts, Output};
use crate::model::Update;

/// Takes frames by hand. The output of `fanwire map-test`.
#[derive(Debug)]
pub struct Trial {
    generic: Generic,
    output: Output,
}

/// What one frame became.
#[derive(Debug)]
pub struct Tried {
    pub updates: Vec<Update>,
    /// Why the rest of it became nothing.
    pub notes: Vec<String>,
}

impl Trial {
    pub fn new(config: &GenericConfig) -> Trial {
        let generic = Generic::new(config);
        let notes = Notes::open(generic.mapping.rules.len());
        Trial { generic: Generic { notes, ..generic }, output: Output::default() }
    }

    /// The names of the sockets and polls, for people.
    pub fn source_names(&self) -> String {
        self.generic.mapping.source_names()
    }

    /// The source of that name, or the first one; `None` if there is none such.
    pub fn source(&self, name: Option<&str>) -> Option<usize> {
        self.generic.mapping.sources.iter().position(|source| name.is_none_or(|name| source.name == name))
    }

    /// Takes a frame as if `source` had sent it.
    pub fn take(&mut self, source: usize, frame: &[u8]) -> Tried {
        self.generic.take(source, frame, &mut self.output);
        self.output.alive.clear();
        self.output.reconnects.clear();
        Tried { updates: std::mem::take(&mut self.output.updates), notes: self.generic.notes.take_lines() }
    }

    pub fn counts(&self) -> Counts {
        self.output.counts
    }

    /// What looks like a mistake, after the whole sample: messages that never matched, pointers that led nowhere.
    pub fn doubts(&self) -> Vec<String> {
        self.generic.notes.doubts(&self.generic.mapping.rules)
    }
}
