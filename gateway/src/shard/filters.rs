//! What a connection asks for: names and patterns, each at a rate, in one canonical order, so that equal wishes are
//! equal values.

use feeds::model::Pattern;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Deliveries per second and topic, Hz, from the configured list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(pub u32);

impl Rate {
    /// Every entry, as it comes.
    pub const UNTHROTTLED: Rate = Rate(0);

    pub fn is_throttled(self) -> bool {
        self != Rate::UNTHROTTLED
    }
}

/// One name or pattern of a subscription.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Filter {
    pub pattern: Pattern,
    pub rate: Rate,
}

/// All filters of one connection. Exact names come first, sorted; then the patterns: sorted if all have one rate, else in
/// the order of their subscription, since then the latest one wins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filters(Arc<[Filter]>);

impl Filters {
    /// Unthrottled, as polls ask.
    pub fn unthrottled(patterns: impl IntoIterator<Item = Pattern>) -> Filters {
        Filters::default().with(patterns, Rate::UNTHROTTLED)
    }

    /// These filters and `patterns`, which are the latest; what is there already takes the new rate.
    pub fn with(&self, patterns: impl IntoIterator<Item = Pattern>, rate: Rate) -> Filters {
        let latest: Vec<Pattern> = patterns.into_iter().collect();
        let known: BTreeSet<&Pattern> = latest.iter().collect();
        let mut filters: Vec<Filter> = self.iter().filter(|filter| !known.contains(&filter.pattern)).cloned().collect();
        let mut seen = BTreeSet::new();
        filters.extend(
            latest
                .iter()
                .filter(|pattern| seen.insert(*pattern))
                .map(|pattern| Filter { pattern: pattern.clone(), rate }),
        );
        Filters::canonical(filters)
    }

    /// These filters but `patterns`.
    pub fn without(&self, patterns: &[Pattern]) -> Filters {
        let gone: BTreeSet<&Pattern> = patterns.iter().collect();
        Filters::canonical(self.iter().filter(|filter| !gone.contains(&filter.pattern)).cloned().collect())
    }

    /// The same filters, where `change` picks the rate of each.
    pub fn at_rates(&self, change: impl Fn(&Filter) -> Rate) -> Filters {
        let changed = self.iter().map(|filter| Filter { pattern: filter.pattern.clone(), rate: change(filter) });
        Filters::canonical(changed.collect())
    }

    fn canonical(filters: Vec<Filter>) -> Filters {
        let (mut exact, mut wild): (Vec<Filter>, Vec<Filter>) =
            filters.into_iter().partition(|filter| filter.pattern.is_exact());
        exact.sort_unstable();
        if wild.windows(2).all(|pair| pair[0].rate == pair[1].rate) {
            wild.sort_unstable();
        }
        exact.extend(wild);
        Filters(exact.into())
    }

    pub fn iter(&self) -> impl Iterator<Item = &Filter> {
        self.0.iter()
    }

    pub fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        self.0.iter().map(|filter| &filter.pattern)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rates that occur, unthrottled left out, each once.
    pub fn rates(&self) -> BTreeSet<Rate> {
        self.iter().map(|filter| filter.rate).filter(|rate| rate.is_throttled()).collect()
    }

    pub fn cover(&self, topic: &str) -> bool {
        self.patterns().any(|pattern| pattern.matches(topic))
    }

    /// The rate of a covered topic: an exact name beats a pattern, then the latest subscription.
    pub fn rate_of(&self, topic: &str) -> Option<Rate> {
        let exact = self.0.partition_point(|filter| filter.pattern.is_exact());
        let named = self.0[..exact].binary_search_by(|filter| filter.pattern.as_str().cmp(topic)).ok();
        let last = || self.0[exact..].iter().rev().find(|filter| filter.pattern.matches(topic));
        named.map(|n| &self.0[n]).or_else(last).map(|filter| filter.rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(text: &str) -> Vec<Pattern> {
        text.split(' ').map(|one| Pattern::new(one).unwrap()).collect()
    }

    #[test]
    fn equal_wishes_are_equal() {
        let one = Filters::unthrottled(patterns("b.* a.1 a.> a.1"));
        let other = Filters::unthrottled(patterns("a.1")).with(patterns("a.> b.*"), Rate(0));
        assert_eq!(one, other);
        assert_eq!(one.iter().count(), 3);
        assert_eq!(one.without(&patterns("a.1 a.>")), Filters::unthrottled(patterns("b.*")));
    }

    #[test]
    fn an_exact_name_beats_a_pattern_then_the_latest() {
        let filters = Filters::default()
            .with(patterns("quote.a"), Rate(4))
            .with(patterns("quote.>"), Rate(1))
            .with(patterns("*.b"), Rate(0));
        let rates =
            |filters: &Filters| ["quote.a", "quote.b", "quote.c", "score.x"].map(|topic| filters.rate_of(topic));
        assert_eq!(rates(&filters), [Some(Rate(4)), Some(Rate(0)), Some(Rate(1)), None]);
        let later = filters.with(patterns("quote.>"), Rate(2));
        assert_eq!(rates(&later), [Some(Rate(4)), Some(Rate(2)), Some(Rate(2)), None]);
        assert_eq!(later.rates(), BTreeSet::from([Rate(2), Rate(4)]));
        let even = later.at_rates(|_| Rate(1));
        assert_eq!(even, Filters::default().with(patterns("*.b quote.> quote.a"), Rate(1)));
    }
}
