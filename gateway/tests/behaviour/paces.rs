//! The socket's own pace, a rate, a latency budget: what each does to a stream, over real sockets.

use crate::client::{Transport, connect};
use crate::follower::Session;
use crate::gateway::{Gateway, deadline};
use crate::http::Http;
use crate::slow::narrow;
use crate::ws::{TEXT, WebSocket, opening};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// One command for five thousand topics: they come as fast as the socket takes them, and nobody else waits.
#[test]
fn a_large_subscription_is_streamed_and_delays_nobody() {
    const TOPICS: usize = 5_000;
    let gateway = Gateway::with("shards = 1", "");
    let text = "x".repeat(2_000);
    let lines: Vec<String> =
        (0..TOPICS).map(|n| format!(r#"{{"topic":"m.{n}","state":{{"text":"{text}"}}}}"#)).collect();
    for lines in lines.chunks(500) {
        gateway.publish(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let mut large = WebSocket { http: narrow(gateway.address) };
    large.http.send(format!("{}\r\n", opening("/v1/ws")));
    assert_eq!(large.http.head().status, 101);
    let names: Vec<String> = (0..TOPICS).map(|n| format!("m.{n}")).collect();
    large.text(&json!({ "op": "sub", "id": 1, "topics": names }).to_string());
    assert_eq!(large.message_of("ok")["id"], 1);
    // Ten megabytes wait for a socket that takes a few kilobytes; another subscriber is served entry by entry.
    let mut other = Session::open(Transport::WebSocket, &gateway, "topics=live");
    other.until("an at", |follower| follower.ats > 0);
    for n in 0..50 {
        let end = gateway.publish(&[&format!(r#"{{"topic":"live","patch":{{"n":{n}}}}}"#)]);
        other.until("the entry", |follower| follower.offset() >= end);
    }
    assert_eq!(gateway.metric("fanwire_lags_total", ""), 0.0);
    let mut seen = BTreeSet::new();
    loop {
        let message: Value = serde_json::from_slice(&large.frame_of(TEXT)).unwrap();
        match message["t"].as_str().unwrap() {
            "at" => break,
            t => assert!(t == "snap" && seen.insert(message["topic"].to_string()), "{message}"),
        }
    }
    assert_eq!(seen.len(), TOPICS);
}

#[test]
fn a_rate_throttles_and_says_from_where() {
    let gateway = Gateway::with("shards = 1", "[delivery]\nrates_hz = [10]");
    for transport in [Transport::WebSocket, Transport::Sse] {
        gateway.publish(&[r#"{"topic":"quote.x","state":{"n":0}}"#]);
        let mut client = connect(transport, gateway.address, "topics=quote.x&rate=10&num=string", None);
        let mut next = |t: &str| loop {
            let said = client.next(deadline()).expect("a message");
            if said.json["t"] == t {
                return said.json;
            }
        };
        let snap = next("snap");
        assert_eq!(snap["why"], "subscribe");
        next("at");
        let mut held = snap["seq"].as_u64().unwrap();
        let mut end = 0;
        for n in 0..200 {
            end = gateway.publish(&[&format!(r#"{{"topic":"quote.x","patch":{{"n":{}}}}}"#, n + 1)]);
        }
        let mut deltas = 0;
        let last = held + 200;
        while held < last {
            let delta = next("delta");
            assert_eq!((&delta["from"], &delta["o"]), (&json!(held), &Value::Null), "{delta}");
            held = delta["seq"].as_u64().unwrap();
            deltas += 1;
        }
        assert!(deltas < 200, "{deltas} deltas are not throttled");
        let at = next("at");
        assert!(at["cursor"].as_str().unwrap().ends_with(&format!(":{end}")), "{at} is not {end}");
        gateway.publish(&[r#"{"topic":"quote.x","retire":true}"#]);
        next("gone");
    }
    let reply = Http::connect(gateway.address).get("/v1/sse?topics=quote.x&rate=3", "");
    let error: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(
        (reply.status, &error["error"]["code"], &error["error"]["field"]),
        (400, &json!("bad_option"), &json!("rate"))
    );
    assert!(error["error"]["message"].as_str().unwrap().contains("0, 10"), "{error}");
}

#[test]
fn a_latency_budget_keeps_the_order_and_the_cursor() {
    let gateway = Gateway::with("shards = 1", "");
    let mut lingering = Session::open(Transport::Sse, &gateway, "topics=quote.*&linger_ms=50");
    let mut other = Session::open(Transport::WebSocket, &gateway, "topics=quote.*");
    for session in [&mut lingering, &mut other] {
        session.until("an at", |follower| follower.ats > 0);
    }
    let writes = gateway.metric("fanwire_writes_total", "");
    let mut end = 0;
    for n in 0..300 {
        end = gateway.publish(&[&format!(r#"{{"topic":"quote.{}","patch":{{"n":{n}}}}}"#, n % 7)]);
    }
    for session in [&mut lingering, &mut other] {
        session.until("the end", |follower| follower.offset() >= end);
    }
    assert_eq!(lingering.follower.words, other.follower.words);
    let writes = gateway.metric("fanwire_writes_total", "") - writes;
    assert!(writes < 450.0, "{writes} writes for 600 deliveries: half of them share writes");
}
