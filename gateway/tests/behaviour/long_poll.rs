//! Long-polls: how long they wait, what they gather, what they cost, and what is left when they go.

use crate::client::body;
use crate::follower::offset_of;
use crate::gateway::{Gateway, PATIENCE};
use crate::http::Http;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn waiting(gateway: &Gateway, count: usize) {
    gateway.await_metric("fanwire_connections", "long_poll", |waiting| waiting == count as f64);
}

fn send_poll(gateway: &Gateway, query: &str) -> Http {
    let mut http = Http::connect(gateway.address);
    http.send(format!("GET /v1/poll?{query} HTTP/1.1\r\nhost: test\r\n\r\n"));
    http
}

#[test]
fn a_wait_is_bounded() {
    let gateway = Gateway::with("shards = 2", "[limits]\npoll_wait_max_s = 1");
    gateway.publish(&[r#"{"topic":"quote.x","state":{"a":1}}"#]);
    let cursor = gateway.cursor();
    for (wait, least, most) in [("0", 0, 900), ("1", 900, 10_000), ("600", 900, 10_000)] {
        let began = Instant::now();
        let reply =
            Http::connect(gateway.address).get(&format!("/v1/poll?topics=quote.x&cursor={cursor}&wait={wait}"), "");
        assert_eq!(reply.json(), json!({"cursor":cursor,"messages":[]}));
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(least) && took < Duration::from_millis(most), "wait={wait}: {took:?}");
    }
    waiting(&gateway, 0);
}

#[test]
fn an_answer_gathers_and_no_longer() {
    let gateway = Gateway::with("shards = 1\npoll_gather_ms = 200", "");
    gateway.publish(&[r#"{"topic":"quote.x","state":{"a":1}}"#]);
    let cursor = gateway.cursor();
    let mut poll = send_poll(&gateway, &format!("topics=quote.x&cursor={cursor}&wait=30"));
    waiting(&gateway, 1);
    let began = Instant::now();
    gateway.publish(&[r#"{"topic":"quote.x","patch":{"a":2}}"#]);
    let end = gateway.publish(&[r#"{"topic":"quote.x","patch":{"a":3}}"#]);
    let answer = poll.reply().json();
    assert!(began.elapsed() >= Duration::from_millis(150) && began.elapsed() < Duration::from_secs(10));
    assert_eq!(answer["messages"].as_array().unwrap().len(), 2, "{answer}");
    assert_eq!(offset_of(answer["cursor"].as_str().unwrap()), end);
    // What is there already is told at once.
    let began = Instant::now();
    let mut poll = send_poll(&gateway, &format!("topics=quote.x&cursor={cursor}&wait=30"));
    assert_eq!(poll.reply().json()["messages"].as_array().unwrap().len(), 2);
    assert!(began.elapsed() < Duration::from_millis(190), "{:?}", began.elapsed());
    // News of other topics wake nobody.
    let cursor = gateway.cursor();
    let mut poll = send_poll(&gateway, &format!("topics=quote.x&cursor={cursor}&wait=1"));
    gateway.publish(&[r#"{"topic":"quote.y","state":{}}"#]);
    let answer = poll.reply().json();
    assert_eq!(answer["messages"], json!([]));
    assert!(offset_of(answer["cursor"].as_str().unwrap()) > offset_of(&cursor), "the cursor stays young");
}

/// CURSOR-TRUE: the time may be up while entries are gathered; the cursor must not step over them.
#[test]
fn nothing_is_lost_when_the_time_is_up() {
    let gateway = Gateway::with("shards = 1\npoll_gather_ms = 1000", "");
    gateway.publish(&[r#"{"topic":"quote.x","state":{"a":1}}"#]);
    let cursor = gateway.cursor();
    let mut poll = send_poll(&gateway, &format!("topics=quote.x&cursor={cursor}&wait=1"));
    waiting(&gateway, 1);
    // Well within the wait, and gathered beyond its end.
    let end = gateway.publish(&[r#"{"topic":"quote.x","patch":{"a":2}}"#]);
    let answer = poll.reply().json();
    assert_eq!(answer["messages"][0]["data"], json!({"a":2}), "{answer}");
    assert_eq!(offset_of(answer["cursor"].as_str().unwrap()), end);
}

#[test]
fn a_client_that_goes_away_frees_its_place() {
    let gateway = Gateway::with("shards = 1", "");
    let cursor = gateway.cursor();
    let polls: Vec<Http> =
        (0..50).map(|n| send_poll(&gateway, &format!("topics=quote.{}&cursor={cursor}&wait=50", n % 5))).collect();
    waiting(&gateway, 50);
    drop(polls);
    waiting(&gateway, 0);
    let mut poll = send_poll(&gateway, &format!("topics=quote.1&cursor={cursor}&wait=50"));
    waiting(&gateway, 1);
    gateway.publish(&[r#"{"topic":"quote.1","state":{"a":1}}"#]);
    assert_eq!(poll.reply().json()["messages"][0]["why"], "born");
    waiting(&gateway, 0);
}

#[test]
fn a_thousand_who_wait_cost_one_encoding() {
    let gateway = Gateway::with("shards = 1\npoll_gather_ms = 100", "");
    gateway.publish(&[r#"{"topic":"quote.x","state":{"a":1}}"#]);
    let cursor = gateway.cursor();
    // The same topics in another order, or twice, are the same set.
    let queries = ["topics=quote.x,trade.*", "topics=trade.*,quote.x", "topics=quote.x&topics=trade.*,quote.x"];
    let mut polls: Vec<Http> =
        (0..1_000).map(|n| send_poll(&gateway, &format!("{}&cursor={cursor}&wait=50", queries[n % 3]))).collect();
    waiting(&gateway, 1_000);
    let before = gateway.metric("fanwire_polls_encoded_total", "");
    gateway.publish(&[r#"{"topic":"quote.x","patch":{"a":2}}"#, r#"{"topic":"trade.x","event":{"id":"1"}}"#]);
    let first = polls[0].reply().text();
    for poll in &mut polls[1..] {
        assert_eq!(poll.reply().text(), first);
    }
    assert_eq!(body(&first).1.len(), 2);
    assert_eq!(gateway.metric("fanwire_polls_encoded_total", "") - before, 1.0);
    waiting(&gateway, 0);
}

#[test]
fn bodies_are_cut_and_go_on() {
    let gateway = Gateway::with("shards = 2", "[limits]\npoll_body_bytes_max = 2048");
    let start = gateway.cursor();
    let lines: Vec<String> = (0..100)
        .map(|n| format!(r#"{{"topic":"trade.{}","event":{{"id":"{n}","text":"{}"}}}}"#, n % 3, "x".repeat(200)))
        .collect();
    let end = gateway.publish(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let (mut cursor, mut ids, mut bodies) = (start, Vec::new(), 0);
    while offset_of(&cursor) < end {
        let text =
            Http::connect(gateway.address).get(&format!("/v1/poll?topics=trade.*&cursor={cursor}&wait=0"), "").text();
        assert!(text.len() <= 2048 + 128, "{} bytes", text.len());
        let (next, said) = body(&text);
        assert!(offset_of(&next) > offset_of(&cursor), "no step forward");
        ids.extend(said.iter().map(|said| said.json["data"][0]["id"].as_str().unwrap().to_owned()));
        (cursor, bodies) = (next, bodies + 1);
    }
    assert_eq!(ids, (0..100).map(|n| n.to_string()).collect::<Vec<_>>());
    assert!(bodies > 10, "{bodies} bodies");
    // One entry that is larger than the cap comes alone.
    gateway.publish(&[&format!(r#"{{"topic":"trade.0","event":{{"id":"big","text":"{}"}}}}"#, "y".repeat(5_000))]);
    gateway.publish(&[r#"{"topic":"trade.0","event":{"id":"after"}}"#]);
    let text =
        Http::connect(gateway.address).get(&format!("/v1/poll?topics=trade.*&cursor={cursor}&wait=0"), "").text();
    assert_eq!(body(&text).1.len(), 1);
}

#[test]
fn the_same_as_json() {
    let gateway = Gateway::start();
    gateway.publish(&[r#"{"topic":"quote.x","state":{"a":1.5}}"#]);
    let mut http = Http::connect(gateway.address);
    let question = br#"{"topics":["quote.x","trade.*"],"num":"string","ids":1,"wait":0}"#;
    let first = http.post("/v1/poll", "content-type: application/json\r\n", question).json();
    assert_eq!(first["messages"][0]["data"], json!({"a":"1.5"}));
    let question = json!({"topics":"quote.x","cursor":first["cursor"],"wait":"0"}).to_string();
    assert_eq!(http.post("/v1/poll", "", question.as_bytes()).json()["messages"], json!([]));
    for (question, code) in [
        (&br#"{"topics":["quote.x"],"rate":4}"#[..], "bad_option"),
        (br#"{"topics":["quote.x"],"linger_ms":0}"#, "bad_option"),
        (br#"{"topics":["a b"]}"#, "bad_topic"),
        (br#"{"topics":["#, "bad_json"),
        (br#"[]"#, "bad_json"),
        (br#"{}"#, "topics_missing"),
    ] {
        let reply = http.post("/v1/poll", "", question);
        assert_eq!((reply.status, reply.code().as_str()), (400, code));
    }
}

#[test]
fn without_a_cursor_it_answers_at_once() {
    let gateway = Gateway::start();
    let began = Instant::now();
    let empty: Value = Http::connect(gateway.address).get("/v1/poll?topics=quote.none&wait=50", "").json();
    assert_eq!(empty["messages"], json!([]));
    assert_eq!(offset_of(empty["cursor"].as_str().unwrap()), 0);
    assert!(began.elapsed() < PATIENCE);
}

/// At a drain those who wait are answered, and their answers reach them.
#[test]
fn a_drain_answers_those_who_wait() {
    let mut gateway = Gateway::with("shards = 2\ndrain_s = 10\npoll_gather_ms = 1000", "");
    gateway.publish(&[r#"{"topic":"quote.x","state":{"a":1}}"#]);
    let cursor = gateway.cursor();
    let mut quiet: Vec<Http> =
        (0..20).map(|_| send_poll(&gateway, &format!("topics=quote.y&cursor={cursor}&wait=50"))).collect();
    let mut busy: Vec<Http> =
        (0..20).map(|_| send_poll(&gateway, &format!("topics=quote.x&cursor={cursor}&wait=50"))).collect();
    waiting(&gateway, 40);
    let mut publisher = Http::connect(gateway.address);
    publisher.send("POST /v1/publish HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n");
    let line = "{\"topic\":\"quote.x\",\"patch\":{\"a\":2}}\n";
    publisher.send(format!("{:x}\r\n{line}\r\n", line.len()));
    gateway.await_metric("fanwire_log_offset_total", "", |offset| offset == 2.0);
    let mut idle = Http::connect(gateway.address);
    assert_eq!(idle.get("/healthz", "").status, 200);
    let began = Instant::now();
    gateway.begin_stop();
    for poll in &mut quiet {
        assert_eq!(poll.reply().json()["messages"], json!([]));
    }
    for poll in &mut busy {
        assert_eq!(poll.reply().json()["messages"][0]["data"], json!({"a":2}), "what was gathered is told");
    }
    // A publisher learns what of its stream was taken.
    let reply = publisher.reply();
    assert_eq!((reply.status, reply.json()["accepted"].clone()), (503, json!(1)));
    assert!(crate::client::ends(&mut idle, crate::gateway::deadline()));
    gateway.join();
    assert!(began.elapsed() < Duration::from_secs(8), "a drain with nobody left takes {:?}", began.elapsed());
}
