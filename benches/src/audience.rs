//! Subscribers without sockets: their wires take everything at once, so that what is measured is ours and not the
//! kernel's.

use crate::engine::NOW_MS;
use fanwire::framing::{Form, Framing};
use fanwire::shard::{ConnKey, Core, Peer, Rate, Subscription, Transport, Wire};
use feeds::model::{Pattern, Topic};
use rand::Rng;
use rand::rngs::SmallRng;
use rand::seq::index::sample;
use std::hint::black_box;
use std::io::{self, IoSlice};

/// Takes all bytes and keeps none.
#[derive(Debug)]
pub struct NullWire;

impl Wire for NullWire {
    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(black_box(pieces).iter().map(|piece| piece.len()).sum())
    }
}

/// A connection that has said nothing yet.
pub fn connect(core: &mut Core<NullWire>, framing: Framing) -> ConnKey {
    let (peer, transport) = match framing.form {
        Form::Sse => (Peer::Sse, Transport::Sse),
        Form::WebSocket | Form::Json => (Peer::WebSocket(None), Transport::WebSocket),
    };
    core.open(NullWire, peer, transport, framing, Vec::new(), NOW_MS)
}

/// A subscriber that is live.
pub fn join(core: &mut Core<NullWire>, framing: Framing, topics: Vec<Pattern>) -> ConnKey {
    let key = connect(core, framing);
    let subscription = Subscription { topics, cursor: None, rate: Rate::UNTHROTTLED };
    core.subscribe(key, &subscription, None, NOW_MS).expect("within the limits");
    drive(core);
    key
}

/// Lets everybody have their turns until nobody wants one.
pub fn drive(core: &mut Core<NullWire>) {
    while core.has_ready() {
        core.serve_ready(NOW_MS);
    }
}

/// `subscribers` live WebSocket subscribers, each of `per_subscriber` random ones of `topics`, as in workload W2.
pub fn join_at_random(
    core: &mut Core<NullWire>,
    random: &mut SmallRng,
    topics: &[Topic],
    subscribers: usize,
    per_subscriber: usize,
) {
    for _ in 0..subscribers {
        let wanted = some_of(random, topics, per_subscriber);
        join(core, Framing::default(), wanted);
    }
}

/// `count` different ones of `topics` (all, if there are no more), as exact names.
pub fn some_of(random: &mut SmallRng, topics: &[Topic], count: usize) -> Vec<Pattern> {
    sample(random, topics.len(), count.min(topics.len())).into_iter().map(|n| exact(&topics[n])).collect()
}

pub fn exact(topic: &Topic) -> Pattern {
    Pattern::new(topic.as_str()).expect("a topic's name is a pattern")
}

/// One of `topics`.
pub fn any_of<'a>(random: &mut SmallRng, topics: &'a [Topic]) -> &'a Topic {
    &topics[random.random_range(0..topics.len())]
}
