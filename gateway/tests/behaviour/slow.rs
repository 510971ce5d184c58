//! SLOW-ALONE: a subscriber that stops reading is told what it missed, or is ended; the others lose nothing.

use crate::client::{Client, Sse, Transport};
use crate::follower::{Follower, Session};
use crate::gateway::{Gateway, deadline};
use crate::http::Http;
use crate::ws::{WebSocket, opening};
use serde_json::Value;
use std::net::SocketAddr;

/// A connection that the kernel buffers little for.
pub fn narrow(address: SocketAddr) -> Http {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4 * 1024).unwrap();
    socket.connect(&address.into()).unwrap();
    Http { stream: socket.into(), buffer: Vec::new() }
}

pub fn lagging(transport: Transport, gateway: &Gateway, query: &str) -> Box<dyn Client> {
    let mut http = narrow(gateway.address);
    match transport {
        Transport::WebSocket => {
            http.send(format!("{}\r\n", opening(&format!("/v1/ws?{query}"))));
            assert_eq!(http.head().status, 101);
            Box::new(WebSocket { http })
        }
        _ => {
            http.send(format!("GET /v1/sse?{query} HTTP/1.1\r\nhost: test\r\n\r\n"));
            assert_eq!(http.head().status, 200);
            Box::new(Sse::on(http))
        }
    }
}

fn hear_until(client: &mut dyn Client, follower: &mut Follower, sse: bool, wanted: impl Fn(&Follower) -> bool) {
    while !wanted(follower) {
        let said = client.next(deadline()).unwrap_or_else(|| panic!("nothing more came: {:?}", follower.whys));
        if let Err(breach) = follower.hear(&said, sse) {
            panic!("{breach}");
        }
    }
}

fn publish_much(gateway: &Gateway, rounds: usize) -> u64 {
    let text = "x".repeat(2_000);
    let mut end = 0;
    for round in 0..rounds {
        let lines: Vec<String> = (0..60)
            .map(|n| match n % 3 {
                0 => format!(r#"{{"topic":"quote.hot","patch":{{"n":{},"text":"{n}{text}"}}}}"#, round * 60 + n),
                1 => format!(r#"{{"topic":"trade.hot","event":{{"id":"{}","text":"{text}"}}}}"#, round * 60 + n),
                _ => format!(r#"{{"topic":"quote.b{}","patch":{{"n":{},"text":"{n}{text}"}}}}"#, n % 7, round * 60 + n),
            })
            .collect();
        end = gateway.publish(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    }
    end
}

#[test]
fn one_that_stops_reading_is_told_what_it_missed() {
    for transport in [Transport::WebSocket, Transport::Sse] {
        let gateway = Gateway::with("shards = 1", "[limits]\npending_entries_max = 16");
        let sse = transport == Transport::Sse;
        let query = "topics=quote.*,trade.hot";
        gateway
            .publish(&[r#"{"topic":"quote.hot","state":{"n":0}}"#, r#"{"topic":"trade.hot","event":{"id":"first"}}"#]);
        let mut slow = lagging(transport, &gateway, query);
        let mut follower = Follower::default();
        follower.reconnected(false, false);
        hear_until(&mut *slow, &mut follower, sse, |follower| follower.ats > 0);
        let mut quick = Session::open(transport, &gateway, query);
        quick.until("an at", |follower| follower.ats > 0);
        let quick = std::thread::spawn(move || {
            quick.until("the end", |follower| follower.topics.contains_key("quote.end"));
            quick.follower
        });
        // Enough to fill every buffer on the way.
        publish_much(&gateway, 40);
        gateway.await_metric("fanwire_lags_total", "", |lags| lags >= 1.0);
        let end = gateway.publish(&[r#"{"topic":"quote.end","state":{}}"#]);
        let quick = quick.join().unwrap();
        assert!(quick.whys.iter().all(|why| matches!(why.as_str(), "subscribe" | "born")), "{:?}", quick.whys);
        assert_eq!(quick.events("trade.hot").len(), 1 + 40 * 20);
        // The slow one reads again: snapshots with what was lost, then an at, then it is live.
        hear_until(&mut *slow, &mut follower, sse, |follower| follower.offset() >= end);
        assert!(follower.whys.iter().any(|why| why == "lag"), "{:?}", follower.whys);
        let lost: u64 = follower.lost.iter().map(|lost| lost.expect("a number")).sum();
        assert!(lost > 0);
        assert_eq!(follower.events("trade.hot").len() as u64 + lost, 1 + 40 * 20);
        for (name, topic) in &quick.topics {
            let mine = &follower.topics[name];
            assert_eq!((mine.seq, mine.stale), (topic.seq, topic.stale), "{name}");
        }
        assert_eq!(follower.state("quote.hot"), quick.state("quote.hot"));
        assert_eq!(gateway.metric("fanwire_lost_events_total", ""), lost as f64);
        let end = gateway.publish(&[r#"{"topic":"quote.hot","patch":{"n":-1}}"#]);
        hear_until(&mut *slow, &mut follower, sse, |follower| follower.offset() >= end);
        let last = follower.words.last().unwrap();
        assert_eq!(last.0, "delta", "live again");
    }
}

#[test]
fn one_that_never_reads_again_is_ended() {
    for transport in [Transport::WebSocket, Transport::Sse] {
        let gateway = Gateway::with("shards = 1", "[limits]\npending_entries_max = 16\nwrite_stall_ms = 300");
        let mut slow = lagging(transport, &gateway, "topics=quote.*,trade.hot");
        let mut quick = Session::open(transport, &gateway, "topics=quote.*,trade.hot");
        quick.until("an at", |follower| follower.ats > 0);
        let end_of = std::thread::spawn(move || {
            quick.until("the end", |follower| follower.topics.contains_key("quote.end"));
            quick
        });
        publish_much(&gateway, 40);
        gateway.await_metric("fanwire_closes_total", "write_stalled", |closed| closed == 1.0);
        gateway.publish(&[r#"{"topic":"quote.end","state":{}}"#]);
        let quick = end_of.join().unwrap();
        assert_eq!(gateway.metric("fanwire_connections", ""), 1.0, "the other stays");
        drop(quick);
        // What is left in the buffers, then the end.
        while slow.next(deadline()).is_some() {}
    }
}

/// A client that does not read its answer to a request of plain HTTP.
#[test]
fn a_slow_reader_of_a_body_is_ended() {
    let gateway = Gateway::with("shards = 1", "[limits]\nwrite_stall_ms = 300");
    let text = "x".repeat(200_000);
    for n in 0..40 {
        gateway.publish(&[&format!(r#"{{"topic":"quote.{n}","state":{{"text":"{text}"}}}}"#)]);
    }
    let mut slow = narrow(gateway.address);
    slow.send("GET /v1/snapshot?topics=quote.* HTTP/1.1\r\nhost: test\r\n\r\n");
    let other: Value = gateway.snapshot("topics=quote.1");
    assert_eq!(other["messages"][0]["seq"], 2);
    gateway.await_metric("fanwire_closes_total", "write_stalled", |closed| closed == 1.0);
    let bytes = slow.rest();
    assert!(bytes.len() < 8_000_000, "{} bytes came", bytes.len());
}

/// A connection that waits for something else than its socket is not behind: it is told all ends at once, not closed.
#[test]
fn many_deaths_while_a_tick_is_awaited() {
    let gateway = Gateway::with("shards = 1", "[delivery]\nrates_hz = [1]\n[limits]\npending_entries_max = 16");
    let births: Vec<String> = (0..200).map(|n| format!(r#"{{"topic":"dies.{n}","patch":{{"n":1}}}}"#)).collect();
    gateway.publish(&births.iter().map(String::as_str).chain([r#"{"topic":"calm","patch":{}}"#]).collect::<Vec<_>>());
    let mut client = WebSocket::connect(gateway.address, "/v1/ws");
    client.text(r#"{"op":"sub","id":1,"topics":["dies.*"]}"#);
    client.message_of("at");
    // It joins the class at its next tick, up to a second later, and is not whole before.
    client.text(r#"{"op":"sub","id":2,"topics":["calm"],"rate":1}"#);
    assert_eq!(client.message_of("snap")["topic"], "calm");
    let deaths: Vec<String> = (0..200).map(|n| format!(r#"{{"topic":"dies.{n}","retire":true}}"#)).collect();
    gateway.publish(&deaths.iter().map(String::as_str).collect::<Vec<_>>());
    for _ in 0..200 {
        client.message_of("gone");
    }
    assert_eq!(gateway.metric("fanwire_closes_total", ""), 0.0);
}
