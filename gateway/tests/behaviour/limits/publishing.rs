//! What comes in: lines, topics, states, and how much of it may wait.

use super::requests::{assert_refusal, let_in};
use crate::client::{Client, Sse};
use crate::gateway::{Gateway, deadline};
use crate::http::Http;
use feeds::model::{Change, Object, Topic, Update};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Instant;

/// The code of the only line that was rejected.
fn rejection(report: &Value) -> &str {
    assert_eq!(report["rejected"].as_array().map(Vec::len), Some(1), "{report}");
    report["rejected"][0]["code"].as_str().unwrap()
}

pub(super) fn topics(gateway: &Gateway) {
    gateway.publish(&[r#"{"topic":"quote.x","state":{}}"#]);
    let report = gateway.report(br#"{"topic":"quote.y","state":{}}"#);
    assert_eq!(rejection(&report), "topics_limit");
    // Room again.
    gateway.publish(&[r#"{"topic":"quote.x","retire":true}"#, r#"{"topic":"quote.y","state":{}}"#]);
}

pub(super) fn state_bytes(gateway: &Gateway) {
    let text = "x".repeat(2_000);
    gateway.publish(&[&format!(r#"{{"topic":"quote.x","state":{{"text":"{text}"}}}}"#)]);
    let report = gateway.report(br#"{"topic":"quote.x","patch":{"more":1}}"#);
    assert_eq!(rejection(&report), "state_too_big");
    // What replaces it is taken.
    gateway.publish(&[r#"{"topic":"quote.x","state":{"text":"short"}}"#, r#"{"topic":"quote.x","patch":{"more":1}}"#]);
}

pub(super) fn publish_line_bytes(gateway: &Gateway) {
    let long = format!(r#"{{"topic":"quote.x","state":{{"a":"{}"}}}}"#, "y".repeat(2_000));
    assert_eq!(rejection(&gateway.report(format!("{long}\n").as_bytes())), "line_too_big");
    // One that does not end is not waited for.
    let mut http = Http::connect(gateway.address);
    http.send("POST /v1/publish HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n");
    http.send(format!("{:x}\r\n{long}\r\n", long.len()));
    assert_refusal(&http.reply(), 413, "body_too_big");
}

fn update(topic: &str, change: Change) -> Update {
    Update::new(Topic::new(topic).unwrap(), None, change)
}

/// What keeps the sequencer busy for a good while.
fn heavy() -> Vec<Update> {
    (0..20_000).map(|n| update(&format!("heavy.{n}"), Change::Patch(Object::new().with("n", "x")))).collect()
}

/// While the sequencer is busy, a feed holds back what it has to say, the newest of each topic; then all is as it should.
pub(super) fn ingest_batches(gateway: &Gateway) {
    let mut outlet = gateway.outlet("test");
    let mut subscriber = Sse::connect(gateway.address, "/v1/sse?topics=quote.hot", "");
    let conflated =
        |outlet: &feeds::outlet::Outlet| outlet.counters().conflated.load(std::sync::atomic::Ordering::Relaxed);
    let mut last = 0;
    let until = deadline();
    outlet.publish(0, &mut heavy());
    while conflated(&outlet) == 0 {
        last += 1;
        let state = Object::new().with("n", last.to_string().as_str());
        outlet.publish(0, &mut vec![update("quote.hot", Change::Patch(state))]);
        assert!(Instant::now() < until, "ingest is never full");
    }
    assert!(last < 1_000, "{last} batches found room");
    while !outlet.flush(0) {
        assert!(Instant::now() < until, "there is never room again");
        crate::gateway::pause();
    }
    loop {
        let said = subscriber.next(deadline()).expect("the newest state").json;
        if said["data"]["n"] == json!(last.to_string()) {
            return;
        }
    }
}

/// While the sequencer is busy, publishers are told to come again, and what they are told is true.
pub(super) fn publishes_waiting(gateway: &Gateway) {
    let line = |n: usize| format!(r#"{{"topic":"quote.{n}","state":{{}}}}"#);
    let mut outlet = gateway.outlet("test");
    let until = deadline();
    let mut accepted = BTreeSet::new();
    let mut refused = BTreeSet::new();
    for round in 0.. {
        let mut publishers: Vec<Http> = (0..8).map(|_| let_in(Http::connect(gateway.address))).collect();
        outlet.publish(0, &mut heavy());
        for (n, http) in publishers.iter_mut().enumerate() {
            let line = line(round * 8 + n);
            http.send(format!(
                "POST /v1/publish HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n{line}",
                line.len()
            ));
        }
        for (n, http) in publishers.iter_mut().enumerate() {
            let reply = http.reply();
            match reply.status {
                200 => accepted.insert(round * 8 + n),
                _ => {
                    assert_refusal(&reply, 503, "ingest_full");
                    assert_eq!(reply.json()["accepted"], 0);
                    refused.insert(round * 8 + n)
                }
            };
        }
        if !refused.is_empty() {
            break;
        }
        assert!(Instant::now() < until, "there was always room");
    }
    let there = gateway.snapshot("topics=quote.*");
    let names = there["messages"].as_array().unwrap().iter().map(|snap| snap["topic"].as_str().unwrap().to_owned());
    let names: BTreeSet<String> = names.collect();
    assert_eq!(names, accepted.iter().map(|n| format!("quote.{n}")).collect());
}
