//! Schedules that were thought of, not drawn: each is a test of its own, and the generator runs them too, with clients and
//! numbers that its seed draws.

use crate::checker::{Act, Filters, Form, trace::tell};
use crate::shape::Shape;
use crate::streams::Line;
use crate::world::World;
use rand::Rng;
use serde_json::json;

const NARROW: usize = 0;
const WIDE: usize = usize::MAX / 2;

pub type Case = fn(&mut World);

pub const CASES: [Case; 8] = [
    cut_before_the_first_snapshot,
    resumed_on_a_shard_that_has_read_less,
    gone_and_evicted_while_away,
    born_again_in_the_same_slot_and_another,
    a_thousand_hot_topics_under_lag,
    one_shard_overtaken,
    two_rates_on_one_connection,
    a_lagging_member_and_one_that_joins_in_mid_tick,
];

/// A world in which nothing happens by itself.
fn world(seed: u64) -> World {
    World::new(seed, |random| Shape { paced_percent: 0, ..Shape::everyday(random) })
}

fn filters(all: &[&str]) -> Filters {
    all.iter().collect()
}

impl World {
    fn client(&mut self, form: Form, all: &[&str]) -> usize {
        let n = self.add_client(form, false, false);
        self.clients[n].wanted = filters(all);
        n
    }

    /// Everything there is reaches everybody who takes it.
    fn settle(&mut self) {
        self.commit();
        self.turn_until_quiet();
        for n in 0..self.clients.len() {
            self.take(n, usize::MAX);
        }
    }

    fn pass(&mut self, ms: i64) {
        self.now_ms += ms;
        self.settle();
    }

    fn fill_the_log(&mut self) {
        for number in 0..2 * self.shape.log.segments_max as u64 + 2 {
            self.patch("book.a.1", number + 1_000);
            self.commit();
        }
    }

    fn whys(&self, n: usize, why: &str) -> u64 {
        self.clients[n].reader.whys.get(why).copied().unwrap_or(0)
    }

    fn holds(&self, n: usize, topic: &str) -> bool {
        self.clients[n].reader.held.contains_key(topic)
    }
}

/// A subscription is added to a live connection, which is cut before its first snapshot: the cursor covers the old one
/// alone.
pub fn cut_before_the_first_snapshot(world: &mut World) {
    world.patch("quote.a.1", 1);
    world.patch("quote.b.1", 1);
    let n = world.client(Form::WebSocket, &["quote.a.1"]);
    world.connect_plainly(n, 0, WIDE);
    world.settle();
    assert!(world.clients[n].reader.is_whole());
    world.set_room(n, NARROW);
    world.clients[n].wanted.insert("quote.b.1");
    world.subscribe_at(n, filters(&["quote.b.1"]), None, 0);
    world.patch("quote.a.1", 2);
    world.patch("quote.b.1", 2);
    world.settle();
    // A few bytes of the `ok`, or of the snapshot.
    let few = world.random.random_range(0..120);
    world.set_room(n, few);
    world.settle();
    world.cut(n);
    assert!(!world.clients[n].reader.covered.contains("quote.b.1"), "no cursor was stated since");
    world.connect_plainly(n, 1, WIDE);
    world.settle();
    assert!(world.holds(n, "quote.b.1"));
}

/// A client comes back to a shard that has read less of the log than its cursor says.
pub fn resumed_on_a_shard_that_has_read_less(world: &mut World) {
    for form in [Form::WebSocket, Form::Sse] {
        let n = world.client(form, &["quote.>", "trade.>"]);
        world.event("trade.a.1", 1);
        world.patch("quote.a.1", 1);
        world.connect_plainly(n, 0, WIDE);
        world.settle();
        for number in 2..6 {
            world.event("trade.a.1", number);
            world.patch("quote.a.1", number);
            world.commit();
            world.turn(0);
            world.take(n, usize::MAX);
        }
        assert!(world.shards[1].position().0 < world.clients[n].reader.offset());
        world.cut(n);
        world.connect_plainly(n, 1, WIDE);
        world.settle();
    }
}

/// A topic ends, and its end leaves the log, while the client is away: it is told all there is, and what there is not.
pub fn gone_and_evicted_while_away(world: &mut World) {
    for form in [Form::WebSocket, Form::Sse] {
        world.patch("quote.a.1", 1);
        world.patch("quote.a.2", 1);
        let n = world.client(form, &["quote.>"]);
        world.connect_plainly(n, 0, WIDE);
        world.settle();
        assert!(world.holds(n, "quote.a.1"));
        world.cut(n);
        world.publish("quote.a.1", &Act::Retire);
        world.fill_the_log();
        let shard = world.any_shard();
        world.connect_plainly(n, shard, WIDE);
        world.settle();
        assert!(!world.holds(n, "quote.a.1") && world.holds(n, "quote.a.2"));
    }
}

/// A name is born again while clients are away: in the same slot, as long as its end is in the log; then in a slot that
/// another name had meanwhile.
pub fn born_again_in_the_same_slot_and_another(world: &mut World) {
    let forms = [Form::WebSocket, Form::Sse];
    for evicted in [false, true] {
        world.event("any.a", 1);
        world.event("any.b", 1);
        let clients = forms.map(|form| world.client(form, &["any.*"]));
        clients.iter().for_each(|n| world.connect_plainly(*n, 0, WIDE));
        world.settle();
        clients.iter().for_each(|n| world.cut(*n));
        world.publish("any.a", &Act::Retire);
        world.publish("any.b", &Act::Retire);
        world.commit();
        if evicted {
            world.fill_the_log();
        }
        // The other way round, and of another kind.
        world.patch("any.b", 2);
        world.patch("any.a", 2);
        world.commit();
        for (n, shard) in clients.into_iter().zip([0, 1]) {
            world.connect_plainly(n, shard, WIDE);
            world.settle();
            assert!(world.holds(n, "any.a") && world.holds(n, "any.b"));
        }
        world.publish("any.a", &Act::Retire);
        world.publish("any.b", &Act::Retire);
        world.settle();
    }
}

/// A thousand topics change faster than a client reads: it comes to an `at` all the same.
pub fn a_thousand_hot_topics_under_lag(world: &mut World) {
    const TOPICS: usize = 1_000;
    let n = world.client(Form::Sse, &["hot.>"]);
    let heat = |world: &mut World, round: u64| {
        (0..TOPICS).for_each(|topic| world.patch(&format!("hot.{topic}"), round));
        world.commit();
    };
    heat(world, 0);
    world.connect_plainly(n, 0, WIDE);
    world.settle();
    world.set_room(n, NARROW);
    let cursor = world.clients[n].reader.offset();
    heat(world, 1);
    world.turn(0);
    heat(world, 2);
    world.turn(0);
    for round in 3..40 {
        // A fifth of what is published is read.
        (0..TOPICS / 5).for_each(|topic| world.patch(&format!("hot.{}", topic * 5), round));
        world.commit();
        world.turn(0);
        world.read(n, 40_000, usize::MAX);
        world.turn(0);
        if world.clients[n].reader.offset() > cursor {
            break;
        }
    }
    assert!(world.clients[n].reader.offset() > cursor, "no cursor while it is hot");
    assert!(world.whys(n, "lag") > 0);
}

/// Of two shards one is overtaken by the log's eviction, in the middle of a commit; clients go to and fro.
pub fn one_shard_overtaken(world: &mut World) {
    world.patch("quote.a.1", 0);
    world.patch("quote.a.2", 0);
    world.event("trade.a.1", 0);
    let clients = [(Form::WebSocket, 0), (Form::Sse, 1), (Form::WebSocket, 1)].map(|(form, shard)| {
        let n = world.client(form, &["quote.>", "trade.>"]);
        (n, shard)
    });
    clients.iter().for_each(|(n, shard)| world.connect_plainly(*n, *shard, WIDE));
    world.settle();
    let number = world.random.random_range(0..5);
    world.event("trade.a.1", number);
    world.fill_the_log();
    world.turn(0);
    world.publish("quote.a.1", &Act::Retire);
    world.commit_a_half();
    tell(|| "the other shard is overtaken while an end is in the store and not in the log".into());
    world.turn(1);
    let (moved, _) = clients[0];
    world.take(moved, usize::MAX);
    world.cut(moved);
    world.connect_plainly(moved, 1, WIDE);
    world.turn(1);
    world.settle();
    for (n, _) in clients {
        assert!(!world.holds(n, "quote.a.1") && world.holds(n, "quote.a.2"));
    }
}

/// One connection with a class of 1 Hz and one of 4 Hz: each topic moves at its own pace, and the cursor at the slower.
pub fn two_rates_on_one_connection(world: &mut World) {
    for topic in ["quote.a.1", "quote.b.1", "trade.a.1"] {
        world.publish(
            topic,
            &if topic.starts_with("trade") { Act::Event(json!({})) } else { Act::Patch(json!({ "x": 0 })) },
        );
    }
    let n = world.client(Form::WebSocket, &["quote.a.1", "quote.b.1", "trade.a.1"]);
    world.commit();
    let stream = world.open(n, 0, WIDE);
    world.clients[n].line = Line::Stream(stream);
    world.clients[n].reader.begin(false);
    for (name, rate) in [("quote.a.1", 1), ("quote.b.1", 4), ("trade.a.1", 4)] {
        world.subscribe_at(n, filters(&[name]), None, rate);
    }
    (0..3).for_each(|_| world.pass(1_000));
    let told = |world: &World, topic: &str| {
        world.clients[n].reader.words.iter().filter(|(t, name, ..)| t == "delta" && name == topic).count()
    };
    let (slow, fast) = (told(world, "quote.a.1"), told(world, "quote.b.1"));
    for step in 1..=100 {
        world.patch("quote.a.1", step);
        world.patch("quote.b.1", step);
        world.event("trade.a.1", step);
        world.pass(40);
    }
    let (slow, fast) = (told(world, "quote.a.1") - slow, told(world, "quote.b.1") - fast);
    assert!((3..=5).contains(&slow) && (14..=17).contains(&fast), "in 4 s: {slow} at 1 Hz, {fast} at 4 Hz");
    world.pass(1_001);
    assert_eq!(world.clients[n].reader.offset(), world.truth.offset);
}

/// Of three members of one class one takes no bytes, and one joins between two ticks: nobody is told a state that never
/// was, and all come to the same.
pub fn a_lagging_member_and_one_that_joins_in_mid_tick(world: &mut World) {
    world.patch("quote.a.1", 0);
    world.event("trade.a.1", 0);
    world.commit();
    let members: Vec<usize> = (0..3).map(|_| world.client(Form::WebSocket, &["quote.>", "trade.>"])).collect();
    for (at, n) in members.iter().enumerate() {
        if at == 2 {
            world.set_room(members[1], NARROW);
        }
        let stream = world.open(*n, 0, WIDE);
        world.clients[*n].line = Line::Stream(stream);
        world.clients[*n].reader.begin(false);
        world.subscribe_at(*n, filters(&["quote.>", "trade.>"]), None, 4);
        for number in 0..40 {
            world.patch("quote.a.1", number + 100 * at as u64);
            world.event("trade.a.1", number);
            world.pass(30);
        }
    }
    world.read(members[1], WIDE, usize::MAX);
    (0..3).for_each(|_| world.pass(260));
    assert!(world.whys(members[1], "lag") > 0 && world.whys(members[2], "rate") > 0);
    for n in &members {
        assert_eq!(world.clients[*n].reader.held, world.clients[members[0]].reader.held);
    }
}

/// Runs one case with some seeds, to its end.
fn prove(case: Case) {
    for seed in 1..=20 {
        crate::trace::begin(crate::trace::mode_or(crate::trace::Mode::Off));
        let mut world = world(seed);
        case(&mut world);
        world.finish();
    }
}

macro_rules! cases {
    ($($name:ident)*) => {
        mod named {
            $(#[test]
            fn $name() {
                super::prove(super::$name);
            })*
        }
    };
}

cases! {
    cut_before_the_first_snapshot
    resumed_on_a_shard_that_has_read_less
    gone_and_evicted_while_away
    born_again_in_the_same_slot_and_another
    a_thousand_hot_topics_under_lag
    one_shard_overtaken
    two_rates_on_one_connection
    a_lagging_member_and_one_that_joins_in_mid_tick
}
