//! Attacks of subscribers: they read slowly or not at all, vanish, or leave in the middle.

use crate::http::Http;
use crate::siege::{Siege, drained, reset};
use crate::slow::narrow;
use crate::ws::{TEXT, WebSocket, frame, opening};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::io::Read;
use std::time::Instant;

/// Subscribes over either transport; the answer is not read.
fn subscribe(http: &mut Http, n: usize, topics: &str) {
    match n % 2 {
        0 => http.send(format!("{}\r\n", opening(&format!("/v1/ws?topics={topics}")))),
        _ => http.send(format!("GET /v1/sse?topics={topics} HTTP/1.1\r\nhost: test\r\n\r\n")),
    }
}

fn big_lines(round: usize) -> Vec<String> {
    let text = "x".repeat(2_000);
    (0..50).map(|n| format!(r#"{{"topic":"quote.{n}","patch":{{"round":{round},"text":"{round}{text}"}}}}"#)).collect()
}

/// Half of them read nothing, and are cut; half read less than they are sent, and are left behind until they leave.
#[test]
fn slow_readers() {
    // No pings: these clients do not answer any.
    let siege = Siege::with_heartbeat(60_000, "pending_entries_max = 64\nwrite_stall_ms = 3000");
    let connect = |n| {
        let mut http = narrow(siege.address);
        subscribe(&mut http, n, "quote.*");
        http
    };
    let deaf: Vec<Http> = (0..40).map(connect).collect();
    let mut slow: Vec<Http> = (0..40).map(connect).collect();
    siege.process.await_metric("fanwire_connections", "", |open| open == 81.0);
    let until = crate::gateway::deadline();
    for round in 0.. {
        siege.publish(&big_lines(round));
        for http in &mut slow {
            http.stream.read_exact(&mut [0; 40_000]).unwrap();
        }
        if siege.process.metric("fanwire_closes_total", "write_stalled") >= 40.0 {
            break;
        }
        assert!(Instant::now() < until, "those who read nothing are still there");
    }
    siege.await_closes("write_stalled", 40);
    assert_eq!(siege.process.metric("fanwire_connections", ""), 41.0, "those who read a little stay");
    assert!(siege.process.metric("fanwire_lags_total", "") >= 80.0);
    drop((deaf, slow));
    siege.await_closes("peer_gone", 40);
    siege.end();
}

/// Neither an end nor an answer comes from a client whose network is gone.
#[test]
fn subscribers_that_vanish() {
    let siege = Siege::begin("");
    let vanished: Vec<WebSocket> =
        (0..100).map(|_| WebSocket::connect(siege.address, "/v1/ws?topics=quote.*")).collect();
    siege.await_closes("ping_timeout", 100);
    for socket in vanished {
        let heard = drained(socket.http);
        assert!(heard.ends_with(b"\x0fping_timeout") || heard.windows(12).any(|word| word == b"ping_timeout"));
    }
    siege.end();
}

/// A reset at every stage of a subscription.
#[test]
fn resets_of_subscribers() {
    let siege = Siege::begin("");
    siege.publish(&big_lines(0));
    let sub = frame(0x80 | TEXT, br#"{"op":"sub","topics":["quote.*"]}"#);
    let mut subscribers = 0;
    for _ in 0..20 {
        for stage in 0..6 {
            let mut socket = WebSocket::connect(siege.address, "/v1/ws");
            subscribers += 1;
            match stage {
                0 => {}
                1 => socket.http.send(&sub[..10]),
                2 => socket.http.send(&sub),
                3 => {
                    socket.http.send(&sub);
                    socket.message_of("snap");
                }
                4 => {
                    socket.http.send(&sub);
                    socket.message_of("at");
                }
                _ => {
                    socket.http.send(frame(0x83, b""));
                    socket.close_code();
                }
            }
            reset(socket.http);
        }
    }
    siege.process.await_metric("fanwire_closes_total", "", |closed| closed >= f64::from(subscribers));
    // The last stage was a breach.
    siege.await_closes("protocol_error", 20);
    siege.await_closes("peer_gone", 100);
    siege.end();
}

#[test]
fn leaving_during_a_snapshot_of_thousands_of_topics() {
    let siege = Siege::begin("");
    let text = "x".repeat(300);
    for part in 0..6 {
        let lines: Vec<String> =
            (0..500).map(|n| format!(r#"{{"topic":"quote.{part}-{n}","state":{{"text":"{text}"}}}}"#)).collect();
        siege.publish(&lines);
    }
    let mut random = SmallRng::seed_from_u64(3);
    let mut read = 0;
    for n in 0..80 {
        let mut http = if n % 3 == 0 { narrow(siege.address) } else { Http::connect(siege.address) };
        subscribe(&mut http, n, "quote.%3E");
        assert!(matches!(http.head().status, 101 | 200));
        let mut some = vec![0; random.random_range(1..200_000)];
        http.stream.read_exact(&mut some).unwrap();
        read += some.len();
        if n % 4 < 2 { reset(http) } else { drop(http) }
    }
    assert!(read > 1_000_000);
    siege.await_closes("peer_gone", 80);
    siege.end();
}
