//! Publishing over HTTP: one POST per message over a connection that is kept: requests go out as they are due, answers are read
//! as they come, so that a peer that is slow to answer does not slow the schedule.

use super::http;
use super::message::{self, topic_name};
use crate::payload::Stamp;
use crate::publisher::Inlet;
use anyhow::{Context, ensure};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use std::io::Write;
use std::net::{SocketAddrV4, TcpStream};
use std::time::Duration;

/// Longest time in which the peer has to take bytes, or to answer.
const STALL_TIME: Duration = Duration::from_secs(30);
/// Requests without an answer, at most: past that the publisher waits, and is late.
const UNANSWERED_MAX: u64 = 1_000;
const READ_BYTES_MAX: usize = 64 * 1024;

#[derive(Debug)]
pub struct Posts {
    socket: TcpStream,
    /// The topic is appended.
    path: &'static str,
    message_bytes: usize,
    message: Vec<u8>,
    names: Vec<String>,
    buffer: Vec<u8>,
    /// Bytes of an answer that is not whole yet.
    rest: Vec<u8>,
    unanswered: u64,
    accepted: u64,
}

impl Posts {
    /// `path`: what stands before the topic.
    pub fn open(peer: SocketAddrV4, path: &'static str, message_bytes: usize) -> anyhow::Result<Posts> {
        let socket = connect(peer)?;
        let (message, names, rest) = (Vec::new(), Vec::new(), Vec::new());
        let (buffer, unanswered, accepted) = (vec![0; READ_BYTES_MAX], 0, 0);
        Ok(Posts { socket, path, message_bytes, message, names, buffer, rest, unanswered, accepted })
    }

    /// Reads answers. `flags`: none to wait for some.
    fn read(&mut self, flags: RecvFlags) -> anyhow::Result<()> {
        let length = match recv(&self.socket, &mut self.buffer[..], flags) {
            Ok((length, _)) => length,
            Err(Errno::INTR) => return Ok(()),
            Err(Errno::AGAIN) if flags == RecvFlags::DONTWAIT => return Ok(()),
            Err(error) => return Err(error).context("the answer to publishing"),
        };
        ensure!(length > 0, "the peer ended the publisher's connection");
        self.rest.extend_from_slice(&self.buffer[..length]);
        let mut taken = 0;
        while let Some(answer) = http::answer(&self.rest[taken..])? {
            let refused = String::from_utf8_lossy(answer.body);
            ensure!(answer.status / 100 == 2, "publishing was refused: {} {refused}", answer.status);
            taken += answer.length;
            self.accepted += 1;
            self.unanswered = self.unanswered.saturating_sub(1);
        }
        self.rest.drain(..taken);
        Ok(())
    }
}

impl Inlet for Posts {
    fn write(&mut self, topic: usize, stamp: Stamp, out: &mut Vec<u8>) {
        for number in self.names.len()..=topic {
            self.names.push(topic_name(number));
        }
        self.message.clear();
        message::write(topic, stamp, self.message_bytes, &mut self.message);
        let path = format!("{}{}", self.path, self.names[topic]);
        write_head(&path, "application/json", self.message.len(), out);
        out.extend_from_slice(&self.message);
        self.unanswered += 1;
    }

    fn send(&mut self, written: &[u8]) -> anyhow::Result<()> {
        self.socket.write_all(written).context("the peer takes no more from the publisher")?;
        self.read(RecvFlags::DONTWAIT)?;
        while self.unanswered > UNANSWERED_MAX {
            self.read(RecvFlags::empty())?;
        }
        Ok(())
    }

    /// Every answer is read; one that refuses ends the run.
    fn finish(&mut self, sent: u64) -> anyhow::Result<()> {
        while self.unanswered > 0 {
            self.read(RecvFlags::empty())?;
        }
        ensure!(self.accepted == sent, "the peer accepted {} of {sent} messages", self.accepted);
        Ok(())
    }
}

/// A connection of the publisher.
pub fn connect(peer: SocketAddrV4) -> anyhow::Result<TcpStream> {
    let socket = TcpStream::connect(peer).context("the publisher cannot connect")?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(STALL_TIME))?;
    socket.set_write_timeout(Some(STALL_TIME))?;
    Ok(socket)
}

/// Appends the head of a POST.
pub fn write_head(path: &str, content: &str, body_bytes: usize, out: &mut Vec<u8>) {
    // Writing to a Vec cannot fail.
    let _ = write!(
        out,
        "POST {path} HTTP/1.1\r\nHost: loadtest\r\nContent-Type: {content}\r\nContent-Length: {body_bytes}\r\n\r\n"
    );
}
