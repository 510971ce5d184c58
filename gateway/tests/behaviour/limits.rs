//! BOUNDED: every limit is exceeded here, on a gateway that has it small: the client gets the error, the close or the
//! answer that the documents name, and a counter moves. A limit without a case fails the walk.

use crate::client::{Client, Sse, ends};
use crate::gateway::{Gateway, PATIENCE, deadline};
use crate::http::{Http, Reply, find};
use crate::slow::narrow;
use crate::ws::{TEXT, WebSocket, frame};
use fanwire::limits::Limits;
use feeds::model::{Change, Object, Topic, Update};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

struct Case {
    limit: &'static str,
    /// What it is set to.
    value: u64,
    /// The rest of the configuration, from the other keys of `[limits]` on.
    sections: &'static str,
    /// The metric that moves, and a label of it.
    counter: (&'static str, &'static str),
    exceed: fn(&Gateway),
}

const fn case(limit: &'static str, value: u64, counter: (&'static str, &'static str), exceed: fn(&Gateway)) -> Case {
    Case { limit, value, sections: "", counter, exceed }
}

const fn with(sections: &'static str, case: Case) -> Case {
    Case { sections, ..case }
}

const CLOSES: &str = "fanwire_closes_total";
const ERRORS: &str = "fanwire_errors_total";
const RESUMES: &str = "fanwire_resumes_total";

const CASES: &[Case] = &[
    case("connections_max", 2, (CLOSES, "\"too_many_connections\""), connections),
    case("connections_per_address_max", 2, (CLOSES, "\"too_many_from_address\""), connections_per_address),
    case("accepts_per_turn_max", 1, ("fanwire_accepts_deferred_total", ""), accepts),
    case("topics_max", 1, (ERRORS, "\"topics_limit\""), topics),
    case("filters_per_connection_max", 2, (ERRORS, "\"topics_limit\""), filters),
    case("patterns_per_connection_max", 1, (ERRORS, "\"topics_limit\""), patterns),
    case("topics_per_connection_max", 2, ("fanwire_topics_limited_total", ""), topics_covered),
    case("state_bytes_max", 1_024, (ERRORS, "\"state_too_big\""), state_bytes),
    case("message_bytes_max", 1_024, (CLOSES, "\"message_too_big\""), message_bytes),
    with("commands_burst_max = 2", case("commands_per_second_max", 1, (ERRORS, "\"too_many_commands\""), commands)),
    with("commands_per_second_max = 1", case("commands_burst_max", 1, (ERRORS, "\"too_many_commands\""), burst)),
    case("pending_entries_max", 8, ("fanwire_lags_total", ""), pending_entries),
    case("resume_entries_max", 1, (RESUMES, "\"snapshots\""), resume_entries),
    case("log_segments_max", 2, (RESUMES, "\"snapshots\""), log_segments),
    case("log_bytes_max", 64 * 1024, (RESUMES, "\"snapshots\""), log_bytes),
    case("head_bytes_max", 8 * 1024, (CLOSES, "\"bad_head\""), head_bytes),
    case("head_timeout_ms", 200, (CLOSES, "\"head_timeout\""), head_timeout),
    case("body_bytes_max", 1_024, (ERRORS, "\"body_too_big\""), body_bytes),
    case("body_timeout_ms", 200, (ERRORS, "\"body_timeout\""), body_timeout),
    case("publish_line_bytes_max", 1_024, (ERRORS, "\"line_too_big\""), publish_line_bytes),
    case("poll_body_bytes_max", 1_024, ("fanwire_polls_cut_total", ""), poll_body_bytes),
    case("snapshot_body_bytes_max", 1_024, (ERRORS, "\"body_too_big\""), snapshot_body_bytes),
    case("poll_wait_max_s", 0, ("fanwire_connections_opened_total", "\"long_poll\""), poll_wait),
    case("write_stall_ms", 200, (CLOSES, "\"write_stalled\""), write_stall),
    case("close_timeout_ms", 200, (CLOSES, "\"protocol_error\""), close_timeout),
    case("errors_per_connection_max", 1, (CLOSES, "\"too_many_errors\""), errors),
    case("ingest_batches_max", 1, ("fanwire_feed_conflated_total", "\"test\""), ingest_batches),
    with("[publish]\nwait_ms = 0", case("publishes_waiting_max", 1, (ERRORS, "\"ingest_full\""), publishes_waiting)),
    case("history_items_max", 3, (ERRORS, "\"bad_option\""), history_items),
];

#[test]
fn every_limit_has_a_case() {
    let limits: Vec<&str> = Limits::default().ranges().iter().map(|(limit, ..)| *limit).collect();
    let cases: Vec<&str> = CASES.iter().map(|case| case.limit).collect();
    let as_set = |names: &[&'static str]| names.iter().copied().collect::<BTreeSet<_>>();
    assert_eq!(as_set(&limits), as_set(&cases));
    assert_eq!(limits.len(), cases.len(), "a limit has two cases");
    for (limit, default, ..) in Limits::default().ranges() {
        let case = CASES.iter().find(|case| case.limit == limit).unwrap();
        assert_ne!(case.value, default, "{limit}: a case that leaves the default proves nothing");
    }
}

#[test]
fn every_limit_is_exceeded_and_named() {
    let mut failures = Vec::new();
    for case in CASES {
        let began = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| prove(case)));
        eprintln!(
            "{:<30} {:>6} ms {}",
            case.limit,
            began.elapsed().as_millis(),
            if outcome.is_ok() { "ok" } else { "FAILED" }
        );
        if let Err(panic) = outcome {
            failures.push(format!("{}: {}", case.limit, crate::matrix::message_of(&*panic)));
        }
    }
    assert!(failures.is_empty(), "{} limits failed:\n{}", failures.len(), failures.join("\n\n"));
}

fn prove(case: &Case) {
    let (metric, label) = case.counter;
    let sections = format!("[limits]\n{} = {}\n{}", case.limit, case.value, case.sections);
    let gateway = Gateway::with("shards = 1", &sections);
    let before = gateway.metric(metric, label);
    (case.exceed)(&gateway);
    gateway.await_metric(metric, label, |now| now > before);
}

/// A connection that was let in.
fn let_in(mut http: Http) -> Http {
    assert_eq!(http.get("/healthz", "").status, 200);
    http
}

/// The connection ends without a byte.
fn assert_refused(mut http: Http) {
    assert_eq!(http.rest(), b"");
}

fn connections(gateway: &Gateway) {
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

fn connections_per_address(gateway: &Gateway) {
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
fn accepts(gateway: &Gateway) {
    let burst: Vec<Http> = (0..20).map(|_| Http::connect(gateway.address)).collect();
    burst.into_iter().map(let_in).for_each(drop);
}

/// The code of the only line that was rejected.
fn rejection(report: &Value) -> &str {
    assert_eq!(report["rejected"].as_array().map(Vec::len), Some(1), "{report}");
    report["rejected"][0]["code"].as_str().unwrap()
}

fn topics(gateway: &Gateway) {
    gateway.publish(&[r#"{"topic":"quote.x","state":{}}"#]);
    let report = gateway.report(br#"{"topic":"quote.y","state":{}}"#);
    assert_eq!(rejection(&report), "topics_limit");
    // Room again.
    gateway.publish(&[r#"{"topic":"quote.x","retire":true}"#, r#"{"topic":"quote.y","state":{}}"#]);
}

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

fn filters(gateway: &Gateway) {
    assert_too_many_topics(gateway, ["a", "b", "c.*"]);
}

fn patterns(gateway: &Gateway) {
    assert_too_many_topics(gateway, ["a.*", "b", "c.*"]);
}

/// Too many at once are refused; of those that are born later the subscriber is told once, and a poll is refused.
fn topics_covered(gateway: &Gateway) {
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

fn state_bytes(gateway: &Gateway) {
    let text = "x".repeat(2_000);
    gateway.publish(&[&format!(r#"{{"topic":"quote.x","state":{{"text":"{text}"}}}}"#)]);
    let report = gateway.report(br#"{"topic":"quote.x","patch":{"more":1}}"#);
    assert_eq!(rejection(&report), "state_too_big");
    // What replaces it is taken.
    gateway.publish(&[r#"{"topic":"quote.x","state":{"text":"short"}}"#, r#"{"topic":"quote.x","patch":{"more":1}}"#]);
}

fn message_bytes(gateway: &Gateway) {
    let mut whole = WebSocket::connect(gateway.address, "/v1/ws");
    whole.text(&"x".repeat(1_025));
    assert_eq!(whole.close_code(), 1009);
    let mut endless = WebSocket::connect(gateway.address, "/v1/ws");
    endless.http.send([frame(TEXT, b""), frame(0, b"").repeat(1_025)].concat());
    assert_eq!(endless.close_code(), 1009, "fragments that bring nothing");
}

fn pings(count: usize) -> Vec<u8> {
    frame(0x80 | TEXT, br#"{"op":"ping"}"#).repeat(count)
}

fn commands(gateway: &Gateway) {
    let mut socket = WebSocket::connect(gateway.address, "/v1/ws");
    socket.message_of("hello");
    socket.http.send(pings(3));
    let mut next = || Client::next(&mut socket, deadline()).unwrap().json;
    assert_eq!((next(), next()), (json!({"t":"pong"}), json!({"t":"pong"})));
    let error = next();
    assert_eq!((&error["t"], &error["code"]), (&json!("error"), &json!("too_many_commands")));
    // The budget fills again.
    let until = deadline();
    loop {
        socket.text(r#"{"op":"ping","id":7}"#);
        match Client::next(&mut socket, deadline()).unwrap().json {
            answer if answer["t"] == "pong" => break,
            answer => assert_eq!(answer["code"], "too_many_commands"),
        }
        assert!(Instant::now() < until);
        std::thread::park_timeout(std::time::Duration::from_millis(200));
    }
}

/// Past the budget of errors it is the end.
fn burst(gateway: &Gateway) {
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

fn pending_entries(gateway: &Gateway) {
    gateway.publish(&[r#"{"topic":"quote.hot","state":{}}"#]);
    let mut slow = crate::slow::lagging(crate::client::Transport::Sse, gateway, "topics=quote.hot");
    publish_until(gateway, "fanwire_lags_total", "");
    while slow.next(deadline()).expect("a snapshot").json["why"] != "lag" {}
}

/// What answers a resume of `quote.x` from the cursor.
fn why_resumed(gateway: &Gateway, cursor: &str) -> Value {
    let mut stream = Sse::connect(gateway.address, &format!("/v1/sse?topics=quote.x&cursor={cursor}"), "");
    stream.next(deadline()).unwrap();
    stream.next(deadline()).unwrap().json["why"].clone()
}

fn resume_entries(gateway: &Gateway) {
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

fn log_segments(gateway: &Gateway) {
    outlast_the_log(gateway);
    assert!(gateway.metric("fanwire_log_segments", "") <= 2.0);
}

fn log_bytes(gateway: &Gateway) {
    outlast_the_log(gateway);
    assert!(gateway.metric("fanwire_log_bytes", "") <= 64.0 * 1024.0);
    assert!(gateway.metric("fanwire_log_segments", "") < 8.0);
}

fn head_bytes(gateway: &Gateway) {
    let mut http = Http::connect(gateway.address);
    http.send(format!("GET / HTTP/1.1\r\nhost: test\r\nx: {}\r\n\r\n", "y".repeat(20_000)));
    assert!(http.rest().starts_with(b"HTTP/1.1 431"));
}

fn head_timeout(gateway: &Gateway) {
    let mut slow = Http::connect(gateway.address);
    slow.send("GET /healthz HTTP/1.1\r\nhost: te");
    let mut silent = Http::connect(gateway.address);
    let mut idle = let_in(Http::connect(gateway.address));
    assert!([&mut slow, &mut silent, &mut idle].into_iter().all(|http| ends(http, deadline())));
    gateway.await_metric(CLOSES, "\"head_timeout\"", |count| count == 2.0);
    gateway.await_metric(CLOSES, "\"idle\"", |count| count == 1.0);
}

fn assert_refusal(reply: &Reply, status: u16, code: &str) {
    assert_eq!((reply.status, reply.code().as_str()), (status, code), "{reply:?}");
}

const JSON: &str = "content-type: application/json\r\n";

fn body_bytes(gateway: &Gateway) {
    let long = format!(r#"[{{"topic":"quote.x","state":{{"a":"{}"}}}}]"#, "y".repeat(2_000));
    let post = |path: &str| Http::connect(gateway.address).post(path, JSON, long.as_bytes());
    assert_refusal(&post("/v1/publish"), 413, "body_too_big");
    assert_refusal(&post("/v1/poll"), 413, "body_too_big");
    gateway.await_metric(ERRORS, "\"body_too_big\"", |count| count == 2.0);
}

fn body_timeout(gateway: &Gateway) {
    for (path, headers, begun) in [("publish", JSON, "["), ("publish", "", "{\"topic\":"), ("poll", "", "{")] {
        let mut http = Http::connect(gateway.address);
        http.send(format!("POST /v1/{path} HTTP/1.1\r\nhost: test\r\ncontent-length: 99\r\n{headers}\r\n{begun}"));
        assert_refusal(&http.reply(), 408, "body_timeout");
    }
    gateway.await_metric(ERRORS, "\"body_timeout\"", |count| count == 3.0);
}

fn publish_line_bytes(gateway: &Gateway) {
    let long = format!(r#"{{"topic":"quote.x","state":{{"a":"{}"}}}}"#, "y".repeat(2_000));
    assert_eq!(rejection(&gateway.report(format!("{long}\n").as_bytes())), "line_too_big");
    // One that does not end is not waited for.
    let mut http = Http::connect(gateway.address);
    http.send("POST /v1/publish HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n");
    http.send(format!("{:x}\r\n{long}\r\n", long.len()));
    assert_refusal(&http.reply(), 413, "body_too_big");
}

fn poll_body_bytes(gateway: &Gateway) {
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

fn snapshot_body_bytes(gateway: &Gateway) {
    let text = "x".repeat(2_000);
    gateway.publish(&[&format!(r#"{{"topic":"quote.x","state":{{"text":"{text}"}}}}"#)]);
    for path in ["snapshot", "poll"] {
        let reply = Http::connect(gateway.address).get(&format!("/v1/{path}?topics=quote.x"), "");
        assert_refusal(&reply, 413, "body_too_big");
    }
}

fn poll_wait(gateway: &Gateway) {
    let cursor = gateway.cursor();
    let began = Instant::now();
    let path = format!("/v1/poll?topics=quote.x&cursor={cursor}&wait=600");
    let reply = Http::connect(gateway.address).get(&path, "");
    assert_eq!(reply.json(), json!({"cursor":cursor,"messages":[]}));
    assert!(began.elapsed() < PATIENCE, "it waited");
}

/// A client of plain requests that takes no bytes; streams: `slow.rs`.
fn write_stall(gateway: &Gateway) {
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

/// The peer neither answers the close nor ends its side.
fn close_timeout(gateway: &Gateway) {
    let mut socket = WebSocket::connect(gateway.address, "/v1/ws");
    socket.http.send(frame(0x83, b""));
    assert_eq!(socket.close_code(), 1002);
    gateway.await_metric("fanwire_connections", "\"websocket\"", |open| open == 0.0);
}

fn errors(gateway: &Gateway) {
    let mut socket = WebSocket::connect(gateway.address, "/v1/ws");
    socket.text("one");
    assert_eq!(socket.message_of("error")["code"], "bad_json");
    socket.text("two");
    assert_eq!(socket.close_code(), 4002);
}

fn update(topic: &str, change: Change) -> Update {
    Update::new(Topic::new(topic).unwrap(), None, change)
}

/// What keeps the sequencer busy for a good while.
fn heavy() -> Vec<Update> {
    (0..20_000).map(|n| update(&format!("heavy.{n}"), Change::Patch(Object::new().with("n", "x")))).collect()
}

/// While the sequencer is busy, a feed holds back what it has to say, the newest of each topic; then all is as it should.
fn ingest_batches(gateway: &Gateway) {
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
fn publishes_waiting(gateway: &Gateway) {
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

fn history_items(gateway: &Gateway) {
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
