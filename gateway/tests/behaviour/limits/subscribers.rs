//! What one subscriber may ask for and be owed.

use crate::client::{Client, Sse};
use crate::gateway::{Gateway, deadline};
use crate::http::Http;
use crate::ws::{TEXT, WebSocket, frame};
use serde_json::{Value, json};
use std::time::Instant;

/// Too many at once are refused by every transport, and on a WebSocket also those that come on top.
fn assert_too_many_topics(gateway: &Gateway, topics: [&str; 3]) {
    let [first, second, third] = topics;
    for path in ["sse", "poll", "snapshot"] {
        let path = format!("/v1/{path}?topics={first},{second},{third}");
        let reply = Http::connect(gateway.address).get(&path, "");
        assert_eq!((reply.status, reply.code().as_str()), (400, "topics_limit"), "{path}");
    }
    let mut socket = WebSocket::connect(gateway.address, "/v1/ws");
    for topic in topics {
        socket.text(&json!({"op":"sub","topics":[topic]}).to_string());
    }
    let error = socket.message_of("error");
    assert_eq!((&error["code"], &error["field"]), (&json!("topics_limit"), &json!("topics")));
}

pub(super) fn filters(gateway: &Gateway) {
    assert_too_many_topics(gateway, ["a", "b", "c.*"]);
}

pub(super) fn patterns(gateway: &Gateway) {
    assert_too_many_topics(gateway, ["a.*", "b", "c.*"]);
}

/// Too many at once are refused; of those that are born later the subscriber is told once, and a poll is refused.
pub(super) fn topics_covered(gateway: &Gateway) {
    gateway.publish(&[r#"{"topic":"a.1","state":{}}"#, r#"{"topic":"a.2","state":{}}"#]);
    let mut socket = WebSocket::connect(gateway.address, "/v1/ws?topics=a.*");
    socket.message_of("at");
    let mut poll = Http::connect(gateway.address);
    let cursor = gateway.cursor();
    poll.send(format!("GET /v1/poll?topics=a.*&cursor={cursor} HTTP/1.1\r\nhost: test\r\n\r\n"));
    gateway.await_metric("fanwire_connections", "long_poll", |waiting| waiting == 1.0);
    gateway.publish(&[r#"{"topic":"a.3","state":{}}"#]);
    assert_eq!(socket.message_of("error")["code"], "topics_limit");
    let reply = poll.reply();
    assert_eq!((reply.status, reply.code().as_str()), (400, "topics_limit"));
    gateway.publish(&[r#"{"topic":"a.1","patch":{"n":1}}"#]);
    assert_eq!(socket.message_of("delta").get("o"), None, "a cursor could not be true");
    assert_too_many_topics(gateway, ["a.1", "a.2", "a.3"]);
}

pub(super) fn message_bytes(gateway: &Gateway) {
    let mut whole = WebSocket::connect(gateway.address, "/v1/ws");
    whole.text(&"x".repeat(1_025));
    assert_eq!(whole.close_code(), 1009);
    let mut endless = WebSocket::connect(gateway.address, "/v1/ws");
    endless.http.send([frame(TEXT, b""), frame(0, b"").repeat(1_025)].concat());
    assert_eq!(endless.close_code(), 1009, "fragments that bring nothing");
}

fn pings(count: usize) -> Vec<u8> {
    frame(0x80 | TEXT, br#"{"op":"ping","id":7}"#).repeat(count)
}

pub(super) fn commands(gateway: &Gateway) {
    let mut socket = WebSocket::connect(gateway.address, "/v1/ws");
    socket.message_of("hello");
    socket.http.send(pings(3));
    let mut next = || Client::next(&mut socket, deadline()).unwrap().json;
    assert_eq!((next(), next()), (json!({"t":"pong","id":7}), json!({"t":"pong","id":7})));
    let error = next();
    assert_eq!((&error["t"], &error["code"], &error["id"]), (&json!("error"), &json!("too_many_commands"), &json!(7)));
    // The budget fills again, by one a second and no faster.
    let began = Instant::now();
    let mut obeyed = 0;
    for _ in 0..10 {
        socket.text(r#"{"op":"ping","id":7}"#);
        match Client::next(&mut socket, deadline()).unwrap().json {
            answer if answer["t"] == "pong" => obeyed += 1,
            answer => assert_eq!(answer["code"], "too_many_commands"),
        }
        std::thread::park_timeout(std::time::Duration::from_millis(150));
    }
    assert!((1..=began.elapsed().as_secs() + 2).contains(&obeyed), "{obeyed} in {:?}", began.elapsed());
}

/// Past the budget of errors it is the end.
pub(super) fn burst(gateway: &Gateway) {
    let mut socket = WebSocket::connect(gateway.address, "/v1/ws");
    socket.http.send(pings(100));
    socket.message_of("pong");
    socket.message_of("error");
    assert_eq!(socket.close_code(), 4002);
}

/// Publishes much to `quote.hot` until the metric moves.
fn publish_until(gateway: &Gateway, metric: &str, label: &str) {
    let text = "x".repeat(20_000);
    let until = deadline();
    for n in 0.. {
        let lines: Vec<String> =
            (0..20).map(|m| format!(r#"{{"topic":"quote.hot","patch":{{"n":{n},"text":"{m}{text}"}}}}"#)).collect();
        gateway.publish(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        if gateway.metric(metric, label) > 0.0 {
            return;
        }
        assert!(Instant::now() < until, "{metric} does not move");
    }
}

pub(super) fn pending_entries(gateway: &Gateway) {
    gateway.publish(&[r#"{"topic":"quote.hot","state":{}}"#]);
    let mut slow = crate::slow::lagging(crate::client::Transport::Sse, gateway, "topics=quote.hot");
    publish_until(gateway, "fanwire_lags_total", "");
    let published = gateway.metric("fanwire_log_offset_total", "");
    assert!(published < 2_000.0, "{published} entries were more than buffers on the way hold");
    while slow.next(deadline()).expect("a snapshot").json["why"] != "lag" {}
}

/// What answers a resume of `quote.x` from the cursor.
fn why_resumed(gateway: &Gateway, cursor: &str) -> Value {
    let mut stream = Sse::connect(gateway.address, &format!("/v1/sse?topics=quote.x&cursor={cursor}"), "");
    stream.next(deadline()).unwrap();
    stream.next(deadline()).unwrap().json["why"].clone()
}

pub(super) fn resume_entries(gateway: &Gateway) {
    gateway.publish(&[r#"{"topic":"quote.x","state":{"n":0}}"#]);
    let cursor = gateway.cursor();
    gateway.publish(&[r#"{"topic":"quote.x","patch":{"n":1}}"#]);
    assert_eq!(why_resumed(gateway, &cursor), json!(null), "one entry is told");
    gateway.publish(&[r#"{"topic":"quote.x","patch":{"n":2}}"#]);
    assert_eq!(why_resumed(gateway, &cursor), "resume", "two are too many");
}

/// Pushes a change of `quote.x` out of the log.
fn outlast_the_log(gateway: &Gateway) {
    gateway.publish(&[r#"{"topic":"quote.x","state":{"n":0}}"#]);
    let cursor = gateway.cursor();
    gateway.publish(&[r#"{"topic":"quote.x","patch":{"n":1}}"#]);
    let text = "x".repeat(20_000);
    for n in 0..8 {
        gateway.publish(&[&format!(r#"{{"topic":"flood","patch":{{"n":{n},"text":"{n}{text}"}}}}"#)]);
    }
    assert_eq!(why_resumed(gateway, &cursor), "resume");
}

pub(super) fn log_segments(gateway: &Gateway) {
    outlast_the_log(gateway);
    assert!(gateway.metric("fanwire_log_segments", "") <= 2.0);
}

pub(super) fn log_bytes(gateway: &Gateway) {
    outlast_the_log(gateway);
    assert!(gateway.metric("fanwire_log_bytes", "") <= 64.0 * 1024.0);
    assert!(gateway.metric("fanwire_log_segments", "") < 8.0);
}

/// The peer neither answers the close nor ends its side.
pub(super) fn close_timeout(gateway: &Gateway) {
    let mut socket = WebSocket::connect(gateway.address, "/v1/ws");
    socket.http.send(frame(0x83, b""));
    assert_eq!(socket.close_code(), 1002);
    gateway.await_metric("fanwire_connections", "\"websocket\"", |open| open == 0.0);
}

pub(super) fn errors(gateway: &Gateway) {
    let mut socket = WebSocket::connect(gateway.address, "/v1/ws");
    socket.text("one");
    assert_eq!(socket.message_of("error")["code"], "bad_json");
    socket.text("two");
    assert_eq!(socket.close_code(), 4002);
}
