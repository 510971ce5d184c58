//! The publishers' side of a schedule: acts, and the two halves of a commit.

use crate::checker::{Act, trace::tell};
use crate::world::World;
use feeds::model::{Change, Object, Topic, Update, parse_object};
use rand::Rng;
use serde_json::{Map, Value, json};

impl World {
    pub fn publish_some(&mut self) {
        for _ in 0..self.random.random_range(1..6) {
            let name = self.shape.names[self.random.random_range(0..self.shape.names.len())].clone();
            let act = self.any_act(&name);
            self.publish(&name, &act);
        }
    }

    /// Applies one act. The engine takes it and numbers it just as the truth does.
    pub fn publish(&mut self, name: &str, act: &Act) {
        // Nothing is applied between the two halves of a commit.
        if self.half_committed {
            self.commit_a_half();
        }
        tell(|| format!("publish {name} {act:?}"));
        let before = self.sequencer.drafted().0;
        let update = Update::new(Topic::new(name).unwrap(), None, change(act));
        let applied = self.sequencer.apply(update, self.now_ms);
        let made = (self.sequencer.drafted().0 - before) as u64;
        let wanted = self.truth.apply(name, act);
        tell(|| format!("  made {wanted:?}, to {}", self.truth.offset));
        assert_eq!(applied.ok().map(|_| made), wanted, "entries made of {name} {act:?}");
    }

    pub fn patch(&mut self, name: &str, number: u64) {
        self.publish(name, &Act::Patch(json!({ "x": number })));
    }

    pub fn event(&mut self, name: &str, number: u64) {
        self.publish(name, &Act::Event(json!({ "id": number })));
    }

    pub fn any_act(&mut self, name: &str) -> Act {
        let is_event = match name.split('.').next() {
            Some("trade" | "play") => true,
            // A name without a rule takes the kind of its first line, so it may change between lives.
            Some("any") => self.random.random(),
            _ => false,
        };
        if self.chance(self.shape.retire_percent) {
            return Act::Retire;
        }
        match self.random.random_range(0..100) {
            0..6 => Act::Stale(self.random.random()),
            6..9 if is_event => Act::Lost(self.random.random_bool(0.5).then_some(3)),
            _ if is_event => Act::Event(json!({ "id": self.random.random_range(0..9) })),
            6..13 => Act::Reset(self.any_state(false)),
            13..21 => Act::State(self.any_state(false)),
            _ => Act::Patch(self.any_state(true)),
        }
    }

    fn any_state(&mut self, nulls: bool) -> Value {
        let mut state = Map::new();
        for key in ["a", "b", "c"] {
            let value = match self.random.random_range(0..5) {
                0 => json!(self.random.random_range(0..5)),
                1 if nulls => Value::Null,
                2 => json!({ "x": self.random.random_range(0..3) }),
                3 if nulls => json!({ "x": null, "y": self.random.random_range(0..3) }),
                _ => continue,
            };
            state.insert(key.into(), value);
        }
        Value::Object(state)
    }

    /// The first half stores the snapshots, the second publishes the segment: readers may come between.
    pub fn commit_a_half(&mut self) {
        if self.half_committed {
            tell(|| "commit: the segment".into());
            self.sequencer.publish_segment();
            self.half_committed = false;
        } else if self.sequencer.drafted().0 > 0 {
            tell(|| "commit: the snapshots".into());
            self.sequencer.store_snapshots();
            self.half_committed = true;
        }
    }

    pub fn commit(&mut self) {
        // One half may be done.
        for _ in 0..3 {
            self.commit_a_half();
        }
    }

    /// Every topic of the shape is born.
    pub fn publish_all(&mut self) {
        for name in self.shape.names.clone() {
            match name.starts_with("trade") {
                true => self.event(&name, 0),
                false => self.patch(&name, 0),
            }
        }
        self.commit();
    }
}

fn change(act: &Act) -> Change {
    match act {
        Act::Patch(patch) => Change::Patch(object(patch)),
        Act::State(state) => Change::State(object(state)),
        Act::Reset(state) => Change::Reset(object(state)),
        Act::Event(event) => Change::Event(object(event)),
        Act::Lost(lost) => Change::Lost(*lost),
        Act::Stale(stale) => Change::Stale(*stale),
        Act::Retire => Change::Retire,
    }
}

fn object(value: &Value) -> Object {
    parse_object(value.to_string().as_bytes()).unwrap()
}
