//! The publisher: one endless NDJSON request, written by a schedule that was fixed beforehand (open loop).
//!
//! A message carries the time at which it was due, not the time at which the publisher got round to it, so a target (or
//! a publisher) that stalls shows in the latencies of everything that should have been sent meanwhile.

use crate::clock::{MILLISECOND_NS, SECOND_NS, now_ns, wait_until};
use crate::payload::{Stamp, number, write_line};
use crate::workload::{Kind, Workload};
use anyhow::{Context, bail, ensure};
use memchr::memmem;
use std::io::{Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// A message sent later than this after it was due is counted as late.
const LATE_NS: u64 = MILLISECOND_NS;
/// Longest time in which the target has to take bytes, or to answer.
const STALL_TIME: Duration = Duration::from_secs(20);
/// Longest answer that is read.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of lines sent in one chunk, when the publisher has to catch up.
const CHUNK_BYTES_MAX: usize = 256 * 1024;
/// Time between the end of the schedule and the end of the stream.
const LINGER_NS: u64 = 100 * MILLISECOND_NS;
/// Births sent in one chunk.
const BIRTHS_AT_ONCE: usize = 256;

/// A `POST /v1/publish` whose body has not ended.
#[derive(Debug)]
pub struct Stream {
    socket: TcpStream,
    chunk: Vec<u8>,
}

impl Stream {
    pub(crate) fn open(target: SocketAddrV4) -> anyhow::Result<Stream> {
        let socket = TcpStream::connect(target).context("the publisher cannot connect")?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(STALL_TIME))?;
        socket.set_write_timeout(Some(STALL_TIME))?;
        let mut stream = Stream { socket, chunk: Vec::new() };
        stream.socket.write_all(
            b"POST /v1/publish HTTP/1.1\r\nHost: loadtest\r\nContent-Type: application/x-ndjson\r\n\
              Transfer-Encoding: chunked\r\n\r\n",
        )?;
        Ok(stream)
    }

    pub(crate) fn send(&mut self, lines: &[u8]) -> anyhow::Result<()> {
        self.chunk.clear();
        write!(self.chunk, "{:x}\r\n", lines.len())?;
        self.chunk.extend_from_slice(lines);
        self.chunk.extend_from_slice(b"\r\n");
        self.socket.write_all(&self.chunk).context("the target takes no more from the publisher")
    }

    /// Ends the body. Returns how many lines the target says that it accepted.
    pub(crate) fn finish(&mut self) -> anyhow::Result<u64> {
        self.socket.write_all(b"0\r\n\r\n").context("the end of publishing")?;
        let mut answer = Vec::new();
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.socket.read(&mut buffer).context("the answer to publishing")? {
                0 => break,
                length => answer.extend_from_slice(&buffer[..length]),
            }
            // The answer is one JSON object, whose end is the end of what was read; the connection may stay open.
            if answer.ends_with(b"}") && memmem::find(&answer, b"\r\n\r\n").is_some() {
                break;
            }
            ensure!(answer.len() < ANSWER_BYTES_MAX, "the answer to publishing does not end");
        }
        let accepted = memmem::find(&answer, br#""accepted":"#).map(|at| number(&answer[at + 11..]));
        match accepted {
            Some(accepted) if answer.starts_with(b"HTTP/1.1 200 ") => Ok(accepted),
            _ => bail!("publishing was refused: {}", String::from_utf8_lossy(&answer[..answer.len().min(600)])),
        }
    }
}

/// Publishes the first message of every topic, and returns once they are accepted.
pub fn give_birth(workload: &Workload, target: SocketAddrV4) -> anyhow::Result<()> {
    let mut stream = Stream::open(target)?;
    let mut lines = Vec::new();
    for topic in 0..workload.topics {
        let stamp = Stamp { k: 1, sent_ns: now_ns() };
        write_line(workload.kind, &workload.topic(topic), stamp, workload.data_bytes, &mut lines);
        if (topic + 1) % BIRTHS_AT_ONCE == 0 || topic + 1 == workload.topics {
            stream.send(&lines)?;
            lines.clear();
        }
    }
    let accepted = stream.finish()?;
    ensure!(accepted == workload.topics as u64, "{accepted} of {} topics were accepted", workload.topics);
    Ok(())
}

/// When each message is due.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    pub start_ns: u64,
    /// 0: no message is.
    pub rate: u64,
    pub burst: u64,
    pub messages: u64,
    pub length_ns: u64,
}

impl Schedule {
    /// Warm-up and window, from `start_ns`.
    pub fn of(workload: &Workload, start_ns: u64) -> Schedule {
        let Workload { rate, burst, .. } = *workload;
        let length_ns = (workload.warmup + workload.seconds) * SECOND_NS;
        Schedule { start_ns, rate, burst, messages: workload.messages(), length_ns }
    }

    pub fn due_ns(&self, message: u64) -> u64 {
        let slot = message - message % self.burst;
        self.start_ns + (u128::from(slot) * u128::from(SECOND_NS) / u128::from(self.rate.max(1))) as u64
    }

    pub fn end_ns(&self) -> u64 {
        self.start_ns + self.length_ns
    }
}

/// The way into a target: how a message is written down, and where what was written goes.
pub trait Inlet {
    /// Appends one message of topic number `topic`.
    fn write(&mut self, topic: usize, stamp: Stamp, out: &mut Vec<u8>);
    fn send(&mut self, written: &[u8]) -> anyhow::Result<()>;
    /// The end. All `sent` messages have to have been accepted.
    fn finish(&mut self, sent: u64) -> anyhow::Result<()>;
}

/// Publish lines of protocol v1, in one endless request to each of several targets.
struct Lines {
    kind: Kind,
    names: Vec<String>,
    data_bytes: usize,
    streams: Vec<Stream>,
}

impl Lines {
    fn open(workload: &Workload, targets: &[SocketAddrV4]) -> anyhow::Result<Lines> {
        let names = (0..workload.topics).map(|topic| workload.topic(topic)).collect();
        let streams = targets.iter().map(|&target| Stream::open(target)).collect::<anyhow::Result<_>>()?;
        Ok(Lines { kind: workload.kind, names, data_bytes: workload.data_bytes, streams })
    }
}

impl Inlet for Lines {
    fn write(&mut self, topic: usize, stamp: Stamp, out: &mut Vec<u8>) {
        write_line(self.kind, &self.names[topic], stamp, self.data_bytes, out);
    }

    fn send(&mut self, written: &[u8]) -> anyhow::Result<()> {
        self.streams.iter_mut().try_for_each(|stream| stream.send(written))
    }

    fn finish(&mut self, sent: u64) -> anyhow::Result<()> {
        for stream in &mut self.streams {
            let accepted = stream.finish()?;
            ensure!(accepted == sent, "the target accepted {accepted} of {sent} messages");
        }
        Ok(())
    }
}

/// How far the publisher is, for who looks on, and the way to stop it.
#[derive(Debug, Default)]
pub struct Progress {
    pub sent: AtomicU64,
    pub late: AtomicU64,
    pub latest_ns: AtomicU64,
    pub stop: AtomicBool,
}

/// Publishes by `schedule` to all targets alike, on the calling thread. Every line has to be accepted.
pub fn publish(
    workload: &Workload,
    schedule: Schedule,
    targets: &[SocketAddrV4],
    progress: &Progress,
) -> anyhow::Result<()> {
    publish_through(&mut Lines::open(workload, targets)?, workload.topics, schedule, progress)
}

/// Publishes by `schedule`, on the calling thread.
pub fn publish_through(
    inlet: &mut dyn Inlet,
    topics: usize,
    schedule: Schedule,
    progress: &Progress,
) -> anyhow::Result<()> {
    // Without it the kernel gathers wake-ups within 50 µs.
    let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
    let mut lines = Vec::with_capacity(CHUNK_BYTES_MAX);
    let mut next = 0;
    while next < schedule.messages && !progress.stop.load(Ordering::Relaxed) {
        wait_until(schedule.due_ns(next));
        let now = now_ns();
        lines.clear();
        while next < schedule.messages && schedule.due_ns(next) <= now && lines.len() < CHUNK_BYTES_MAX {
            let due = schedule.due_ns(next);
            let topic = (next % topics as u64) as usize;
            let stamp = Stamp { k: 2 + next / topics as u64, sent_ns: due };
            inlet.write(topic, stamp, &mut lines);
            note_lateness(progress, now - due);
            next += 1;
        }
        inlet.send(&lines)?;
        progress.sent.store(next, Ordering::Relaxed);
    }
    // The measurement ends before this thread does, whose CPU time is part of it.
    wait_until(schedule.end_ns() + LINGER_NS);
    inlet.finish(next)
}

fn note_lateness(progress: &Progress, late_ns: u64) {
    if late_ns > LATE_NS {
        progress.late.fetch_add(1, Ordering::Relaxed);
        progress.latest_ns.fetch_max(late_ns, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules() {
        let even = Schedule { start_ns: 10, rate: 3, burst: 1, messages: 6, length_ns: 2 * SECOND_NS };
        assert_eq!((even.due_ns(0), even.due_ns(1), even.due_ns(3)), (10, 333_333_343, SECOND_NS + 10));
        assert_eq!(even.end_ns(), 2 * SECOND_NS + 10);
        let bursts = Schedule { burst: 10, rate: 100, ..even };
        assert_eq!((bursts.due_ns(9), bursts.due_ns(10)), (10, SECOND_NS / 10 + 10));
    }
}
