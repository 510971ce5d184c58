//! FLOOR-A: the least that a server can do. One thread, one epoll, and for each message one `send(2)` of the same
//! preframed bytes to each subscriber of its topic. No log, no limits, no coalescing; what a gateway costs above this is
//! its own.
//!
//! It speaks just enough of protocol v1 that the same clients check it: the same request, the same bytes. Its input is
//! the publisher's stream, read line by line without parsing JSON.

use crate::client::websocket::{ACCEPT, TEXT};
use crate::target::process::name_thread;
use crate::workload::Transport;
use anyhow::Context;
use memchr::memmem;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, accept_with, bind, getsockname, listen, recv, send,
    sockopt,
};
use std::collections::HashMap;
use std::io::Write;
use std::net::SocketAddrV4;

const EVENTS_MAX: usize = 1_024;
const READ_BYTES_MAX: usize = 256 * 1024;
const BACKLOG: i32 = 4_096;
/// Bytes that may wait for a subscriber whose socket is full; past that the floor gives up.
const UNSENT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The event of the listener; peers have their index.
const LISTENER: u64 = u64::MAX;
const EPOCH: &str = "floor";

#[derive(Debug)]
enum Role {
    /// The request is not whole yet.
    Asking(Vec<u8>),
    Publisher {
        rest: Vec<u8>,
        accepted: u64,
    },
    Subscriber {
        unsent: Vec<u8>,
    },
}

#[derive(Debug)]
struct Peer {
    socket: OwnedFd,
    role: Role,
}

#[derive(Debug)]
struct Topic {
    name: String,
    is_event: bool,
    seq: u64,
    newest: Vec<u8>,
    websockets: Vec<usize>,
    streams: Vec<usize>,
}

#[derive(Debug)]
struct Floor {
    epoll: OwnedFd,
    peers: Vec<Option<Peer>>,
    topics: Vec<Topic>,
    by_name: HashMap<String, usize>,
    offset: u64,
    frame: Vec<u8>,
    json: Vec<u8>,
}

/// Serves until a signal ends the process. Prints where it listens.
pub fn serve(address: SocketAddrV4) -> anyhow::Result<()> {
    name_thread(c"floor");
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let listener = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_reuseaddr(&listener, true)?;
    bind(&listener, &address).with_context(|| format!("cannot listen on {address}"))?;
    listen(&listener, BACKLOG)?;
    let bound: SocketAddrV4 = getsockname(&listener)?.try_into()?;
    writeln!(std::io::stdout(), "listening on http://{bound}/")?;
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    let mut floor = Floor {
        epoll,
        peers: Vec::new(),
        topics: Vec::new(),
        by_name: HashMap::new(),
        offset: 0,
        frame: Vec::new(),
        json: Vec::new(),
    };
    let mut events: Vec<epoll::Event> = Vec::with_capacity(EVENTS_MAX);
    let mut buffer = vec![0; READ_BYTES_MAX];
    loop {
        events.clear();
        match epoll::wait(&floor.epoll, spare_capacity(&mut events), None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).context("epoll"),
        }
        for event in &events {
            match event.data.u64() {
                LISTENER => floor.accept(&listener)?,
                peer => floor.serve_peer(peer as usize, event.flags, &mut buffer)?,
            }
        }
    }
}

impl Floor {
    fn accept(&mut self, listener: &OwnedFd) -> anyhow::Result<()> {
        loop {
            let socket = match accept_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok(socket) => socket,
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error).context("accept"),
            };
            sockopt::set_tcp_nodelay(&socket, true)?;
            let peer = self.peers.len();
            epoll::add(&self.epoll, &socket, EventData::new_u64(peer as u64), EventFlags::IN)?;
            self.peers.push(Some(Peer { socket, role: Role::Asking(Vec::new()) }));
        }
    }

    fn serve_peer(&mut self, number: usize, flags: EventFlags, buffer: &mut [u8]) -> anyhow::Result<()> {
        if flags.contains(EventFlags::OUT) {
            self.flush(number)?;
        }
        let Some(peer) = self.peers[number].as_mut().filter(|_| flags != EventFlags::OUT) else { return Ok(()) };
        let length = match recv(&peer.socket, &mut *buffer, RecvFlags::empty()) {
            Ok((length, _)) if length > 0 => length,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            // The end, or a reset: the socket is closed, its number is not used again.
            _ => {
                self.leave(number);
                return Ok(());
            }
        };
        self.hear(number, &buffer[..length])
    }

    fn leave(&mut self, number: usize) {
        if let Some(Peer { role: Role::Subscriber { .. }, .. }) = self.peers[number].take() {
            for topic in &mut self.topics {
                topic.websockets.retain(|peer| *peer != number);
                topic.streams.retain(|peer| *peer != number);
            }
        }
    }

    fn hear(&mut self, number: usize, bytes: &[u8]) -> anyhow::Result<()> {
        let Some(peer) = self.peers[number].as_mut() else { return Ok(()) };
        match &mut peer.role {
            // What a WebSocket client says after its request (pongs) is of no interest.
            Role::Subscriber { .. } => Ok(()),
            Role::Publisher { rest, .. } => {
                let mut lines = std::mem::take(rest);
                lines.extend_from_slice(bytes);
                self.take_lines(number, lines)
            }
            Role::Asking(request) => {
                request.extend_from_slice(bytes);
                let Some(end) = memmem::find(request, b"\r\n\r\n") else { return Ok(()) };
                let head = String::from_utf8_lossy(&request[..end]).into_owned();
                let body = request.split_off(end + 4);
                if head.starts_with("POST ") {
                    peer.role = Role::Publisher { rest: Vec::new(), accepted: 0 };
                    return self.take_lines(number, body);
                }
                self.subscribe(number, &head)
            }
        }
    }

    fn subscribe(&mut self, number: usize, head: &str) -> anyhow::Result<()> {
        let transport = if head.starts_with("GET /v1/ws") { Transport::Websocket } else { Transport::Sse };
        let query = head.split_once("topics=").and_then(|(_, rest)| rest.split([' ', '&']).next()).unwrap_or_default();
        let mut first = match transport {
            Transport::Websocket => format!(
                "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
                 sec-websocket-accept: {ACCEPT}\r\nsec-websocket-protocol: fanwire.v1\r\n\r\n"
            ),
            Transport::Sse => "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n".into(),
        }
        .into_bytes();
        write_frame(transport, br#"{"t":"hello","v":1,"epoch":"floor"}"#, None, &mut first);
        for name in query.split(',') {
            let Some(&index) = self.by_name.get(name) else { continue };
            let topic = &mut self.topics[index];
            write_frame(transport, &topic.snapshot(), None, &mut first);
            let members = if transport == Transport::Websocket { &mut topic.websockets } else { &mut topic.streams };
            members.push(number);
        }
        let at = format!(r#"{{"t":"at","cursor":"{EPOCH}:{}"}}"#, self.offset);
        write_frame(transport, at.as_bytes(), Some(self.offset), &mut first);
        if let Some(peer) = self.peers[number].as_mut() {
            peer.role = Role::Subscriber { unsent: Vec::new() };
        }
        deliver(&self.epoll, &mut self.peers, number, &first)
    }

    /// Takes whole lines; chunk heads are lines that begin with no brace.
    fn take_lines(&mut self, number: usize, mut lines: Vec<u8>) -> anyhow::Result<()> {
        let (mut at, mut taken, mut ended) = (0, 0, false);
        while let Some(length) = memchr::memchr(b'\n', &lines[at..]) {
            let line = &lines[at..at + length];
            at += length + 1;
            if line.first() == Some(&b'{') {
                self.publish(line)?;
                taken += 1;
            } else {
                ended |= line == b"0\r";
            }
        }
        let Some(Peer { socket, role: Role::Publisher { rest, accepted } }) = self.peers[number].as_mut() else {
            return Ok(());
        };
        *accepted += taken;
        lines.drain(..at);
        *rest = lines;
        if ended {
            let body = format!(r#"{{"accepted":{accepted},"rejected":[]}}"#);
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            send(socket, answer.as_bytes(), SendFlags::NOSIGNAL).context("the answer to the publisher")?;
        }
        Ok(())
    }

    /// One message to all subscribers of its topic.
    fn publish(&mut self, line: &[u8]) -> anyhow::Result<()> {
        let Some((name, is_event, data)) = split_line(line) else { anyhow::bail!("not a publish line") };
        self.offset += 1;
        let Some(&index) = self.by_name.get(name) else {
            self.by_name.insert(name.to_owned(), self.topics.len());
            let (name, newest) = (name.to_owned(), data.to_vec());
            let (websockets, streams) = (Vec::new(), Vec::new());
            self.topics.push(Topic { name, is_event, seq: self.offset, newest, websockets, streams });
            return Ok(());
        };
        let topic = &mut self.topics[index];
        topic.seq += 1;
        topic.newest.clear();
        topic.newest.extend_from_slice(data);
        self.json.clear();
        topic.write_entry(self.offset, &mut self.json);
        for (transport, members) in [(Transport::Websocket, &topic.websockets), (Transport::Sse, &topic.streams)] {
            if members.is_empty() {
                continue;
            }
            self.frame.clear();
            write_frame(transport, &self.json, Some(self.offset), &mut self.frame);
            for &member in members {
                deliver(&self.epoll, &mut self.peers, member, &self.frame)?;
            }
        }
        Ok(())
    }

    /// The socket takes bytes again.
    fn flush(&mut self, number: usize) -> anyhow::Result<()> {
        let Some(Peer { socket, role: Role::Subscriber { unsent } }) = self.peers[number].as_mut() else {
            return Ok(());
        };
        let taken = send(&*socket, unsent, SendFlags::NOSIGNAL).unwrap_or(0);
        unsent.drain(..taken);
        if unsent.is_empty() {
            epoll::modify(&self.epoll, socket, EventData::new_u64(number as u64), EventFlags::IN)?;
        }
        Ok(())
    }
}

impl Topic {
    fn snapshot(&self) -> Vec<u8> {
        let Topic { name, seq, .. } = self;
        let newest = String::from_utf8_lossy(&self.newest);
        let from = seq - 1;
        let json = if self.is_event {
            format!(r#"{{"t":"snap","topic":"{name}","from":{from},"seq":{seq},"why":"subscribe","data":[{newest}]}}"#)
        } else {
            format!(r#"{{"t":"snap","topic":"{name}","seq":{seq},"why":"subscribe","data":{newest}}}"#)
        };
        json.into_bytes()
    }

    /// The entry of the newest message. `ts` has the length that it has in a gateway.
    fn write_entry(&self, offset: u64, out: &mut Vec<u8>) {
        const TS: u64 = 1_763_850_000_123;
        let Topic { name, seq, .. } = self;
        let from = seq - 1;
        // Writing to a Vec cannot fail.
        let _ = if self.is_event {
            write!(out, r#"{{"t":"append","topic":"{name}","from":{from},"seq":{seq},"o":{offset},"ts":{TS},"data":["#)
        } else {
            write!(out, r#"{{"t":"delta","topic":"{name}","seq":{seq},"o":{offset},"ts":{TS},"data":"#)
        };
        out.extend_from_slice(&self.newest);
        out.extend_from_slice(if self.is_event { b"]}" } else { b"}" });
    }
}

/// The one thing that the floor does: `send(2)`.
fn deliver(epoll: &OwnedFd, peers: &mut [Option<Peer>], number: usize, bytes: &[u8]) -> anyhow::Result<()> {
    let Some(Peer { socket, role: Role::Subscriber { unsent } }) = peers[number].as_mut() else { return Ok(()) };
    let taken = if unsent.is_empty() {
        match send(&*socket, bytes, SendFlags::NOSIGNAL) {
            Ok(taken) => taken,
            Err(Errno::AGAIN | Errno::INTR) => 0,
            // Its end is read soon.
            Err(_) => return Ok(()),
        }
    } else {
        0
    };
    if taken < bytes.len() {
        if unsent.is_empty() {
            let interest = EventFlags::IN | EventFlags::OUT;
            epoll::modify(epoll, &*socket, EventData::new_u64(number as u64), interest)?;
        }
        unsent.extend_from_slice(&bytes[taken..]);
        anyhow::ensure!(unsent.len() < UNSENT_BYTES_MAX, "a subscriber reads too slowly");
    }
    Ok(())
}

/// Topic, whether it is an event, and the JSON of the event or patch.
fn split_line(line: &[u8]) -> Option<(&str, bool, &[u8])> {
    let rest = line.strip_prefix(br#"{"topic":""#)?;
    let end = memchr::memchr(b'"', rest)?;
    let name = std::str::from_utf8(&rest[..end]).ok()?;
    let rest = rest[end..].strip_suffix(b"}")?;
    let event = rest.strip_prefix(br#"","event":"#);
    let data = event.or_else(|| rest.strip_prefix(br#"","patch":"#))?;
    Some((name, event.is_some(), data))
}

fn write_frame(transport: Transport, json: &[u8], offset: Option<u64>, out: &mut Vec<u8>) {
    match transport {
        Transport::Websocket => {
            out.push(0x80 | TEXT);
            match json.len() {
                length @ 0..=125 => out.push(length as u8),
                length => {
                    // Relation: a line, and so a message, is below 64 KiB.
                    out.push(126);
                    out.extend_from_slice(&(length as u16).to_be_bytes());
                }
            }
            out.extend_from_slice(json);
        }
        Transport::Sse => {
            if let Some(offset) = offset {
                let _ = writeln!(out, "id: {EPOCH}00000:{offset}");
            }
            out.extend_from_slice(b"data: ");
            out.extend_from_slice(json);
            out.extend_from_slice(b"\n\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let line = br#"{"topic":"trade.load.0","event":{"k":1}}"#;
        assert_eq!(split_line(line), Some(("trade.load.0", true, &br#"{"k":1}"#[..])));
        let line = br#"{"topic":"quote.load.0","patch":{}}"#;
        assert_eq!(split_line(line), Some(("quote.load.0", false, &b"{}"[..])));
        assert_eq!(split_line(b"{}"), None);
    }
}
