//! One subscriber of a crowd: what it subscribes to, how it behaves, and its connection while it has one.

use super::copy::Copy;
use super::poll;
use crate::client::connection::{Connection, Listener, Phase, Taking, plain};
use crate::client::ledger::Breach;
use crate::client::{sse, websocket};
use crate::scan::scan;
use crate::workload::Transport;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};

/// Longest wait that a poll asks for, seconds.
const POLL_WAIT_S: u64 = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Stream(Transport),
    LongPoll,
}

/// What a subscriber does all its life.
#[derive(Clone, Debug)]
pub struct Habit {
    /// Names and patterns, as in a query.
    pub topics: String,
    /// The exact ones of them that are alive from the beginning.
    pub exact: Vec<Box<[u8]>>,
    pub ways: Vec<Way>,
    /// It stops reading now and then; the kernel holds little for it.
    pub stalls: bool,
    /// It leaves, and comes back.
    pub roams: bool,
}

/// A connection, or a client that polls.
#[derive(Debug)]
pub enum Line {
    Stream(Box<Connection<Copy>>),
    Poll(Box<Poller>),
}

#[derive(Debug)]
pub struct Poller {
    socket: OwnedFd,
    asked: bool,
    rest: Vec<u8>,
    topics: String,
    copy: Copy,
    /// `None` before the first answer.
    cursor: Option<String>,
}

impl Line {
    /// A connection that is being made. Returns it and the request to send once it is.
    pub fn begin(socket: OwnedFd, way: Way, topics: &str, mut copy: Copy, resume: bool) -> (Line, Vec<u8>) {
        let cursor = copy.begin(resume);
        match way {
            Way::LongPoll => {
                let request = poll::request(topics, cursor.as_deref(), POLL_WAIT_S);
                let (asked, rest, topics) = (false, Vec::new(), topics.to_owned());
                (Line::Poll(Box::new(Poller { socket, asked, rest, topics, copy, cursor })), request.into())
            }
            Way::Stream(transport) => {
                let query = match &cursor {
                    Some(cursor) => format!("{topics}&cursor={cursor}"),
                    None => topics.to_owned(),
                };
                let request = match transport {
                    Transport::Websocket => websocket::request(&query),
                    Transport::Sse => sse::request(&query),
                };
                (Line::Stream(Box::new(Connection::new(socket, transport, copy))), request.into())
            }
        }
    }

    pub fn socket(&self) -> BorrowedFd<'_> {
        match self {
            Line::Stream(connection) => connection.socket.as_fd(),
            Line::Poll(poller) => poller.socket.as_fd(),
        }
    }

    pub fn is_connecting(&self) -> bool {
        match self {
            Line::Stream(connection) => connection.phase == Phase::Connecting,
            Line::Poll(poller) => !poller.asked,
        }
    }

    /// The request is sent.
    pub fn asked(&mut self) {
        match self {
            Line::Stream(connection) => connection.phase = Phase::Head,
            Line::Poll(poller) => poller.asked = true,
        }
    }

    pub fn copy(&self) -> &Copy {
        match self {
            Line::Stream(connection) => &connection.listener,
            Line::Poll(poller) => &poller.copy,
        }
    }

    pub fn into_copy(self) -> Copy {
        match self {
            Line::Stream(connection) => connection.listener,
            Line::Poll(poller) => poller.copy,
        }
    }

    /// A WebSocket says goodbye before it goes; everybody else just goes.
    pub fn farewell(&self) -> Option<Vec<u8>> {
        match self {
            Line::Stream(connection) if connection.transport() == Transport::Websocket => {
                Some(websocket::masked(websocket::CLOSE, &1000_u16.to_be_bytes()))
            }
            _ => None,
        }
    }

    pub fn take(&mut self, read: &[u8], taking: &mut Taking<'_>) -> Result<(), Breach> {
        match self {
            Line::Stream(connection) => connection.take(read, taking),
            Line::Poll(poller) => poller.take(read, taking),
        }
    }
}

impl Poller {
    fn take(&mut self, read: &[u8], taking: &mut Taking<'_>) -> Result<(), Breach> {
        self.rest.extend_from_slice(read);
        let bytes = std::mem::take(&mut self.rest);
        let answer = poll::next(&bytes).map_err(|error| {
            plain("poll", error.to_string(), String::from_utf8_lossy(&bytes[..bytes.len().min(400)]))
        })?;
        let Some(answer) = answer else {
            self.rest = bytes;
            return Ok(());
        };
        if answer.length < bytes.len() {
            return Err(plain("poll", "one answer to one request", "more"));
        }
        self.copy.begin_answer(self.cursor.is_some());
        let mut messages = answer.messages;
        while let Some((json, rest)) = poll::split(messages) {
            let Some(message) = scan(json) else {
                return Err(plain("message", "one of protocol v1", String::from_utf8_lossy(json)));
            };
            self.copy.hear(&message, None, taking)?;
            messages = rest;
        }
        self.copy.end_answer(answer.cursor)?;
        let cursor = String::from_utf8_lossy(answer.cursor).into_owned();
        taking.answer.extend(poll::request(&self.topics, Some(&cursor), POLL_WAIT_S).into_bytes());
        self.cursor = Some(cursor);
        Ok(())
    }
}
