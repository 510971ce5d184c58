//! What a subscriber of a peer says and hears over its connection: pure, bytes in, bytes out. WebSocket and server-sent
//! events are the same for all peers; what a peer wraps around a message is its [`Envelope`].

use super::http;
use super::message::Ear;
use crate::client::connection::plain;
use crate::client::ledger::{Breach, words};
use crate::client::{sse, websocket};
use memchr::memmem;

pub trait Dialogue {
    /// Appends what is said first.
    fn begin(&mut self, out: &mut Vec<u8>);
    /// Takes what is whole. Returns how many bytes it was.
    fn take(&mut self, bytes: &[u8], ear: &mut Ear<'_>) -> Result<usize, Breach>;
    /// True once the peer has it as a subscriber.
    fn is_ready(&self) -> bool;
}

/// What a peer puts into a WebSocket message.
pub trait Envelope {
    /// The socket is upgraded: appends frames that are said now.
    fn greet(&mut self, _out: &mut Vec<u8>) {}
    fn open(&mut self, payload: &[u8], ear: &mut Ear<'_>) -> Result<(), Breach>;
    fn is_ready(&self) -> bool;
}

#[derive(Debug)]
pub struct WebSocket<E> {
    request: String,
    is_upgraded: bool,
    envelope: E,
}

impl<E: Envelope> WebSocket<E> {
    /// `path`: with its query.
    pub fn new(path: &str, envelope: E) -> WebSocket<E> {
        WebSocket { request: websocket::upgrade(path, None), is_upgraded: false, envelope }
    }

    fn take_head(&mut self, bytes: &[u8], ear: &mut Ear<'_>) -> Result<usize, Breach> {
        let Some(head) = http::head(bytes)? else { return Ok(0) };
        let said = &bytes[..head.length];
        if head.status != 101 || memmem::find(said, websocket::ACCEPT.as_bytes()).is_none() {
            return Err(plain("response head", "an upgrade", words(bytes)));
        }
        self.is_upgraded = true;
        self.envelope.greet(ear.answer);
        Ok(head.length)
    }

    fn take_frame(&mut self, frame: &websocket::Frame<'_>, ear: &mut Ear<'_>) -> Result<(), Breach> {
        match frame.opcode {
            websocket::TEXT | websocket::BINARY => self.envelope.open(frame.payload, ear)?,
            websocket::PING => ear.answer.extend(websocket::masked(websocket::PONG, frame.payload)),
            websocket::CLOSE => return Err(plain("close", "none", websocket::close_words(frame.payload))),
            _ => {}
        }
        Ok(())
    }
}

impl<E: Envelope> Dialogue for WebSocket<E> {
    fn begin(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.request.as_bytes());
    }

    fn take(&mut self, bytes: &[u8], ear: &mut Ear<'_>) -> Result<usize, Breach> {
        let mut taken = 0;
        if !self.is_upgraded {
            taken = self.take_head(bytes, ear)?;
            if taken == 0 {
                return Ok(0);
            }
        }
        let refused = |error: websocket::FrameError| plain("frame", "a whole server frame", error.to_string());
        while let Some(frame) = websocket::next(&bytes[taken..]).map_err(refused)? {
            self.take_frame(&frame, ear)?;
            taken += frame.length;
        }
        Ok(taken)
    }

    fn is_ready(&self) -> bool {
        self.is_upgraded && self.envelope.is_ready()
    }
}

/// No envelope: the message itself, and for a peer that says when it has subscribed us, this word.
#[derive(Debug)]
pub struct Bare {
    pub ready_word: Option<&'static str>,
}

impl Envelope for Bare {
    fn open(&mut self, payload: &[u8], ear: &mut Ear<'_>) -> Result<(), Breach> {
        if self.ready_word.is_some_and(|word| payload == word.as_bytes()) {
            self.ready_word = None;
            return Ok(());
        }
        ear.hear(payload)
    }

    fn is_ready(&self) -> bool {
        self.ready_word.is_none()
    }
}

/// Server-sent events of which each holds one message and nothing else.
#[derive(Debug)]
pub struct Events {
    path: String,
    /// `None` until the head is there.
    is_chunked: Option<bool>,
    /// Content of chunks that is no whole event yet.
    content: Vec<u8>,
}

impl Events {
    pub fn new(path: String) -> Events {
        Events { path, is_chunked: None, content: Vec::new() }
    }

    fn take_head(&mut self, bytes: &[u8]) -> Result<usize, Breach> {
        let Some(head) = http::head(bytes)? else { return Ok(0) };
        if head.status != 200 || memmem::find(&bytes[..head.length], b"text/event-stream").is_none() {
            return Err(plain("response head", "200 with text/event-stream", words(bytes)));
        }
        self.is_chunked = Some(head.is_chunked);
        Ok(head.length)
    }
}

impl Dialogue for Events {
    fn begin(&mut self, out: &mut Vec<u8>) {
        let head = format!("GET {} HTTP/1.1\r\nHost: loadtest\r\nAccept: text/event-stream\r\n\r\n", self.path);
        out.extend_from_slice(head.as_bytes());
    }

    fn take(&mut self, bytes: &[u8], ear: &mut Ear<'_>) -> Result<usize, Breach> {
        let mut taken = 0;
        if self.is_chunked.is_none() {
            taken = self.take_head(bytes)?;
        }
        match self.is_chunked {
            None => Ok(0),
            Some(false) => Ok(taken + take_blocks(&bytes[taken..], ear)?),
            Some(true) => {
                taken += http::take_chunks(&bytes[taken..], &mut self.content)?;
                let done = take_blocks(&self.content, ear)?;
                self.content.drain(..done);
                Ok(taken)
            }
        }
    }

    fn is_ready(&self) -> bool {
        self.is_chunked.is_some()
    }
}

fn take_blocks(bytes: &[u8], ear: &mut Ear<'_>) -> Result<usize, Breach> {
    let mut taken = 0;
    let refused = |error: sse::BlockError| plain("block", "id, data, retry", error.to_string());
    while let Some(block) = sse::next(&bytes[taken..]).map_err(refused)? {
        if let Some(data) = block.data {
            ear.hear(data)?;
        }
        taken += block.length;
    }
    Ok(taken)
}
