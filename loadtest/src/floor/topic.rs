//! Topics of a floor, and the bytes of protocol v1 that tell of them. Knows no socket.

use crate::client::websocket::TEXT;
use crate::workload::Transport;
use std::io::Write;

pub const EPOCH: &str = "floor";

#[derive(Debug)]
pub struct Topic {
    pub name: String,
    pub is_event: bool,
    pub seq: u64,
    pub newest: Vec<u8>,
    /// Numbers of the subscribers, by transport.
    pub websockets: Vec<usize>,
    pub streams: Vec<usize>,
}

impl Topic {
    /// The first message of a topic.
    pub fn born(name: &str, is_event: bool, seq: u64, newest: &[u8]) -> Topic {
        let (name, newest) = (name.to_owned(), newest.to_vec());
        Topic { name, is_event, seq, newest, websockets: Vec::new(), streams: Vec::new() }
    }

    pub fn publish(&mut self, data: &[u8]) {
        self.seq += 1;
        self.newest.clear();
        self.newest.extend_from_slice(data);
    }

    pub fn members(&mut self, transport: Transport) -> &mut Vec<usize> {
        if transport == Transport::Websocket { &mut self.websockets } else { &mut self.streams }
    }

    pub fn leave(&mut self, number: usize) {
        self.websockets.retain(|peer| *peer != number);
        self.streams.retain(|peer| *peer != number);
    }

    pub fn snapshot(&self) -> Vec<u8> {
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
    pub fn write_entry(&self, offset: u64, out: &mut Vec<u8>) {
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

/// Topic, whether it is an event, and the JSON of the event or patch.
pub fn split_line(line: &[u8]) -> Option<(&str, bool, &[u8])> {
    let rest = line.strip_prefix(br#"{"topic":""#)?;
    let end = memchr::memchr(b'"', rest)?;
    let name = std::str::from_utf8(&rest[..end]).ok()?;
    let rest = rest[end..].strip_suffix(b"}")?;
    let event = rest.strip_prefix(br#"","event":"#);
    let data = event.or_else(|| rest.strip_prefix(br#"","patch":"#))?;
    Some((name, event.is_some(), data))
}

/// Appends one message as a WebSocket frame or an SSE block.
pub fn write_frame(transport: Transport, json: &[u8], offset: Option<u64>, out: &mut Vec<u8>) {
    if transport == Transport::Websocket {
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
        return;
    }
    if let Some(offset) = offset {
        let _ = writeln!(out, "id: {EPOCH}00000:{offset}");
    }
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(json);
    out.extend_from_slice(b"\n\n");
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
