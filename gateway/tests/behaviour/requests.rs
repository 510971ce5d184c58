//! HTTP as it comes over the wire: heads and bodies good and bad, SSE, plain snapshots, publishing.

use crate::client::{Client, Sse, connect, ends, in_order};
use crate::gateway::{Gateway, deadline};
use crate::http::{Http, Reply};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn ask(gateway: &Gateway, request: &str) -> Reply {
    let mut http = Http::connect(gateway.address);
    http.send(request);
    http.reply()
}

#[test]
fn hosts() {
    let gateway = Gateway::start();
    for (request, status) in [
        ("GET /v1/topics HTTP/1.1\r\n\r\n", 400),
        ("GET /v1/topics HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n", 400),
        ("GET /v1/sse?topics=a HTTP/1.1\r\nhost: a\r\nHost: b\r\n\r\n", 400),
        ("GET /v1/topics HTTP/1.0\r\n\r\n", 200),
        ("GET /v1/topics HTTP/1.1\r\nhost:\r\n\r\n", 200),
        ("GET http://test/v1/topics HTTP/1.1\r\nhost: test\r\n\r\n", 200),
    ] {
        let reply = ask(&gateway, request);
        assert_eq!(reply.status, status, "{request:?}: {reply:?}");
        if status == 400 {
            assert_eq!(reply.code(), "bad_host");
        }
    }
}

#[test]
fn heads_that_are_no_heads() {
    let gateway = Gateway::with("shards = 1", "[limits]\nhead_bytes_max = 8192");
    for request in
        ["nonsense\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET  / HTTP/1.1\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}\r\n\r\n"]
    {
        let mut http = Http::connect(gateway.address);
        http.send(request);
        let answer = http.rest();
        assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"),
            "{request:?}: {}",
            String::from_utf8_lossy(&answer)
        );
    }
    let mut http = Http::connect(gateway.address);
    http.send(format!("GET / HTTP/1.1\r\nhost: test\r\nx: {}\r\n\r\n", "y".repeat(20_000)));
    assert!(http.rest().starts_with(b"HTTP/1.1 431"));
    // Smuggling: two lengths, or a length beside chunks, never make two requests.
    for both in ["content-length: 5\r\ncontent-length: 6\r\n", "content-length: 3\r\ntransfer-encoding: chunked\r\n"] {
        let mut http = Http::connect(gateway.address);
        http.send(format!(
            "POST /v1/publish HTTP/1.1\r\nhost: test\r\n{both}\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nhost: test\r\n\r\n"
        ));
        http.finish();
        let answer = String::from_utf8(http.rest()).unwrap();
        assert!(answer.matches("HTTP/1.1").count() <= 2 && !answer.contains("HTTP/1.1 200 OK\r\n\r\nok"), "{answer}");
    }
}

#[test]
fn slow_heads_and_slow_bodies_time_out() {
    let gateway = Gateway::with("shards = 1", "[limits]\nhead_timeout_ms = 300\nbody_timeout_ms = 300");
    let mut slow_head = Http::connect(gateway.address);
    slow_head.send("GET /v1/topics HTTP/1.1\r\nhost: te");
    let mut silent = Http::connect(gateway.address);
    let mut slow_line = Http::connect(gateway.address);
    slow_line.send("POST /v1/publish HTTP/1.1\r\nhost: test\r\ncontent-length: 100\r\n\r\n{\"topic\":");
    let mut slow_json = Http::connect(gateway.address);
    slow_json.send(
        "POST /v1/publish HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{",
    );
    let mut slow_poll = Http::connect(gateway.address);
    slow_poll.send("POST /v1/poll HTTP/1.1\r\nhost: test\r\ncontent-length: 100\r\n\r\n{");
    assert!(ends(&mut slow_head, deadline()));
    assert!(ends(&mut silent, deadline()));
    for http in [&mut slow_line, &mut slow_json, &mut slow_poll] {
        let reply = http.reply();
        assert_eq!((reply.status, reply.code().as_str()), (408, "body_timeout"), "{reply:?}");
    }
    // Between lines a publisher may rest for longer than any body may take.
    let mut resting = Http::connect(gateway.address);
    resting.send("POST /v1/publish HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n");
    let line = "{\"topic\":\"quote.x\",\"patch\":{\"a\":1}}\n";
    resting.send(format!("{:x}\r\n{line}\r\n", line.len()));
    assert_eq!(resting.fill(Instant::now() + Duration::from_millis(900)), crate::http::Fill::TimedOut);
    resting.send("0\r\n\r\n");
    assert_eq!(resting.reply().json()["accepted"], 1);
}

#[test]
fn paths_and_methods() {
    let gateway = Gateway::start();
    let mut http = Http::connect(gateway.address);
    for path in ["/", "/v1", "/v1/nothing", "/v1/sse/", "/socket.io/", "/conformance/echo", "/../v1/topics", "/%00"] {
        let reply = http.get(path, "");
        assert_eq!((reply.status, reply.code().as_str()), (404, "not_found"), "{path}");
        assert!(reply.json()["error"]["message"].is_string());
        assert_eq!(reply.header("content-type"), Some("application/json"));
    }
    for (method, path, allow) in [
        ("DELETE", "/v1/sse", "GET, HEAD, OPTIONS"),
        ("POST", "/v1/sse?topics=a", "GET, HEAD, OPTIONS"),
        ("PUT", "/v1/snapshot", "GET, HEAD, OPTIONS"),
        ("POST", "/v1/topics", "GET, HEAD, OPTIONS"),
        ("POST", "/v1/history", "GET, HEAD, OPTIONS"),
        ("PATCH", "/v1/poll", "GET, HEAD, POST, OPTIONS"),
        ("GET", "/v1/publish", "POST, OPTIONS"),
        ("POST", "/v1/ws", "GET"),
    ] {
        http.send(format!("{method} {path} HTTP/1.1\r\nhost: test\r\ncontent-length: 0\r\n\r\n"));
        let reply = http.reply();
        assert_eq!((reply.status, reply.header("allow")), (405, Some(allow)), "{method} {path}");
        assert_eq!(reply.code(), "method_not_allowed");
    }
    // One shape for all errors, with the field at fault.
    for (path, code, field) in [
        ("/v1/snapshot", "topics_missing", "topics"),
        ("/v1/snapshot?topics=a%20b", "bad_topic", "topics"),
        ("/v1/snapshot?topics=a&cursor=x:1", "bad_option", "cursor"),
        ("/v1/snapshot?topics=a&rate=4", "bad_option", "rate"),
        ("/v1/poll", "topics_missing", "topics"),
        ("/v1/poll?topics=a&rate=4", "bad_option", "rate"),
        ("/v1/poll?topics=a&linger_ms=0", "bad_option", "linger_ms"),
        ("/v1/poll?topics=a&wait=x", "bad_option", "wait"),
        ("/v1/poll?topics=a&cursor=1", "bad_cursor", "cursor"),
        ("/v1/poll?topics=a&num=x", "bad_option", "num"),
        ("/v1/sse", "topics_missing", "topics"),
        ("/v1/sse?topics=", "bad_topic", "topics"),
        ("/v1/sse?topics=a&linger_ms=7", "bad_option", "linger_ms"),
        ("/v1/sse?topics=a&rate=99", "bad_option", "rate"),
        ("/v1/sse?topics=a&ids=2", "bad_option", "ids"),
        ("/v1/history", "topics_missing", "topic"),
        ("/v1/topics?match=a..b", "bad_topic", "match"),
        ("/v1/topics?limit=0", "bad_option", "limit"),
    ] {
        let reply = http.get(path, "");
        assert_eq!(reply.status, 400, "{path}");
        let error = &reply.json()["error"];
        assert_eq!((&error["code"], &error["field"]), (&json!(code), &json!(field)), "{path}");
    }
    let listed = http.get("/v1/sse?topics=a&linger_ms=7", "").json()["error"]["message"].to_string();
    assert!(listed.contains("allowed: 0"), "{listed}");
}

#[test]
fn sse_heads() {
    let gateway = Gateway::with("shards = 1\nretry_ms = 1234", "");
    let mut http = Http::connect(gateway.address);
    http.send("GET /v1/sse?topics=a HTTP/1.1\r\nhost: test\r\n\r\n");
    let head = http.head();
    assert_eq!((head.status, head.version.as_str()), (200, "HTTP/1.1"));
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    assert_eq!(head.header("cache-control"), Some("no-store, no-transform"));
    assert_eq!(head.header("x-accel-buffering"), Some("no"));
    assert_eq!(head.header("transfer-encoding"), None);
    assert_eq!(head.header("content-length"), None);
    let mut stream = Sse::on(http);
    assert_eq!(stream.next(deadline()).unwrap().json["t"], "hello");
    assert_eq!(stream.retry, Some(1234));
    // HTTP/1.0: no chunks, the end of the connection is the end of the stream.
    let mut http = Http::connect(gateway.address);
    http.send("GET /v1/sse?topics=a HTTP/1.0\r\n\r\n");
    let head = http.head();
    assert_eq!((head.status, head.version.as_str(), head.header("transfer-encoding")), (200, "HTTP/1.0", None));
    assert_eq!(Sse::on(http).next(deadline()).unwrap().json["t"], "hello");
    // HEAD says what GET would, and leaves the connection in order.
    let mut http = Http::connect(gateway.address);
    http.send("HEAD /v1/sse?topics=a HTTP/1.1\r\nhost: test\r\n\r\n");
    let head = http.head();
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
    assert_eq!(head.header("cache-control"), Some("no-store, no-transform"));
    assert_eq!(head.header("x-accel-buffering"), Some("no"));
    assert_eq!(http.get("/healthz", "").text(), "ok\n");
    http.send("HEAD /v1/sse HTTP/1.1\r\nhost: test\r\n\r\n");
    assert_eq!(http.head().status, 400);
}

#[test]
fn sse_on_a_connection_that_served_before() {
    let gateway = Gateway::start();
    gateway.publish(&[r#"{"topic":"quote.x","state":{"a":1}}"#]);
    for served in 1..4 {
        let mut http = Http::connect(gateway.address);
        for _ in 0..served {
            assert_eq!(http.get("/v1/topics", "").status, 200);
        }
        http.send("GET /v1/sse?topics=quote.x HTTP/1.1\r\nhost: test\r\n\r\n");
        let began = Instant::now();
        assert_eq!(http.head().status, 200);
        let mut stream = Sse::on(http);
        assert_eq!(stream.next(deadline()).unwrap().json["t"], "hello");
        assert_eq!(stream.next(deadline()).unwrap().json["data"], json!({"a":1}));
        assert!(began.elapsed() < Duration::from_millis(900), "{:?}", began.elapsed());
    }
    // Pipelined behind another request: in order, and whole.
    let mut http = Http::connect(gateway.address);
    http.send("GET /healthz HTTP/1.1\r\nhost: test\r\n\r\nGET /v1/sse?topics=quote.x HTTP/1.1\r\nhost: test\r\n\r\n");
    assert_eq!(http.reply().text(), "ok\n");
    assert_eq!(http.head().header("content-type"), Some("text/event-stream"));
    assert_eq!(Sse::on(http).next(deadline()).unwrap().json["t"], "hello");
}

#[test]
fn heartbeats_state_the_cursor() {
    let gateway = Gateway::with("shards = 1\nheartbeat_ms = 100", "");
    gateway.publish(&[r#"{"topic":"quote.x","state":{"a":1}}"#]);
    let mut stream = Sse::connect(gateway.address, "/v1/sse?topics=quote.x", "");
    let mut said = Vec::new();
    while said.len() < 3 {
        let next = stream.next(deadline()).unwrap();
        if next.json["t"] == "at" {
            assert_eq!(next.id.as_deref(), next.json["cursor"].as_str());
            said.push(next.id.unwrap());
        }
    }
    // Though its own topics are quiet, its cursor moves on, so that it stays young.
    let offset = gateway.publish(&[r#"{"topic":"other","state":{}}"#]);
    while !said.last().unwrap().ends_with(&format!(":{offset}")) {
        said.push(stream.next(deadline()).unwrap().id.unwrap());
    }
    // The same for a WebSocket, whose pings say nothing.
    let mut socket = crate::ws::WebSocket::connect(gateway.address, "/v1/ws?topics=quote.x");
    socket.message_of("at");
    let offset = gateway.publish(&[r#"{"topic":"other","state":{"a":1}}"#]);
    let at = socket.message_of("at");
    assert!(at["cursor"].as_str().unwrap().ends_with(&format!(":{offset}")), "{at}");
}

#[test]
fn the_last_event_id_wins() {
    let gateway = Gateway::start();
    gateway.publish(&[r#"{"topic":"quote.x","state":{"a":1}}"#]);
    let old = gateway.cursor();
    gateway.publish(&[r#"{"topic":"quote.x","patch":{"a":2}}"#]);
    let new = gateway.cursor();
    gateway.publish(&[r#"{"topic":"quote.x","patch":{"a":3}}"#]);
    let first = |query: String, headers: String| -> Value {
        let mut stream = Sse::connect(gateway.address, &format!("/v1/sse?topics=quote.x{query}"), &headers);
        stream.next(deadline()).unwrap();
        stream.next(deadline()).unwrap().json
    };
    let by_query = first(format!("&cursor={old}"), String::new());
    assert_eq!((&by_query["t"], &by_query["data"]), (&json!("delta"), &json!({"a":2})));
    let by_both = first(format!("&cursor={old}"), format!("Last-Event-ID: {new}\r\n"));
    assert_eq!((&by_both["t"], &by_both["data"]), (&json!("delta"), &json!({"a":3})));
    let empty = first(format!("&cursor={new}"), "last-event-id:\r\n".into());
    assert_eq!((&empty["t"], &empty["data"]), (&json!("delta"), &json!({"a":3})));
    let unreadable = first(String::new(), "last-event-id: 42\r\n".into());
    assert_eq!((&unreadable["t"], &unreadable["why"]), (&json!("snap"), &json!("resume")));
}

#[test]
fn an_sse_drain_says_when_to_return() {
    let mut gateway = Gateway::with("shards = 1\ndrain_s = 5", "[limits]\nclose_timeout_ms = 300");
    let mut stream = Sse::connect(gateway.address, "/v1/sse?topics=a", "");
    while stream.next(deadline()).unwrap().json["t"] != "at" {}
    gateway.begin_stop();
    let bye = stream.next(deadline()).unwrap();
    assert_eq!((&bye.json["t"], &bye.json["code"], bye.id), (&json!("bye"), &json!("draining"), None));
    assert_eq!(stream.retry, bye.json["retry_ms"].as_u64());
    assert!(stream.next(deadline()).is_none());
    gateway.join();
}

#[test]
fn foreign_pages() {
    let gateway = Gateway::with("shards = 1\norigins = [\"https://good.example\"]", "");
    let mut http = Http::connect(gateway.address);
    for path in ["/v1/snapshot?topics=a", "/v1/poll?topics=a", "/v1/topics", "/v1/nothing", "/v1/snapshot"] {
        let good = http.get(path, "origin: https://good.example\r\n");
        assert_eq!(good.header("access-control-allow-origin"), Some("https://good.example"), "{path}");
        assert_eq!(good.header("access-control-allow-credentials"), Some("true"));
        assert!(good.header("vary").is_some_and(|vary| vary.to_lowercase().contains("origin")));
        let evil = http.get(path, "origin: https://evil.example\r\n");
        assert_eq!(evil.header("access-control-allow-origin"), None, "{path}");
    }
    http.send(
        "OPTIONS /v1/sse?topics=a HTTP/1.1\r\nhost: test\r\norigin: https://good.example\r\n\
         access-control-request-method: GET\r\naccess-control-request-headers: last-event-id\r\n\r\n",
    );
    let preflight = http.reply();
    assert_eq!(preflight.status, 204);
    assert!(preflight.header("access-control-allow-headers").unwrap().contains("last-event-id"));
    assert!(preflight.header("access-control-allow-methods").unwrap().contains("GET"));
    assert_eq!(preflight.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(preflight.header("access-control-allow-origin"), Some("https://good.example"));
    http.send("GET /v1/sse?topics=a HTTP/1.1\r\nhost: test\r\norigin: https://good.example\r\n\r\n");
    let head = http.head();
    assert_eq!(head.header("access-control-allow-origin"), Some("https://good.example"));
    assert_eq!(head.header("access-control-allow-credentials"), Some("true"));
    // A page that may not read may not write either, wherever its browser runs: a simple POST needs no preflight.
    let line = br#"{"topic":"quote.x","state":{"a":1}}"#;
    let mut http = Http::connect(gateway.address);
    let evil = http.post("/v1/publish", "origin: https://evil.example\r\ncontent-type: text/plain\r\n", line);
    assert_eq!((evil.status, evil.code().as_str()), (403, "origin_forbidden"));
    let mut http = Http::connect(gateway.address);
    assert_eq!(http.post("/v1/publish", "origin: https://good.example\r\n", line).status, 200);
    // Our own origin by name proves nothing: any name may be made to point here.
    assert_eq!(http.post("/v1/publish", "origin: http://test\r\n", line).status, 403);
}

#[test]
fn snapshots_and_etags() {
    let gateway = Gateway::start();
    gateway.publish(&[r#"{"topic":"quote.x","state":{"a":1}}"#, r#"{"topic":"quote.y","state":{"a":1}}"#]);
    let mut http = Http::connect(gateway.address);
    let first = http.get("/v1/snapshot?topics=quote.*", "");
    assert_eq!((first.status, first.header("content-type")), (200, Some("application/json")));
    assert!(first.header("cache-control").is_some());
    let tag = first.header("etag").unwrap().to_owned();
    for condition in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".into()] {
        let again = http.get("/v1/snapshot?topics=quote.*", &format!("if-none-match: {condition}\r\n"));
        assert_eq!((again.status, again.header("etag")), (304, Some(tag.as_str())), "{condition}");
        assert!(again.body.is_empty());
    }
    gateway.publish(&[r#"{"topic":"other","state":{"a":1}}"#]);
    assert_eq!(http.get("/v1/snapshot?topics=quote.*", &format!("if-none-match: {tag}\r\n")).status, 304);
    gateway.publish(&[r#"{"topic":"quote.x","patch":{"a":2}}"#]);
    let changed = http.get("/v1/snapshot?topics=quote.*", &format!("if-none-match: {tag}\r\n"));
    assert_eq!(changed.status, 200);
    assert_ne!(changed.header("etag"), Some(tag.as_str()));
    http.send("HEAD /v1/snapshot?topics=quote.* HTTP/1.1\r\nhost: test\r\n\r\n");
    let head = http.head();
    assert_eq!((head.status, head.header("etag")), (200, changed.header("etag")));
    assert_ne!(head.header("content-length"), Some("0"), "HEAD says what GET would");
    assert_eq!(http.get("/healthz", "").text(), "ok\n");
}

/// A topic whose death has left the log is in no snapshot, and no tag from before says otherwise.
#[test]
fn a_forgotten_topic_leaves_the_snapshot() {
    let gateway = Gateway::with("shards = 1", "[limits]\nlog_segments_max = 4");
    gateway.publish(&[r#"{"topic":"quote.dies","state":{"a":1}}"#]);
    gateway.publish(&[r#"{"topic":"quote.x","state":{"a":1}}"#]);
    let mut http = Http::connect(gateway.address);
    let first = http.get("/v1/snapshot?topics=quote.*", "");
    assert_eq!(first.json()["messages"].as_array().unwrap().len(), 2);
    gateway.publish(&[r#"{"topic":"quote.dies","retire":true}"#]);
    for n in 0..8 {
        gateway.publish(&[&format!(r#"{{"topic":"flood","patch":{{"n":{n}}}}}"#)]);
    }
    let tag = first.header("etag").unwrap();
    let after = http.get("/v1/snapshot?topics=quote.*", &format!("if-none-match: {tag}\r\n"));
    assert_eq!(after.status, 200, "the tag of a snapshot with the dead topic still holds");
    assert_eq!(after.json()["messages"].as_array().unwrap().len(), 1, "{}", after.text());
}

#[test]
fn publishing() {
    let gateway = Gateway::start();
    let lines = [
        r#"{"topic":"quote.x","state":{"a":1}}"#,
        r#"{"topic":"quote.x","#,
        "",
        r#"{"topic":"trade.x","event":{"id":"1"}}"#,
        r#"{"topic":"trade.x","patch":{"a":1}}"#,
        r#"{"topic":"quote.x","event":{"a":1}}"#,
        r#"{"topic":"quote.none","retire":true}"#,
        r#"{"topic":"a b","state":{}}"#,
        r#"{"topic":"quote.x","patch":{"a":2}}"#,
        r#"{"topic":"play.y","state":{}}"#,
    ];
    let report = gateway.report(lines.join("\r\n").as_bytes());
    assert_eq!((&report["accepted"], &report["offset"]), (&json!(3), &json!(3)), "{report}");
    let rejected: Vec<(u64, &str)> = report["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["line"].as_u64().unwrap(), one["code"].as_str().unwrap()))
        .collect();
    let want = [
        (2, "bad_json"),
        (5, "wrong_kind"),
        (6, "wrong_kind"),
        (7, "unknown_topic"),
        (8, "bad_topic"),
        (10, "wrong_kind"),
    ];
    assert_eq!(rejected, want);
    let nothing = gateway.report(br#"{"topic":"quote.x","patch":{"a":2.0}}"#);
    assert_eq!(nothing, json!({"accepted":1,"rejected":[],"offset":null}));
    let json_kind = "content-type: application/json; charset=utf-8\r\n";
    let mut http = Http::connect(gateway.address);
    let array =
        br#"[{"topic":"quote.x","patch":{"a":3}},{"topic":"bad topic","patch":{}},{"topic":"quote.y","state":{}}]"#;
    let report = http.post("/v1/publish", json_kind, array).json();
    assert_eq!(
        (&report["accepted"], &report["rejected"][0]["line"], &report["offset"]),
        (&json!(2), &json!(2), &json!(5))
    );
    let one = http.post("/v1/publish", json_kind, br#"{"topic":"quote.x","patch":{"a":4}}"#).json();
    assert_eq!(one, json!({"accepted":1,"rejected":[],"offset":6}));
    let broken = http.post("/v1/publish", json_kind, br#"[{"topic":"quote.x","patch":{"a":5}},"#);
    assert_eq!(broken.status, 400);
    assert_eq!(gateway.report(b""), json!({"accepted":0,"rejected":[],"offset":null}));
    // Births: empty ones too, and a patch of nothing.
    let report =
        gateway.report(b"{\"topic\":\"quote.e\",\"patch\":{}}\n{\"topic\":\"quote.f\",\"patch\":{\"a\":null}}");
    assert_eq!((&report["accepted"], &report["offset"]), (&json!(2), &json!(8)));
}

#[test]
fn an_endless_publish_takes_effect_line_by_line() {
    let gateway = Gateway::start();
    let mut stream = Sse::connect(gateway.address, "/v1/sse?topics=quote.x", "");
    while stream.next(deadline()).unwrap().json["t"] != "at" {}
    let mut publisher = Http::connect(gateway.address);
    publisher.send("POST /v1/publish HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n");
    for n in 0..20 {
        // Cut in the middle of a line, and of a chunk's own text.
        let line = format!("{{\"topic\":\"quote.x\",\"patch\":{{\"n\":{n}}}}}\n");
        let (a, b) = line.split_at(n + 5);
        publisher.send(format!("{:x}\r\n{a}", a.len()));
        publisher.send(format!("\r\n{:x}\r\n{b}\r\n", b.len()));
        assert_eq!(stream.next(deadline()).unwrap().json["data"], json!({"n":n}));
    }
    publisher.send("0\r\n\r\n");
    assert_eq!(publisher.reply().json(), json!({"accepted":20,"rejected":[],"offset":20}));
}

#[test]
fn publish_caps_and_tokens() {
    let sections = "[limits]\nbody_bytes_max = 2048\npublish_line_bytes_max = 1024\n[publish]\ntoken = \"s3cret\"\nopen_to_loopback = false";
    let gateway = Gateway::with("shards = 1", sections);
    let line = br#"{"topic":"quote.x","state":{"a":1}}"#;
    let post = |headers: &str, body: &[u8]| Http::connect(gateway.address).post("/v1/publish", headers, body);
    for headers in
        ["", "authorization: Bearer wrong\r\n", "authorization: Basic s3cret\r\n", "authorization: Bearer s3cret2\r\n"]
    {
        let reply = post(headers, line);
        assert_eq!((reply.status, reply.code().as_str()), (401, "unauthorized"), "{headers}");
    }
    let bearer = "authorization: Bearer s3cret\r\n";
    assert_eq!(post(bearer, line).status, 200);
    let reply = post(bearer, "x".repeat(10_000).as_bytes());
    assert_eq!((reply.status, reply.code().as_str()), (413, "body_too_big"));
    let long = format!(r#"[{{"topic":"quote.x","state":{{"a":"{}"}}}}]"#, "y".repeat(4_000));
    let reply = post(&format!("{bearer}content-type: application/json\r\n"), long.as_bytes());
    assert_eq!((reply.status, reply.code().as_str()), (413, "body_too_big"));
    // Many short lines are more than any body may be, and are taken.
    let many = (0..200).map(|n| format!("{{\"topic\":\"quote.x\",\"patch\":{{\"a\":{n}}}}}\n")).collect::<String>();
    assert_eq!(post(bearer, many.as_bytes()).json()["accepted"], 200);
    let reply = Http::connect(gateway.address).post("/v1/poll", "", "z".repeat(3_000).as_bytes());
    assert_eq!((reply.status, reply.code().as_str()), (413, "body_too_big"));
}

#[test]
fn a_payload_never_breaks_the_stream() {
    let gateway = Gateway::start();
    let mut raw = Http::connect(gateway.address);
    raw.send("GET /v1/sse?topics=quote.x HTTP/1.1\r\nhost: test\r\n\r\n");
    raw.head();
    gateway.publish(&[r#"{"topic":"quote.x","state":{"a\rb\nc\u0000d\u2028e":"\r\n\r\nevent: x\ndata: y\n\n"}}"#]);
    let text = raw.take(deadline(), |bytes| crate::http::find(bytes, b"born").map(|_| bytes.len())).unwrap();
    let mut rest = raw.take(deadline(), |bytes| bytes.ends_with(b"\n\n").then_some(bytes.len())).unwrap_or_default();
    let text = [text, std::mem::take(&mut rest)].concat();
    assert!(in_order(&text, &["retry: ", "hello", "at", "born"]), "{}", String::from_utf8_lossy(&text));
    assert!(!text.contains(&b'\r') && !text.contains(&0));
    for line in text.split(|byte| *byte == b'\n') {
        let known =
            line.is_empty() || [&b"id: "[..], b"data: ", b"retry: "].iter().any(|field| line.starts_with(field));
        assert!(known, "{:?}", String::from_utf8_lossy(line));
    }
}

#[test]
fn the_catalogue() {
    let gateway = Gateway::start();
    gateway.publish(&[
        r#"{"topic":"score.b","state":{}}"#,
        r#"{"topic":"score.a","state":{}}"#,
        r#"{"topic":"trade.x","event":{}}"#,
    ]);
    let body = Http::connect(gateway.address).get("/v1/topics?match=score.%3E", "").json();
    let names: Vec<&str> =
        body["topics"].as_array().unwrap().iter().map(|one| one["topic"].as_str().unwrap()).collect();
    assert_eq!(names, ["score.a", "score.b"]);
    let body = Http::connect(gateway.address).get("/v1/topics?limit=2&after=score.a", "").json();
    assert_eq!((&body["topics"][0]["topic"], &body["topics"][1]["kind"]), (&json!("score.b"), &json!("event")));
    assert_eq!(body["more"], false);
}

/// Too many: the newcomer is refused, those who are there stay.
#[test]
fn connections_are_capped() {
    let gateway = Gateway::with("shards = 1", "[limits]\nconnections_max = 3");
    let mut held: Vec<_> =
        (0..3).map(|_| connect(crate::client::Transport::Sse, gateway.address, "topics=a", None)).collect();
    for stream in &mut held {
        stream.next(deadline()).unwrap();
    }
    let mut refused = Http::connect(gateway.address);
    let _ = std::io::Write::write_all(&mut refused.stream, b"GET /v1/sse?topics=a HTTP/1.1\r\nhost: test\r\n\r\n");
    assert!(ends(&mut refused, deadline()));
    gateway.await_metric("fanwire_connections_refused_total", "", |count| count == 1.0);
    held.pop();
    gateway.await_metric("fanwire_connections", "sse", |open| open == 2.0);
    let mut again = connect(crate::client::Transport::Sse, gateway.address, "topics=a", None);
    assert_eq!(again.next(deadline()).unwrap().json["t"], "hello");
}

/// Hooks that break things are not there unless the configuration says so.
#[test]
fn test_hooks_are_off_by_default() {
    let ask = |gateway: &Gateway, path: &str| Http::connect(gateway.admin).post(path, "", b"").status;
    assert_eq!(ask(&Gateway::start(), "/debug/block?shard=0&ms=1"), 404);
    let gateway = Gateway::with("shards = 2\ntest_hooks = true", "");
    assert_eq!(ask(&gateway, "/debug/block?shard=1&ms=1"), 200);
    for bad in ["shard=2&ms=1", "shard=0&ms=60001", "shard=0", "ms=5", "shard=x&ms=5"] {
        assert_eq!(ask(&gateway, &format!("/debug/block?{bad}")), 400, "{bad}");
    }
    let memory = Http::connect(gateway.admin).get("/debug/memory", "");
    let memory: Value = serde_json::from_slice(&memory.body).unwrap();
    assert!(memory["size_bytes"]["connection"].as_u64().unwrap() > 0, "{memory}");
}
