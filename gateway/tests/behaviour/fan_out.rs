//! One event topic to a thousand subscribers, against the binary as it is shipped, so that its CPU is its own.

use crate::gateway::{PATIENCE, deadline};
use crate::http::{Http, find};
use crate::process::Process;
use crate::ws::{frame_length, opening};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

const SUBSCRIBERS: usize = 1_000;
const EVENTS_PER_SECOND: usize = 100;
const SECONDS: usize = 5;

struct Subscriber {
    stream: TcpStream,
    buffer: Vec<u8>,
    shaken: bool,
    whole: bool,
    /// Events heard, each the next of the last.
    heard: usize,
}

impl Subscriber {
    /// Reads all there is.
    fn read(&mut self, chunk: &mut [u8]) {
        loop {
            match self.stream.read(chunk) {
                Ok(0) => panic!("the gateway closed a subscriber after {} events", self.heard),
                Ok(count) => self.buffer.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        if !self.shaken {
            let Some(end) = find(&self.buffer, b"\r\n\r\n") else { return };
            assert!(self.buffer.starts_with(b"HTTP/1.1 101"));
            self.buffer.drain(..end + 4);
            self.shaken = true;
        }
        let mut start = 0;
        while let Some(length) = frame_length(&self.buffer[start..]) {
            let frame = &self.buffer[start..start + length];
            start += length;
            let payload = &frame[if frame[1] == 126 { 4 } else { 2 }..];
            if frame[0] & 15 != 1 {
                continue;
            }
            if payload.starts_with(br#"{"t":"append""#) || find(payload, br#""why":"born""#).is_some() {
                let id = format!(r#""id":"{}""#, self.heard);
                assert!(find(payload, id.as_bytes()).is_some(), "not {id}: {}", String::from_utf8_lossy(payload));
                self.heard += 1;
            } else if payload.starts_with(br#"{"t":"at""#) {
                self.whole = true;
            } else {
                assert!(payload.starts_with(br#"{"t":"hello""#), "{}", String::from_utf8_lossy(payload));
            }
        }
        self.buffer.drain(..start);
    }
}

#[test]
fn a_thousand_subscribers_get_every_event_in_order() {
    let gateway = Process::start("shards = 1\ndrain_s = 0", "");
    let mut poll = Poll::new().unwrap();
    let mut subscribers: Vec<Subscriber> = (0..SUBSCRIBERS)
        .map(|n| {
            let mut stream = std::net::TcpStream::connect_timeout(&gateway.address, PATIENCE).unwrap();
            stream.write_all(format!("{}\r\n", opening("/v1/ws?topics=trade.x")).as_bytes()).unwrap();
            stream.set_nonblocking(true).unwrap();
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(n), Interest::READABLE).unwrap();
            Subscriber { stream, buffer: Vec::new(), shaken: false, whole: false, heard: 0 }
        })
        .collect();
    let mut events = Events::with_capacity(1_024);
    let mut chunk = vec![0; 64 * 1024];
    let mut turn = |subscribers: &mut Vec<Subscriber>, wait: Duration| {
        match poll.poll(&mut events, Some(wait)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            outcome => outcome.unwrap(),
        }
        events.iter().for_each(|event| subscribers[event.token().0].read(&mut chunk));
    };
    let end = deadline();
    while !subscribers.iter().all(|subscriber| subscriber.whole) {
        turn(&mut subscribers, Duration::from_millis(100));
        assert!(Instant::now() < end, "not all are whole");
    }
    let mut publisher = Http::connect(gateway.address);
    publisher.send("POST /v1/publish HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n");
    let (cpu, began) = (gateway.shard_cpu(), Instant::now());
    let total = EVENTS_PER_SECOND * SECONDS;
    let mut published = 0;
    let end = began + Duration::from_secs(SECONDS as u64) + PATIENCE;
    while subscribers.iter().any(|subscriber| subscriber.heard < total) {
        let due = (began.elapsed().as_millis() as usize * EVENTS_PER_SECOND / 1_000 + 1).min(total);
        while published < due {
            let line = format!(
                "{{\"topic\":\"trade.x\",\"event\":{{\"id\":\"{published}\",\"price\":65083.7,\"size\":0.012}}}}\n"
            );
            publisher.send(format!("{:x}\r\n{line}\r\n", line.len()));
            published += 1;
        }
        turn(&mut subscribers, Duration::from_millis(5));
        assert!(Instant::now() < end, "{:?}", subscribers.iter().map(|subscriber| subscriber.heard).min());
    }
    publisher.send("0\r\n\r\n");
    assert_eq!(publisher.reply().json()["accepted"], total);
    let deliveries = (total * SUBSCRIBERS) as u32;
    let cpu = gateway.shard_cpu() - cpu;
    eprintln!(
        "{SUBSCRIBERS} subscribers × {total} events in {:?}: shard CPU {cpu:?}, {:?} per delivery",
        began.elapsed(),
        cpu / deliveries
    );
}
