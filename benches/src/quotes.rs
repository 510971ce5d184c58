//! Made-up quotes: states of four members, of which every update changes three.

use crate::engine::NOW_MS;
use feeds::model::{Change, Decimal, Object, Topic, Update};

pub fn topics(count: usize) -> Vec<Topic> {
    (0..count).map(|n| Topic::new(&format!("quote.bench.S{n}")).expect("a name")).collect()
}

/// The whole quote, as an adapter says it. Of any two rounds all but `ask_size` differ.
pub fn patch(round: u64) -> Object {
    let step = i128::from(round);
    let number = |mantissa, scale| Decimal::new(mantissa, scale).expect("a small scale");
    Object::with_capacity(4)
        .with("ask", number(6_508_368 + step, 2))
        .with("ask_size", number(40_661, 3))
        .with("bid", number(6_508_367 + step, 2))
        .with("bid_size", number(31_210 + step, 3))
}

/// What the topic's adapter says in a round.
pub fn update(topic: &Topic, round: u64) -> Update {
    Update::new(topic.clone(), Some(NOW_MS), Change::Patch(patch(round)))
}

/// An update of every topic.
pub fn updates(topics: &[Topic], round: u64) -> impl Iterator<Item = Update> {
    topics.iter().map(move |topic| update(topic, round))
}
