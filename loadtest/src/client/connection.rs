//! One subscriber: its socket, the bytes that are not whole yet, and who is told its messages. A client that polls asks
//! again after each answer: at once, or when who runs it says so.

use super::ledger::Breach;
use super::query::Query;
use super::tally::Tally;
use super::{poll, sse, websocket};
use crate::payload::StampFinder;
use crate::scan::{Message, scan};
use crate::workload::Transport;
use memchr::memmem;
use rustix::fd::OwnedFd;

/// Longest response head that is waited for.
const HEAD_BYTES_MAX: usize = 16 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The socket connects; the request is not sent.
    Connecting,
    /// The request is sent, the response head is not whole.
    Head,
    Stream,
}

/// Who is told the messages of a connection, and says whether they may follow what was told before.
pub trait Listener {
    /// `id`: the SSE `id:` that stood with the message.
    fn hear(&mut self, message: &Message<'_>, id: Option<&[u8]>, taking: &mut Taking<'_>) -> Result<(), Breach>;

    /// A poll's answer begins, which has no `hello`. `resume`: the client asked from a cursor.
    fn begin_answer(&mut self, resume: bool);

    /// A poll's answer ends with a cursor.
    fn end_answer(&mut self, cursor: &[u8]) -> Result<(), Breach>;
}

#[derive(Debug)]
pub struct Connection<L> {
    pub socket: OwnedFd,
    pub phase: Phase,
    transport: Transport,
    /// Bytes of a message that is not whole; an idle connection holds none.
    rest: Vec<u8>,
    /// `None` of a stream.
    poller: Option<Box<Poller>>,
    pub listener: L,
}

/// What a client that polls asks for, and from where.
#[derive(Debug)]
struct Poller {
    query: Query,
    /// The cursor of a long-poll, the tag of a snapshot; `None` before the first answer.
    from: Option<String>,
    /// The last request was answered, and the next is not sent.
    rests: bool,
}

/// What taking bytes needs beside the connection.
#[derive(Debug)]
pub struct Taking<'a> {
    pub stamps: &'a StampFinder,
    pub tally: &'a mut Tally,
    pub now_ns: u64,
    /// What is to be sent back (pongs).
    pub answer: &'a mut Vec<u8>,
}

impl<L: Listener> Connection<L> {
    pub fn new(socket: OwnedFd, transport: Transport, listener: L) -> Connection<L> {
        Connection { socket, phase: Phase::Connecting, transport, rest: Vec::new(), poller: None, listener }
    }

    /// A connection that is being made, and the request to send once it is. `from`: the cursor to go on from.
    pub fn begin(
        socket: OwnedFd,
        transport: Transport,
        query: Query,
        from: Option<String>,
        listener: L,
    ) -> (Connection<L>, String) {
        let request = query.request(transport, from.as_deref());
        let mut connection = Connection::new(socket, transport, listener);
        if !transport.is_stream() {
            connection.poller = Some(Box::new(Poller { query, from, rests: false }));
        }
        (connection, request)
    }

    /// The next request of plain polling, if the last one is answered.
    pub fn ask_again(&mut self) -> Option<String> {
        let poller = self.poller.as_mut().filter(|poller| poller.rests)?;
        poller.rests = false;
        Some(poller.query.request(self.transport, poller.from.as_deref()))
    }

    /// It polls, and waits to be told to ask again.
    pub fn rests(&self) -> bool {
        self.poller.as_ref().is_some_and(|poller| poller.rests)
    }

    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// Takes what was read; what is not whole is kept for the next call.
    pub fn take(&mut self, read: &[u8], taking: &mut Taking<'_>) -> Result<(), Breach> {
        if self.rest.is_empty() {
            let taken = self.take_whole(read, taking)?;
            self.rest.extend_from_slice(&read[taken..]);
            return Ok(());
        }
        let mut bytes = std::mem::take(&mut self.rest);
        bytes.extend_from_slice(read);
        let taken = self.take_whole(&bytes, taking)?;
        if taken < bytes.len() {
            bytes.drain(..taken);
            self.rest = bytes;
        }
        Ok(())
    }

    /// Takes all whole messages. Returns how many bytes they were.
    fn take_whole(&mut self, bytes: &[u8], taking: &mut Taking<'_>) -> Result<usize, Breach> {
        let mut taken = 0;
        if !self.transport.is_stream() {
            return self.take_answer(bytes, taking);
        }
        if self.phase != Phase::Stream {
            taken = self.take_head(bytes)?;
            if taken == 0 {
                return Ok(0);
            }
        }
        loop {
            let length = match self.transport {
                Transport::Websocket => self.take_frame(&bytes[taken..], taking)?,
                _ => self.take_block(&bytes[taken..], taking)?,
            };
            if length == 0 {
                return Ok(taken);
            }
            taken += length;
        }
    }

    fn take_head(&mut self, bytes: &[u8]) -> Result<usize, Breach> {
        let Some(end) = memmem::find(bytes, b"\r\n\r\n") else {
            return if bytes.len() < HEAD_BYTES_MAX { Ok(0) } else { Err(plain("response head", "an end", "none")) };
        };
        let head = &bytes[..end + 4];
        let (status, needed) = match self.transport {
            Transport::Websocket => ("HTTP/1.1 101 ", websocket::ACCEPT),
            _ => ("HTTP/1.1 200 ", "text/event-stream"),
        };
        if !head.starts_with(status.as_bytes()) || memmem::find(head, needed.as_bytes()).is_none() {
            let expected = format!("{status}with {needed}");
            return Err(plain("response head", expected, String::from_utf8_lossy(bytes)));
        }
        self.phase = Phase::Stream;
        Ok(head.len())
    }

    fn take_frame(&mut self, bytes: &[u8], taking: &mut Taking<'_>) -> Result<usize, Breach> {
        let frame =
            websocket::next(bytes).map_err(|error| plain("frame", "a whole server frame", error.to_string()))?;
        let Some(frame) = frame else { return Ok(0) };
        match frame.opcode {
            websocket::TEXT => self.take_message(frame.payload, None, taking)?,
            websocket::PING => taking.answer.extend(websocket::masked(websocket::PONG, frame.payload)),
            websocket::PONG => {}
            websocket::CLOSE => return Err(plain("close", "none", websocket::close_words(frame.payload))),
            opcode => return Err(plain("frame", "text", format!("opcode {opcode}"))),
        }
        Ok(frame.length)
    }

    fn take_block(&mut self, bytes: &[u8], taking: &mut Taking<'_>) -> Result<usize, Breach> {
        let block = sse::next(bytes).map_err(|error| plain("block", "id, data, retry", error.to_string()))?;
        let Some(block) = block else { return Ok(0) };
        if let Some(data) = block.data {
            self.take_message(data, block.id, taking)?;
        }
        Ok(block.length)
    }

    fn take_answer(&mut self, bytes: &[u8], taking: &mut Taking<'_>) -> Result<usize, Breach> {
        let answer = poll::next(bytes).map_err(|error| {
            plain("poll", error.to_string(), String::from_utf8_lossy(&bytes[..bytes.len().min(400)]))
        })?;
        let Some(answer) = answer else { return Ok(0) };
        if answer.length < bytes.len() {
            return Err(plain("poll", "one answer to one request", "more"));
        }
        taking.tally.answers += 1;
        let Some(body) = answer.body else {
            taking.tally.unchanged += 1;
            self.answered(None, taking);
            return Ok(answer.length);
        };
        let resume = self.transport == Transport::LongPoll && self.from().is_some();
        self.listener.begin_answer(resume);
        let mut messages = body.messages;
        while let Some((json, rest)) = poll::split(messages) {
            self.take_message(json, None, taking)?;
            messages = rest;
        }
        self.listener.end_answer(body.cursor)?;
        let from = if self.transport == Transport::LongPoll { Some(body.cursor) } else { answer.tag };
        self.answered(from, taking);
        Ok(answer.length)
    }

    fn from(&self) -> Option<&str> {
        self.poller.as_ref()?.from.as_deref()
    }

    /// A long-poll asks again at once. `from`: `None` if it goes on from where it was.
    fn answered(&mut self, from: Option<&[u8]>, taking: &mut Taking<'_>) {
        let Some(poller) = self.poller.as_mut() else { return };
        if let Some(from) = from {
            poller.from = Some(String::from_utf8_lossy(from).into_owned());
        }
        poller.rests = true;
        if self.transport == Transport::LongPoll
            && let Some(request) = self.ask_again()
        {
            taking.answer.extend(request.into_bytes());
        }
    }

    fn take_message(&mut self, json: &[u8], id: Option<&[u8]>, taking: &mut Taking<'_>) -> Result<(), Breach> {
        let Some(message) = scan(json) else {
            return Err(plain("message", "one of protocol v1", String::from_utf8_lossy(json)));
        };
        self.listener.hear(&message, id, taking)
    }
}

/// A breach that is not about one topic.
pub fn plain(what: &'static str, expected: impl Into<String>, got: impl Into<String>) -> Breach {
    Breach { what, topic: None, expected: expected.into(), got: got.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::ledger::Ledger;
    use crate::client::websocket::server_frame;

    const MESSAGES: [&str; 4] = [
        r#"{"t":"hello","v":1}"#,
        r#"{"t":"snap","topic":"quote.load.0","seq":1,"why":"subscribe","data":{"k":1,"sent":1}}"#,
        r#"{"t":"at","cursor":"e:1"}"#,
        r#"{"t":"delta","topic":"quote.load.0","seq":2,"o":2,"data":{"k":2,"pad":"data: {}","sent":2}}"#,
    ];

    fn stream(transport: Transport) -> Vec<u8> {
        match transport {
            Transport::Websocket => {
                let mut bytes = format!("HTTP/1.1 101 x\r\nsec-websocket-accept: {}\r\n\r\n", websocket::ACCEPT).into();
                MESSAGES
                    .iter()
                    .for_each(|json| Vec::extend(&mut bytes, server_frame(websocket::TEXT, json.as_bytes())));
                bytes.extend(server_frame(websocket::PING, b"p"));
                bytes
            }
            _ => {
                let mut bytes = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\nretry: 5\n\n".to_vec();
                for json in MESSAGES {
                    let id = if json.contains(r#""o":2"#) { "id: e:2\n" } else { "" };
                    bytes.extend(format!("{id}data: {json}\n\n").into_bytes());
                }
                bytes
            }
        }
    }

    /// The stream in the pieces given by `cuts`; what came of it.
    fn play(transport: Transport, pieces: &[&[u8]]) -> (Connection<Ledger>, Tally, Vec<u8>) {
        let (socket, _) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut connection = Connection::new(socket.into(), transport, Ledger::new("quote.load.", &[0]));
        let (stamps, mut tally, mut answer) = (StampFinder::default(), Tally::default(), Vec::new());
        for piece in pieces {
            let mut taking = Taking { stamps: &stamps, tally: &mut tally, now_ns: 9, answer: &mut answer };
            connection.take(piece, &mut taking).unwrap();
        }
        (connection, tally, answer)
    }

    #[test]
    fn reads_cut_at_every_byte() {
        for transport in [Transport::Websocket, Transport::Sse] {
            let bytes = stream(transport);
            for cut in 0..=bytes.len() {
                let (connection, tally, _) = play(transport, &[&bytes[..cut], &bytes[cut..]]);
                assert!(connection.listener.is_whole() && connection.rest.is_empty());
                assert_eq!((tally.deliveries, tally.snapshots), (1, 1));
            }
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            let (_, tally, answer) = play(transport, &single);
            assert_eq!(tally.deliveries, 1);
            assert_eq!(answer.is_empty(), transport == Transport::Sse, "a ping is answered");
        }
    }

    #[test]
    fn a_refusal_is_shown() {
        let (socket, _) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut connection = Connection::new(socket.into(), Transport::Sse, Ledger::new("quote.load.", &[0]));
        let (stamps, mut tally, mut answer) = (StampFinder::default(), Tally::default(), Vec::new());
        let mut taking = Taking { stamps: &stamps, tally: &mut tally, now_ns: 9, answer: &mut answer };
        let breach = connection.take(b"HTTP/1.1 503 Busy\r\n\r\n{\"code\":1}", &mut taking).unwrap_err();
        assert!(breach.got.contains("503 Busy"));
    }
}
