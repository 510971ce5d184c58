//! The connections of a floor: their sockets, what each is, and the bytes that its socket has not taken yet.

use anyhow::{Context, ensure};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::{AsRawFd, OwnedFd, RawFd};
use rustix::io::Errno;
use rustix::net::{SendFlags, send, sockopt};
use rustix::time::Timespec;

/// Bytes that may wait for a subscriber whose socket is full; past that the floor gives up.
const UNSENT_BYTES_MAX: usize = 64 * 1024 * 1024;

#[derive(Debug)]
pub enum Role {
    /// The request is not whole yet.
    Asking(Vec<u8>),
    Publisher {
        rest: Vec<u8>,
        accepted: u64,
    },
    Subscriber {
        unsent: Vec<u8>,
        /// The socket is full: it is waited for.
        full: bool,
    },
}

#[derive(Debug)]
pub struct Peer {
    pub socket: OwnedFd,
    pub role: Role,
}

#[derive(Debug)]
pub struct Peers {
    epoll: OwnedFd,
    /// Who left leaves its place empty: a number is not used again.
    places: Vec<Option<Peer>>,
}

impl Peers {
    /// `listener` is told apart by `listener_event`.
    pub fn new(listener: &OwnedFd, listener_event: u64) -> anyhow::Result<Peers> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, listener, EventData::new_u64(listener_event), EventFlags::IN)?;
        Ok(Peers { epoll, places: Vec::new() })
    }

    pub fn wait(&self, events: &mut Vec<epoll::Event>, longest: Option<&Timespec>) -> anyhow::Result<()> {
        events.clear();
        match epoll::wait(&self.epoll, spare_capacity(events), longest) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error).context("epoll"),
        }
    }

    pub fn add(&mut self, socket: OwnedFd) -> anyhow::Result<()> {
        sockopt::set_tcp_nodelay(&socket, true)?;
        epoll::add(&self.epoll, &socket, EventData::new_u64(self.places.len() as u64), EventFlags::IN)?;
        self.places.push(Some(Peer { socket, role: Role::Asking(Vec::new()) }));
        Ok(())
    }

    pub fn get(&mut self, number: usize) -> Option<&mut Peer> {
        self.places[number].as_mut()
    }

    pub fn remove(&mut self, number: usize) -> Option<Peer> {
        self.places[number].take()
    }

    /// One `send(2)`, unless bytes of before wait: then these wait behind them.
    pub fn send(&mut self, number: usize, bytes: &[u8]) -> anyhow::Result<()> {
        let Some((socket, unsent)) = self.subscriber(number) else { return Ok(()) };
        let taken = if unsent.is_empty() { send(socket, bytes, SendFlags::NOSIGNAL) } else { Ok(0) };
        self.sent(number, bytes, taken)
    }

    /// The socket took so much of `bytes`: the rest waits.
    pub fn sent(&mut self, number: usize, bytes: &[u8], taken: Result<usize, Errno>) -> anyhow::Result<()> {
        let taken = match taken {
            Ok(taken) => taken,
            Err(Errno::AGAIN | Errno::INTR) => 0,
            // Its end is read soon.
            Err(_) => return Ok(()),
        };
        if taken == bytes.len() {
            return Ok(());
        }
        self.gather(number, &bytes[taken..])?;
        self.watch(number)
    }

    /// Puts bytes behind those that wait, and sends nothing. True if none waited.
    pub fn gather(&mut self, number: usize, bytes: &[u8]) -> anyhow::Result<bool> {
        let Some((_, unsent)) = self.subscriber(number) else { return Ok(false) };
        let first = unsent.is_empty();
        unsent.extend_from_slice(bytes);
        ensure!(unsent.len() < UNSENT_BYTES_MAX, "a subscriber reads too slowly");
        Ok(first)
    }

    /// Sends what waits.
    pub fn flush(&mut self, number: usize) -> anyhow::Result<()> {
        let Some((socket, unsent)) = self.subscriber(number) else { return Ok(()) };
        let taken = send(socket, unsent, SendFlags::NOSIGNAL).unwrap_or(0);
        unsent.drain(..taken);
        self.watch(number)
    }

    /// The socket of a subscriber for whom nothing waits.
    pub fn ready_socket(&mut self, number: usize) -> Option<RawFd> {
        let (socket, unsent) = self.subscriber(number)?;
        unsent.is_empty().then(|| socket.as_raw_fd())
    }

    /// Waits for a full socket, and no longer for one that is not.
    fn watch(&mut self, number: usize) -> anyhow::Result<()> {
        let epoll = &self.epoll;
        let Some(Peer { socket, role: Role::Subscriber { unsent, full } }) = self.places[number].as_mut() else {
            return Ok(());
        };
        if *full != unsent.is_empty() {
            return Ok(());
        }
        *full = !unsent.is_empty();
        let interest = if *full { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN };
        epoll::modify(epoll, &*socket, EventData::new_u64(number as u64), interest).context("epoll")
    }

    fn subscriber(&mut self, number: usize) -> Option<(&OwnedFd, &mut Vec<u8>)> {
        match self.places[number].as_mut()? {
            Peer { socket, role: Role::Subscriber { unsent, .. } } => Some((socket, unsent)),
            _ => None,
        }
    }
}
