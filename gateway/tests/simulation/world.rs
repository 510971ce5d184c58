//! The schedule: publishers, a sequencer, two shards and some clients, all driven by one seed.

use super::client::{Client, Form, Truth, matches, merge};
use super::wire::{Pipe, SimulatedWire};
use fanwire::framing::{self, Framing};
use fanwire::limits::Limits;
use fanwire::log::{Epoch, Log, LogLimits};
use fanwire::sequencer::{KindRules, Sequencer};
use fanwire::shard::{ConnKey, Core, CoreSettings, Paces, Peer, Rate, Subscription, Transport};
use fanwire::store::Store;
use feeds::model::{Change, Object, Pattern, Topic, Update, parse_object};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

const NAMES: [&str; 10] = [
    "quote.a.1",
    "quote.a.2",
    "quote.b.1",
    "score.x.1",
    "score.x.2",
    "trade.a.1",
    "trade.a.2",
    "play.x.1",
    "play.x.2",
    "book.a.1",
];
const FILTERS: [&str; 9] =
    ["quote.>", "quote.a.>", "trade.>", "play.>", "score.>", "quote.a.1", "trade.a.1", "play.x.1", "book.a.1"];

struct Connected {
    shard: usize,
    key: ConnKey,
    pipe: Rc<RefCell<Pipe>>,
}

struct World {
    random: SmallRng,
    now_ms: i64,
    limits: Limits,
    log_limits: LogLimits,
    sequencer: Sequencer,
    store: Arc<Store>,
    shards: Vec<Core<SimulatedWire>>,
    truth: Truth,
    /// The newest states, as the schedule computes them: topic → (seq, state or null, stale).
    alive: BTreeMap<String, (u64, Value, bool)>,
    last_offset: u64,
    /// True between the two halves of a commit.
    half_committed: bool,
    drafted: bool,
    clients: Vec<(Client, Option<Connected>, BTreeSet<String>)>,
    /// Ids of requests after the two of a connection's start.
    requests: u64,
    trace: bool,
}

/// Runs one schedule to its end, panicking at the first broken rule.
pub fn run(seed: u64) {
    let mut world = World::new(seed);
    let steps = world.random.random_range(50..400);
    for step in 0..steps {
        if world.trace {
            eprintln!("step {step}");
        }
        world.step();
    }
    world.finish();
}

impl World {
    fn new(seed: u64) -> World {
        let mut random = SmallRng::seed_from_u64(seed);
        let limits = Limits {
            pending_entries_max: random.random_range(1..30),
            resume_entries_max: random.random_range(0..60),
            ..Limits::default()
        };
        let log_limits = LogLimits { segments_max: 1 << random.random_range(1..7), bytes_max: 1 << 20 };
        let (sequencer, store, shards, epoch) = engine(&mut random, &limits, log_limits);
        let truth = Truth { epoch, ..Truth::default() };
        let clients = random.random_range(1..5);
        let mut world = World {
            random,
            now_ms: 1_000,
            limits,
            log_limits,
            sequencer,
            store,
            shards,
            truth,
            alive: BTreeMap::new(),
            last_offset: 0,
            half_committed: false,
            drafted: false,
            clients: Vec::new(),
            requests: 10,
            trace: std::env::var_os("TRACE").is_some(),
        };
        for name in 0..clients {
            let form = if world.random.random() { Form::WebSocket } else { Form::Sse };
            let client = Client::new(name, form, world.random.random_bool(0.2), world.random.random_bool(0.2));
            world.clients.push((client, None, BTreeSet::new()));
        }
        world
    }

    fn step(&mut self) {
        self.now_ms += self.random.random_range(0..50);
        match self.random.random_range(0..100) {
            0..40 => self.publish(),
            40..52 => self.commit_a_half(),
            52..66 => self.turn_a_shard(),
            66..80 => self.let_a_client_read(),
            80..86 => self.connect_a_client(),
            86..90 => self.subscribe_more(),
            90..92 => self.unsubscribe_some(),
            92..96 => self.cut_a_client(),
            96..99 => self.beat(),
            _ if self.random.random_bool(0.2) => self.restart(),
            _ => {}
        }
    }

    fn publish(&mut self) {
        // Nothing is applied between the two halves of a commit.
        if self.half_committed {
            self.commit_a_half();
        }
        for _ in 0..self.random.random_range(1..6) {
            self.publish_one();
        }
    }

    fn publish_one(&mut self) {
        let name = NAMES[self.random.random_range(0..NAMES.len())];
        let event = name.starts_with("trade") || name.starts_with("play");
        let change = match self.random.random_range(0..100) {
            0..6 => Change::Retire,
            6..12 => Change::Stale(self.random.random()),
            12..15 if event => Change::Lost(if self.random.random() { Some(3) } else { None }),
            15..22 if !event => Change::Reset(self.object(false)),
            22..30 if !event => Change::State(self.object(false)),
            _ if event => Change::Event(Object::new().with("id", i64::from(self.random.random_range(0..9)))),
            _ => Change::Patch(self.object(true)),
        };
        if self.trace {
            eprintln!("  publish {name} {change:?}");
        }
        let topic = Topic::new(name).unwrap();
        let before = self.sequencer.drafted().0;
        let applied = self.sequencer.apply(Update::new(topic, None, change.clone()), self.now_ms);
        let made = (self.sequencer.drafted().0 - before) as u64;
        self.drafted |= made > 0;
        if applied.is_ok() {
            self.note(name, &change, made);
        }
        self.last_offset += made;
    }

    fn object(&mut self, nulls: bool) -> Object {
        let mut text = serde_json::Map::new();
        for key in ["a", "b", "c"] {
            match self.random.random_range(0..4) {
                0 => drop(text.insert(key.into(), self.random.random_range(0..5).into())),
                1 if nulls => drop(text.insert(key.into(), Value::Null)),
                2 => drop(text.insert(key.into(), json!({ "x": self.random.random_range(0..3) }))),
                _ => {}
            }
        }
        parse_object(Value::Object(text).to_string().as_bytes()).unwrap()
    }

    /// What the change means, computed apart from the engine.
    fn note(&mut self, name: &str, change: &Change, made: u64) {
        let topic = name.to_owned();
        let born_at = self.last_offset + made;
        let object = |object: &Object| -> Value { serde_json::from_str(&object.to_string()).unwrap() };
        let current = self.alive.get(name).cloned();
        match change {
            Change::Retire => drop(self.alive.remove(name)),
            Change::Stale(stale) => {
                if let Some((_, _, is_stale)) = self.alive.get_mut(name) {
                    *is_stale = *stale;
                }
            }
            Change::Lost(_) => {}
            Change::Event(event) => {
                let seq = current.map_or(born_at, |(seq, ..)| seq + 1);
                self.truth.events.insert((topic.clone(), seq), object(event));
                self.alive.insert(topic, (seq, Value::Null, false));
            }
            Change::Patch(new) | Change::State(new) | Change::Reset(new) => {
                let (seq, old) = match current {
                    Some((seq, old, _)) => (Some(seq), old),
                    None => (None, json!({})),
                };
                let mut state = if matches!(change, Change::Patch(_)) { old.clone() } else { json!({}) };
                merge(&mut state, &object(new));
                let changed = state != old || matches!(change, Change::Reset(_));
                let seq = seq.map_or(born_at, |seq| seq + u64::from(changed));
                self.truth.states.insert((topic.clone(), seq), state.clone());
                self.alive.insert(topic, (seq, state, false));
            }
        }
    }

    fn commit_a_half(&mut self) {
        if self.half_committed {
            self.sequencer.publish_segment();
            self.half_committed = false;
        } else if self.drafted {
            self.sequencer.store_snapshots();
            self.half_committed = true;
            self.drafted = false;
        }
    }

    fn turn_a_shard(&mut self) {
        let shard = self.random.random_range(0..self.shards.len());
        self.turn(shard);
    }

    fn turn(&mut self, shard: usize) {
        let now_ms = self.now_ms;
        let core = &mut self.shards[shard];
        core.settle(now_ms);
        core.serve_ready(now_ms);
        for (key, _, reason) in core.take_ended() {
            self.shards[shard].remove(key, reason);
            self.closed_by_server(shard, key);
        }
    }

    /// The server ended it: the client reads what was written, then comes back some time.
    fn closed_by_server(&mut self, shard: usize, key: ConnKey) {
        for (client, connected, _) in &mut self.clients {
            if let Some(ended) = connected.take_if(|connected| connected.shard == shard && connected.key == key) {
                client.read(&ended.pipe, usize::MAX, &self.truth);
                client.disconnected();
            }
        }
    }

    fn pick(&mut self) -> usize {
        self.random.random_range(0..self.clients.len())
    }

    fn let_a_client_read(&mut self) {
        let n = self.pick();
        let room = match self.random.random_range(0..4) {
            0 => self.random.random_range(1..40),
            1 => self.random.random_range(1..400),
            _ => 10_000,
        };
        let (client, connected, _) = &mut self.clients[n];
        let Some(connected) = connected else { return };
        let blocked = {
            let mut pipe = connected.pipe.borrow_mut();
            pipe.room = pipe.room.max(room);
            std::mem::take(&mut pipe.blocked)
        };
        client.read(&connected.pipe, room, &self.truth);
        if blocked {
            self.shards[connected.shard].writable(connected.key);
        }
    }

    fn filters(&mut self) -> BTreeSet<String> {
        let count = self.random.random_range(1..4);
        (0..count).map(|_| FILTERS[self.random.random_range(0..FILTERS.len())].to_owned()).collect()
    }

    fn connect_a_client(&mut self) {
        let n = self.pick();
        if self.clients[n].1.is_none() {
            let shard = self.random.random_range(0..self.shards.len());
            self.connect(n, shard);
        }
    }

    fn connect(&mut self, n: usize, shard: usize) {
        let fresh = self.filters();
        let room = self.random.random_range(0..2_000);
        let now_ms = self.now_ms;
        let (client, connected, wanted) = &mut self.clients[n];
        if wanted.is_empty() {
            *wanted = fresh;
        }
        let form = if client.form == Form::Sse { framing::Form::Sse } else { framing::Form::WebSocket };
        let framing = Framing { form, quiet: false, num_string: client.num_string, ids: client.ids };
        let pipe = Rc::new(RefCell::new(Pipe { room, ..Pipe::default() }));
        let core = &mut self.shards[shard];
        let (peer, transport) = match client.form {
            Form::Sse => (Peer::Sse, Transport::Sse),
            Form::WebSocket => (Peer::WebSocket(None), Transport::WebSocket),
        };
        let key = core.open(SimulatedWire(Rc::clone(&pipe)), peer, transport, framing, Vec::new(), now_ms);
        if self.trace {
            eprintln!(
                "  client {n} connects to shard {shard}, cursor {:?}, covers {:?}",
                client.cursor, client.covered
            );
        }
        // Topics that the cursor covers resume from it; the others are asked for without one.
        let (covered, rest): (Vec<_>, Vec<_>) =
            wanted.iter().cloned().partition(|filter| client.covered.contains(filter));
        client.covered.clear();
        client.granted.clear();
        client.asked.clear();
        if !covered.is_empty() {
            let cursor = client.cursor.as_ref().map(|cursor| cursor.parse().unwrap());
            client.asked.insert(1, covered.clone());
            core.subscribe(key, &subscription(&covered, cursor), granted(form, 1), now_ms).unwrap();
            if client.form == Form::Sse && !rest.is_empty() {
                // One stream, one request: what is not covered waits for the next connection.
                wanted.retain(|filter| covered.contains(filter));
            }
        }
        if !rest.is_empty() && (covered.is_empty() || client.form == Form::WebSocket) {
            client.asked.insert(2, rest.clone());
            core.subscribe(key, &subscription(&rest, None), granted(form, 2), now_ms).unwrap();
        }
        *connected = Some(Connected { shard, key, pipe });
    }

    fn subscribe_more(&mut self) {
        let n = self.pick();
        let more = self.filters();
        let now_ms = self.now_ms;
        let (client, connected, wanted) = &mut self.clients[n];
        let Some(connected) = connected.as_ref().filter(|_| client.form == Form::WebSocket) else { return };
        let more: Vec<String> = more.difference(wanted).cloned().collect();
        if more.is_empty() {
            return;
        }
        if self.trace {
            eprintln!("  client {n} subscribes to {more:?}");
        }
        wanted.extend(more.iter().cloned());
        self.requests += 1;
        let id = self.requests;
        client.asked.insert(id, more.clone());
        let reply = granted(framing::Form::WebSocket, id);
        self.shards[connected.shard].subscribe(connected.key, &subscription(&more, None), reply, now_ms).unwrap();
    }

    fn unsubscribe_some(&mut self) {
        let n = self.pick();
        let now_ms = self.now_ms;
        let (client, connected, wanted) = &mut self.clients[n];
        let Some(connected) = connected.as_ref().filter(|_| client.form == Form::WebSocket) else { return };
        // Only one that no other filter overlaps, so that the client knows what it no longer holds.
        let Some(filter) = wanted.iter().next_back().cloned() else { return };
        let head = filter.split('.').next().unwrap().to_owned();
        if wanted.len() < 2 || wanted.iter().any(|other| *other != filter && other.starts_with(&head)) {
            return;
        }
        if self.trace {
            eprintln!("  client {n} unsubscribes from {filter}");
        }
        // Everything that is on its way first: afterwards nothing of it may come.
        connected.pipe.borrow_mut().room = usize::MAX / 2;
        let shard = connected.shard;
        let (key, pipe) = (connected.key, Rc::clone(&connected.pipe));
        self.commit_all();
        self.shards[shard].writable(key);
        self.turn_until_quiet();
        let (client, connected, wanted) = &mut self.clients[n];
        if connected.is_none() {
            return;
        }
        client.read(&pipe, usize::MAX, &self.truth);
        wanted.remove(&filter);
        client.covered.remove(&filter);
        client.granted.remove(&filter);
        client.held.retain(|topic, _| !matches(&filter, topic));
        self.shards[shard].unsubscribe(key, &[Pattern::new(&filter).unwrap()], None, now_ms).unwrap();
        pipe.borrow_mut().room = self.random.random_range(0..500);
    }

    fn cut_a_client(&mut self) {
        let n = self.pick();
        let (client, connected, _) = &mut self.clients[n];
        let Some(connected) = connected.take() else { return };
        // Any byte: the client read some of what was written, the rest is lost.
        let unread = connected.pipe.borrow().bytes.len();
        let read = self.random.random_range(0..=unread);
        client.read(&connected.pipe, read, &self.truth);
        client.disconnected();
        connected.pipe.borrow_mut().broken = true;
        if self.trace {
            eprintln!("  client {n} is cut after {read} of {unread} bytes; cursor {:?}", client.cursor);
        }
        let core = &mut self.shards[connected.shard];
        core.remove(connected.key, fanwire::close::CloseReason::PeerGone);
    }

    fn beat(&mut self) {
        let n = self.pick();
        if let Some(connected) = &self.clients[n].1 {
            self.shards[connected.shard].state_cursor(connected.key);
        }
    }

    /// The process dies and comes back with a new epoch and nothing in it.
    fn restart(&mut self) {
        if self.trace {
            eprintln!("  restart");
        }
        for (client, connected, _) in &mut self.clients {
            if connected.take().is_some() {
                client.disconnected();
            }
        }
        let (sequencer, store, shards, epoch) = engine(&mut self.random, &self.limits, self.log_limits);
        (self.sequencer, self.store, self.shards) = (sequencer, store, shards);
        self.truth = Truth { epoch, ..Truth::default() };
        self.alive.clear();
        (self.last_offset, self.half_committed, self.drafted) = (0, false, false);
    }

    fn commit_all(&mut self) {
        for _ in 0..3 {
            self.commit_a_half();
        }
    }

    fn turn_until_quiet(&mut self) {
        for shard in 0..self.shards.len() {
            for turn in 0.. {
                self.turn(shard);
                if !self.shards[shard].has_ready() {
                    break;
                }
                assert!(turn < 10_000, "a shard never comes to rest");
            }
        }
    }

    /// Everybody connects and reads all there is: then every client holds just what the store holds.
    fn finish(&mut self) {
        self.commit_all();
        for n in 0..self.clients.len() {
            if self.clients[n].1.is_none() {
                let shard = self.random.random_range(0..self.shards.len());
                self.connect(n, shard);
            }
            self.give_all_room(n);
        }
        self.turn_until_quiet();
        // One that was closed for being too far behind comes back once more.
        for n in (0..self.clients.len()).filter(|n| self.clients[*n].1.is_none()).collect::<Vec<_>>() {
            self.connect(n, 0);
            self.give_all_room(n);
        }
        self.turn_until_quiet();
        for n in 0..self.clients.len() {
            let (client, connected, wanted) = &mut self.clients[n];
            client.read(&connected.as_ref().unwrap().pipe, usize::MAX, &self.truth);
            assert!(client.asked.is_empty() && client.granted.is_empty(), "client {n} was never told that it is whole");
            let want: BTreeMap<&String, &(u64, Value, bool)> =
                self.alive.iter().filter(|(topic, _)| wanted.iter().any(|filter| matches(filter, topic))).collect();
            let held: Vec<&String> = client.held.keys().collect();
            assert_eq!(held, want.keys().copied().collect::<Vec<_>>(), "client {n} holds other topics than there are");
            for (topic, (seq, state, stale)) in want {
                let own = &client.held[topic];
                assert_eq!((own.seq, own.stale), (*seq, *stale), "client {n}: {topic} at its end");
                assert!(own.is_event || own.state == *state, "client {n}: {topic}: {} is not {state}", own.state);
            }
        }
        self.check_store();
    }

    fn give_all_room(&mut self, n: usize) {
        let connected = self.clients[n].1.as_ref().unwrap();
        connected.pipe.borrow_mut().room = usize::MAX / 2;
        self.shards[connected.shard].writable(connected.key);
    }

    fn check_store(&self) {
        let stored: BTreeMap<String, u64> =
            self.store.all().map(|snapshot| (snapshot.name.to_string(), snapshot.seq.0)).collect();
        let alive: BTreeMap<String, u64> = self.alive.iter().map(|(topic, (seq, ..))| (topic.clone(), *seq)).collect();
        assert_eq!(stored, alive);
    }
}

fn subscription(filters: &[String], cursor: Option<fanwire::log::Cursor>) -> Subscription {
    Subscription {
        topics: filters.iter().map(|filter| Pattern::new(filter).unwrap()).collect(),
        cursor,
        rate: Rate::UNTHROTTLED,
    }
}

/// The framed `ok` of a request; a stream of events has none.
fn granted(form: framing::Form, id: u64) -> Option<Vec<u8>> {
    let ok = framing::message::ok(Some(&id.to_string()));
    (form == framing::Form::WebSocket).then(|| framing::wrap(form, &ok, None))
}

type Engine = (Sequencer, Arc<Store>, Vec<Core<SimulatedWire>>, String);

fn engine(random: &mut SmallRng, limits: &Limits, log_limits: LogLimits) -> Engine {
    let store = Arc::new(Store::new());
    let epoch = Epoch::from_bits(random.random());
    let (log, writer) = Log::new(epoch.clone(), log_limits);
    let keep = random.random_range(1..12);
    let rules = ["trade.>", "play.>"].map(|pattern| fanwire::sequencer::KindRule {
        pattern: Pattern::new(pattern).unwrap(),
        kind: fanwire::store::Kind::Event,
        keep,
    });
    let sequencer = Sequencer::new(Arc::clone(&store), writer, KindRules::new(rules.into()), &Limits::default());
    let paces = Paces { rates_hz: vec![1, 4], lingers_ms: vec![20] };
    let settings = CoreSettings { heartbeat_ms: 15_000, poll_gather_ms: 20, paces, limits: limits.clone() };
    let shards = (0..2)
        .map(|n| Core::new(Arc::clone(&store), Arc::clone(&log), settings.clone(), Arc::default(), (n, 2)))
        .collect();
    (sequencer, store, shards, epoch.as_str().to_owned())
}
