//! No allocation and no lock on the delivery path in steady state: once its buffers have their size, a shard reads the
//! log, marks sets and hands entries out without asking the allocator for anything, on either streaming transport, in
//! workloads W1 and W2 and with sets of patterns over both kinds of topic.
//!
//! `allocation_counter` stands in for the global allocator of this binary and counts per thread, so what the sequencer
//! and other tests allocate is not seen.

use allocation_counter::measure;
use fanwire::framing::{Form, Framing};
use fanwire::limits::Limits;
use fanwire::log::{Epoch, Log, LogLimits};
use fanwire::sequencer::{KindRules, Sequencer};
use fanwire::shard::{Core, CoreSettings, Paces, Peer, Rate, Subscription, Transport, Wire};
use fanwire::store::Store;
use feeds::model::{Change, Object, Pattern, Topic, Update};
use rand::rngs::SmallRng;
use rand::seq::index::sample;
use rand::{Rng, SeedableRng};
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const NOW_MS: i64 = 1_763_850_000_000;
const SUBSCRIBERS: usize = 1_000;
/// Topics of one kind in W2 and in the mixed workload.
const TOPICS: usize = 1_000;
const PASSES: u64 = 500;
/// Entries of a pass: one at a time, a few that a batch brought, and what comes at once under load.
const BURSTS: [usize; 3] = [1, 8, LARGEST];
const LARGEST: usize = 500;
/// The warm-up's largest pass has so many times the entries of the largest that is measured.
const WARM_UP: usize = 4;
/// Segments that a pass may find.
const SEGMENTS: usize = 3;

/// What the one that asks first for a segment in another framing than the plain one pays, whoever is subscribed: the
/// table of framings, the bytes and their ends. Whoever asks later, on this shard or on another, pays nothing.
const RECUT_ALLOCATIONS: u64 = 3;

/// Takes everything.
struct NullWire;

impl Wire for NullWire {
    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(pieces.iter().map(|piece| piece.len()).sum())
    }
}

/// What is subscribed to.
#[derive(Clone, Copy, Debug)]
enum Workload {
    /// One hot topic, one set.
    W1,
    /// A set of 20 random topics for each subscriber.
    W2,
    /// Some hundred sets of names and patterns, over states and events.
    Mixed,
}

impl Workload {
    fn topics(self) -> Vec<Topic> {
        let (quotes, trades) = match self {
            Workload::W1 => (0, 1),
            Workload::W2 => (TOPICS, 0),
            Workload::Mixed => (TOPICS, TOPICS),
        };
        let named =
            |head: &str, count: usize| (0..count).map(|n| format!("{head}.v{}.S{n}", n % 10)).collect::<Vec<_>>();
        let names = named("quote", quotes).into_iter().chain(named("trade", trades));
        names.map(|name| Topic::new(&name).unwrap()).collect()
    }

    fn wanted(self, n: usize, topics: &[Topic], random: &mut SmallRng) -> Vec<Pattern> {
        let exact = |at: usize| Pattern::new(topics[at].as_str()).unwrap();
        let pattern = |text: String| Pattern::new(&text).unwrap();
        match self {
            Workload::W1 => vec![exact(0)],
            Workload::W2 => sample(random, TOPICS, 20).into_iter().map(exact).collect(),
            Workload::Mixed if n.is_multiple_of(10) => vec![pattern(format!("quote.v{}.>", n / 10 % 10))],
            Workload::Mixed => {
                vec![exact(n % 300), exact(TOPICS + n % 300), pattern(format!("*.v{}.S{}", n % 10, n % 300))]
            }
        }
    }
}

/// A shard whose subscribers are all live, and a sequencer.
struct Hall {
    sequencer: Sequencer,
    core: Core<NullWire>,
    /// A shard of one subscriber, which asks for every segment in the hall's framing before the hall does.
    ahead: Core<NullWire>,
    topics: Vec<Topic>,
    random: SmallRng,
    round: i64,
}

impl Hall {
    fn new(workload: Workload, form: Form) -> Hall {
        let store = Arc::new(Store::new());
        let (log, writer) = Log::new(Epoch::from_bits(1), LogLimits { segments_max: 4_096, bytes_max: 1 << 30 });
        let limits = Limits::default();
        let sequencer = Sequencer::new(Arc::clone(&store), writer, KindRules::new(Vec::new()), &limits);
        let settings = CoreSettings { heartbeat_ms: 15_000, poll_gather_ms: 0, paces: Paces::default(), limits };
        let core = |n| Core::new(Arc::clone(&store), Arc::clone(&log), settings.clone(), Arc::default(), (n, 2));
        let (core, ahead) = (core(0), core(1));
        let (topics, random) = (workload.topics(), SmallRng::seed_from_u64(1));
        let mut hall = Hall { sequencer, core, ahead, topics, random, round: 0 };
        hall.publish_each();
        for n in 0..SUBSCRIBERS {
            let wanted = workload.wanted(n, &hall.topics, &mut hall.random);
            join(&mut hall.core, form, wanted);
        }
        join(&mut hall.ahead, form, vec![Pattern::new(">").unwrap()]);
        hall
    }

    fn publish_each(&mut self) {
        (0..self.topics.len()).for_each(|at| self.apply(at));
        self.sequencer.commit();
    }

    /// So many entries, in some segments.
    fn publish(&mut self, entries: usize) {
        for n in 1..=entries {
            let at = self.random.random_range(0..self.topics.len());
            self.apply(at);
            if n.is_multiple_of(entries.div_ceil(SEGMENTS)) {
                self.sequencer.commit();
            }
        }
        self.sequencer.commit();
    }

    fn apply(&mut self, at: usize) {
        self.round += 1;
        let topic = self.topics[at].clone();
        let object = Object::new().with("price", self.round).with("size", 12);
        let change = if topic.head() == "trade" { Change::Event(object) } else { Change::Patch(object) };
        self.sequencer.apply(Update::new(topic, None, change), NOW_MS).unwrap();
    }

    /// For buffers to grow to their size: more at once than ever after, and all that is less. A run of many entries is not
    /// copied together, so the buffer that smaller ones are copied to grows with those.
    fn warm_up(&mut self) {
        for entries in (0..=WARM_UP * LARGEST).step_by(LARGEST / 5) {
            self.publish_each();
            self.turn_both();
            self.publish(entries);
            self.turn_both();
        }
    }

    fn turn_both(&mut self) {
        turn(&mut self.ahead);
        turn(&mut self.core);
    }

    /// Allocations of the shard in so many passes of so many entries each.
    fn allocations(&mut self, passes: u64, entries: usize, ahead: bool) -> u64 {
        let count = |hall: &mut Hall| {
            hall.publish(entries);
            if ahead {
                turn(&mut hall.ahead);
            }
            measure(|| turn(&mut hall.core)).count_total
        };
        (0..passes).map(|_| count(self)).sum()
    }
}

/// What a woken shard does.
fn turn(core: &mut Core<NullWire>) {
    core.settle(NOW_MS);
    core.serve_due(NOW_MS);
    core.serve_ready(NOW_MS);
}

fn join(core: &mut Core<NullWire>, form: Form, topics: Vec<Pattern>) {
    let (peer, transport) = match form {
        Form::Sse => (Peer::Sse, Transport::Sse),
        _ => (Peer::WebSocket(None), Transport::WebSocket),
    };
    let framing = Framing { form, ..Framing::default() };
    let key = core.open(NullWire, peer, transport, framing, Vec::new(), NOW_MS);
    core.subscribe(key, &Subscription { topics, cursor: None, rate: Rate::UNTHROTTLED }, None, NOW_MS).unwrap();
    while core.has_ready() {
        core.serve_ready(NOW_MS);
    }
    assert!(core.connection(key).unwrap().backlog.is_none(), "not live");
}

fn check(workload: Workload, form: Form) {
    let mut hall = Hall::new(workload, form);
    hall.warm_up();
    for entries in BURSTS {
        let before = counted(&hall.core);
        let allocations = hall.allocations(PASSES, entries, true);
        let after = counted(&hall.core);
        let (delivered, writes) = (after.0 - before.0, after.1 - before.1);
        eprintln!(
            "{workload:?} {form:?}, {entries} entries a pass: {delivered} deliveries, {writes} writes, {allocations} allocations"
        );
        assert!(delivered > 0);
        // Sets that patterns cover are now and then owed more than ever before, and their lists grow: in one large pass of ten.
        let grows = matches!(workload, Workload::Mixed) && entries == LARGEST;
        let most = if grows { PASSES / 10 } else { 0 };
        assert!(allocations <= most, "{allocations} in {writes} writes");
    }
}

fn counted(core: &Core<NullWire>) -> (u64, u64) {
    use std::sync::atomic::Ordering::Relaxed;
    let counters = core.counters();
    (counters.deliveries.iter().map(|counter| counter.load(Relaxed)).sum(), counters.writes.load(Relaxed))
}

#[test]
fn w1_over_websocket() {
    check(Workload::W1, Form::WebSocket);
}

#[test]
fn w1_over_sse() {
    check(Workload::W1, Form::Sse);
}

#[test]
fn w2_over_websocket() {
    check(Workload::W2, Form::WebSocket);
}

#[test]
fn w2_over_sse() {
    check(Workload::W2, Form::Sse);
}

#[test]
fn patterns_over_websocket() {
    check(Workload::Mixed, Form::WebSocket);
}

#[test]
fn patterns_over_sse() {
    check(Workload::Mixed, Form::Sse);
}

/// The framing that the sequencer does not make is made once for all, by the shard that asks first: its price does not
/// depend on who is subscribed, nor on how many entries the segment has.
#[test]
fn a_segment_is_recut_in_three_allocations() {
    let mut hall = Hall::new(Workload::W1, Form::Sse);
    hall.warm_up();
    for entries in BURSTS {
        let allocations = hall.allocations(PASSES, entries, false);
        assert_eq!(allocations, PASSES * RECUT_ALLOCATIONS * entries.min(SEGMENTS) as u64, "{entries} entries a pass");
    }
}

/// The modules that an entry goes through, from the log to the wires, name no lock. `OnceLock` is none once its value is
/// there; until then whoever else wants that framing waits for it instead of making it twice (ENCODE-ONCE).
#[test]
fn the_delivery_path_names_no_lock() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files: Vec<PathBuf> = ["log", "store", "framing", "shard"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(source.join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(files.iter().any(|file| file.ends_with("shard/deliver.rs")), "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for lock in ["Mutex", "RwLock", "Condvar", "Semaphore"] {
            assert!(!text.contains(lock), "{} names {lock}", file.display());
        }
    }
}
