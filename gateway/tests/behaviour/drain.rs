//! The end of the binary on SIGTERM: new work is refused, everybody is told, what was accepted is delivered, and nobody can
//! hold it up for longer than `drain_s`.

use crate::client::{Client, Sse};
use crate::gateway::{deadline, pause};
use crate::http::Http;
use crate::process::Process;
use crate::siege::try_send;
use crate::slow::narrow;
use crate::ws::{WebSocket, opening};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Hears until the goodbye. How many events there were, each the next of the last, and when to come back.
fn hear_out(client: &mut dyn Client, sse: bool) -> (u64, u64) {
    let mut heard = 0;
    loop {
        let said = client.next(deadline()).expect("a goodbye").json;
        match said["t"].as_str().unwrap() {
            "bye" => {
                assert_eq!(said["code"], "draining");
                assert!(client.next(deadline()).is_none(), "something follows the goodbye, sse: {sse}");
                return (heard, said["retry_ms"].as_u64().unwrap());
            }
            "append" | "snap" => {
                for event in said["data"].as_array().unwrap() {
                    assert_eq!(event["id"], heard.to_string(), "{said}");
                    heard += 1;
                }
            }
            "hello" | "at" => {}
            _ => panic!("{said}"),
        }
    }
}

/// A subscriber that is whole, and then hears on its own thread.
fn listener(address: SocketAddr, n: usize, options: &str) -> JoinHandle<(u64, u64)> {
    let query = format!("topics=trade.x{options}");
    match n % 2 {
        0 => {
            let mut socket = WebSocket::connect(address, &format!("/v1/ws?{query}"));
            socket.message_of("at");
            std::thread::spawn(move || hear_out(&mut socket, false))
        }
        _ => {
            let mut stream = Sse::connect(address, &format!("/v1/sse?{query}"), "");
            while stream.next(deadline()).unwrap().json["t"] != "at" {}
            std::thread::spawn(move || {
                let outcome = hear_out(&mut stream, true);
                assert_eq!(stream.retry, Some(outcome.1), "EventSource is told the same");
                outcome
            })
        }
    }
}

/// Publishes until the gateway has had enough: `piece` makes the nth part of the stream. What it was answered.
fn publish_on(address: SocketAddr, piece: impl Fn(u64) -> String + Send + 'static) -> Value {
    let mut http = Http::connect(address);
    http.send("POST /v1/publish HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n");
    let mut sending = Http { stream: http.stream.try_clone().unwrap(), buffer: Vec::new() };
    let sender = std::thread::spawn(move || {
        for n in 0.. {
            let piece = piece(n);
            if !try_send(&mut sending, format!("{:x}\r\n{piece}\r\n", piece.len()).as_bytes()) {
                return;
            }
        }
    });
    let reply = http.reply();
    drop(http);
    sender.join().unwrap();
    assert_eq!((reply.status, reply.code().as_str()), (503, "draining"));
    reply.json()
}

/// Events as fast as those who listen can hear.
fn event(n: u64) -> String {
    if n.is_multiple_of(4) {
        std::thread::park_timeout(Duration::from_millis(1));
    }
    format!("{{\"topic\":\"trade.x\",\"event\":{{\"id\":\"{n}\"}}}}\n")
}

/// A stream that always has more: the end must not wait for it.
fn blank_lines(_: u64) -> String {
    "\n".repeat(32 * 1024)
}

/// Everything at once: those who publish, listen and wait each get what is theirs.
#[test]
fn everybody_is_told_and_what_was_accepted_is_delivered() {
    let mut process = Process::start("shards = 2\ndrain_s = 10", "");
    let address = process.address;
    let options = ["", "", "&num=string", "&ids=1", "&linger_ms=100", "&linger_ms=100", "", "", "", ""];
    let listeners: Vec<_> = options.iter().enumerate().map(|(n, options)| listener(address, n, options)).collect();
    // This one does not end its side, so that there is time to look at the gateway's end.
    let mut lingering = WebSocket::connect(address, "/v1/ws?topics=none");
    lingering.message_of("at");
    let cursor = Http::connect(address).get("/v1/poll?topics=none", "").json()["cursor"].as_str().unwrap().to_owned();
    let mut polls: Vec<Http> = (0..5)
        .map(|_| {
            let mut http = Http::connect(address);
            http.send(format!("GET /v1/poll?topics=none&cursor={cursor}&wait=50 HTTP/1.1\r\nhost: test\r\n\r\n"));
            http
        })
        .collect();
    process.await_metric("fanwire_connections", "long_poll", |waiting| waiting == 5.0);
    let mut begun = Http::connect(address);
    begun.send(
        "POST /v1/publish HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n[",
    );
    let mut kept = Http::connect(address);
    assert_eq!(kept.get("/readyz", "").status, 200);
    let publisher = std::thread::spawn(move || publish_on(address, event));
    let restless = std::thread::spawn(move || publish_on(address, blank_lines));
    process.await_metric("fanwire_log_offset_total", "", |offset| offset > 200.0);

    process.terminate();
    assert_eq!(restless.join().unwrap()["accepted"], 0);
    let report = publisher.join().unwrap();
    let accepted = report["accepted"].as_u64().unwrap();
    assert_eq!(report["rejected"], json!([]));
    let mut returns = BTreeSet::new();
    for (n, listener) in listeners.into_iter().enumerate() {
        let (heard, retry_ms) = listener.join().unwrap();
        assert_eq!(heard, accepted, "subscriber {n} ({:?}) was not given all that was accepted", options[n]);
        assert!((500..=10_500).contains(&retry_ms), "{retry_ms}");
        returns.insert(retry_ms);
    }
    assert!(returns.len() >= 4, "all come back at once: {returns:?}");
    for poll in &mut polls {
        assert_eq!(poll.reply().json()["messages"], json!([]));
    }
    let reply = begun.reply();
    assert_eq!((reply.status, reply.code().as_str()), (503, "draining"), "a body that was not there yet");
    assert!(crate::client::ends(&mut kept, deadline()));
    let ready = Http::connect(process.admin).get("/readyz", "");
    assert_eq!((ready.status, ready.text().as_str()), (503, "draining\n"));
    assert_refused(address);
    assert_eq!(process.metric("fanwire_closes_total", "\"write_stalled\""), 0.0);
    drop(lingering);
    assert!(process.ended().success());
}

/// A connection is not even made, or ends without an answer.
fn assert_refused(address: SocketAddr) {
    let Ok(stream) = std::net::TcpStream::connect(address) else { return };
    let mut http = Http { stream, buffer: Vec::new() };
    let _ = try_send(&mut http, b"GET /healthz HTTP/1.1\r\nhost: test\r\n\r\n");
    assert_eq!(http.rest(), b"");
}

/// Clients that read nothing, say nothing or never come to an end are cut when the time is up.
#[test]
fn nobody_holds_it_up() {
    let drain = Duration::from_secs(2);
    let mut process = Process::start("shards = 2\ndrain_s = 2", "[limits]\nclose_timeout_ms = 60000");
    let address = process.address;
    let mut held: Vec<Http> = Vec::new();
    for n in 0..20 {
        let mut deaf = narrow(address);
        match n % 2 {
            0 => deaf.send(format!("{}\r\n", opening("/v1/ws?topics=quote.*"))),
            _ => deaf.send("GET /v1/sse?topics=quote.* HTTP/1.1\r\nhost: test\r\n\r\n"),
        }
        held.push(deaf);
    }
    process.await_metric("fanwire_connections", "", |open| open == 20.0);
    for text in ["", "GET /healthz HTT", "POST /v1/publish HTTP/1.1\r\nhost: test\r\ncontent-length: 9\r\n\r\n{"] {
        let mut http = Http::connect(address);
        http.send(text);
        held.push(http);
    }
    // Until their buffers are full.
    let until = deadline();
    let text = "x".repeat(100_000);
    while process.metric("fanwire_writes_short_total", "") < 20.0 {
        let line = format!(r#"{{"topic":"quote.{}","patch":{{"text":"{text}"}}}}"#, rand::random::<u32>());
        Http::connect(address).post("/v1/publish", "", line.as_bytes());
        assert!(Instant::now() < until, "they still take bytes");
        pause();
    }
    let began = Instant::now();
    process.terminate();
    assert!(process.ended().success());
    let took = began.elapsed();
    assert!(took >= drain, "those who might still read were cut after {took:?}");
    assert!(took < drain + Duration::from_secs(5), "they held it up for {took:?}");
    drop(held);
}
