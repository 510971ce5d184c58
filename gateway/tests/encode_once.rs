//! ENCODE-ONCE: an entry is encoded at most once per framing, and a snapshot once per form of its numbers, however many
//! subscribers, shards and laggards there are.
//!
//! Two proofs. The engine counts where it encodes and recuts: never more often than there are segments and snapshots.
//! And the wires note addresses: what two subscribers of one framing are given lies at the same place in memory, on
//! whatever shard they are.

use fanwire::framing::{Form, Framing};
use fanwire::limits::{COPIED_BYTES_MAX, Limits};
use fanwire::log::{Epoch, Log, LogLimits, Offset};
use fanwire::sequencer::{KindRules, Sequencer};
use fanwire::shard::{
    ConnKey, Core, CoreSettings, Filters, Paces, Peer, PollAnswer, Rate, Subscription, Transport, Wire,
};
use fanwire::store::Store;
use feeds::model::{Change, Object, Pattern, Topic, Update};
use std::collections::BTreeSet;
use std::io::{self, ErrorKind, IoSlice};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

const SHARDS: u64 = 3;
const SUBSCRIBERS_PER_FRAMING: usize = 5;
const ROUNDS: usize = 40;
const NOW_MS: i64 = 1_763_850_000_000;
const TOPICS: [&str; 3] = ["quote.desk.XAU", "quote.desk.XAG", "trade.desk.XAU"];
/// Long enough that a piece is handed over as it lies, and no two pieces share an address by chance.
const PADDING: usize = COPIED_BYTES_MAX + 1;

/// What wires were handed of large pieces.
#[derive(Debug, Default)]
struct Taken {
    writes: usize,
    /// Where they lie.
    places: BTreeSet<usize>,
}

type Places = Arc<Mutex<Taken>>;

/// Takes everything, or nothing while it is blocked, and notes where large pieces lie.
struct Noting {
    places: Places,
    blocked: Arc<AtomicBool>,
}

impl Wire for Noting {
    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.blocked.load(Ordering::Relaxed) {
            return Err(ErrorKind::WouldBlock.into());
        }
        let mut taken = self.places.lock().unwrap();
        for piece in pieces.iter().filter(|piece| piece.len() > PADDING) {
            taken.writes += 1;
            taken.places.insert(piece.as_ptr() as usize);
        }
        Ok(pieces.iter().map(|piece| piece.len()).sum())
    }
}

/// The framings that streams may have.
fn streamed() -> impl Iterator<Item = Framing> {
    Framing::all().filter(|framing| framing.form != Form::Json && !framing.quiet)
}

struct Engine {
    sequencer: Sequencer,
    store: Arc<Store>,
    log: Arc<Log>,
    places: Places,
}

impl Engine {
    fn new() -> Engine {
        let store = Arc::new(Store::new());
        let (log, writer) = Log::new(Epoch::from_bits(3), LogLimits { segments_max: 4_096, bytes_max: 1 << 30 });
        let sequencer = Sequencer::new(Arc::clone(&store), writer, KindRules::new(Vec::new()), &Limits::default());
        Engine { sequencer, store, log, places: Places::default() }
    }

    /// Publishes one update per topic, as one segment.
    fn publish(&mut self, round: usize) {
        for topic in TOPICS {
            let padding = "x".repeat(PADDING);
            let object = Object::new().with("id", round as i64).with("padding", &*padding).with("price", 2);
            let change = if topic.starts_with("trade") { Change::Event(object) } else { Change::Patch(object) };
            self.sequencer.apply(Update::new(Topic::new(topic).unwrap(), None, change), NOW_MS).unwrap();
        }
        assert!(self.sequencer.commit());
    }

    fn shard(&self, shard: u64, pending_entries_max: usize) -> Shard {
        let limits = Limits { pending_entries_max, ..Limits::default() };
        let settings = CoreSettings { heartbeat_ms: 15_000, poll_gather_ms: 0, paces: Paces::default(), limits };
        let (store, log) = (Arc::clone(&self.store), Arc::clone(&self.log));
        let core = Core::new(store, log, settings, Arc::default(), (shard, SHARDS));
        Shard { core, places: Arc::clone(&self.places), gates: Vec::new() }
    }
}

struct Shard {
    core: Core<Noting>,
    places: Places,
    /// Of the subscribers that can be blocked.
    gates: Vec<(ConnKey, Arc<AtomicBool>)>,
}

impl Shard {
    fn subscribe(&mut self, framing: Framing) {
        let blocked = Arc::new(AtomicBool::new(false));
        let wire = Noting { places: Arc::clone(&self.places), blocked: Arc::clone(&blocked) };
        let (peer, transport) = match framing.form {
            Form::Sse => (Peer::Sse, Transport::Sse),
            _ => (Peer::WebSocket(None), Transport::WebSocket),
        };
        let key = self.core.open(wire, peer, transport, framing, Vec::new(), NOW_MS);
        let topics = vec![Pattern::new(">").unwrap()];
        self.core.subscribe(key, &Subscription { topics, cursor: None, rate: Rate::default() }, None, NOW_MS).unwrap();
        self.gates.push((key, blocked));
        self.turn();
    }

    fn turn(&mut self) {
        self.core.settle(NOW_MS);
        loop {
            self.core.serve_ready(NOW_MS);
            if !self.core.has_ready() {
                break;
            }
            self.core.settle(NOW_MS);
        }
    }

    fn release(&mut self) {
        for (key, gate) in &self.gates {
            gate.store(false, Ordering::Relaxed);
            self.core.writable(*key);
        }
        self.turn();
    }

    /// A poll from the log's start, for each of the framings that polls may have. False if any had no answer.
    fn poll(&mut self) -> bool {
        let start = format!("{}:0", self.core.log().epoch().as_str()).parse().unwrap();
        let framings = Framing::all().filter(|framing| framing.form == Form::Json && !framing.quiet);
        framings.fold(true, |answered, framing| {
            let filters = Filters::unthrottled([Pattern::new(">").unwrap()]);
            let set = self.core.poll_set(filters, framing, NOW_MS).unwrap();
            let answer = self.core.poll(set, Some(&start));
            self.core.poll_left(set);
            answered && matches!(answer, PollAnswer::Body(_))
        })
    }

    /// Turns until the log is read to `end`, while ever other subscribers take no bytes.
    fn follow(&mut self, end: Offset) -> bool {
        for turn in 0.. {
            let slow = |at: usize| (at + turn).is_multiple_of(SUBSCRIBERS_PER_FRAMING);
            self.gates.iter().enumerate().for_each(|(at, (_, gate))| gate.store(slow(at), Ordering::Relaxed));
            self.turn();
            if turn % 4 == 3 {
                self.release();
            }
            if self.core.position() == end {
                break;
            }
            thread::yield_now();
        }
        self.release();
        self.poll()
    }
}

/// Shards on threads of their own ask for the framings of a segment that was just published, and of those before; some
/// of their subscribers lag, some have entries pending.
#[test]
fn entries_are_recut_once_per_framing_for_all_shards_and_subscribers() {
    let mut engine = Engine::new();
    let end = Offset((ROUNDS * TOPICS.len()) as u64);
    let joined = AtomicU64::new(0);
    thread::scope(|scope| {
        let followers: Vec<_> = (0..SHARDS)
            .map(|n| {
                // One shard's subscribers lag at once, another's never.
                let mut shard = engine.shard(n, [1, 40, 4_096][n as usize]);
                let joined = &joined;
                scope.spawn(move || {
                    streamed().flat_map(|f| [f; SUBSCRIBERS_PER_FRAMING]).for_each(|f| shard.subscribe(f));
                    joined.fetch_add(1, Ordering::Relaxed);
                    shard.follow(end)
                })
            })
            .collect();
        // All are there from the first entry on; a follower that ended had a fault, which its join tells.
        while joined.load(Ordering::Relaxed) < SHARDS && !followers.iter().any(|follower| follower.is_finished()) {
            thread::yield_now();
        }
        for round in 0..ROUNDS {
            engine.publish(round);
            thread::yield_now();
        }
        followers.into_iter().for_each(|follower| assert!(follower.join().unwrap()));
    });
    assert_eq!(engine.log.held().0, ROUNDS as u64);
    for framing in Framing::all() {
        let recut = engine.log.segments_recut(framing);
        assert!(recut <= ROUNDS as u64, "{framing:?} was made {recut} times of {ROUNDS} segments");
        // A poll from the start asked for all of them: if that is not counted, nothing is.
        let all = framing.form == Form::Json && !framing.quiet;
        assert!(!all || recut == ROUNDS as u64, "{framing:?} was made {recut} times");
    }
    assert_eq!(engine.log.segments_recut(Framing::default()), 0, "what the sequencer made is never made again");
    for num_string in [false, true] {
        let (encoded, stored) = (engine.store.snapshots_encoded(num_string), (ROUNDS * TOPICS.len()) as u64);
        assert!((1..=stored).contains(&encoded), "{encoded} encodings of {stored} snapshots");
    }
}

/// What the subscribers of one framing are given lies at one place, on whatever shard they are.
#[test]
fn subscribers_of_a_framing_share_one_copy() {
    let mut engine = Engine::new();
    let mut shards: Vec<Shard> = (0..SHARDS).map(|n| engine.shard(n, 4_096)).collect();
    let join = |shards: &mut [Shard]| {
        for shard in shards {
            streamed().flat_map(|f| [f; SUBSCRIBERS_PER_FRAMING]).for_each(|f| shard.subscribe(f));
        }
    };
    let taken = |engine: &Engine| std::mem::take(&mut *engine.places.lock().unwrap());

    join(&mut shards);
    engine.publish(0);
    shards.iter_mut().for_each(Shard::turn);
    let entries = taken(&engine);
    assert_eq!(entries.writes, SHARDS as usize * streamed().count() * SUBSCRIBERS_PER_FRAMING);
    assert_eq!(entries.places.len(), streamed().count(), "one place for each framing of the one segment");

    join(&mut shards);
    let snapshots = taken(&engine);
    assert_eq!(snapshots.writes, entries.writes * TOPICS.len());
    assert_eq!(snapshots.places.len(), 2 * TOPICS.len(), "one place for each state in each form of its numbers");
}

#[test]
fn a_snapshot_is_encoded_once_for_all_who_ask_at_once() {
    let mut engine = Engine::new();
    engine.publish(0);
    let barrier = Barrier::new(8);
    thread::scope(|scope| {
        for n in 0..8 {
            let (store, barrier) = (&engine.store, &barrier);
            scope.spawn(move || {
                barrier.wait();
                store.all().for_each(|snapshot| drop(snapshot.data(n % 2 == 0)));
            });
        }
    });
    assert_eq!(engine.store.snapshots_encoded(false), TOPICS.len() as u64);
    assert_eq!(engine.store.snapshots_encoded(true), TOPICS.len() as u64);
}
