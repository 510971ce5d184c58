//! What is counted: one operation of each hot path, single-threaded and without sockets.

use crate::instrument::repeat;
use fanwire::framing::message::{Lost, Why, snapshot};
use fanwire::framing::{Form, Framing};
use fanwire::log::{Reader, Segment, TopicId};
use fanwire::shard::{ConnKey, Core};
use fanwire::transport::publish::parse_line;
use fanwire::transport::websocket::hear;
use fanwire_benches::audience::{NullWire, connect, drive, exact, join};
use fanwire_benches::engine::{Engine, NOW_MS};
use fanwire_benches::{quotes, requests};
use feeds::model::{Topic, diff, merge};
use std::hint::black_box;
use std::sync::Arc;

pub struct Case {
    pub name: &'static str,
    pub run: fn(),
}

const SUBSCRIBERS: usize = 1_000;
const SSE: Framing = Framing { form: Form::Sse, quiet: false, num_string: false, ids: false };

pub const CASES: [Case; 11] = [
    Case { name: "merge_quote", run: merge_quote },
    Case { name: "diff_quote", run: diff_quote },
    Case { name: "sequence_quote", run: sequence_quote },
    Case { name: "commit_quote", run: commit_quote },
    Case { name: "recut_sse_of_100", run: recut_sse },
    Case { name: "frame_snapshot", run: frame_snapshot },
    Case { name: "hand_out_to_1_set_of_1000", run: || hand_out(|_| 0) },
    Case { name: "hand_out_to_1000_sets", run: || hand_out(|n| n) },
    Case { name: "command_ping", run: || command(&[requests::masked(requests::PING)]) },
    Case { name: "command_sub_unsub_20", run: command_sub_unsub },
    Case { name: "publish_line", run: publish_line },
];

/// Three of four fields change; the minimal delta comes back.
fn merge_quote() {
    let state = (quotes::patch(0), 0);
    let prepare = |(_, round): &mut (_, u64)| {
        *round += 1;
        quotes::patch(*round)
    };
    repeat(state, prepare, |(state, _), patch| merge(state, &patch).map_or(0, |delta| delta.len()));
}

fn diff_quote() {
    let pair = (quotes::patch(1), quotes::patch(2));
    repeat(pair, |_| (), |(old, new), ()| diff(old, new).map_or(0, |delta| delta.len()));
}

/// Merge, delta, numbers and encoding of one update: all that is done of it before the commit.
fn sequence_quote() {
    let prepare = |world: &mut World| {
        world.engine.sequencer.commit();
        world.next()
    };
    repeat(World::new(1_000), prepare, |world, update| {
        world.engine.sequencer.apply(update, NOW_MS).map_or(0, |offset| usize::from(offset.is_some()))
    });
}

/// The commit of one entry: its snapshot and its segment.
fn commit_quote() {
    let prepare = |world: &mut World| {
        let update = world.next();
        world.engine.sequencer.apply(update, NOW_MS).expect("in order");
    };
    repeat(World::new(1_000), prepare, |world, ()| usize::from(world.engine.sequencer.commit()));
}

/// A segment of a hundred entries, cut for SSE.
fn recut_sse() {
    let prepare = |world: &mut World| world.segment(100);
    repeat(World::new(1_000), prepare, |_, segment| segment.framed(SSE).bytes.len());
}

/// A snapshot message around data that is encoded already.
fn frame_snapshot() {
    let snap = World::new(1).engine.store.load(TopicId(0)).expect("a live topic");
    repeat(snap, |_| (), |snap, ()| snapshot(black_box(snap), Why::Subscribe, Lost::Unsaid, false).0.len());
}

/// One entry read from the log, marked and handed to a thousand live subscribers. `set_of` says which of them share a set.
fn hand_out(set_of: fn(usize) -> usize) {
    let mut world = World::new(SUBSCRIBERS + 1);
    let mut core = world.engine.shard();
    for n in 0..SUBSCRIBERS {
        let wanted = [0, 1 + set_of(n)].map(|at| exact(&world.topics[at]));
        join(&mut core, Framing::default(), wanted.into());
    }
    world.topics.truncate(1);
    let prepare = |(world, _): &mut (World, Core<NullWire>)| drop(world.segment(1));
    repeat((world, core), prepare, |(_, core), ()| {
        core.settle(NOW_MS);
        usize::from(core.has_ready())
    });
}

fn command_sub_unsub() {
    let names = requests::names(20);
    command(&["sub", "unsub"].map(|op| requests::masked(&requests::topics(op, &names))));
}

/// From masked frames to the answers on the wire.
fn command(frames: &[Vec<u8>]) {
    let world = World::new(1_000);
    let mut core = world.engine.shard();
    let key = connect(&mut core, Framing::default());
    let say = |(core, key, now_ms): &mut (Core<NullWire>, ConnKey, i64), ()| {
        for frame in frames {
            *now_ms += 1_000;
            hear(core, *key, black_box(frame), *now_ms).expect("a good command");
            drive(core);
        }
        frames.len()
    };
    repeat((core, key, NOW_MS), |_| (), say);
}

fn publish_line() {
    repeat((), |()| (), |(), ()| usize::from(parse_line(black_box(requests::LINE)).is_ok()));
}

/// Topics that are told one after the other.
struct World {
    engine: Engine,
    reader: Reader,
    topics: Vec<Topic>,
    round: u64,
}

impl World {
    fn new(topics: usize) -> World {
        let (mut engine, topics) = (Engine::default(), quotes::topics(topics));
        engine.publish(quotes::updates(&topics, 0));
        let (reader, _) = engine.log.reader_at_head();
        World { engine, reader, topics, round: 0 }
    }

    fn next(&mut self) -> feeds::model::Update {
        self.round += 1;
        quotes::update(&self.topics[self.round as usize % self.topics.len()], self.round)
    }

    fn segment(&mut self, entries: usize) -> Arc<Segment> {
        let updates: Vec<_> = (0..entries).map(|_| self.next()).collect();
        self.engine.publish(updates);
        self.reader.read(&self.engine.log).expect("read at once").expect("just published")
    }
}
