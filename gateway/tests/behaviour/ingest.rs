//! Full ingest: a shard whose sequencer is the test, which takes what it likes and when it likes. Nobody waits for it but
//! those who publish, and they are told how far they came. Feeds: `limits.rs`, and the outlet's own tests.

use crate::gateway::{PATIENCE, deadline};
use crate::http::Http;
use crate::siege::{drained, reset, try_send};
use crossbeam_channel::Receiver;
use fanwire::history::History;
use fanwire::limits::Limits;
use fanwire::log::{Epoch, Log, LogLimits};
use fanwire::sequencer::{Publish, PublishOutcome};
use fanwire::shard::{self, CoreSettings, Paces, Phase, RingUse, ShardCounters, ShardSettings, Surroundings};
use fanwire::store::Store;
use fanwire::transport::publish::{PublishSettings, Publishers};
use fanwire::transport::{Context, Places};
use serde_json::json;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How long a publisher waits for room.
const WAIT: Duration = Duration::from_secs(2);

/// One shard, and in front of its sequencer room for one request.
struct Standstill {
    address: SocketAddr,
    publishes: Receiver<Publish>,
    drain: watch::Sender<Phase>,
    thread: Option<JoinHandle<()>>,
}

impl Standstill {
    fn start() -> Standstill {
        let limits = Limits::default();
        let store = Arc::new(Store::new());
        let (log, _) = Log::new(Epoch::from_bits(1), LogLimits { segments_max: 16, bytes_max: 1 << 20 });
        let (sender, publishes) = crossbeam_channel::bounded(1);
        let context = Arc::new(Context {
            publishes: sender.into(),
            seat: None,
            history: Arc::new(History::new(Arc::clone(&log), Arc::clone(&store), 10)),
            publish: PublishSettings { open_to_loopback: true, token: None, wait: WAIT },
            publishers: Publishers::default(),
            origins: Default::default(),
            retry_ms: 0,
            page: false,
            conformance_echo: false,
            hooks: None,
            draining: AtomicBool::new(false),
            places: Places::new(&limits),
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (drain, drained) = watch::channel(Phase::Serving);
        let core = CoreSettings { heartbeat_ms: 60_000, poll_gather_ms: 0, paces: Paces::default(), limits };
        let settings = ShardSettings { index: 0, shards: 1, core, io_uring: RingUse::Auto, drain: Duration::ZERO };
        let counters = Arc::new(ShardCounters::default());
        let surroundings = Surroundings { store, log, context, counters, wake: Arc::default(), drain: drained };
        let thread = Some(shard::spawn(listener, settings, surroundings).unwrap());
        Standstill { address, publishes, drain, thread }
    }

    /// Takes one request off the sequencer's queue.
    fn take(&self) -> Publish {
        self.publishes.recv_timeout(PATIENCE).expect("a request")
    }

    fn await_full(&self) {
        let until = deadline();
        while !self.publishes.is_full() {
            assert!(Instant::now() < until, "nothing is in the queue");
            crate::gateway::pause();
        }
    }
}

impl Drop for Standstill {
    fn drop(&mut self) {
        let _ = self.drain.send(Phase::Leaving);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The answer that the sequencer gives to a request of which it takes every line.
fn accept(publish: Publish, offset: u64) -> usize {
    let accepted = publish.updates.len();
    let outcome = PublishOutcome { accepted: accepted as u64, offset: Some(offset), ..Default::default() };
    // The publisher may be gone.
    let _ = publish.reply.send(outcome);
    accepted
}

const LINE: &str = "{\"topic\":\"quote.x\",\"patch\":{\"a\":1}}\n";

fn stream(address: SocketAddr) -> Http {
    let mut http = Http::connect(address);
    http.send("POST /v1/publish HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n");
    http
}

fn chunk(lines: usize) -> String {
    format!("{:x}\r\n{}\r\n", LINE.len() * lines, LINE.repeat(lines))
}

#[test]
fn a_publisher_is_read_no_further_and_then_told() {
    let standstill = Standstill::start();
    let mut publisher = stream(standstill.address);
    publisher.send(chunk(1));
    assert_eq!(accept(standstill.take(), 7), 1);
    // Another takes the only place in the queue.
    let mut other = Http::connect(standstill.address);
    other.send(format!("POST /v1/publish HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n{LINE}", LINE.len()));
    standstill.await_full();
    let began = Instant::now();
    let mut sending = Http { stream: publisher.stream.try_clone().unwrap(), buffer: Vec::new() };
    sending.stream.set_write_timeout(Some(PATIENCE)).unwrap();
    let sender = std::thread::spawn(move || {
        let chunk = chunk(2_000);
        (0..2_000).take_while(|_| try_send(&mut sending, chunk.as_bytes())).count() * chunk.len()
    });
    // The shard goes on meanwhile.
    assert_eq!(Http::connect(standstill.address).get("/healthz", "").status, 200);
    let reply = publisher.reply();
    assert!(began.elapsed() >= WAIT, "told after {:?}", began.elapsed());
    assert_eq!((reply.status, reply.code().as_str()), (503, "ingest_full"));
    let report = reply.json();
    assert_eq!((&report["accepted"], &report["offset"], &report["rejected"]), (&json!(1), &json!(7), &json!([])));
    let sent = sender.join().unwrap();
    assert!(sent < 32 << 20, "{sent} bytes were taken from a publisher that was to be read no further");
    // What was in the queue is not lost, and what comes next is taken.
    assert_eq!(accept(standstill.take(), 8), 1);
    assert_eq!(other.reply().json(), json!({"accepted":1,"rejected":[],"offset":8}));
    let mut again = stream(standstill.address);
    again.send(chunk(3));
    again.send("0\r\n\r\n");
    assert_eq!(accept(standstill.take(), 11), 3);
    assert_eq!(again.reply().json(), json!({"accepted":3,"rejected":[],"offset":11}));
}

/// One whose lines wait in the queue waits too, and holds nobody up by leaving.
#[test]
fn a_publisher_that_leaves_while_it_waits() {
    let standstill = Standstill::start();
    let mut leaving = stream(standstill.address);
    leaving.send(chunk(5));
    standstill.await_full();
    reset(leaving);
    assert_eq!(accept(standstill.take(), 5), 5, "what was handed over counts");
    let mut next = stream(standstill.address);
    next.send(chunk(1));
    assert_eq!(accept(standstill.take(), 6), 1);
    next.send("0\r\n\r\n");
    assert_eq!(next.reply().json()["offset"], 6);
    assert_eq!(drained(next), b"");
}
