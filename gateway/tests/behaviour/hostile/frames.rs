//! Attacks of WebSocket clients with what they send.

use crate::siege::{Siege, drained, try_send};
use crate::ws::{CLOSE, PING, PONG, TEXT, WebSocket, frame, frame_length};

/// Whether the attacker reads what it is answered.
const BOTH: [bool; 2] = [true, false];

/// Sends the same bytes again and again, until the gateway cuts it or `rounds` are over; reads the answers meanwhile, or
/// none of them before the end. Everything that was answered.
fn flood(siege: &Siege, path: &str, bytes: &[u8], rounds: usize, reads: bool) -> Vec<u8> {
    let socket = WebSocket::connect(siege.address, path);
    let mut sending = crate::http::Http { stream: socket.http.stream.try_clone().unwrap(), buffer: Vec::new() };
    let bytes = bytes.to_vec();
    let mut send = move || {
        let _ = (0..rounds).take_while(|_| try_send(&mut sending, &bytes)).count();
    };
    if !reads {
        send();
        return drained(socket.http);
    }
    let sender = std::thread::spawn(send);
    let answers = drained(socket.http);
    sender.join().unwrap();
    answers
}

/// The code of the close frame among the frames, which is the last one.
fn close_code(mut frames: &[u8]) -> Option<u16> {
    let mut code = None;
    while let Some(length) = frame_length(frames) {
        assert_eq!(code, None, "something follows the close");
        if frames[0] & 15 == CLOSE {
            code = Some(u16::from_be_bytes([frames[2], frames[3]]));
        }
        frames = &frames[length..];
    }
    code
}

#[test]
fn endless_fragments() {
    let siege = Siege::begin("");
    let attacks: [(&str, Vec<u8>, Vec<u8>); 3] = [
        ("of a kilobyte", frame(TEXT, b"{"), frame(0, &[b' '; 1_000])),
        (
            "of a byte, with pings between",
            frame(TEXT, b"{"),
            [frame(0, b" ").repeat(200), frame(0x80 | PONG, b"")].concat(),
        ),
        ("of nothing", frame(TEXT, b""), frame(0, b"").repeat(200)),
    ];
    for (what, first, next) in &attacks {
        for _ in 0..5 {
            let mut socket = WebSocket::connect(siege.address, "/v1/ws");
            socket.http.send(first);
            let rounds = (0..2_000).take_while(|_| try_send(&mut socket.http, next)).count();
            let code = close_code(&drained(socket.http));
            // The cut may overtake the close.
            assert!(code == Some(1009) || (code.is_none() && rounds < 2_000), "{what}: {code:?} after {rounds} rounds");
        }
    }
    siege.await_closes("message_too_big", 15);
    siege.end();
}

#[test]
fn floods_of_pings() {
    let siege = Siege::begin("");
    for reads in BOTH {
        flood(&siege, "/v1/ws", &frame(0x80 | PING, &[b'x'; 125]).repeat(500), 400, reads);
    }
    flood(&siege, "/v1/ws", &frame(0x80 | PONG, b"").repeat(500), 400, true);
    flood(&siege, "/v1/ws", &frame(0x80 | TEXT, br#"{"op":"ping"}"#).repeat(500), 400, false);
    siege.await_closes("too_many_errors", 4);
    assert!(siege.process.metric("fanwire_errors_total", "too_many_commands") >= 4.0);
    siege.end();
}

/// 100,000 commands on one connection: as many as may be saved up are obeyed, then it is the end.
#[test]
fn a_hundred_thousand_subscribe_commands() {
    let siege = Siege::begin("commands_burst_max = 300");
    for reads in BOTH {
        let commands: Vec<u8> = (0..1_000)
            .flat_map(|n| frame(0x80 | TEXT, format!(r#"{{"op":"sub","topics":["quote.{n}"]}}"#).as_bytes()))
            .collect();
        let answers = flood(&siege, "/v1/ws", &commands, 100, reads);
        let code = close_code(&answers);
        // One that does not read may find its answers gone with the cut.
        assert!(code == Some(4002) || (code.is_none() && !reads), "{code:?}");
    }
    siege.await_closes("too_many_errors", 2);
    siege.end();
}

/// Each command makes another large set, and leaves one behind that nobody uses: few of those are kept.
#[test]
fn a_large_subscription_that_never_rests() {
    let siege = Siege::begin("");
    let mut socket = WebSocket::connect(siege.address, "/v1/ws");
    let many: Vec<String> = (0..5_000).map(|n| format!("\"q.{n}\"")).collect();
    socket.text(&format!(r#"{{"op":"sub","topics":[{}]}}"#, many.join(",")));
    for n in 0..120 {
        socket.text(&format!(r#"{{"op":"sub","id":{n},"topics":["more.{n}"]}}"#));
    }
    while socket.message_of("ok")["id"] != 119 {}
    let sets = siege.process.metric("fanwire_shard_sets", "");
    assert!((2.0..60.0).contains(&sets), "{sets} sets are kept");
    drop(socket);
    siege.end();
}

#[test]
fn a_frame_announced_and_never_sent() {
    let siege = Siege::begin("");
    for _ in 0..50 {
        let mut socket = WebSocket::connect(siege.address, "/v1/ws");
        let head = [&[0x80 | TEXT, 0xff][..], &(64u64 << 20).to_be_bytes(), &[0; 4]].concat();
        socket.http.send(head);
        assert_eq!(socket.close_code(), 1009);
    }
    siege.await_closes("message_too_big", 50);
    // One that is allowed, and of which nothing more comes: it is held, and the client misses its pings.
    let held: Vec<WebSocket> = (0..50)
        .map(|_| {
            let mut socket = WebSocket::connect(siege.address, "/v1/ws");
            socket.http.send([&[0x80 | TEXT, 0xfe][..], &60_000u16.to_be_bytes(), &[0; 4], b"{"].concat());
            socket
        })
        .collect();
    siege.await_closes("ping_timeout", 50);
    drop(held);
    siege.end();
}
