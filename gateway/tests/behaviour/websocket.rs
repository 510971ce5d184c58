//! The WebSocket transport at the level of frames: RFC 6455's duties of a server, and the commands.

use crate::client::Client;
use crate::gateway::{Gateway, deadline};
use crate::ws::{BINARY, CLOSE, PING, PONG, TEXT, WebSocket, frame, opening};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite;

const ECHO: &str = "/conformance/echo";

fn echo_gateway() -> Gateway {
    Gateway::with("shards = 1\nconformance_echo = true", "[limits]\nmessage_bytes_max = 4096\nclose_timeout_ms = 300")
}

/// Sends the bytes and expects the server to close with this code, then to end the connection.
fn expect_close(gateway: &Gateway, path: &str, what: &str, bytes: &[u8], code: u16) {
    let mut socket = WebSocket::connect(gateway.address, path);
    socket.http.send(bytes);
    assert_eq!(socket.close_code(), code, "{what}");
    assert!(crate::client::ends(&mut socket.http, deadline()), "{what}: the connection stays open");
}

#[test]
fn breaches_are_closed_with_their_codes() {
    let gateway = echo_gateway();
    let unmasked = [&[0x81, 5][..], b"hello"].concat();
    let coded = |code: u16| frame(0x80 | CLOSE, &code.to_be_bytes());
    let long = vec![b'a'; 3_000];
    let breaches: Vec<(&str, Vec<u8>, u16)> = vec![
        ("unmasked", unmasked, 1002),
        ("rsv1", frame(0xc1, b"a"), 1002),
        ("rsv2", frame(0xa1, b"a"), 1002),
        ("rsv3 on a ping", frame(0x99, b"a"), 1002),
        ("reserved opcode 3", frame(0x83, b"a"), 1002),
        ("reserved opcode 11", frame(0x8b, b"a"), 1002),
        ("ping of 126 bytes", frame(0x80 | PING, &[b'a'; 126]), 1002),
        ("fragmented ping", frame(PING, b"a"), 1002),
        ("continuation of nothing", frame(0x80, b"a"), 1002),
        ("a message inside another", [frame(TEXT, b"a"), frame(0x80 | TEXT, b"b")].concat(), 1002),
        ("close of one byte", frame(0x80 | CLOSE, b"a"), 1002),
        ("close 0", coded(0), 1002),
        ("close 999", coded(999), 1002),
        ("close 1004", coded(1004), 1002),
        ("close 1005", coded(1005), 1002),
        ("close 1006", coded(1006), 1002),
        ("close 1015", coded(1015), 1002),
        ("close 1016", coded(1016), 1002),
        ("close 2999", coded(2999), 1002),
        ("close 5000", coded(5000), 1002),
        ("close with a bad word", frame(0x80 | CLOSE, b"\x03\xe8\xc3\x28"), 1007),
        ("bad UTF-8", frame(0x80 | TEXT, b"\xc3\x28"), 1007),
        ("bad UTF-8 over fragments", [frame(TEXT, b"\xc3"), frame(0x80, b"\x28")].concat(), 1007),
        ("UTF-8 that ends early", frame(0x80 | TEXT, b"\xc3"), 1007),
        ("a surrogate", frame(0x80 | TEXT, b"\xed\xa0\x80"), 1007),
        ("too long at once", frame(0x80 | TEXT, &[b'a'; 4097]), 1009),
        ("too long in fragments", [frame(TEXT, &long), frame(0x80, &long)].concat(), 1009),
        ("announced 2^62 bytes", [&[0x82, 0xff][..], &(1u64 << 62).to_be_bytes(), &[0; 4]].concat(), 1009),
    ];
    for (what, bytes, code) in &breaches {
        expect_close(&gateway, ECHO, what, bytes, *code);
        if *code != 1009 || what.contains("long") {
            expect_close(&gateway, "/v1/ws", what, bytes, *code);
        }
    }
    expect_close(&gateway, "/v1/ws", "a binary message", &frame(0x80 | BINARY, b"{}"), 1003);
    // Every one of them is counted under its own word, though the peer ended the connection after it.
    gateway.await_metric("fanwire_closes_total", "protocol_error", |count| count >= 38.0);
    gateway.await_metric("fanwire_closes_total", "bad_utf8", |count| count == 10.0);
    gateway.await_metric("fanwire_closes_total", "message_too_big", |count| count == 5.0);
    gateway.await_metric("fanwire_closes_total", "bad_data", |count| count == 1.0);
}

#[test]
fn fragments_pings_and_echo() {
    let gateway = echo_gateway();
    let mut socket = WebSocket::connect(gateway.address, ECHO);
    // A message in three fragments, cut inside a character, with a ping between them, byte by byte.
    let bytes =
        [frame(TEXT, b"gr\xc3"), frame(0x80 | PING, b"who"), frame(0, b"\xbc"), frame(0x80, "ße".as_bytes())].concat();
    for byte in bytes {
        socket.http.send([byte]);
    }
    assert_eq!(socket.frame(), (PONG, b"who".to_vec()));
    assert_eq!(socket.frame(), (TEXT, "grüße".as_bytes().to_vec()));
    for length in [0, 1, 125, 126, 127, 4096] {
        let payload: Vec<u8> = (0..length).map(|n| n as u8).collect();
        socket.http.send(frame(0x80 | BINARY, &payload));
        assert_eq!(socket.frame(), (BINARY, payload));
    }
    for payload in [&b""[..], b"x", &[0xff; 125]] {
        socket.http.send(frame(0x80 | PING, payload));
        assert_eq!(socket.frame(), (PONG, payload.to_vec()));
    }
    // A pong that nobody asked for is passed over.
    socket.http.send(frame(0x80 | PONG, b"unasked"));
    socket.text("still here");
    assert_eq!(socket.frame(), (TEXT, b"still here".to_vec()));
    // Fragments of nothing add up to nothing.
    socket.http.send([frame(TEXT, b""), frame(0, b""), frame(0x80, b"")].concat());
    assert_eq!(socket.frame(), (TEXT, Vec::new()));
}

#[test]
fn the_echo_is_there_only_when_configured() {
    let gateway = Gateway::start();
    let (_, reply) = WebSocket::shake(gateway.address, &opening(ECHO));
    assert_eq!(reply.status, 404);
}

#[test]
fn the_peer_closes() {
    let gateway = echo_gateway();
    for code in [1000u16, 1001, 1003, 1007, 1008, 1011, 3000, 4999] {
        let mut socket = WebSocket::connect(gateway.address, "/v1/ws");
        socket.http.send(frame(0x80 | CLOSE, &[&code.to_be_bytes()[..], "ciao".as_bytes()].concat()));
        assert_eq!(socket.close_code(), code);
        assert_eq!(socket.http.rest(), b"", "nothing follows a close");
    }
    let mut socket = WebSocket::connect(gateway.address, "/v1/ws");
    socket.http.send(frame(0x80 | CLOSE, b""));
    assert_eq!(socket.frame_of(CLOSE), b"", "no code for no code");
    assert_eq!(socket.http.rest(), b"");
    gateway.await_metric("fanwire_closes_total", "\"normal\"", |count| count == 9.0);
}

/// A close that the server begins waits for the peer's answer, and not for ever.
#[test]
fn the_server_closes() {
    let gateway = echo_gateway();
    // The peer never answers and never ends its side.
    let mut silent = WebSocket::connect(gateway.address, "/v1/ws");
    silent.http.send(frame(0x83, b""));
    let began = Instant::now();
    assert_eq!(silent.close_code(), 1002);
    gateway.await_metric("fanwire_connections", "websocket", |open| open == 0.0);
    assert!(began.elapsed() >= Duration::from_millis(200), "gone after {:?}", began.elapsed());
    // The peer answers: the server's part is said already, so nothing more comes but the end.
    let mut answering = WebSocket::connect(gateway.address, "/v1/ws");
    answering.http.send(frame(0x83, b""));
    assert_eq!(answering.close_code(), 1002);
    answering.http.send(frame(0x80 | CLOSE, &1002u16.to_be_bytes()));
    assert_eq!(answering.http.rest(), b"", "one close frame and no more");
    answering.http.finish();
    gateway.await_metric("fanwire_closes_total", "protocol_error", |count| count == 2.0);
    assert_eq!(gateway.metric("fanwire_closes_total", "\"normal\""), 0.0);
}

#[test]
fn nothing_is_obeyed_after_a_breach() {
    let gateway = echo_gateway();
    gateway.publish(&[r#"{"topic":"quote.x","state":{}}"#]);
    let mut socket = WebSocket::connect(gateway.address, "/v1/ws");
    let sub = br#"{"op":"sub","id":1,"topics":["quote.x"]}"#;
    socket.http.send([frame(0x83, b""), frame(0x80 | TEXT, sub), frame(0x80 | PING, b"x")].concat());
    assert_eq!(socket.frame().0, TEXT, "hello");
    assert_eq!(socket.frame().0, CLOSE);
    socket.http.send([frame(0x80 | TEXT, sub), frame(0x80 | PING, b"x")].concat());
    assert_eq!(socket.http.rest(), b"");
}

#[test]
fn openings() {
    let gateway = Gateway::with("shards = 1\norigins = [\"https://good.example\"]", "");
    let good = opening("/v1/ws");
    let without =
        |name: &str| -> String { good.split_inclusive("\r\n").filter(|line| !line.starts_with(name)).collect() };
    let version = good.replace("version: 13", "version: 12");
    let key = |key: &str| good.replace(crate::ws::KEY, key);
    let refusals: Vec<(&str, String, u16)> = vec![
        ("version 12", version.clone(), 426),
        ("no version", without("sec-websocket-version"), 426),
        ("POST", good.replace("GET", "POST") + "content-length: 0\r\n", 405),
        ("HEAD", good.replace("GET", "HEAD"), 405),
        ("HTTP/1.0", good.replace("HTTP/1.1", "HTTP/1.0"), 400),
        ("a key of 15 bytes", key("AAAAAAAAAAAAAAAAAAAA"), 400),
        ("a key that is no base64", key("????????????????????????"), 400),
        ("no key", without("sec-websocket-key"), 400),
        ("two keys", format!("{good}sec-websocket-key: {}\r\n", crate::ws::KEY), 400),
        ("no upgrade", without("upgrade"), 426),
        ("no connection", without("connection"), 426),
        ("a foreign origin", format!("{good}origin: https://evil.example\r\n"), 403),
        ("a null origin", format!("{good}origin: null\r\n"), 403),
        ("another host's port", format!("{good}origin: http://test:81\r\n"), 403),
        ("a subprotocol that is not spoken", format!("{good}sec-websocket-protocol: chat\r\n"), 400),
        ("a bad topic", good.replace("/v1/ws", "/v1/ws?topics=a..b"), 400),
        ("a bad cursor", good.replace("/v1/ws", "/v1/ws?topics=a&cursor=x"), 400),
        ("a rate that is not listed", good.replace("/v1/ws", "/v1/ws?topics=a&rate=3"), 400),
        ("no host", without("host"), 400),
    ];
    for (what, opening, status) in &refusals {
        let mut http = crate::http::Http::connect(gateway.address);
        http.send(format!("{opening}\r\n"));
        let reply = http.head();
        assert_eq!(reply.status, *status, "{what}: {reply:?}");
        match status {
            426 => assert_eq!(reply.header("sec-websocket-version"), Some("13"), "{what}"),
            405 => assert_eq!(reply.header("allow"), Some("GET"), "{what}"),
            _ => {}
        }
    }
    let accepted = [
        ("plain", good.clone()),
        ("own origin", good.replace("host: test", "host: 127.0.0.1:80") + "origin: http://127.0.0.1:80\r\n"),
        ("own origin over TLS", good.replace("host: test", "host: localhost") + "origin: https://localhost\r\n"),
        ("permitted origin", format!("{good}origin: https://good.example\r\n")),
        (
            "many tokens",
            good.replace("connection: Upgrade", "connection: keep-alive, upgrade")
                .replace("websocket\r\n", "WebSocket\r\n"),
        ),
    ];
    for (what, opening) in accepted {
        let (mut socket, reply) = WebSocket::shake(gateway.address, &opening);
        assert_eq!(reply.status, 101, "{what}: {reply:?}");
        assert_eq!(reply.header("sec-websocket-protocol"), None);
        assert_eq!(reply.header("sec-websocket-extensions"), None);
        assert_eq!(socket.message_of("hello")["v"], 1);
    }
    let (_, reply) = WebSocket::shake(gateway.address, &format!("{good}sec-websocket-protocol: chat, fanwire.v1\r\n"));
    assert_eq!((reply.status, reply.header("sec-websocket-protocol")), (101, Some("fanwire.v1")));
    let (_, reply) =
        WebSocket::shake(gateway.address, &format!("{good}sec-websocket-extensions: permessage-deflate\r\n"));
    assert_eq!((reply.status, reply.header("sec-websocket-extensions")), (101, None));
}

/// Frames that came with the opening are heard.
#[test]
fn frames_right_behind_the_opening() {
    let gateway = Gateway::start();
    gateway.publish(&[r#"{"topic":"quote.x","state":{"a":1}}"#]);
    let sub = frame(0x80 | TEXT, br#"{"op":"sub","id":1,"topics":["quote.x"]}"#);
    let mut http = crate::http::Http::connect(gateway.address);
    http.send([format!("{}\r\n", opening("/v1/ws")).as_bytes(), &sub].concat());
    assert_eq!(http.head().status, 101);
    let mut socket = WebSocket { http };
    assert_eq!(socket.message_of("snap")["data"], json!({"a":1}));
}

#[test]
fn the_server_pings_and_misses_a_silent_peer() {
    let gateway = Gateway::with("shards = 1\nheartbeat_ms = 100", "[limits]\nclose_timeout_ms = 200");
    let mut awake = WebSocket::connect(gateway.address, "/v1/ws");
    let mut silent = WebSocket::connect(gateway.address, "/v1/ws");
    for _ in 0..3 {
        silent.frame_of(PING);
    }
    let closed = std::thread::spawn(move || silent.close_code());
    // One that answers stays.
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        let payload = awake.frame_of(PING);
        awake.http.send(frame(0x80 | PONG, &payload));
    }
    assert_eq!(closed.join().unwrap(), 4000);
    gateway.await_metric("fanwire_closes_total", "ping_timeout", |count| count == 1.0);
}

#[test]
fn commands() {
    let gateway = Gateway::start();
    gateway.publish(&[r#"{"topic":"quote.x","state":{"a":1}}"#, r#"{"topic":"quote.y","state":{"a":2}}"#]);
    let mut socket = WebSocket::connect(gateway.address, "/v1/ws");
    let hello = socket.message_of("hello");
    assert_eq!((&hello["v"], &hello["heartbeat_ms"]), (&json!(1), &json!(15000)));
    let say = |socket: &mut WebSocket, text: &str| socket.text(text);
    let hear = |socket: &mut WebSocket| Client::next(socket, deadline()).unwrap().json;
    say(&mut socket, r#"{"op":"ping","id":3}"#);
    assert_eq!(hear(&mut socket), json!({"t":"pong","id":3}));
    say(&mut socket, r#"{"op":"ping"}"#);
    assert_eq!(hear(&mut socket), json!({"t":"pong"}));
    say(&mut socket, r#"{"op":"sub","id":"a","topics":["quote.x"]}"#);
    assert_eq!(hear(&mut socket), json!({"t":"ok","id":"a"}));
    assert_eq!(hear(&mut socket)["t"], "snap");
    assert_eq!(hear(&mut socket), json!({"t":"at","cursor":format!("{}:2", hello["epoch"].as_str().unwrap())}));
    // A second sub tells what it adds, and no more.
    say(&mut socket, r#"{"op":"sub","id":2,"topics":["quote.*"]}"#);
    assert_eq!(hear(&mut socket), json!({"t":"ok","id":2}));
    assert_eq!(hear(&mut socket)["topic"], "quote.y");
    assert_eq!(hear(&mut socket)["t"], "at");
    // Topics that are held already: an at all the same.
    say(&mut socket, r#"{"op":"sub","id":3,"topics":["quote.y"]}"#);
    assert_eq!(hear(&mut socket), json!({"t":"ok","id":3}));
    assert_eq!(hear(&mut socket)["t"], "at");
    // Giving up the pattern leaves what names hold.
    say(&mut socket, r#"{"op":"unsub","id":4,"topics":["quote.*"]}"#);
    assert_eq!(hear(&mut socket), json!({"t":"ok","id":4}));
    gateway.publish(&[r#"{"topic":"quote.z","state":{}}"#, r#"{"topic":"quote.x","patch":{"a":5}}"#]);
    let delta = hear(&mut socket);
    assert_eq!((&delta["t"], &delta["topic"], &delta["data"]), (&json!("delta"), &json!("quote.x"), &json!({"a":5})));
    say(&mut socket, r#"{"op":"unsub","id":5,"topics":["quote.x","quote.never"]}"#);
    assert_eq!(hear(&mut socket), json!({"t":"ok","id":5}));
    gateway.publish(&[r#"{"topic":"quote.x","patch":{"a":6}}"#, r#"{"topic":"quote.y","patch":{"a":7}}"#]);
    assert_eq!(hear(&mut socket)["topic"], "quote.y");
    say(&mut socket, r#"{"op":"set","id":6,"num":"string"}"#);
    assert_eq!(hear(&mut socket), json!({"t":"ok","id":6}));
    gateway.publish(&[r#"{"topic":"quote.y","patch":{"a":8.50}}"#]);
    assert_eq!(hear(&mut socket)["data"], json!({"a":"8.5"}));
    // Coming back to a topic: a snapshot again.
    say(&mut socket, r#"{"op":"sub","id":7,"topics":["quote.x"]}"#);
    assert_eq!(hear(&mut socket), json!({"t":"ok","id":7}));
    let snap = hear(&mut socket);
    assert_eq!((&snap["why"], &snap["data"]), (&json!("subscribe"), &json!({"a":"6"})));
}

#[test]
fn mistakes_are_named_and_too_many_end_it() {
    let gateway =
        Gateway::with("shards = 1", "[limits]\nerrors_per_connection_max = 13\nfilters_per_connection_max = 3");
    let mut socket = WebSocket::connect(gateway.address, "/v1/ws");
    socket.message_of("hello");
    for (text, code, field) in [
        (r#"{"op":"dance","id":1}"#, "unknown_op", json!("op")),
        (r#"{"id":1}"#, "unknown_op", json!("op")),
        (r#"{"op":"sub""#, "bad_json", json!(null)),
        ("[]", "bad_json", json!(null)),
        (r#"{"op":"sub","id":1}"#, "topics_missing", json!("topics")),
        (r#"{"op":"sub","id":1,"topics":[]}"#, "topics_missing", json!("topics")),
        (r#"{"op":"sub","id":1,"topics":["a..b"]}"#, "bad_topic", json!("topics")),
        (r#"{"op":"sub","id":1,"topics":["a"],"cursor":"x"}"#, "bad_cursor", json!("cursor")),
        (r#"{"op":"sub","id":1,"topics":["a"],"rate":3}"#, "bad_option", json!("rate")),
        (r#"{"op":"set","id":1,"num":"float"}"#, "bad_option", json!("num")),
        (r#"{"op":"set","id":1,"linger_ms":7}"#, "bad_option", json!("linger_ms")),
        (r#"{"op":"ping","id":{"a":1}}"#, "bad_id", json!("id")),
        (r#"{"op":"sub","id":1,"topics":["a","b","c","d"]}"#, "topics_limit", json!("topics")),
    ] {
        socket.text(text);
        let error = socket.message_of("error");
        assert_eq!((&error["code"], &error["field"]), (&json!(code), &field), "{text}: {error}");
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()));
        if text.contains(r#""id":1"#) {
            assert_eq!(error["id"], 1, "{text}");
        }
    }
    // All or nothing: none of the refused subs left anything.
    gateway.publish(&[r#"{"topic":"a","state":{}}"#]);
    socket.text(r#"{"op":"ping","id":9}"#);
    let text = String::from_utf8(socket.frame_of(TEXT)).unwrap();
    assert!(text.contains("pong"), "{text}");
    socket.text("one too many");
    assert_eq!(socket.close_code(), 4002);
    gateway.await_metric("fanwire_closes_total", "too_many_errors", |count| count == 1.0);
}

/// A client that asks and never reads is ended by name, and others are served meanwhile. What it goes on sending is thrown
/// away: memory is `hostile.rs`'s.
#[test]
fn a_flood_of_pings_is_not_hoarded() {
    let gateway = Gateway::with("shards = 1", "[limits]\nwrite_stall_ms = 60000");
    let mut flood = WebSocket::connect(gateway.address, "/v1/ws");
    flood.http.stream.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
    let pings: Vec<u8> = (0..500).flat_map(|_| frame(0x80 | PING, &[b'x'; 125])).collect();
    // As much as it takes until either side gives up.
    for _ in 0..1_000 {
        if std::io::Write::write(&mut flood.http.stream, &pings).is_err() {
            break;
        }
    }
    gateway.await_metric("fanwire_closes_total", "too_many_errors", |count| count == 1.0);
    assert_eq!(gateway.metric("fanwire_errors_total", "too_many_commands"), 21.0);
    let mut other = WebSocket::connect(gateway.address, "/v1/ws");
    other.text(r#"{"op":"ping","id":1}"#);
    other.message_of("pong");
}

/// An oracle that was written by others.
#[test]
fn tungstenite_agrees() {
    let gateway = Gateway::start();
    gateway.publish(&[r#"{"topic":"quote.x","state":{"a":1}}"#]);
    let stream = std::net::TcpStream::connect(gateway.address).unwrap();
    stream.set_read_timeout(Some(crate::gateway::PATIENCE)).unwrap();
    let url = format!("ws://{}/v1/ws?topics=quote.x,book.x", gateway.address);
    let (mut socket, reply) = tungstenite::client(url.as_str(), stream).unwrap();
    assert_eq!(reply.status(), 101);
    let mut next = || loop {
        match socket.read().unwrap() {
            tungstenite::Message::Text(text) => break serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            _ => continue,
        }
    };
    assert_eq!(next()["t"], "hello");
    assert_eq!(next()["data"], json!({"a":1}));
    assert_eq!(next()["t"], "at");
    // Lengths of each kind: 7 bits, 16 bits, 64 bits.
    for length in [10, 300, 70_000] {
        let text = "x".repeat(length);
        gateway.publish(&[&format!(r#"{{"topic":"book.x","state":{{"text":"{text}"}}}}"#)]);
        assert_eq!(next()["data"]["text"], json!(text));
    }
    socket.close(None).unwrap();
    let end = loop {
        match socket.read() {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(end, tungstenite::Error::ConnectionClosed), "{end}");
}

#[test]
fn a_drain_says_goodbye() {
    let mut gateway = Gateway::with("shards = 2\ndrain_s = 5", "[limits]\nclose_timeout_ms = 300");
    gateway.publish(&[r#"{"topic":"quote.x","state":{"a":1}}"#]);
    let mut socket = WebSocket::connect(gateway.address, "/v1/ws?topics=quote.x");
    socket.message_of("at");
    gateway.begin_stop();
    let bye = socket.message_of("bye");
    assert_eq!(bye["code"], "draining");
    assert!(bye["retry_ms"].is_u64());
    assert_eq!(socket.close_code(), 1001);
    gateway.join();
}
