//! Sets that nobody uses are kept for a while: one that is taken up again must not be the one that makes room.

use crate::checker::Form;
use crate::shape::Shape;
use crate::world::World;
use fanwire::framing::{self, Framing};
use fanwire::shard::{Filters, Rate, Subscription};
use feeds::model::Pattern;
use rand::Rng;

#[test]
fn unused_sets_come_and_go() {
    let mut world = World::new(7, Shape::everyday);
    let n = world.add_client(Form::WebSocket, false, false);
    let stream = world.open(n, 0, usize::MAX / 2);
    for _ in 0..10_000 {
        let topics = vec![Pattern::new(&format!("quote.n{}", world.random.random_range(0..520))).unwrap()];
        let asks_too = world.chance(1);
        let core = &mut world.shards[0];
        let subscription = Subscription { topics: topics.clone(), cursor: None, rate: Rate::UNTHROTTLED };
        core.subscribe(stream.key, &subscription, None, 1).unwrap();
        core.unsubscribe(stream.key, &topics, None, 1).unwrap();
        if asks_too {
            let framing = Framing { form: framing::Form::Json, ..Framing::default() };
            let set = core.poll_set(Filters::unthrottled(topics), framing, 1).unwrap();
            core.poll_left(set);
        }
    }
}
