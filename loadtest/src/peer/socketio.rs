//! Socket.IO 4 (Engine.IO 4), over WebSocket and over its polling transport.
//!
//! Protocols: <https://socket.io/docs/v4/engine-io-protocol/>, <https://socket.io/docs/v4/socket-io-protocol/>. A packet
//! is a digit and its content: `0` open, `2` ping, `3` pong, `4` message; inside a message `0` connect, `2` event. An
//! event of ours is `42["m",{…}]`.

use super::dialogue::{Dialogue, Envelope, WebSocket};
use super::message::{Ear, topic_names};
use super::node::{self, Lines};
use super::post::write_head;
use super::{Peer, Running, Way, http};
use crate::client::connection::plain;
use crate::client::ledger::{Breach, words};
use crate::client::websocket;
use crate::publisher::Inlet;
use crate::target::Setting;
use crate::workload::Workload;
use memchr::memmem;
use std::io::Write;

/// Between the packets of one poll.
const SEPARATOR: u8 = 0x1e;

#[derive(Debug)]
pub struct SocketIo;

impl Peer for SocketIo {
    fn name(&self) -> &'static str {
        "socketio"
    }

    fn ways(&self) -> &'static [Way] {
        &[Way::Websocket, Way::Polling]
    }

    fn version(&self) -> anyhow::Result<String> {
        node::version(self.name(), "socket.io")
    }

    fn start(&self, setting: &Setting, _workload: &Workload) -> anyhow::Result<Running> {
        node::start(self.name(), setting)
    }

    fn subscriber(&self, way: Way, topics: &[u32]) -> Box<dyn Dialogue> {
        let topics = topic_names(topics);
        match way {
            Way::Polling => Box::new(Polling { topics, sid: String::new(), is_ready: false, is_posting: false }),
            _ => {
                let path = format!("/socket.io/?EIO=4&transport=websocket&topics={topics}");
                Box::new(WebSocket::new(&path, Packets { is_ready: false }))
            }
        }
    }

    fn inlet(&self, _way: Way, running: &Running, workload: &Workload) -> anyhow::Result<Box<dyn Inlet>> {
        Ok(Box::new(Lines::open(running.inlet, workload.data_bytes)?))
    }
}

/// What one packet of the server is to a subscriber.
enum Packet<'a> {
    Open,
    Ping,
    Ready,
    Message(&'a [u8]),
    /// Connected, or a no-operation that ends a poll.
    Nothing,
}

fn packet(bytes: &[u8]) -> Result<Packet<'_>, Breach> {
    match bytes {
        [b'0', ..] => Ok(Packet::Open),
        b"2" => Ok(Packet::Ping),
        [b'6'] | [b'4', b'0', ..] => Ok(Packet::Nothing),
        br#"42["ready"]"# => Ok(Packet::Ready),
        _ => {
            let message = bytes.strip_prefix(br#"42["m","#).and_then(|rest| rest.strip_suffix(b"]"));
            message.map(Packet::Message).ok_or_else(|| plain("packet", "an event of ours", words(bytes)))
        }
    }
}

/// Packets in WebSocket frames, one each.
#[derive(Debug)]
struct Packets {
    is_ready: bool,
}

impl Envelope for Packets {
    fn open(&mut self, payload: &[u8], ear: &mut Ear<'_>) -> Result<(), Breach> {
        match packet(payload)? {
            Packet::Open => ear.answer.extend(websocket::masked(websocket::TEXT, b"40")),
            Packet::Ping => ear.answer.extend(websocket::masked(websocket::TEXT, b"3")),
            Packet::Ready => self.is_ready = true,
            Packet::Message(message) => ear.hear(message)?,
            Packet::Nothing => {}
        }
        Ok(())
    }

    fn is_ready(&self) -> bool {
        self.is_ready
    }
}

/// Packets in the answers to polls. What is to be said goes in a POST between two of them, over the same connection.
#[derive(Debug)]
struct Polling {
    topics: String,
    /// Empty until the server has opened the session.
    sid: String,
    is_ready: bool,
    /// The next answer is that of a POST.
    is_posting: bool,
}

impl Dialogue for Polling {
    fn begin(&mut self, out: &mut Vec<u8>) {
        self.poll(out);
    }

    fn take(&mut self, bytes: &[u8], ear: &mut Ear<'_>) -> Result<usize, Breach> {
        let mut taken = 0;
        while let Some(answer) = http::answer(&bytes[taken..])? {
            if answer.status != 200 {
                return Err(plain("answer to a poll", "200", words(&bytes[taken..])));
            }
            taken += answer.length;
            let reply = if std::mem::take(&mut self.is_posting) { None } else { self.open(answer.body, ear)? };
            match reply {
                Some(packet) => self.post(packet, ear.answer),
                None => self.poll(ear.answer),
            }
        }
        Ok(taken)
    }

    fn is_ready(&self) -> bool {
        self.is_ready
    }
}

impl Polling {
    /// Takes the packets of one poll. Returns what is to be said to them.
    fn open(&mut self, body: &[u8], ear: &mut Ear<'_>) -> Result<Option<&'static str>, Breach> {
        let mut reply = None;
        for bytes in body.split(|byte| *byte == SEPARATOR) {
            match packet(bytes)? {
                Packet::Open => {
                    self.sid = sid(bytes).ok_or_else(|| plain("open packet", "a sid", words(bytes)))?;
                    reply = Some("40");
                }
                Packet::Ping => reply = Some("3"),
                Packet::Ready => self.is_ready = true,
                Packet::Message(message) => ear.hear(message)?,
                Packet::Nothing => {}
            }
        }
        Ok(reply)
    }

    /// `sid` comes with all but the first request, `topics` with the first.
    fn path(&self) -> String {
        let last = if self.sid.is_empty() { ("topics", &self.topics) } else { ("sid", &self.sid) };
        format!("/socket.io/?EIO=4&transport=polling&{}={}", last.0, last.1)
    }

    fn poll(&self, out: &mut Vec<u8>) {
        // Writing to a Vec cannot fail.
        let _ = write!(out, "GET {} HTTP/1.1\r\nHost: loadtest\r\n\r\n", self.path());
    }

    fn post(&mut self, packet: &str, out: &mut Vec<u8>) {
        write_head(&self.path(), "text/plain;charset=UTF-8", packet.len(), out);
        out.extend_from_slice(packet.as_bytes());
        self.is_posting = true;
    }
}

fn sid(open: &[u8]) -> Option<String> {
    let at = memmem::find(open, br#""sid":""#)? + 7;
    let end = memchr::memchr(b'"', &open[at..])?;
    String::from_utf8(open[at..at + end].to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::websocket::server_frame;
    use crate::payload::Stamp;
    use crate::peer::fleet::tests::{Heard, head_of_upgrade, play};
    use crate::peer::message;

    const OPEN: &str = r#"0{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":[],"pingInterval":25000}"#;

    fn event(k: u64) -> String {
        let mut message = Vec::new();
        message::write(5, Stamp { k, sent_ns: 7 }, 120, &mut message);
        format!(r#"42["m",{}]"#, String::from_utf8(message).unwrap())
    }

    #[test]
    fn packets_in_frames() {
        let packets = [OPEN, r#"40{"sid":"x"}"#, r#"42["ready"]"#, &event(2), "2", &event(3)];
        let frames = packets.map(|packet| server_frame(1, packet.as_bytes())).concat();
        let Heard { deliveries, lost, answer } =
            play(SocketIo.subscriber(Way::Websocket, &[5]), &[5], &[head_of_upgrade(), frames].concat());
        assert_eq!((deliveries, lost), (2, 0));
        let said = [websocket::masked(1, b"40"), websocket::masked(1, b"3")].concat();
        assert_eq!(answer, said);
    }

    #[test]
    fn packets_in_polls() {
        let bodies = [
            OPEN.to_owned(),
            "ok".to_owned(),
            format!("40{{\"sid\":\"x\"}}\u{1e}42[\"ready\"]\u{1e}{}", event(2)),
            format!("{}\u{1e}2\u{1e}{}", event(3), event(5)),
            "ok".to_owned(),
            event(6),
        ];
        let stream: String =
            bodies.iter().map(|b| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{b}", b.len())).collect();
        let heard = play(SocketIo.subscriber(Way::Polling, &[5]), &[5], stream.as_bytes());
        assert_eq!((heard.deliveries, heard.lost), (4, 1));
        let said = String::from_utf8(heard.answer).unwrap();
        let methods: Vec<&str> = said.lines().filter_map(|line| line.split_once(" /socket.io").map(|l| l.0)).collect();
        // The content of a POST has no line end of its own.
        assert_eq!(methods, ["POST", "40GET", "GET", "POST", "3GET", "GET"]);
        assert!(said.contains("&sid=lv_VI97HAXpY6yYWAAAC HTTP/1.1"));
    }

    #[test]
    fn what_is_no_packet_of_ours() {
        for bad in ["", "1", "41", r#"42["other",{}]"#, r#"42["m",{}"#] {
            assert!(packet(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
