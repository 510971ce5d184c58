//! What a trial wants to know beside the updates: why something was not published, and which pointers lead nowhere.

use super::message::Rule;
use super::pointer::Place;
use std::collections::BTreeSet;

/// Keeps nothing unless it is open: a live feed pays for no text.
#[derive(Debug, Default)]
pub(super) struct Notes {
    is_open: bool,
    lines: Vec<String>,
    /// Messages by rule.
    meant: Vec<u64>,
    /// (rule, field) that stood somewhere.
    seen: BTreeSet<(usize, String)>,
    /// Rules that had an item.
    looked: BTreeSet<usize>,
}

impl Notes {
    pub(super) fn open(rules: usize) -> Notes {
        Notes { is_open: true, meant: vec![0; rules], ..Notes::default() }
    }

    pub(super) fn say(&mut self, line: impl FnOnce() -> String) {
        if self.is_open {
            self.lines.push(line());
        }
    }

    /// A message is meant by a rule.
    pub(super) fn meant(&mut self, rule: usize) {
        if self.is_open {
            self.meant[rule] += 1;
        }
    }

    /// Looks which of a rule's pointers lead somewhere in an item.
    pub(super) fn look(&mut self, index: usize, rule: &Rule, item: &Place<'_>) {
        if !self.is_open {
            return;
        }
        self.looked.insert(index);
        let found = rule.pointers().into_iter().filter(|(_, pointer)| pointer.find(item).is_some());
        self.seen.extend(found.map(|(field, _)| (index, field)));
    }

    pub(super) fn take_lines(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }

    /// What looks like a mistake in the mapping, after the whole sample.
    pub(super) fn doubts(&self, rules: &[Rule]) -> Vec<String> {
        let mut doubts = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            if self.meant[index] == 0 {
                doubts.push(format!("{}: no message of the sample matches", rule.name));
            } else if !self.looked.contains(&index) {
                let each = rule.each.as_ref().map_or("", |path| path.as_str());
                doubts.push(format!("{}: each = {each:?} leads to nothing", rule.name));
            } else {
                let unseen =
                    rule.pointers().into_iter().filter(|(field, _)| !self.seen.contains(&(index, field.clone())));
                let unseen =
                    unseen.map(|(field, at)| format!("{}: {field}: nothing stands at {:?}", rule.name, at.as_str()));
                doubts.extend(unseen);
            }
        }
        doubts
    }
}
