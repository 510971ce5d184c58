//! NATS: subscribers speak its protocol inside WebSocket frames, the publisher speaks it over TCP.
//!
//! The protocol: <https://docs.nats.io/reference/reference-protocols/nats-protocol>. A frame holds any number of its
//! messages, and one may begin in one frame and end in the next.

use super::dialogue::{Dialogue, Envelope, WebSocket};
use super::message::{self, Ear, topic_name};
use super::post::connect;
use super::{Peer, Running, Way, debian_version};
use crate::client::connection::plain;
use crate::client::ledger::{Breach, words};
use crate::client::websocket;
use crate::payload::Stamp;
use crate::publisher::Inlet;
use crate::scan::whole;
use crate::target::program::{Folder, Program, find, free_addresses};
use crate::target::{Setting, Target};
use crate::workload::Workload;
use anyhow::{Context, ensure};
use memchr::memmem;
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use std::io::{Read, Write};
use std::net::{SocketAddrV4, TcpStream};

const CONNECT: &str = "CONNECT {\"verbose\":false,\"lang\":\"loadtest\",\"version\":\"1\"}\r\n";

#[derive(Debug)]
pub struct Nats;

impl Peer for Nats {
    fn name(&self) -> &'static str {
        "nats"
    }

    fn ways(&self) -> &'static [Way] {
        &[Way::Websocket]
    }

    fn version(&self) -> anyhow::Result<String> {
        find("nats-server").context("nats-server is not installed")?;
        debian_version("nats-server")
    }

    fn start(&self, setting: &Setting, workload: &Workload) -> anyhow::Result<Running> {
        let path = find("nats-server").context("nats-server is not installed")?;
        let (folder, [address, inlet]) = (Folder::new("nats")?, free_addresses()?);
        let config = format!(
            "listen: \"{inlet}\"\nmax_connections: {}\nwebsocket {{ listen: \"{address}\", no_tls: true }}\n",
            workload.subscribers + 100
        );
        let arguments = vec!["-c".into(), folder.write("nats.conf", &config)?.into()];
        let target = Target::program(setting, Program { path, arguments, folder, ports: vec![address, inlet] })?;
        Ok(Running { target, inlet, origin: None })
    }

    fn subscriber(&self, _way: Way, topics: &[u32]) -> Box<dyn Dialogue> {
        Box::new(WebSocket::new("/", Protocol { topics: topics.to_vec(), is_ready: false, rest: Vec::new() }))
    }

    fn inlet(&self, _way: Way, running: &Running, workload: &Workload) -> anyhow::Result<Box<dyn Inlet>> {
        Ok(Box::new(Publisher::open(running.inlet, workload.data_bytes)?))
    }
}

/// A subscriber's side of the protocol.
#[derive(Debug)]
struct Protocol {
    topics: Vec<u32>,
    is_ready: bool,
    /// Bytes of a protocol message that is not whole yet.
    rest: Vec<u8>,
}

impl Envelope for Protocol {
    fn greet(&mut self, out: &mut Vec<u8>) {
        let mut say = |line: &str| out.extend(websocket::masked(websocket::BINARY, line.as_bytes()));
        say(CONNECT);
        for (sid, topic) in self.topics.iter().enumerate() {
            say(&format!("SUB {} {sid}\r\n", topic_name(*topic as usize)));
        }
        // Its answer comes after all that was asked before.
        say("PING\r\n");
    }

    fn open(&mut self, payload: &[u8], ear: &mut Ear<'_>) -> Result<(), Breach> {
        if self.rest.is_empty() {
            let taken = self.take_whole(payload, ear)?;
            self.rest.extend_from_slice(&payload[taken..]);
            return Ok(());
        }
        let mut bytes = std::mem::take(&mut self.rest);
        bytes.extend_from_slice(payload);
        let taken = self.take_whole(&bytes, ear)?;
        self.rest.extend_from_slice(&bytes[taken..]);
        Ok(())
    }

    fn is_ready(&self) -> bool {
        self.is_ready
    }
}

impl Protocol {
    fn take_whole(&mut self, bytes: &[u8], ear: &mut Ear<'_>) -> Result<usize, Breach> {
        let mut taken = 0;
        while let Some(line) = line(&bytes[taken..]) {
            let after = taken + line.len() + 2;
            let Some(head) = line.strip_prefix(b"MSG ") else {
                self.take_word(line, ear)?;
                taken = after;
                continue;
            };
            let length = head.rsplit(|byte| *byte == b' ').next().and_then(whole);
            let length = length.ok_or_else(|| plain("MSG", "its length", words(head)))? as usize;
            let Some(message) = bytes.get(after..after + length + 2) else { break };
            ear.hear(&message[..length])?;
            taken = after + length + 2;
        }
        Ok(taken)
    }

    fn take_word(&mut self, line: &[u8], ear: &mut Ear<'_>) -> Result<(), Breach> {
        match line.split(|byte| *byte == b' ').next().unwrap_or_default() {
            b"PONG" => self.is_ready = true,
            b"PING" => ear.answer.extend(websocket::masked(websocket::BINARY, b"PONG\r\n")),
            b"INFO" | b"+OK" => {}
            _ => return Err(plain("protocol message", "MSG, PING, PONG or INFO", words(line))),
        }
        Ok(())
    }
}

/// The line that `bytes` begin with, without its end; `None` if it is not whole yet.
fn line(bytes: &[u8]) -> Option<&[u8]> {
    memmem::find(bytes, b"\r\n").map(|end| &bytes[..end])
}

/// The publisher's side: `PUB` without acknowledgement.
#[derive(Debug)]
struct Publisher {
    socket: TcpStream,
    message_bytes: usize,
}

impl Publisher {
    fn open(server: SocketAddrV4, message_bytes: usize) -> anyhow::Result<Publisher> {
        let mut socket = connect(server)?;
        socket.write_all(CONNECT.as_bytes())?;
        Ok(Publisher { socket, message_bytes })
    }
}

impl Inlet for Publisher {
    fn write(&mut self, topic: usize, stamp: Stamp, out: &mut Vec<u8>) {
        // Writing to a Vec cannot fail.
        let _ = write!(out, "PUB {} {}\r\n", topic_name(topic), self.message_bytes);
        message::write(topic, stamp, self.message_bytes, out);
        out.extend_from_slice(b"\r\n");
    }

    fn send(&mut self, written: &[u8]) -> anyhow::Result<()> {
        self.socket.write_all(written).context("the server takes no more from the publisher")?;
        let mut said = [0; 8 * 1024];
        match recv(&self.socket, &mut said, RecvFlags::DONTWAIT) {
            Ok((length, _)) if memmem::find(&said[..length], b"PING").is_some() => {
                self.socket.write_all(b"PONG\r\n").context("the server's PING")
            }
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => Ok(()),
            Err(error) => Err(error).context("the publisher's connection"),
        }
    }

    /// A `PONG` says that all before its `PING` was taken.
    fn finish(&mut self, _sent: u64) -> anyhow::Result<()> {
        self.socket.write_all(b"PING\r\n").context("the end of publishing")?;
        let (mut said, mut buffer) = (Vec::new(), [0; 8 * 1024]);
        while memmem::find(&said, b"PONG").is_none() {
            let length = self.socket.read(&mut buffer).context("the answer to publishing")?;
            ensure!(length > 0, "the server ended the publisher's connection");
            said.extend_from_slice(&buffer[..length]);
            ensure!(memmem::find(&said, b"-ERR").is_none(), "publishing was refused: {}", words(&said));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::websocket::server_frame;
    use crate::peer::fleet::tests::{head_of_upgrade, play};

    #[test]
    fn protocol_messages_cut_at_every_byte() {
        let mut said = b"INFO {\"server_id\":\"x\"}\r\nPONG\r\n".to_vec();
        for (topic, k) in [(3, 2), (8, 2), (3, 3)] {
            let mut message = Vec::new();
            message::write(topic, Stamp { k, sent_ns: 7 }, 90, &mut message);
            said.extend(format!("MSG load.{topic} 1 90\r\n").as_bytes());
            said.extend(message);
            said.extend(b"\r\n");
        }
        for cut in 0..said.len() {
            let (first, second) = said.split_at(cut);
            let frames = [head_of_upgrade(), server_frame(2, first), server_frame(2, second)].concat();
            let heard = play(Nats.subscriber(Way::Websocket, &[3, 8]), &[3, 8], &frames);
            assert_eq!((heard.deliveries, heard.lost), (3, 0), "cut at {cut}");
        }
    }
}
