use super::*;
use crate::model::{Change, Object, Topic, parse_object};
use crossbeam_channel::{Receiver, bounded};

fn object(text: &str) -> Object {
    parse_object(text.as_bytes()).unwrap()
}

fn update(topic: &str, change: Change) -> Update {
    Update::new(Topic::new(topic).unwrap(), None, change)
}

fn patch(topic: &str, text: &str) -> Update {
    update(topic, Change::Patch(object(text)))
}

/// An outlet whose channel of one batch is full.
fn full_outlet() -> (Outlet, Receiver<Batch>) {
    let (sender, receiver) = bounded(1);
    let mut outlet = Outlet::with_cap("test", sender, 3);
    outlet.publish(1, &mut vec![patch("filler", "{}")]);
    (outlet, receiver)
}

/// Takes the filler out, lets the outlet flush and returns what it held.
fn flushed(outlet: &mut Outlet, receiver: &Receiver<Batch>) -> Vec<Update> {
    receiver.recv().unwrap();
    assert!(outlet.flush(2));
    receiver.try_recv().map(|batch| batch.updates).unwrap_or_default()
}

fn count(of: &std::sync::atomic::AtomicU64) -> u64 {
    of.load(std::sync::atomic::Ordering::Relaxed)
}

#[test]
fn updates_pass_while_there_is_room() {
    let (sender, receiver) = bounded(1);
    let mut outlet = Outlet::new("test", sender);
    outlet.publish(7, &mut vec![patch("a", r#"{"x":1}"#)]);
    let batch = receiver.recv().unwrap();
    assert_eq!((batch.received_ms, &*batch.provider, batch.updates), (7, "test", vec![patch("a", r#"{"x":1}"#)]));
    assert!(!outlet.is_holding());
}

#[test]
fn patches_are_merged_and_keep_their_nulls() {
    let (mut outlet, receiver) = full_outlet();
    outlet.publish(2, &mut vec![patch("a", r#"{"x":1,"gone":null}"#), patch("b", r#"{"z":1}"#)]);
    outlet.publish(3, &mut vec![patch("a", r#"{"x":2,"y":{"k":null}}"#)]);
    assert_eq!(count(&outlet.counters().conflated), 1);
    assert_eq!(
        flushed(&mut outlet, &receiver),
        vec![patch("a", r#"{"gone":null,"x":2,"y":{"k":null}}"#), patch("b", r#"{"z":1}"#)]
    );
}

#[test]
fn what_cannot_be_one_patch_stays_two_in_order() {
    let (mut outlet, receiver) = full_outlet();
    for text in [r#"{"x":null}"#, r#"{"x":{"k":1}}"#, r#"{"x":null}"#, r#"{"x":{"k":2}}"#] {
        outlet.publish(2, &mut vec![patch("a", text)]);
    }
    assert_eq!(flushed(&mut outlet, &receiver), vec![patch("a", r#"{"x":null}"#), patch("a", r#"{"x":{"k":2}}"#)]);
    assert_eq!(count(&outlet.counters().dropped), 0);
}

#[test]
fn a_state_replaces_and_a_reset_stays_a_reset() {
    let (mut outlet, receiver) = full_outlet();
    outlet.publish(2, &mut vec![patch("a", r#"{"x":1}"#), update("a", Change::Reset(object(r#"{"x":2}"#)))]);
    outlet.publish(2, &mut vec![patch("a", r#"{"y":1}"#), update("a", Change::State(object(r#"{"x":3}"#)))]);
    outlet.publish(2, &mut vec![patch("a", r#"{"x":null,"y":9}"#)]);
    assert_eq!(flushed(&mut outlet, &receiver), vec![update("a", Change::Reset(object(r#"{"y":9}"#)))]);
}

#[test]
fn lost_events_are_counted_to_the_reader() {
    let (mut outlet, receiver) = full_outlet();
    for _ in 0..5 {
        outlet.publish(2, &mut vec![update("t", Change::Event(object(r#"{"id":"1"}"#)))]);
    }
    outlet.publish(2, &mut vec![update("t", Change::Lost(Some(2)))]);
    assert_eq!(count(&outlet.counters().lost_events), 5);
    assert_eq!(flushed(&mut outlet, &receiver), vec![update("t", Change::Lost(Some(7)))]);
    outlet.publish(3, &mut vec![update("t", Change::Event(object(r#"{"id":"9"}"#)))]);
    assert_eq!(receiver.recv().unwrap().updates, vec![update("t", Change::Event(object(r#"{"id":"9"}"#)))]);
}

#[test]
fn marks_stand_where_they_make_sense() {
    let (mut outlet, receiver) = full_outlet();
    outlet.publish(2, &mut vec![update("a", Change::Stale(true)), update("a", Change::Stale(false))]);
    outlet.publish(2, &mut vec![patch("a", r#"{"x":1}"#), patch("b", r#"{"x":1}"#), update("b", Change::Stale(true))]);
    assert_eq!(
        flushed(&mut outlet, &receiver),
        vec![
            update("a", Change::Stale(false)),
            patch("a", r#"{"x":1}"#),
            patch("b", r#"{"x":1}"#),
            update("b", Change::Stale(true)),
        ]
    );
}

#[test]
fn a_retirement_and_a_new_birth() {
    let (mut outlet, receiver) = full_outlet();
    outlet.publish(2, &mut vec![patch("a", r#"{"x":1}"#), update("a", Change::Retire), patch("a", r#"{"y":1}"#)]);
    assert_eq!(flushed(&mut outlet, &receiver), vec![update("a", Change::Retire), patch("a", r#"{"y":1}"#)]);
}

#[test]
fn topics_held_are_capped_and_the_loss_is_counted() {
    let (mut outlet, receiver) = full_outlet();
    for topic in ["a", "b", "c", "d", "e"] {
        outlet.publish(2, &mut vec![patch(topic, r#"{"x":1}"#)]);
    }
    assert_eq!(count(&outlet.counters().held_topics), 3);
    assert_eq!(count(&outlet.counters().dropped), 2);
    assert_eq!(flushed(&mut outlet, &receiver).len(), 3);
    assert_eq!(count(&outlet.counters().held_topics), 0);
}

#[test]
fn a_receiver_that_is_gone_is_noticed() {
    let (sender, receiver) = bounded(1);
    let mut outlet = Outlet::new("test", sender);
    drop(receiver);
    outlet.publish(1, &mut vec![patch("a", "{}")]);
    assert!(outlet.is_closed() && !outlet.is_holding());
}

mod any_updates {
    use super::*;
    use crate::model::merge;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    /// Topics `s0`, `s1` are states, `e0` is a log.
    fn updates() -> impl Strategy<Value = Update> {
        let fields = prop_oneof![Just("null"), Just("1"), Just("2"), Just(r#"{"k":1}"#), Just(r#"{"k":null,"l":2}"#)];
        let state = (0..2, "[ab]", fields, 0..8).prop_map(|(topic, key, value, what)| {
            let object = object(&format!("{{\"{key}\":{value}}}"));
            let change = match what {
                0 => Change::State(object),
                1 => Change::Reset(object),
                2 => Change::Retire,
                3 => Change::Stale(true),
                4 => Change::Stale(false),
                _ => Change::Patch(object),
            };
            update(&format!("s{topic}"), change)
        });
        let event = prop_oneof![
            3 => Just(update("e0", Change::Event(object(r#"{"id":"1"}"#)))),
            1 => Just(update("e0", Change::Lost(Some(2)))),
        ];
        prop_oneof![3 => state, 1 => event]
    }

    /// What a reader ends with: states, marks, and events seen or known to be lost.
    #[derive(Debug, Default, PartialEq)]
    struct Reader {
        states: BTreeMap<String, Object>,
        stale: BTreeSet<String>,
        events: u64,
    }

    impl Reader {
        fn take(&mut self, update: &Update) {
            let topic = update.topic.as_str().to_owned();
            match &update.change {
                Change::Patch(patch) => {
                    merge(self.states.entry(topic).or_default(), patch);
                }
                Change::State(state) | Change::Reset(state) => {
                    let mut clean = Object::new();
                    merge(&mut clean, state);
                    self.states.insert(topic, clean);
                }
                Change::Retire => {
                    self.states.remove(&topic);
                    self.stale.remove(&topic);
                }
                Change::Stale(true) => {
                    self.stale.insert(topic);
                }
                Change::Stale(false) => {
                    self.stale.remove(&topic);
                }
                Change::Event(_) => self.events += 1,
                Change::Lost(count) => self.events += count.unwrap_or(0),
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn a_reader_ends_with_the_same_whenever_it_reads(
            steps in proptest::collection::vec((updates(), any::<bool>()), 1..60),
        ) {
            let (sender, receiver) = bounded(1);
            let mut outlet = Outlet::new("test", sender);
            let (mut truth, mut reader) = (Reader::default(), Reader::default());
            for (update, reads) in steps {
                truth.take(&update);
                outlet.publish(1, &mut vec![update]);
                if reads {
                    receiver.try_iter().take(1).for_each(|batch| batch.updates.iter().for_each(|u| reader.take(u)));
                }
            }
            while outlet.is_holding() || !receiver.is_empty() {
                receiver.try_iter().for_each(|batch| batch.updates.iter().for_each(|u| reader.take(u)));
                outlet.flush(2);
            }
            prop_assert_eq!(reader, truth);
            prop_assert_eq!(count(&outlet.counters().dropped), 0);
        }
    }
}
