//! Requests over HTTP: whatever bytes a connection brings, the real gateway answers with whole responses that its
//! documentation knows, ends the connection when its peer does, and is as it was before.

use super::exact::Tree;
use fanwire::app::{App, Listeners};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::time::Duration;

/// Statuses of the tables in `docs/protocol.md`.
const STATUSES: [u16; 14] = [101, 200, 204, 304, 400, 401, 403, 404, 405, 408, 413, 426, 431, 503];
/// How long an answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long nothing must come before the client stops sending.
const PAUSE: Duration = Duration::from_millis(3);
const CONFIG: &str = r#"
[server]
listen = "127.0.0.1:0"
admin = "127.0.0.1:0"
shards = 1
page = false
poll_gather_ms = 0
[limits]
topics_max = 32
log_segments_max = 256
poll_wait_max_s = 0
body_bytes_max = 4096
publish_line_bytes_max = 1024
"#;

/// The input is what a client sends before it stops sending.
pub fn check(bytes: &[u8]) {
    let answer = exchange(bytes);
    let mut rest = &answer[..];
    while !rest.is_empty() {
        let Some(after) = check_response(rest) else { break };
        rest = after;
    }
    let alive = read_to_end(send(b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"), Vec::new());
    assert!(alive.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", alive.escape_ascii());
}

/// Sends everything, ends the sending side once nothing more is answered, and reads to the end.
fn exchange(bytes: &[u8]) -> Vec<u8> {
    let stream = send(bytes);
    // Why: hyper takes the end of a request's stream for the end of its client, and answers no more.
    stream.set_read_timeout(Some(PAUSE)).expect("a time-out can be set");
    let (mut answer, mut buffer) = (Vec::new(), [0; 4_096]);
    while let Ok(count @ 1..) = (&stream).read(&mut buffer) {
        answer.extend_from_slice(&buffer[..count]);
    }
    // It may be gone already.
    let _ = stream.shutdown(Shutdown::Write);
    read_to_end(stream, answer)
}

fn send(bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(gateway()).expect("the gateway listens");
    // A refusal may come, and the connection go, before everything is sent.
    let _ = stream.write_all(bytes);
    stream
}

fn read_to_end(mut stream: TcpStream, mut answer: Vec<u8>) -> Vec<u8> {
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        // What comes before a reset need not be whole.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => answer.clear(),
        Err(error) => panic!("the connection does not end ({error}): {}", answer.escape_ascii()),
    }
    answer
}

/// Checks the first response; what follows it, or `None` if the rest is a stream.
fn check_response(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no head: {}", bytes.escape_ascii()));
    let head = std::str::from_utf8(&bytes[..end]).expect("a head is ASCII");
    let body = &bytes[end + 4..];
    let status: u16 = head.get(9..12).and_then(|status| status.parse().ok()).expect("a status");
    assert!(head.starts_with("HTTP/1.1 ") || head.starts_with("HTTP/1.0 "), "{head}");
    assert!(STATUSES.contains(&status), "{head}");
    let header = |name: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    };
    let length = header("content-length").map(|length| length.parse::<usize>().expect("a length"));
    let Some(length) = length else {
        let stream = status == 101 || header("content-type") == Some("text/event-stream");
        assert!(stream || body.is_empty() || matches!(status, 204 | 304), "{head}");
        return if stream { None } else { Some(body) };
    };
    // The answer to a HEAD has a length and no body.
    if body.len() < length || body.starts_with(b"HTTP/1.") {
        assert!(body.is_empty() || body.starts_with(b"HTTP/1."), "{head}: a body of {} bytes", body.len());
        return Some(body);
    }
    let (body, after) = body.split_at(length);
    if header("content-type") == Some("application/json") {
        check_json(status, body);
    }
    Some(after)
}

fn check_json(status: u16, body: &[u8]) {
    let json = Tree::read(body).unwrap_or_else(|| panic!("not JSON: {}", body.escape_ascii()));
    if status < 400 {
        return;
    }
    let error = json.get("error").unwrap_or_else(|| panic!("{status} says no error: {json:?}"));
    let code = error.text("code").unwrap_or_else(|| panic!("an error has a code: {json:?}"));
    let documented = include_str!("../../docs/protocol.md");
    assert!(documented.contains(&format!("`{code}`")), "{code} is not documented");
    assert!(error.text("message").is_some_and(|message| !message.is_empty()), "{json:?}");
}

/// The gateway of this process: one shard, a few topics.
fn gateway() -> SocketAddr {
    static ADDRESS: OnceLock<SocketAddr> = OnceLock::new();
    *ADDRESS.get_or_init(|| {
        let config = fanwire::config::parse(CONFIG, "fuzz").unwrap_or_else(|problems| panic!("{problems}"));
        let listeners = Listeners::bind(&config).expect("a free port");
        let address = listeners.address().expect("it is bound");
        let app = App::start(&config, listeners).expect("threads can be had");
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(app.run(std::future::pending())).expect("it serves until the process ends");
        });
        address
    })
}
