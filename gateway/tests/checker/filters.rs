//! Names and patterns, matched token by token.

use std::collections::BTreeSet;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filters {
    exact: BTreeSet<String>,
    wild: BTreeSet<String>,
}

impl Filters {
    pub fn insert(&mut self, filter: &str) {
        self.part(filter).insert(filter.to_owned());
    }

    pub fn remove(&mut self, filter: &str) {
        self.part(filter).remove(filter);
    }

    fn part(&mut self, filter: &str) -> &mut BTreeSet<String> {
        if filter.contains(['*', '>']) { &mut self.wild } else { &mut self.exact }
    }

    pub fn contains(&self, filter: &str) -> bool {
        self.exact.contains(filter) || self.wild.contains(filter)
    }

    pub fn extend(&mut self, others: &Filters) {
        others.iter().for_each(|filter| self.insert(filter));
    }

    pub fn subtract(&mut self, others: &Filters) {
        others.iter().for_each(|filter| self.remove(filter));
    }

    pub fn iter(&self) -> impl Iterator<Item = &String> {
        self.exact.iter().chain(&self.wild)
    }

    pub fn len(&self) -> usize {
        self.exact.len() + self.wild.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn matches(&self, topic: &str) -> bool {
        self.exact.contains(topic) || self.wild.iter().any(|pattern| matches(pattern, topic))
    }
}

impl<S: AsRef<str>> FromIterator<S> for Filters {
    fn from_iter<I: IntoIterator<Item = S>>(filters: I) -> Filters {
        let mut all = Filters::default();
        filters.into_iter().for_each(|filter| all.insert(filter.as_ref()));
        all
    }
}

/// `*` is any one token, `>` the rest, of one token at least.
fn matches(pattern: &str, topic: &str) -> bool {
    let mut tokens = topic.split('.');
    for wanted in pattern.split('.') {
        match (wanted, tokens.next()) {
            (_, None) => return false,
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (wanted, Some(token)) if wanted == token => {}
            _ => return false,
        }
    }
    tokens.next().is_none()
}

#[test]
fn patterns_match_token_by_token() {
    for (pattern, topic, wanted) in [
        ("a.*", "a.b", true),
        ("a.*", "a.b.c", false),
        ("a.>", "a.b.c", true),
        ("a.>", "a", false),
        ("*.b", "a.b", true),
        (">", "a", true),
        ("a", "a.b", false),
        ("*.*.b", "a.c.b", true),
    ] {
        assert_eq!(Filters::from_iter([pattern]).matches(topic), wanted, "{pattern} {topic}");
    }
}
