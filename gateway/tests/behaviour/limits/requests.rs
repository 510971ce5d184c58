//! What a connection of requests may do: places, heads, bodies, answers that are not taken.

use super::{CLOSES, ERRORS};
use crate::client::ends;
use crate::gateway::{Gateway, PATIENCE, deadline};
use crate::http::{Http, Reply, find};
use crate::slow::narrow;
use serde_json::json;
use std::time::Instant;

/// A connection that was let in.
pub(super) fn let_in(mut http: Http) -> Http {
    assert_eq!(http.get("/healthz", "").status, 200);
    http
}

/// The connection ends without a byte.
fn assert_refused(mut http: Http) {
    assert_eq!(http.rest(), b"");
}

pub(super) fn connections(gateway: &Gateway) {
    let mut held: Vec<Http> = (0..2).map(|_| let_in(Http::connect(gateway.address))).collect();
    assert_refused(Http::connect(gateway.address));
    assert_eq!(gateway.metric("fanwire_connections_refused_total", ""), 1.0);
    held.pop();
    await_place(gateway);
}

/// A place that was given back is given away again.
fn await_place(gateway: &Gateway) {
    let until = deadline();
    loop {
        let mut http = Http::connect(gateway.address);
        // It may be ended before it has said anything.
        let _ = std::io::Write::write_all(&mut http.stream, b"GET /healthz HTTP/1.1\r\nhost: test\r\n\r\n");
        if http.try_head().is_some_and(|reply| reply.status == 200) {
            return;
        }
        assert!(Instant::now() < until, "the place is never free again");
    }
}

pub(super) fn connections_per_address(gateway: &Gateway) {
    let mut held: Vec<Http> = (0..2).map(|_| let_in(Http::connect(gateway.address))).collect();
    assert_refused(Http::connect(gateway.address));
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 2], 0)).into()).unwrap();
    socket.connect(&gateway.address.into()).unwrap();
    let_in(Http { stream: socket.into(), buffer: Vec::new() });
    held.pop();
    await_place(gateway);
}

/// A burst: all are let in, but not all at once.
pub(super) fn accepts(gateway: &Gateway) {
    let burst: Vec<Http> = (0..20).map(|_| Http::connect(gateway.address)).collect();
    burst.into_iter().map(let_in).for_each(drop);
}

pub(super) fn head_bytes(gateway: &Gateway) {
    let mut http = Http::connect(gateway.address);
    http.send(format!("GET / HTTP/1.1\r\nhost: test\r\nx: {}\r\n\r\n", "y".repeat(10_000)));
    assert!(http.rest().starts_with(b"HTTP/1.1 431"));
}

pub(super) fn head_timeout(gateway: &Gateway) {
    let mut slow = Http::connect(gateway.address);
    slow.send("GET /healthz HTTP/1.1\r\nhost: te");
    let mut silent = Http::connect(gateway.address);
    let mut idle = let_in(Http::connect(gateway.address));
    assert!([&mut slow, &mut silent, &mut idle].into_iter().all(|http| ends(http, deadline())));
    gateway.await_metric(CLOSES, "\"head_timeout\"", |count| count == 2.0);
    gateway.await_metric(CLOSES, "\"idle\"", |count| count == 1.0);
}

pub(super) fn assert_refusal(reply: &Reply, status: u16, code: &str) {
    assert_eq!((reply.status, reply.code().as_str()), (status, code), "{reply:?}");
}

const JSON: &str = "content-type: application/json\r\n";

pub(super) fn body_bytes(gateway: &Gateway) {
    let long = format!(r#"[{{"topic":"quote.x","state":{{"a":"{}"}}}}]"#, "y".repeat(2_000));
    let post = |path: &str| Http::connect(gateway.address).post(path, JSON, long.as_bytes());
    assert_refusal(&post("/v1/publish"), 413, "body_too_big");
    assert_refusal(&post("/v1/poll"), 413, "body_too_big");
    gateway.await_metric(ERRORS, "\"body_too_big\"", |count| count == 2.0);
}

pub(super) fn body_timeout(gateway: &Gateway) {
    for (path, headers, begun) in [("publish", JSON, "["), ("publish", "", "{\"topic\":"), ("poll", "", "{")] {
        let mut http = Http::connect(gateway.address);
        http.send(format!("POST /v1/{path} HTTP/1.1\r\nhost: test\r\ncontent-length: 99\r\n{headers}\r\n{begun}"));
        assert_refusal(&http.reply(), 408, "body_timeout");
    }
    gateway.await_metric(ERRORS, "\"body_timeout\"", |count| count == 3.0);
}

pub(super) fn poll_body_bytes(gateway: &Gateway) {
    gateway.publish(&[r#"{"topic":"quote.x","state":{}}"#]);
    let cursor = gateway.cursor();
    let text = "x".repeat(400);
    let lines: Vec<String> =
        (0..10).map(|n| format!(r#"{{"topic":"quote.x","patch":{{"n":{n},"text":"{text}"}}}}"#)).collect();
    gateway.publish(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let path = format!("/v1/poll?topics=quote.x&cursor={cursor}");
    let body = Http::connect(gateway.address).get(&path, "").json();
    assert!((1..10).contains(&body["messages"].as_array().unwrap().len()), "{body}");
    assert_ne!(body["cursor"], json!(gateway.cursor()), "the cursor says how far the body went");
}

pub(super) fn snapshot_body_bytes(gateway: &Gateway) {
    let text = "x".repeat(2_000);
    gateway.publish(&[&format!(r#"{{"topic":"quote.x","state":{{"text":"{text}"}}}}"#)]);
    for path in ["snapshot", "poll"] {
        let reply = Http::connect(gateway.address).get(&format!("/v1/{path}?topics=quote.x"), "");
        assert_refusal(&reply, 413, "body_too_big");
    }
}

pub(super) fn poll_wait(gateway: &Gateway) {
    let cursor = gateway.cursor();
    let began = Instant::now();
    let path = format!("/v1/poll?topics=quote.x&cursor={cursor}&wait=600");
    let reply = Http::connect(gateway.address).get(&path, "");
    assert_eq!(reply.json(), json!({"cursor":cursor,"messages":[]}));
    assert!(began.elapsed() < PATIENCE, "it waited");
}

/// A client of plain requests that takes no bytes; streams: `slow.rs`.
pub(super) fn write_stall(gateway: &Gateway) {
    let text = "x".repeat(200_000);
    for n in 0..40 {
        gateway.publish(&[&format!(r#"{{"topic":"quote.{n}","state":{{"text":"{text}"}}}}"#)]);
    }
    let mut slow = narrow(gateway.address);
    slow.send("GET /v1/snapshot?topics=quote.* HTTP/1.1\r\nhost: test\r\n\r\n");
    gateway.await_metric(CLOSES, "\"write_stalled\"", |count| count == 1.0);
    let bytes = slow.rest();
    assert!(find(&bytes, b"200 OK").is_some() && bytes.len() < 8_000_000, "{} bytes came", bytes.len());
}

pub(super) fn history_items(gateway: &Gateway) {
    let lines: Vec<String> =
        (0..5).map(|n| format!(r#"{{"topic":"trade.x","event":{{"id":"{n}"}},"te":{n}}}"#)).collect();
    gateway.publish(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let ask =
        |limit: usize| Http::connect(gateway.address).get(&format!("/v1/history?topic=trade.x&limit={limit}"), "");
    assert_refusal(&ask(4), 400, "bad_option");
    let kept = ask(3).json();
    let ids: Vec<&str> = kept["data"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["2", "3", "4"]);
}
