//! Callers: each connects, asks, waits for its answer, resets the connection, and calls again.

use crate::client::dial::dial;
use crate::client::websocket;
use crate::clock::{now_ns, timespec};
use anyhow::{Context, bail, ensure};
use hdrhistogram::Histogram;
use memchr::memmem;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send, sockopt};
use std::net::SocketAddrV4;
use std::time::Duration;

/// Bytes of an answer that are looked at.
const ANSWER_BYTES_MAX: usize = 4 * 1024;
const LATENCY_NS_MAX: u64 = 60_000_000_000;

/// What ends a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// The response's head is whole.
    Head,
    /// A byte after it came.
    FirstFrame,
}

#[derive(Debug)]
struct Call {
    socket: OwnedFd,
    begun_ns: u64,
    asked: bool,
    answer: Vec<u8>,
}

#[derive(Debug)]
pub struct Callers {
    target: SocketAddrV4,
    until: Until,
    epoll: OwnedFd,
    request: String,
    calls: Vec<Call>,
    dialled: usize,
    answered: u64,
    latency: Histogram<u64>,
}

impl Callers {
    pub fn new(target: SocketAddrV4, until: Until, concurrency: usize) -> anyhow::Result<Callers> {
        let mut callers = Callers {
            target,
            until,
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            request: websocket::request("quote.load.0"),
            calls: Vec::new(),
            dialled: 0,
            answered: 0,
            latency: Histogram::new_with_bounds(1_000, LATENCY_NS_MAX, 3)?,
        };
        for number in 0..concurrency {
            let call = callers.call(number)?;
            callers.calls.push(call);
        }
        Ok(callers)
    }

    pub fn answered(&self) -> u64 {
        self.answered
    }

    /// From the call to `connect` until the answer was read, ns.
    pub fn latency(&self) -> &Histogram<u64> {
        &self.latency
    }

    /// Forgets what was counted so far.
    pub fn forget(&mut self) {
        self.answered = 0;
        self.latency.reset();
    }

    pub fn run_until(&mut self, until_ns: u64) -> anyhow::Result<()> {
        let mut events: Vec<epoll::Event> = Vec::with_capacity(self.calls.len());
        while now_ns() < until_ns {
            events.clear();
            let left = timespec(until_ns.saturating_sub(now_ns()));
            match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&left)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error).context("epoll"),
            }
            for event in &events {
                self.step(event.data.u64() as usize)?;
            }
        }
        Ok(())
    }

    fn call(&mut self, number: usize) -> anyhow::Result<Call> {
        self.dialled += 1;
        let socket = dial(self.target, self.dialled, false)?;
        // The end of a call is a reset: nothing is left behind that would use up ports.
        sockopt::set_socket_linger(&socket, Some(Duration::ZERO))?;
        epoll::add(&self.epoll, &socket, EventData::new_u64(number as u64), EventFlags::OUT)?;
        Ok(Call { socket, begun_ns: now_ns(), asked: false, answer: Vec::new() })
    }

    fn step(&mut self, number: usize) -> anyhow::Result<()> {
        let call = &mut self.calls[number];
        if !call.asked {
            let sent = send(&call.socket, self.request.as_bytes(), SendFlags::NOSIGNAL).context("the request")?;
            ensure!(sent == self.request.len(), "the request was sent in part");
            call.asked = true;
            epoll::modify(&self.epoll, &call.socket, EventData::new_u64(number as u64), EventFlags::IN)?;
            return Ok(());
        }
        let mut buffer = [0; ANSWER_BYTES_MAX];
        match recv(&call.socket, &mut buffer[..], RecvFlags::empty()) {
            Ok((0, _)) => bail!("the server ended the connection: {}", String::from_utf8_lossy(&call.answer)),
            Ok((length, _)) => call.answer.extend_from_slice(&buffer[..length]),
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Err(error) => return Err(error).context("the answer"),
        }
        if is_whole(&call.answer, self.until)? {
            self.answered += 1;
            self.latency.saturating_record(now_ns() - call.begun_ns);
            self.calls[number] = self.call(number)?;
        }
        Ok(())
    }
}

/// True if the call is over; fails if the answer is not a 101.
fn is_whole(answer: &[u8], until: Until) -> anyhow::Result<bool> {
    let Some(end) = memmem::find(answer, b"\r\n\r\n") else {
        ensure!(answer.len() < ANSWER_BYTES_MAX, "the head of the answer does not end");
        return Ok(false);
    };
    ensure!(answer.starts_with(b"HTTP/1.1 101 "), "not an upgrade: {}", String::from_utf8_lossy(&answer[..end]));
    Ok(until == Until::Head || answer.len() > end + 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        let head = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n";
        for end in 0..head.len() {
            assert!(!is_whole(&head[..end], Until::Head).unwrap());
        }
        assert!(is_whole(head, Until::Head).unwrap() && !is_whole(head, Until::FirstFrame).unwrap());
        assert!(is_whole(&[&head[..], b"\x81"].concat(), Until::FirstFrame).unwrap());
        assert!(is_whole(b"HTTP/1.1 503 Busy\r\n\r\n", Until::Head).is_err());
        assert!(is_whole(&[b'x'; ANSWER_BYTES_MAX], Until::Head).is_err());
    }
}
