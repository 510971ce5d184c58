//! A raw RFC 6455 client: it sends any frame that a test wants, good or bad, and reads frames as they come.

use crate::gateway::deadline;
use crate::http::{Http, Reply};
use std::net::SocketAddr;
use std::time::Instant;

pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// A key of 16 bytes, and what RFC 6455 section 1.3 says the answer to it is.
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

pub struct WebSocket {
    pub http: Http,
}

/// The head of an opening handshake, without its last blank line.
pub fn opening(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nhost: test\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: {KEY}\r\n"
    )
}

impl WebSocket {
    pub fn connect(address: SocketAddr, path: &str) -> WebSocket {
        let (socket, reply) = WebSocket::shake(address, &opening(path));
        assert_eq!(reply.status, 101, "{reply:?}");
        assert_eq!(reply.header("sec-websocket-accept"), Some(ACCEPT));
        socket
    }

    /// Sends an opening of the test's own and returns the answer, which may be a refusal.
    pub fn shake(address: SocketAddr, opening: &str) -> (WebSocket, Reply) {
        let mut http = Http::connect(address);
        http.send(format!("{opening}\r\n"));
        let reply = http.reply();
        (WebSocket { http }, reply)
    }

    pub fn text(&mut self, text: &str) {
        self.http.send(frame(0x80 | TEXT, text.as_bytes()));
    }

    /// The next frame, control frames included. `None` if the connection ended or the time is over.
    pub fn frame_until(&mut self, deadline: Instant) -> Option<(u8, Vec<u8>)> {
        let bytes = self.http.take(deadline, frame_length)?;
        assert_eq!(bytes[0] & 0x70, 0, "no extension was agreed on");
        assert_eq!(bytes[0] & 0x80, 0x80, "the gateway does not fragment");
        let head = match bytes[1] {
            126 => 4,
            127 => 10,
            _ => 2,
        };
        Some((bytes[0] & 15, bytes[head..].to_vec()))
    }

    pub fn frame(&mut self) -> (u8, Vec<u8>) {
        self.frame_until(deadline()).expect("a frame")
    }

    /// The next frame of this opcode; others are passed over.
    pub fn frame_of(&mut self, opcode: u8) -> Vec<u8> {
        loop {
            let (found, payload) = self.frame();
            if found == opcode {
                return payload;
            }
        }
    }

    /// The next text message that has this `t`.
    pub fn message_of(&mut self, t: &str) -> serde_json::Value {
        loop {
            let json: serde_json::Value = serde_json::from_slice(&self.frame_of(TEXT)).unwrap();
            if json["t"] == t {
                return json;
            }
        }
    }

    /// Waits for the server's close and returns its code.
    pub fn close_code(&mut self) -> u16 {
        let payload = self.frame_of(CLOSE);
        u16::from_be_bytes([payload[0], payload[1]])
    }
}

/// One masked frame; `first` holds FIN, the reserved bits and the opcode.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        n @ 0..=125 => out.push(0x80 | n as u8),
        n @ 126..=0xffff => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(n as u16).to_be_bytes());
        }
        n => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(n as u64).to_be_bytes());
        }
    }
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    out.extend_from_slice(&mask);
    out.extend(payload.iter().enumerate().map(|(n, byte)| byte ^ mask[n % 4]));
    out
}

/// Length of the whole frame at the start of `bytes`, `None` if it is not whole. Server frames must not be masked.
pub fn frame_length(bytes: &[u8]) -> Option<usize> {
    let second = *bytes.get(1)?;
    assert_eq!(second & 0x80, 0, "a server's frame is masked");
    let length = match second {
        126 => 4 + usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().unwrap())),
        127 => 10 + u64::from_be_bytes(bytes.get(2..10)?.try_into().unwrap()) as usize,
        short => 2 + usize::from(short),
    };
    (bytes.len() >= length).then_some(length)
}
