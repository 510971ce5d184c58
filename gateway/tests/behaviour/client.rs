//! One client per transport, all with the same face: the next protocol message, and the cursor that it states.

use crate::http::{Fill, Http, find};
use crate::ws::{PING, PONG, TEXT, WebSocket, frame};
use serde_json::Value;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    WebSocket,
    Sse,
    LongPoll,
    Polling,
}

pub const TRANSPORTS: [Transport; 4] = [Transport::WebSocket, Transport::Sse, Transport::LongPoll, Transport::Polling];

/// One message as it came.
#[derive(Clone, Debug)]
pub struct Said {
    pub json: Value,
    /// The text, where numbers stand as they were written.
    pub raw: String,
    /// SSE only: the block's `id:`.
    pub id: Option<String>,
}

impl Said {
    pub fn new(raw: String, id: Option<String>) -> Said {
        let json = serde_json::from_str(&raw).unwrap_or_else(|error| panic!("{error}: {raw}"));
        Said { json, raw, id }
    }
}

pub trait Client: Send {
    /// The next message. `None`: the time is over, or the connection ended.
    fn next(&mut self, deadline: Instant) -> Option<Said>;
}

/// `query`: topics and options. `cursor`: where to go on.
pub fn connect(transport: Transport, address: SocketAddr, query: &str, cursor: Option<&str>) -> Box<dyn Client> {
    let with_cursor = match cursor {
        Some(cursor) => format!("{query}&cursor={cursor}"),
        None => query.to_owned(),
    };
    match transport {
        Transport::WebSocket => Box::new(WebSocket::connect(address, &format!("/v1/ws?{with_cursor}"))),
        Transport::Sse => Box::new(Sse::connect(address, &format!("/v1/sse?{with_cursor}"), "")),
        Transport::LongPoll => Box::new(LongPoll {
            http: Http::connect(address),
            query: query.to_owned(),
            cursor: cursor.map(str::to_owned),
            said: VecDeque::new(),
        }),
        Transport::Polling => Box::new(Polling {
            http: Http::connect(address),
            query: query.to_owned(),
            tag: String::new(),
            said: VecDeque::new(),
        }),
    }
}

impl Client for WebSocket {
    fn next(&mut self, deadline: Instant) -> Option<Said> {
        loop {
            match self.frame_until(deadline)? {
                (TEXT, payload) => return Some(Said::new(String::from_utf8(payload).unwrap(), None)),
                (PING, payload) => self.http.send(frame(0x80 | PONG, &payload)),
                (PONG, _) => {}
                (_, _) => return None,
            }
        }
    }
}

/// A parser of event streams after the WHATWG text, for the fields that the gateway may send.
pub struct Sse {
    pub http: Http,
    pub retry: Option<u64>,
    pub comments: usize,
}

impl Sse {
    pub fn connect(address: SocketAddr, path: &str, headers: &str) -> Sse {
        let mut http = Http::connect(address);
        http.send(format!("GET {path} HTTP/1.1\r\nhost: test\r\naccept: text/event-stream\r\n{headers}\r\n"));
        let head = http.head();
        assert_eq!(head.status, 200, "{head:?} {}", String::from_utf8_lossy(&http.buffer));
        Sse::on(http)
    }

    /// Goes on after a head that was read already.
    pub fn on(http: Http) -> Sse {
        Sse { http, retry: None, comments: 0 }
    }

    /// One line, without its end. A lone CR or LF ends a line too.
    fn line(&mut self, deadline: Instant) -> Option<String> {
        loop {
            let end = self.http.buffer.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
            // A CR at the end of what came may have its LF still on the way.
            if let Some(end) = end.filter(|end| self.http.buffer[*end] == b'\n' || end + 1 < self.http.buffer.len()) {
                let pair = self.http.buffer[end] == b'\r' && self.http.buffer[end + 1] == b'\n';
                let line: Vec<u8> = self.http.buffer.drain(..end + 1 + usize::from(pair)).collect();
                return Some(String::from_utf8(line[..end].to_vec()).unwrap());
            }
            if self.http.fill(deadline) != Fill::Bytes {
                return None;
            }
        }
    }
}

impl Client for Sse {
    fn next(&mut self, deadline: Instant) -> Option<Said> {
        let (mut data, mut id): (Option<String>, Option<String>) = (None, None);
        loop {
            let line = self.line(deadline)?;
            let (field, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "" if line.is_empty() => match data.take() {
                    Some(data) => return Some(Said::new(data, id)),
                    None => id = None,
                },
                "" => self.comments += 1,
                "data" => match &mut data {
                    None => data = Some(value.to_owned()),
                    Some(data) => *data = format!("{data}\n{value}"),
                },
                "id" => id = Some(value.to_owned()),
                "retry" => self.retry = Some(value.parse().unwrap()),
                "event" => panic!("an event field would hide the message from onmessage"),
                other => panic!("unknown field {other:?}"),
            }
        }
    }
}

struct LongPoll {
    http: Http,
    query: String,
    cursor: Option<String>,
    said: VecDeque<Said>,
}

impl Client for LongPoll {
    fn next(&mut self, deadline: Instant) -> Option<Said> {
        while self.said.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let wait = left.as_secs().min(5);
            let cursor = self.cursor.as_ref().map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
            let reply = self.http.get(&format!("/v1/poll?{}{cursor}&wait={wait}", self.query), "");
            assert_eq!(reply.status, 200, "{reply:?}");
            let (cursor, said) = body(&reply.text());
            self.said.push_back(epoch(&cursor));
            self.said.extend(said);
            self.said.push_back(at(&cursor, false));
            self.cursor = Some(cursor);
        }
        self.said.pop_front()
    }
}

struct Polling {
    http: Http,
    query: String,
    tag: String,
    said: VecDeque<Said>,
}

impl Client for Polling {
    fn next(&mut self, deadline: Instant) -> Option<Said> {
        while self.said.is_empty() {
            if Instant::now() >= deadline {
                return None;
            }
            let condition = format!("if-none-match: {}\r\n", self.tag);
            let reply = self
                .http
                .get(&format!("/v1/snapshot?{}", self.query), if self.tag.is_empty() { "" } else { &condition });
            if reply.status == 304 {
                std::thread::park_timeout(Duration::from_millis(2));
                continue;
            }
            assert_eq!(reply.status, 200, "{reply:?}");
            self.tag = reply.header("etag").unwrap().to_owned();
            let (cursor, said) = body(&reply.text());
            self.said.push_back(epoch(&cursor));
            self.said.extend(said);
            // A snapshot of a pattern names all there is: what it does not name does not exist.
            self.said.push_back(at(&cursor, true));
        }
        self.said.pop_front()
    }
}

/// The cursor and the messages of a poll's body.
pub fn body(text: &str) -> (String, Vec<Said>) {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body<'a> {
        cursor: String,
        #[serde(borrow)]
        messages: Vec<&'a serde_json::value::RawValue>,
    }
    let body: Body<'_> = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    (body.cursor, body.messages.iter().map(|raw| Said::new(raw.get().to_owned(), None)).collect())
}

/// What a poll's body says beside its messages, in the words of the streams: the epoch that all of it is of.
fn epoch(cursor: &str) -> Said {
    Said::new(format!(r#"{{"t":"epoch","epoch":"{}"}}"#, cursor.split(':').next().unwrap()), None)
}

/// And the cursor that all of it leads to.
fn at(cursor: &str, full: bool) -> Said {
    let full = if full { r#","full":true"# } else { "" };
    Said::new(format!(r#"{{"t":"at","cursor":"{cursor}"{full}}}"#), None)
}

/// True if the stream has ended by the deadline.
pub fn ends(client: &mut Http, deadline: Instant) -> bool {
    loop {
        match client.fill(deadline) {
            Fill::Bytes => client.buffer.clear(),
            Fill::End => return true,
            Fill::TimedOut => return false,
        }
    }
}

/// True if the text holds the words in this order.
pub fn in_order(text: &[u8], words: &[&str]) -> bool {
    let mut rest = text;
    words.iter().all(|word| match find(rest, word.as_bytes()) {
        Some(at) => {
            rest = &rest[at + word.len()..];
            true
        }
        None => false,
    })
}
