//! The application behind Pushpin: answers a request for a stream with the order to hold it open, and one for a
//! WebSocket with the order to subscribe it. After that it is not asked again.
//!
//! GRIP: <https://pushpin.org/docs/protocols/grip/>, WebSocket over HTTP: <https://pushpin.org/docs/protocols/websocket-over-http/>.

use anyhow::Context;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Over WebSocket, what a subscriber is told once it is subscribed.
pub const READY: &str = "ready";
/// What is asked for to see whether the proxy reaches its origin.
pub const PROBE: &str = "/probe";
/// Longest request body that is read.
const BODY_BYTES_MAX: u64 = 64 * 1024;
/// Longest time that a connection of the proxy may be silent in the midst of a request.
const STALL_TIME: Duration = Duration::from_secs(20);

/// Ends with its value.
#[derive(Debug)]
pub struct Origin {
    pub address: SocketAddrV4,
    stop: Arc<AtomicBool>,
}

impl Origin {
    pub fn start() -> anyhow::Result<Origin> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("the origin's port")?;
        let SocketAddr::V4(address) = listener.local_addr()? else { anyhow::bail!("the origin's port is not of IPv4") };
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        std::thread::Builder::new().name("origin".into()).spawn(move || serve(&listener, &stopped))?;
        Ok(Origin { address, stop })
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the thread out of its wait.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(listener: &TcpListener, stopped: &AtomicBool) {
    while let Ok((socket, _)) = listener.accept() {
        if stopped.load(Ordering::Relaxed) {
            return;
        }
        // One request per connection, answered at once: they come only while subscribers are opened. One that breaks is
        // a subscriber that is never ready, which the fleet tells.
        let _ = answer(&socket);
    }
}

fn answer(mut socket: &TcpStream) -> anyhow::Result<()> {
    socket.set_read_timeout(Some(STALL_TIME))?;
    let (mut reader, mut head) = (BufReader::new(socket), String::new());
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head)? > 0 {}
    let length = header(&head, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = Vec::new();
    reader.take(BODY_BYTES_MAX.min(length)).read_to_end(&mut body)?;
    socket.write_all(&response(&head, &body)).context("the answer to the proxy")
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

fn response(head: &str, body: &[u8]) -> Vec<u8> {
    let target = head.split(' ').nth(1).unwrap_or_default();
    if target == PROBE {
        return with_head("Content-Type: text/plain\r\n", READY.as_bytes());
    }
    let topics = target.split_once("topics=").map_or("", |(_, topics)| topics);
    if header(head, "content-type") == Some("application/websocket-events") {
        let body = if body.starts_with(b"OPEN") { open_events(topics) } else { Vec::new() };
        return with_head("Content-Type: application/websocket-events\r\nSec-WebSocket-Extensions: grip\r\n", &body);
    }
    let channels = topics.replace(',', ", ");
    with_head(
        &format!("Content-Type: text/event-stream\r\nGrip-Hold: stream\r\nGrip-Channel: {channels}\r\n"),
        b": hi\n\n",
    )
}

/// Accepts a WebSocket, subscribes it to its topics (text that begins with `c:` is an order to the proxy), and says so.
fn open_events(topics: &str) -> Vec<u8> {
    let orders = topics.split(',').map(|topic| format!(r#"c:{{"type":"subscribe","channel":"{topic}"}}"#));
    // What is not an order needs a prefix, unless this is empty.
    let texts = orders.chain([format!("m:{READY}")]);
    let events = texts.map(|text| format!("TEXT {:x}\r\n{text}\r\n", text.len()));
    format!("OPEN\r\n{}", events.collect::<String>()).into_bytes()
}

fn with_head(headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut answer =
        format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n").into_bytes();
    answer.extend_from_slice(body);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_to_the_proxy() {
        let probe = response("GET /probe HTTP/1.1\r\nHost: x\r\n\r\n", b"");
        assert!(probe.ends_with(b"\r\n\r\nready") && !probe.windows(4).any(|word| word == b"Grip"));
        let stream = response("GET /?topics=load.1,load.2 HTTP/1.1\r\nHost: x\r\n\r\n", b"");
        let stream = String::from_utf8(stream).unwrap();
        assert!(stream.contains("Grip-Channel: load.1, load.2\r\n") && stream.ends_with("\r\n\r\n: hi\n\n"));
        let head = "POST /?topics=load.1 HTTP/1.1\r\ncontent-type: application/websocket-events\r\n\r\n";
        let events = String::from_utf8(response(head, b"OPEN\r\n")).unwrap();
        let order = r#"c:{"type":"subscribe","channel":"load.1"}"#;
        assert!(events.ends_with(&format!("OPEN\r\nTEXT {:x}\r\n{order}\r\nTEXT 7\r\nm:ready\r\n", order.len())));
    }
}
