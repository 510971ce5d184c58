//! Attacks before there is a subscriber: on heads, bodies and the ways of HTTP.

use crate::http::Http;
use crate::siege::{Siege, drained, reset, try_send};
use crate::slow::narrow;
use crate::ws::opening;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::time::Duration;

/// Pace at which a slow client sends a byte.
const DRIP: Duration = Duration::from_millis(20);

/// One byte after the other to everybody, until `over`.
fn drip(victims: &mut [Http], text: &[u8], over: impl Fn() -> bool) {
    for byte in text.iter().cycle() {
        for http in victims.iter_mut() {
            // Those who are cut are cut.
            let _ = try_send(http, &[*byte]);
        }
        if over() {
            return;
        }
        std::thread::park_timeout(DRIP);
    }
}

#[test]
fn heads_byte_by_byte() {
    let siege = Siege::begin("");
    let mut slow: Vec<Http> = (0..100).map(|_| Http::connect(siege.address)).collect();
    slow.iter_mut().for_each(|http| http.send("GET /v1/topics HTTP/1.1\r\nhost: test\r\nx: "));
    drip(&mut slow, b"y", || siege.process.metric("fanwire_closes_total", "head_timeout") >= 100.0);
    assert!(slow.into_iter().all(|http| drained(http).is_empty()), "a head that never came whole was answered");
    siege.await_closes("head_timeout", 100);
    siege.end();
}

#[test]
fn bodies_byte_by_byte() {
    let siege = Siege::begin("");
    let post = |path: &str, headers: &str| {
        let mut http = Http::connect(siege.address);
        http.send(format!("POST {path} HTTP/1.1\r\nhost: test\r\ncontent-length: 1000000\r\n{headers}\r\n"));
        http
    };
    let mut slow: Vec<Http> = (0..20)
        .flat_map(|_| {
            [post("/v1/publish", ""), post("/v1/publish", "content-type: application/json\r\n"), post("/v1/poll", "")]
        })
        .collect();
    drip(&mut slow, b" x", || siege.process.metric("fanwire_errors_total", "body_timeout") >= 60.0);
    for http in &mut slow {
        let reply = http.reply();
        assert_eq!((reply.status, reply.code().as_str()), (408, "body_timeout"), "{reply:?}");
    }
    drop(slow);
    siege.end();
}

#[test]
fn connecting_and_saying_nothing() {
    let siege = Siege::begin("");
    let silent: Vec<Http> = (0..300).map(|_| Http::connect(siege.address)).collect();
    siege.await_closes("head_timeout", 300);
    assert!(silent.into_iter().all(|http| drained(http).is_empty()));
    siege.end();
}

#[test]
fn garbage_instead_of_http() {
    let siege = Siege::begin("");
    let mut random = SmallRng::seed_from_u64(7);
    let mut garbage: Vec<Vec<u8>> = (0..100).map(|_| (0..2_000).map(|_| random.random()).collect()).collect();
    garbage.push(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec());
    garbage.push(b"SSH-2.0-OpenSSH_9.6\r\n\r\n".to_vec());
    garbage.push(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec());
    garbage.push(vec![0; 10_000]);
    garbage.push(b"GET /v1/ws HTTP/1.1\nhost test\n\n".to_vec());
    for bytes in &garbage {
        let mut http = Http::connect(siege.address);
        // It may be cut before all is sent.
        let _ = try_send(&mut http, bytes);
        let answer = drained(http);
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"), "{}", String::from_utf8_lossy(&answer));
    }
    // Bytes that could become a head are waited for, and no longer than for any head.
    siege.process.await_metric("fanwire_closes_total", "", |closed| closed >= garbage.len() as f64);
    let named = |reason| siege.process.metric("fanwire_closes_total", reason);
    assert_eq!(named("\"bad_head\"") + named("\"head_timeout\""), garbage.len() as f64);
    assert!(named("\"bad_head\"") >= 100.0);
    siege.end();
}

#[test]
fn heads_of_thousands_of_headers() {
    // Not the time is to end them.
    let siege = Siege::begin("head_timeout_ms = 60000");
    for (count, header) in [(1_000, "a: b\r\n".to_owned()), (10_000, "a: b\r\n".into()), (2, "x".repeat(1 << 20))] {
        let mut http = Http::connect(siege.address);
        let head = format!("GET /v1/topics HTTP/1.1\r\nhost: test\r\n{}", header.repeat(count));
        let _ = try_send(&mut http, head.as_bytes());
        let answer = drained(http);
        // Past the cap the connection ends under bytes that are still on their way, which may take the answer with it.
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 431"), "{}", String::from_utf8_lossy(&answer));
        assert!(count != 1_000 || !answer.is_empty(), "{count} headers are not answered");
    }
    siege.await_closes("bad_head", 3);
    siege.end();
}

#[test]
fn pipelined_requests() {
    let siege = Siege::begin("");
    let request = "GET /v1/snapshot?topics=quote.x HTTP/1.1\r\nhost: test\r\n\r\n";
    // Read: all are answered, in order.
    let mut reading = Http::connect(siege.address);
    let mut sending = Http { stream: reading.stream.try_clone().unwrap(), buffer: Vec::new() };
    let sender = std::thread::spawn(move || {
        (0..50).for_each(|_| sending.send(request.repeat(100)));
        sending.send("GET /v1/nothing HTTP/1.1\r\nhost: test\r\n\r\n");
    });
    for n in 0..5_000 {
        assert_eq!(reading.reply().status, 200, "answer {n}");
    }
    assert_eq!(reading.reply().status, 404);
    sender.join().unwrap();
    drop(reading);
    // Not read: the gateway reads no further, and ends it.
    let mut unread = narrow(siege.address);
    unread.stream.set_write_timeout(Some(Duration::from_secs(30))).unwrap();
    let taken = (0..10_000).take_while(|_| try_send(&mut unread, request.repeat(100).as_bytes())).count();
    assert!(taken < 10_000, "a million requests of a client that reads nothing were taken");
    siege.await_closes("write_stalled", 1);
    drop(unread);
    siege.end();
}

/// A reset at every stage of a handshake leaves nothing behind: no place, no subscriber, no waiting poll.
#[test]
fn resets_at_every_stage_of_a_handshake() {
    let siege = Siege::begin("connections_max = 40");
    siege.publish(&[r#"{"topic":"quote.x","state":{}}"#.to_owned()]);
    let web_socket = format!("{}\r\n", opening("/v1/ws?topics=quote.x"));
    let (half, _) = web_socket.split_at(60);
    let stages = [
        "",
        half,
        &web_socket,
        "GET /v1/sse?topics=quote.x HTTP/1.1\r\nhost: test\r\n\r\n",
        "GET /v1/poll?topics=none&cursor=x:1&wait=20 HTTP/1.1\r\nhost: test\r\n\r\n",
        "GET /v1/snapshot?topics=quote.x HTTP/1.1\r\nhost: test\r\n\r\n",
        "POST /v1/publish HTTP/1.1\r\nhost: test\r\ncontent-length: 100\r\n\r\n{\"topic\"",
        "POST /v1/publish HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"top",
    ];
    for stage in stages {
        for _ in 0..20 {
            let mut http = Http::connect(siege.address);
            let _ = try_send(&mut http, stage.as_bytes());
            reset(http);
        }
    }
    siege.process.await_metric("fanwire_connections", "", |open| open == 1.0);
    let all_places = || {
        let held: Vec<Http> = (0..35).map(|_| Http::connect(siege.address)).collect();
        held.into_iter().all(|mut http| {
            try_send(&mut http, b"GET /healthz HTTP/1.1\r\nhost: test\r\n\r\n")
                && http.try_head().is_some_and(|reply| reply.status == 200)
        })
    };
    let until = crate::gateway::deadline();
    while !all_places() {
        assert!(std::time::Instant::now() < until, "places were not given back");
    }
    siege.end();
}
