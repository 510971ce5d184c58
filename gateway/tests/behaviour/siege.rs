//! A gateway under attack: the binary in a process of its own, and a subscriber beside the attackers, on the same shard,
//! that must go on as if nothing were.

use crate::client::Client;
use crate::gateway::{PATIENCE, deadline};
use crate::http::Http;
use crate::process::Process;
use crate::ws::WebSocket;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Memory that an attack may cost at most. Generous: a debug build, an allocator that gives back late, a log that fills.
const GROWTH_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Longest time for which the other subscriber may hear nothing.
const SILENCE_MAX: Duration = Duration::from_secs(5);
/// An event of the control every so often.
const PACE: Duration = Duration::from_millis(10);

pub struct Siege {
    pub process: Process,
    pub address: SocketAddr,
    resident: u64,
    over: Arc<AtomicBool>,
    publisher: JoinHandle<()>,
    subscriber: JoinHandle<Duration>,
}

impl Siege {
    /// `limits`: keys of `[limits]`. One shard, so that nobody is out of reach; time-outs are short.
    pub fn begin(limits: &str) -> Siege {
        Siege::with_heartbeat(300, limits)
    }

    pub fn with_heartbeat(heartbeat_ms: u64, limits: &str) -> Siege {
        let short = [
            ("log_bytes_max", 4 * 1024 * 1024),
            ("head_timeout_ms", 1_000),
            ("body_timeout_ms", 1_000),
            ("write_stall_ms", 1_000),
            ("close_timeout_ms", 500),
        ];
        let rest = short.iter().filter(|(key, _)| !limits.contains(key));
        let rest: String = rest.map(|(key, value)| format!("{key} = {value}\n")).collect();
        let server = format!("shards = 1\ndrain_s = 0\nheartbeat_ms = {heartbeat_ms}");
        let process = Process::start(&server, &format!("[limits]\n{limits}\n{rest}"));
        let (address, over) = (process.address, Arc::new(AtomicBool::new(false)));
        let mut socket = WebSocket::connect(address, "/v1/ws?topics=trade.control");
        socket.message_of("at");
        let until = Arc::clone(&over);
        let publisher = std::thread::spawn(move || publish(address, &until));
        let subscriber = std::thread::spawn(move || listen(socket));
        let resident = process.resident();
        Siege { process, address, resident, over, publisher, subscriber }
    }

    /// So many connections were ended for this reason, no more and no less.
    pub fn await_closes(&self, reason: &str, count: usize) {
        let label = format!("\"{reason}\"");
        self.process.await_metric("fanwire_closes_total", &label, |closed| closed >= count as f64);
        assert_eq!(self.process.metric("fanwire_closes_total", &label), count as f64, "{reason}");
    }

    /// Publishes lines, all of which must be taken.
    pub fn publish(&self, lines: &[String]) {
        let reply = Http::connect(self.address).post("/v1/publish", "", lines.join("\n").as_bytes());
        assert_eq!(reply.json()["accepted"], lines.len(), "{reply:?}");
    }

    /// The attack is over: nobody is left but the control, which has heard everything, in order and without a pause, and
    /// the memory stayed in bounds.
    pub fn end(self) {
        self.process.await_metric("fanwire_connections", "", |open| open == 1.0);
        self.over.store(true, Ordering::SeqCst);
        self.publisher.join().expect("the control's publisher");
        let silence = self.subscriber.join().expect("the control's subscriber");
        let grown = self.process.resident_peak().saturating_sub(self.resident);
        eprintln!("the control heard nothing for {silence:?} at most; memory grew by {} KiB", grown / 1024);
        assert!(silence < SILENCE_MAX, "the control heard nothing for {silence:?}");
        assert!(grown < GROWTH_BYTES_MAX, "memory grew by {grown} bytes");
        assert_eq!(self.process.metric("fanwire_closes_total", "internal_error"), 0.0);
    }
}

/// Publishes events until it is over; the last one says so.
fn publish(address: SocketAddr, over: &AtomicBool) {
    let mut http = Http::connect(address);
    http.send("POST /v1/publish HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n");
    for count in 0.. {
        let last = over.load(Ordering::SeqCst);
        let line = format!("{{\"topic\":\"trade.control\",\"event\":{{\"id\":\"{count}\",\"last\":{last}}}}}\n");
        http.send(format!("{:x}\r\n{line}\r\n", line.len()));
        if last {
            http.send("0\r\n\r\n");
            return assert_eq!(http.reply().json()["accepted"], count + 1);
        }
        std::thread::park_timeout(PACE);
    }
}

/// Hears every event once and in order, to the last. The longest time without one.
fn listen(mut socket: WebSocket) -> Duration {
    let (mut heard, mut silence, mut since) = (0, Duration::ZERO, Instant::now());
    loop {
        let said = socket.next(Instant::now() + PATIENCE).expect("the control is cut off").json;
        if said["t"] == "at" {
            continue;
        }
        // The first is the topic's birth; nothing but that and entries may come.
        assert!(said["t"] == "append" || said["why"] == "born", "{said}");
        silence = silence.max(since.elapsed());
        since = Instant::now();
        for event in said["data"].as_array().unwrap() {
            assert_eq!(event["id"], heard.to_string(), "{said}");
            heard += 1;
            if event["last"] == true {
                return silence;
            }
        }
    }
}

/// Drops the connection with a reset instead of an end.
pub fn reset(http: Http) {
    socket2::SockRef::from(&http.stream).set_linger(Some(Duration::ZERO)).unwrap();
}

/// Sends as much as the gateway takes; it may have cut the connection.
pub fn try_send(http: &mut Http, bytes: &[u8]) -> bool {
    std::io::Write::write_all(&mut http.stream, bytes).is_ok()
}

/// Reads and drops until the gateway ends the connection. Everything that came.
pub fn drained(mut http: Http) -> Vec<u8> {
    let until = deadline();
    while http.fill(until) == crate::http::Fill::Bytes {}
    http.buffer
}
