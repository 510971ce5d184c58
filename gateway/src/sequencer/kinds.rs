//! Which topics are state and which are events, and how many events a snapshot holds.

use crate::store::Kind;
use feeds::model::Pattern;

/// Events kept of a topic whose rule names no number.
const EVENTS_KEPT: usize = 100;
/// Events kept of a game: more than any game has plays.
const PLAYS_KEPT: usize = 2_000;

#[derive(Clone, Debug)]
pub struct KindRule {
    pub pattern: Pattern,
    pub kind: Kind,
    /// Events that a snapshot holds; of no meaning for state topics.
    pub keep: usize,
}

/// Rules by pattern, the first match wins. A topic without a rule takes the kind of its first publish line.
#[derive(Clone, Debug)]
pub struct KindRules(Vec<KindRule>);

impl KindRules {
    /// `rules` from the configuration go before the built-in ones for DESIGN.md's names.
    pub fn new(mut rules: Vec<KindRule>) -> KindRules {
        for head in ["quote", "book", "bar", "instrument", "score", "slate", "feed"] {
            rules.extend(built_in(head, Kind::State, EVENTS_KEPT));
        }
        rules.extend(built_in("trade", Kind::Event, EVENTS_KEPT));
        rules.extend(built_in("play", Kind::Event, PLAYS_KEPT));
        KindRules(rules)
    }

    pub fn of(&self, topic: &str) -> Option<&KindRule> {
        self.0.iter().find(|rule| rule.pattern.matches(topic))
    }

    pub fn keep(&self, topic: &str) -> usize {
        self.of(topic).map_or(EVENTS_KEPT, |rule| rule.keep)
    }
}

fn built_in(head: &str, kind: Kind, keep: usize) -> Option<KindRule> {
    let pattern = Pattern::new(&format!("{head}.>")).ok()?;
    Some(KindRule { pattern, kind, keep })
}
