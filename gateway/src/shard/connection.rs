//! One streaming subscriber: its wire, its set, and what it is owed when it is not simply live.

use super::backlog::Backlog;
use super::budget::Budget;
use super::counters::Transport;
use super::sets::SetKey;
use crate::close::CloseReason;
use crate::framing::Framing;
use crate::log::Offset;
use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;

/// Index of a connection in its shard; reused after it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnKey(pub usize);

/// Never reused; what a client sees as `id` in `hello`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnId(pub u64);

/// Where bytes go. A socket in the product, a script in the simulator.
pub trait Wire {
    /// Takes as many bytes as it can; `WouldBlock` if none.
    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize>;

    /// The socket that the bytes go to; `None` if it is something else.
    fn socket(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// What the transport keeps for reading from its peer; the core does not look into it.
#[derive(Debug)]
pub enum Peer {
    /// Bytes of a frame or message that is not whole yet; `None` when there are none, so that an idle connection holds
    /// no buffer.
    WebSocket(Option<Box<crate::transport::websocket::Assembly>>),
    /// The same, on the path whose messages come back.
    Echo(Option<Box<crate::transport::websocket::Assembly>>),
    /// Nothing is read but the end.
    Sse,
}

/// Cost: `repr(C)` keeps what every delivery touches in the first cache line.
#[derive(Debug)]
#[repr(C)]
pub struct Connection<W> {
    /// `None` while it is live and owed nothing: the fast lane.
    pub backlog: Option<Box<Backlog>>,
    pub wire: W,
    /// Set once a close was sent or decided; nothing but the rest of the stream follows.
    pub closing: Option<CloseReason>,
    pub transport: Transport,
    /// Of the live phase; the other one is derived. Quiet if some of its topics are throttled.
    pub framing: Framing,
    /// It met `topics_limit`: no cursor could be true.
    pub limited: bool,
    /// The close is sent; only the peer's answer is awaited.
    pub lingering: bool,
    /// `None` until the first subscription.
    pub set: Option<SetKey>,
    /// Where it stands in its set's members.
    pub member: u32,
    /// Its latency budget.
    pub linger_ms: u32,
    pub id: ConnId,
    pub peer: Peer,
    /// Where the shard stood when it came to that set. What had ended by then it was not told of as living, so no older
    /// cursor would be true.
    pub since: Offset,
    /// Errors answered so far; past the budget it is closed.
    pub errors: u32,
    /// What it may still ask for now.
    pub commands: Budget,
    /// When it last showed life, in seconds of the shard's clock.
    pub heard_s: u32,
    /// Pings sent since then.
    pub asked: u8,
}

impl<W> Connection<W> {
    pub fn backlog(&mut self) -> &mut Backlog {
        self.backlog.get_or_insert_default()
    }

    /// True if its entries state cursors.
    pub fn is_live(&self) -> bool {
        self.backlog.as_ref().is_none_or(|backlog| backlog.is_live())
    }

    /// How what is written next is framed.
    pub fn framing_now(&self) -> Framing {
        self.framing.quiet(self.framing.quiet || !self.is_live())
    }

    /// True if it takes no more bytes for now.
    pub fn is_blocked(&self) -> bool {
        self.backlog.as_ref().is_some_and(|backlog| backlog.blocked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::Socket;

    /// Cost: there are 10,000 of them, most of them idle. What is rare goes into a box that is there while it is needed.
    #[test]
    fn an_idle_connection_is_small() {
        assert!(size_of::<Connection<Socket>>() <= 112);
    }
}
