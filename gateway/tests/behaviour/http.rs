//! A raw HTTP/1.1 client: it sends what the test wrote, byte for byte, and reads one answer at a time.

use crate::gateway::{PATIENCE, deadline};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

pub struct Http {
    pub stream: TcpStream,
    /// Bytes read and not yet taken.
    pub buffer: Vec<u8>,
}

#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub version: String,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The `code` of the error that the body states.
    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_else(|| panic!("{self:?}")).to_owned()
    }
}

/// What reading more came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Fill {
    Bytes,
    End,
    TimedOut,
}

impl Http {
    pub fn connect(address: SocketAddr) -> Http {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Http { stream, buffer: Vec::new() }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// Reads what there is, or waits for it.
    pub fn fill(&mut self, deadline: Instant) -> Fill {
        let mut chunk = [0; 16 * 1024];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Fill::TimedOut;
            }
            self.stream.set_read_timeout(Some(left.max(Duration::from_millis(1)))).unwrap();
            match self.stream.read(&mut chunk) {
                Ok(0) => return Fill::End,
                Ok(count) => {
                    self.buffer.extend_from_slice(&chunk[..count]);
                    return Fill::Bytes;
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Fill::End,
            }
        }
    }

    /// Reads on until `found` says how many bytes of the buffer it is about, and takes them.
    pub fn take(&mut self, deadline: Instant, found: impl Fn(&[u8]) -> Option<usize>) -> Option<Vec<u8>> {
        loop {
            if let Some(length) = found(&self.buffer) {
                return Some(self.buffer.drain(..length).collect());
            }
            if self.fill(deadline) != Fill::Bytes {
                return None;
            }
        }
    }

    /// Reads until the peer ends the connection; everything that came. Fails if it does not end.
    pub fn rest(&mut self) -> Vec<u8> {
        let deadline = deadline();
        loop {
            match self.fill(deadline) {
                Fill::Bytes => {}
                Fill::End => return std::mem::take(&mut self.buffer),
                Fill::TimedOut => panic!("the connection stays open: {}", String::from_utf8_lossy(&self.buffer)),
            }
        }
    }

    /// Status and headers of the next answer.
    pub fn head(&mut self) -> Reply {
        self.try_head().unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(&self.buffer)))
    }

    pub fn try_head(&mut self) -> Option<Reply> {
        let head = self.take(deadline(), |bytes| find(bytes, b"\r\n\r\n").map(|at| at + 4))?;
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.split("\r\n").filter(|line| !line.is_empty());
        let mut status_line = lines.next().unwrap().split(' ');
        let version = status_line.next().unwrap().to_owned();
        let status = status_line.next().unwrap().parse().unwrap();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("{line:?}"));
            (name.to_ascii_lowercase(), value.trim().to_owned())
        });
        Some(Reply { status, headers: headers.collect(), body: Vec::new(), version })
    }

    /// One whole answer to a request that was not HEAD.
    pub fn reply(&mut self) -> Reply {
        let mut reply = self.head();
        if matches!(reply.status, 101 | 204 | 304) {
            return reply;
        }
        if reply.header("transfer-encoding") == Some("chunked") {
            reply.body = self.chunked();
        } else if let Some(length) = reply.header("content-length") {
            let length: usize = length.parse().unwrap();
            let body = self.take(deadline(), |bytes| (bytes.len() >= length).then_some(length));
            reply.body = body.unwrap_or_else(|| panic!("the body ends early: {reply:?}"));
        } else {
            reply.body = self.rest();
        }
        reply
    }

    fn chunked(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let line = self.take(deadline(), |bytes| find(bytes, b"\r\n").map(|at| at + 2)).expect("a chunk's head");
            let length = usize::from_str_radix(std::str::from_utf8(&line).unwrap().trim(), 16).unwrap();
            let chunk = self.take(deadline(), |bytes| (bytes.len() >= length + 2).then_some(length + 2));
            if length == 0 {
                return body;
            }
            body.extend_from_slice(&chunk.expect("a chunk")[..length]);
        }
    }

    pub fn get(&mut self, path: &str, headers: &str) -> Reply {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: test\r\n{headers}\r\n"));
        self.reply()
    }

    pub fn post(&mut self, path: &str, headers: &str, body: &[u8]) -> Reply {
        self.send(format!("POST {path} HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n{headers}\r\n", body.len()));
        self.send(body);
        self.reply()
    }

    /// Says that nothing more will be sent.
    pub fn finish(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }
}

pub fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
