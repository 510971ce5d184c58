//! The floor: the least that a server can do, and what a gateway is measured against. One thread, one epoll, and for each
//! message the same preframed bytes to each subscriber of its topic. No log, no limits; what a gateway costs above this
//! is its own. The three floors ([`FloorKind`]) differ in how the bytes go down (`outbox`).
//!
//! It speaks just enough of protocol v1 that the same clients check it: the same request, the same bytes. Its input is
//! the publisher's stream, read line by line without parsing JSON.

mod outbox;
mod peers;
mod ring;
mod topic;

use crate::client::websocket::ACCEPT;
use crate::target::process::name_thread;
use crate::workload::Transport;
use anyhow::{Context, bail};
use clap::ValueEnum;
use memchr::memmem;
use outbox::Outbox;
use peers::{Peer, Peers, Role};
use rustix::event::epoll::{self, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, accept_with, bind, getsockname, listen, recv, send,
    sockopt,
};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;
use std::io::Write;
use std::net::SocketAddrV4;
use topic::{EPOCH, Topic, split_line, write_frame};

const EVENTS_MAX: usize = 1_024;
const READ_BYTES_MAX: usize = 256 * 1024;
const BACKLOG: i32 = 4_096;
/// The event of the listener; peers have their index.
const LISTENER: u64 = u64::MAX;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FloorKind {
    /// FLOOR-A: one send(2) per delivery
    #[default]
    Send,
    /// FLOOR-B: one send(2) per subscriber and tick
    Coalesced,
    /// FLOOR-C: the sends of one message in one submission of io_uring
    IoUring,
}

impl fmt::Display for FloorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FloorKind::Send => "send",
            FloorKind::Coalesced => "coalesced",
            FloorKind::IoUring => "io-uring",
        })
    }
}

#[derive(Debug)]
struct Floor {
    peers: Peers,
    topics: Vec<Topic>,
    by_name: HashMap<String, usize>,
    offset: u64,
    outbox: Outbox,
    frame: Vec<u8>,
    json: Vec<u8>,
}

/// Serves until a signal ends the process. Prints where it listens. `tick_ms`: of FLOOR-B; 0: a turn of its loop.
pub fn serve(address: SocketAddrV4, kind: FloorKind, tick_ms: u64) -> anyhow::Result<()> {
    name_thread(c"floor");
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let listener = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_reuseaddr(&listener, true)?;
    bind(&listener, &address).with_context(|| format!("cannot listen on {address}"))?;
    listen(&listener, BACKLOG)?;
    let bound: SocketAddrV4 = getsockname(&listener)?.try_into()?;
    let mut floor = Floor {
        peers: Peers::new(&listener, LISTENER)?,
        topics: Vec::new(),
        by_name: HashMap::new(),
        offset: 0,
        outbox: Outbox::new(kind, tick_ms)?,
        frame: Vec::new(),
        json: Vec::new(),
    };
    writeln!(std::io::stdout(), "listening on http://{bound}/")?;
    floor.run(&listener)
}

impl Floor {
    fn run(&mut self, listener: &OwnedFd) -> anyhow::Result<()> {
        let mut events: Vec<epoll::Event> = Vec::with_capacity(EVENTS_MAX);
        let mut buffer = vec![0; READ_BYTES_MAX];
        loop {
            self.peers.wait(&mut events, self.outbox.longest_wait().as_ref())?;
            for event in &events {
                match event.data.u64() {
                    LISTENER => self.accept(listener)?,
                    peer => self.serve_peer(peer as usize, event.flags, &mut buffer)?,
                }
            }
            self.outbox.end_turn(&mut self.peers)?;
        }
    }

    fn accept(&mut self, listener: &OwnedFd) -> anyhow::Result<()> {
        loop {
            match accept_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok(socket) => self.peers.add(socket)?,
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error).context("accept"),
            }
        }
    }

    fn serve_peer(&mut self, number: usize, flags: EventFlags, buffer: &mut [u8]) -> anyhow::Result<()> {
        if flags.contains(EventFlags::OUT) {
            self.peers.flush(number)?;
        }
        let Some(peer) = self.peers.get(number).filter(|_| flags != EventFlags::OUT) else { return Ok(()) };
        let length = match recv(&peer.socket, &mut *buffer, RecvFlags::empty()) {
            Ok((length, _)) if length > 0 => length,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            // The end, or a reset: the socket is closed.
            _ => {
                self.leave(number);
                return Ok(());
            }
        };
        self.hear(number, &buffer[..length])
    }

    fn leave(&mut self, number: usize) {
        if let Some(Peer { role: Role::Subscriber { .. }, .. }) = self.peers.remove(number) {
            self.topics.iter_mut().for_each(|topic| topic.leave(number));
        }
    }

    fn hear(&mut self, number: usize, bytes: &[u8]) -> anyhow::Result<()> {
        let Some(peer) = self.peers.get(number) else { return Ok(()) };
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
        let mut first = answer_head(transport).into_bytes();
        write_frame(transport, br#"{"t":"hello","v":1,"epoch":"floor"}"#, None, &mut first);
        for index in self.topics_of(query) {
            let topic = &mut self.topics[index];
            write_frame(transport, &topic.snapshot(), None, &mut first);
            topic.members(transport).push(number);
        }
        let at = format!(r#"{{"t":"at","cursor":"{EPOCH}:{}"}}"#, self.offset);
        write_frame(transport, at.as_bytes(), Some(self.offset), &mut first);
        if let Some(peer) = self.peers.get(number) {
            peer.role = Role::Subscriber { unsent: Vec::new(), full: false };
        }
        self.peers.send(number, &first)
    }

    /// The topics of a query, of which there are names and patterns that end with `*`.
    fn topics_of(&self, query: &str) -> Vec<usize> {
        let named = |name: &str| match name.strip_suffix('*') {
            Some(head) => (0..self.topics.len()).filter(|&index| self.topics[index].name.starts_with(head)).collect(),
            None => self.by_name.get(name).copied().into_iter().collect::<Vec<_>>(),
        };
        query.split(',').flat_map(named).collect()
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
        let Some(Peer { socket, role: Role::Publisher { rest, accepted } }) = self.peers.get(number) else {
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
        let Some((name, is_event, data)) = split_line(line) else { bail!("not a publish line") };
        self.offset += 1;
        let Some(&index) = self.by_name.get(name) else {
            self.by_name.insert(name.to_owned(), self.topics.len());
            self.topics.push(Topic::born(name, is_event, self.offset, data));
            return Ok(());
        };
        let topic = &mut self.topics[index];
        topic.publish(data);
        self.json.clear();
        topic.write_entry(self.offset, &mut self.json);
        for transport in [Transport::Websocket, Transport::Sse] {
            let members = topic.members(transport);
            if members.is_empty() {
                continue;
            }
            self.frame.clear();
            write_frame(transport, &self.json, Some(self.offset), &mut self.frame);
            self.outbox.deliver(&mut self.peers, members, &self.frame)?;
        }
        Ok(())
    }
}

fn answer_head(transport: Transport) -> String {
    if transport == Transport::Websocket {
        return format!(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
             sec-websocket-accept: {ACCEPT}\r\nsec-websocket-protocol: fanwire.v1\r\n\r\n"
        );
    }
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n".into()
}
