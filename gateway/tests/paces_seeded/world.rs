//! The schedule: publishers, a sequencer, two shards and some clients, all driven by one seed.

use super::client::{Asked, Client, matches};
use super::pipe::{Pipe, PipeWire};
use super::truth::{Life, Truth};
use fanwire::close::CloseReason;
use fanwire::framing::message::ok;
use fanwire::framing::{Form, Framing, wrap};
use fanwire::limits::Limits;
use fanwire::log::{Cursor, Epoch, Log, LogLimits};
use fanwire::sequencer::{KindRule, KindRules, Sequencer};
use fanwire::shard::{Alteration, ConnKey, Core, CoreSettings, Paces, Peer, Rate, Subscription, Transport};
use fanwire::store::{Kind, Store};
use feeds::model::{Change, Object, Pattern, Topic, Update, parse_object};
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

const NAMES: [&str; 8] = ["q.1", "q.2", "q.3", "q.4", "e.1", "e.2", "e.3", "e.4"];
const FILTERS: [&str; 10] = ["q.*", "e.>", "*.1", "*.2", ">", "q.1", "q.2", "e.1", "e.2", "e.9"];
const RATES: [u32; 4] = [0, 1, 4, 10];
const LINGERS: [u32; 3] = [0, 5, 20];
const CHECKPOINTS_MAX: usize = 3;

struct Connected {
    shard: usize,
    key: ConnKey,
    pipe: Rc<RefCell<Pipe>>,
}

/// A client as it was when a cursor was stated, and what it wanted then.
type Checkpoint = (Client, BTreeMap<String, u32>);

#[derive(Default)]
struct Reader {
    client: Client,
    connected: Option<Connected>,
    /// Filters and their rates.
    wanted: BTreeMap<String, u32>,
    checkpoints: Vec<Checkpoint>,
}

struct World {
    random: SmallRng,
    now_ms: i64,
    sequencer: Sequencer,
    shards: Vec<Core<PipeWire>>,
    truth: Truth,
    drafted: bool,
    half_committed: bool,
    readers: Vec<Reader>,
    /// How eagerly shards take turns, of a hundred: a lazy one is overtaken.
    eagerness: u32,
    trace: bool,
}

/// Runs one schedule to its end, panicking at the first broken rule.
pub fn run(seed: u64) {
    let mut world = World::new(seed);
    for step in 0..world.random.random_range(50..250) {
        if world.trace {
            eprintln!("step {step} at {}", world.now_ms);
        }
        world.step();
    }
    world.finish();
}

impl World {
    fn new(seed: u64) -> World {
        let mut random = SmallRng::seed_from_u64(seed);
        let topics_per_connection_max = if random.random_bool(0.2) { random.random_range(2..6) } else { 100 };
        let limits = Limits {
            pending_entries_max: random.random_range(1..30),
            resume_entries_max: random.random_range(0..60),
            topics_per_connection_max,
            ..Limits::default()
        };
        let epoch = Epoch::from_bits(seed);
        let log_limits = LogLimits { segments_max: 1 << random.random_range(1..8), bytes_max: 1 << 20 };
        let (log, writer) = Log::new(epoch.clone(), log_limits);
        let keep = random.random_range(1..6);
        let rules =
            || KindRules::new(vec![KindRule { pattern: Pattern::new("e.>").unwrap(), kind: Kind::Event, keep }]);
        let store = Arc::new(Store::new());
        let settings = CoreSettings { heartbeat_ms: 15_000, poll_gather_ms: 20, paces: Paces::default(), limits };
        let core = |n| Core::new(Arc::clone(&store), Arc::clone(&log), settings.clone(), Arc::default(), (n, 2));
        let shards = vec![core(0), core(1)];
        let sequencer = Sequencer::new(Arc::clone(&store), writer, rules(), &Limits::default());
        let readers =
            (0..random.random_range(1..5)).map(|n| Reader { client: Client::new(n), ..Reader::default() }).collect();
        World {
            eagerness: random.random_range(3..30),
            random,
            now_ms: 1_000_000,
            sequencer,
            shards,
            truth: Truth::new(epoch, rules()),
            drafted: false,
            half_committed: false,
            readers,
            trace: std::env::var_os("TRACE").is_some(),
        }
    }

    fn step(&mut self) {
        self.now_ms += self.random.random_range(0..60);
        let turns = 40 + self.eagerness;
        match self.random.random_range(0..turns + 45) {
            0..30 => self.publish(),
            30..40 => self.commit_a_half(),
            turn if turn < turns => self.turn(turn as usize % 2),
            turn => match turn - turns {
                0..15 => self.let_one_read(),
                15..22 => self.connect_one(),
                22..27 => self.subscribe_more(),
                27..30 => self.unsubscribe_some(),
                30..36 => self.set_a_rate(),
                36..38 => self.set_a_form(),
                38..42 => self.cut_one(),
                _ => self.beat(),
            },
        }
    }

    fn publish(&mut self) {
        // Nothing is applied between the two halves of a commit.
        if self.half_committed {
            self.commit_a_half();
        }
        for _ in 0..self.random.random_range(1..5) {
            self.publish_one();
        }
    }

    fn publish_one(&mut self) {
        let name = *NAMES.choose(&mut self.random).unwrap();
        let event = name.starts_with('e');
        let change = match self.random.random_range(0..100) {
            0..8 => Change::Retire,
            8..16 => Change::Stale(self.random.random()),
            16..20 if event => Change::Lost(if self.random.random() { Some(3) } else { None }),
            16..20 => Change::Reset(self.object(false)),
            20..30 if !event => Change::State(self.object(false)),
            _ if event => Change::Event(Object::new().with("id", i64::from(self.random.random_range(0..99)))),
            _ => Change::Patch(self.object(true)),
        };
        if self.trace {
            eprintln!("  publish {name} {change:?}");
        }
        let update = Update::new(Topic::new(name).unwrap(), None, change);
        self.truth.apply(update.clone(), self.now_ms);
        let _ = self.sequencer.apply(update, self.now_ms);
        self.drafted |= self.sequencer.drafted().0 > 0;
    }

    fn object(&mut self, nulls: bool) -> Object {
        let mut fields = serde_json::Map::new();
        for key in ["a", "b"] {
            match self.random.random_range(0..4) {
                0 => drop(fields.insert(key.into(), self.random.random_range(0..4).into())),
                1 if nulls => drop(fields.insert(key.into(), Value::Null)),
                2 => drop(fields.insert(key.into(), json!({ "x": self.random.random_range(0..3) }))),
                _ => {}
            }
        }
        parse_object(Value::Object(fields).to_string().as_bytes()).unwrap()
    }

    fn commit_a_half(&mut self) {
        if self.half_committed {
            self.sequencer.publish_segment();
        } else if self.drafted {
            self.sequencer.store_snapshots();
        }
        (self.half_committed, self.drafted) = (!self.half_committed && self.drafted, false);
    }

    fn turn(&mut self, shard: usize) {
        let core = &mut self.shards[shard];
        core.settle(self.now_ms);
        core.serve_ready(self.now_ms);
        core.serve_due(self.now_ms);
        core.serve_ready(self.now_ms);
        for (key, _, reason) in core.take_ended() {
            assert_eq!(reason, CloseReason::TooFarBehind, "nothing else ends a connection here");
            core.remove(key, reason);
            let ended =
                |reader: &&mut Reader| reader.connected.as_ref().is_some_and(|c| (c.shard, c.key) == (shard, key));
            let reader = self.readers.iter_mut().find(ended).expect("the reader of a connection");
            reader.connected = None;
            reader.client.disconnected();
        }
    }

    fn pick(&mut self) -> usize {
        self.random.random_range(0..self.readers.len())
    }

    fn let_one_read(&mut self) {
        let n = self.pick();
        let room = *[30, 300, 3_000, 30_000].choose(&mut self.random).unwrap();
        self.read(n, room);
        if self.random.random_bool(0.3) && self.readers[n].client.cursor.is_some() {
            let reader = &mut self.readers[n];
            let checkpoint = (reader.client.clone(), reader.wanted.clone());
            if reader.checkpoints.len() == CHECKPOINTS_MAX {
                reader.checkpoints.remove(0);
            }
            reader.checkpoints.push(checkpoint);
        }
    }

    /// The client takes what there is, and lets so many bytes more in.
    fn read(&mut self, n: usize, room: usize) {
        let Reader { client, connected: Some(connected), .. } = &mut self.readers[n] else { return };
        let bytes = std::mem::take(&mut connected.pipe.borrow_mut().bytes);
        connected.pipe.borrow_mut().room = room;
        client.read(&bytes, &self.truth);
        self.shards[connected.shard].writable(connected.key);
    }

    fn filters(&mut self) -> BTreeSet<String> {
        (0..self.random.random_range(1..4)).map(|_| (*FILTERS.choose(&mut self.random).unwrap()).to_owned()).collect()
    }

    fn rate(&mut self) -> u32 {
        *RATES.choose(&mut self.random).unwrap()
    }

    fn connect_one(&mut self) {
        let n = self.pick();
        if self.readers[n].connected.is_none() {
            self.connect(n);
        }
    }

    fn connect(&mut self, n: usize) {
        if self.readers[n].wanted.is_empty() {
            let rate = self.rate();
            self.readers[n].wanted = self.filters().into_iter().map(|filter| (filter, rate)).collect();
        }
        if self.random.random_bool(0.3) {
            let rate = self.rate();
            self.readers[n].wanted.values_mut().for_each(|other| *other = rate);
        }
        let shard = self.random.random_range(0..2);
        let room = self.random.random_range(0..3_000);
        let reader = &mut self.readers[n];
        if self.trace {
            eprintln!("  client {n} connects to {shard} with {:?}, cursor {:?}", reader.wanted, reader.client.cursor);
        }
        let pipe = Rc::new(RefCell::new(Pipe { room, ..Pipe::default() }));
        let framing = Framing { form: Form::WebSocket, ..Framing::default() };
        let (peer, wire) = (Peer::WebSocket(None), PipeWire(Rc::clone(&pipe)));
        let key = self.shards[shard].open(wire, peer, Transport::WebSocket, framing, Vec::new(), self.now_ms);
        reader.connected = Some(Connected { shard, key, pipe });
        let cursor = reader.client.cursor.as_ref().map(|(epoch, offset)| format!("{epoch}:{offset}").parse().unwrap());
        let covered = std::mem::take(&mut reader.client.covered);
        let mut groups: BTreeMap<(bool, u32), BTreeSet<String>> = BTreeMap::new();
        for (filter, rate) in std::mem::take(&mut reader.wanted) {
            groups.entry((!covered.contains(&filter), rate)).or_default().insert(filter);
        }
        for ((fresh, rate), filters) in groups {
            self.subscribe(n, filters, cursor.clone().filter(|_| !fresh), rate);
        }
        // What it gave up, or was refused, it would hold as it was.
        let Reader { client, wanted, .. } = &mut self.readers[n];
        let resumed: Vec<&String> = wanted.keys().filter(|filter| covered.contains(*filter)).collect();
        client.held.retain(|topic, _| resumed.iter().any(|filter| matches(filter, topic)));
    }

    fn subscribe(&mut self, n: usize, filters: BTreeSet<String>, cursor: Option<Cursor>, rate: u32) {
        if self.trace {
            eprintln!("  client {n} sub {filters:?} rate {rate} cursor {cursor:?}");
        }
        let reader = &mut self.readers[n];
        let Some(connected) = &reader.connected else { return };
        let subscription = Subscription { topics: patterns(&filters), cursor, rate: Rate(rate) };
        let core = &mut self.shards[connected.shard];
        // What it is refused it does not want any more.
        if core.subscribe(connected.key, &subscription, reply(), self.now_ms).is_ok() {
            reader.wanted.extend(filters.iter().map(|filter| (filter.clone(), rate)));
            reader.client.asked.push_back(Asked::Sub(filters));
        }
    }

    fn subscribe_more(&mut self) {
        let (n, rate, filters) = (self.pick(), self.rate(), self.filters());
        self.subscribe(n, filters, None, rate);
    }

    fn unsubscribe_some(&mut self) {
        let (n, mut filters) = (self.pick(), self.filters());
        filters.retain(|filter| self.readers[n].wanted.contains_key(filter));
        let reader = &mut self.readers[n];
        let Some(connected) = reader.connected.as_ref().filter(|_| filters.len() < reader.wanted.len()) else { return };
        if self.trace {
            eprintln!("  client {n} unsub {filters:?}");
        }
        let core = &mut self.shards[connected.shard];
        if core.unsubscribe(connected.key, &patterns(&filters), reply(), self.now_ms).is_ok() {
            reader.wanted.retain(|filter, _| !filters.contains(filter));
            reader.client.asked.push_back(Asked::Unsub(filters));
        }
    }

    fn set_a_rate(&mut self) {
        let (n, rate, filters) = (self.pick(), self.rate(), self.filters());
        let topics = self.random.random_bool(0.6).then(|| patterns(&filters));
        let concerned = |filter: &String| topics.is_none() || filters.contains(filter);
        let altered = Alteration { rate: Some(Rate(rate)), topics: topics.clone(), ..Alteration::default() };
        if self.alter(n, &altered) {
            let wanted = self.readers[n].wanted.iter_mut();
            wanted.filter(|(filter, _)| concerned(filter)).for_each(|(_, own)| *own = rate);
        }
    }

    fn set_a_form(&mut self) {
        let n = self.pick();
        let alteration = match self.random.random_range(0..3) {
            0 => Alteration { ids: Some(self.random.random()), ..Alteration::default() },
            1 => Alteration { num_string: Some(self.random.random()), ..Alteration::default() },
            _ => Alteration { linger_ms: LINGERS.choose(&mut self.random).copied(), ..Alteration::default() },
        };
        self.alter(n, &alteration);
    }

    fn alter(&mut self, n: usize, alteration: &Alteration) -> bool {
        let reader = &mut self.readers[n];
        let Some(connected) = &reader.connected else { return false };
        if self.trace {
            eprintln!("  client {n} set {alteration:?}");
        }
        let core = &mut self.shards[connected.shard];
        let done = core.alter(connected.key, alteration, reply(), self.now_ms).is_ok();
        reader.client.asked.extend(done.then_some(Asked::Set));
        done
    }

    /// At any byte. One that topics are kept from begins anew with other wishes, and so does one that forgot its cursor.
    fn cut_one(&mut self) {
        let n = self.pick();
        self.disconnect(n);
        let forgets = self.random.random_bool(0.1);
        let reader = &mut self.readers[n];
        if forgets {
            reader.client.cursor = None;
            reader.client.held.clear();
            reader.client.covered.clear();
            reader.wanted.clear();
        }
    }

    fn disconnect(&mut self, n: usize) {
        let reader = &mut self.readers[n];
        let Some(connected) = reader.connected.take() else { return };
        let unread = connected.pipe.borrow().bytes.clone();
        let read = self.random.random_range(0..=unread.len());
        reader.client.read(&unread[..read], &self.truth);
        if self.trace {
            eprintln!("  client {n} is cut after {read} of {} bytes", unread.len());
        }
        if reader.client.limited {
            (reader.client.cursor, reader.wanted) = (None, BTreeMap::new());
            reader.client.covered.clear();
        }
        reader.client.disconnected();
        self.shards[connected.shard].remove(connected.key, CloseReason::PeerGone);
    }

    fn beat(&mut self) {
        let n = self.pick();
        if let Some(connected) = &self.readers[n].connected {
            self.shards[connected.shard].state_cursor(connected.key);
        }
    }

    /// Everybody reads all there is; then resumes from cursors of former days, and reads all there is.
    fn finish(&mut self) {
        (0..3).for_each(|_| self.commit_a_half());
        (0..self.readers.len()).for_each(|n| self.finish_one(n));
        for n in 0..self.readers.len() {
            for (client, wanted) in std::mem::take(&mut self.readers[n].checkpoints) {
                self.disconnect(n);
                if self.trace {
                    eprintln!("client {n} is as it was at {:?}", client.cursor);
                }
                (self.readers[n].client, self.readers[n].wanted) = (client, wanted);
                self.readers[n].client.disconnected();
                self.finish_one(n);
            }
            self.disconnect(n);
        }
        self.now_ms += 2_000;
        (0..2).for_each(|shard| self.turn(shard));
        assert!(self.shards.iter().all(|core| core.next_due().is_none()), "nobody is there, and something is due");
    }

    fn finish_one(&mut self, n: usize) {
        for _ in 0..3 {
            if self.readers[n].client.limited {
                self.disconnect(n);
                self.readers[n].wanted = BTreeMap::from([("q.1".to_owned(), 4)]);
            }
            if self.readers[n].connected.is_none() {
                self.connect(n);
            }
            for _ in 0..12 {
                (0..self.readers.len()).for_each(|n| self.read(n, usize::MAX / 2));
                (0..2).for_each(|shard| self.turn(shard));
                self.now_ms += 125;
            }
            self.read(n, usize::MAX / 2);
        }
        assert!(self.shards.iter().all(|core| !core.has_ready()), "a shard never comes to rest");
        self.check(n);
    }

    fn check(&self, n: usize) {
        let Reader { client, wanted, .. } = &self.readers[n];
        assert!(client.asked.is_empty(), "client {n}: commands without an answer");
        assert_eq!(client.active, wanted.keys().cloned().collect(), "client {n}: other filters than it asked for");
        assert_eq!(client.covered, client.active, "client {n} was never told that it is whole");
        let topics = self.truth.moments.keys().filter(|topic| client.covers(topic));
        for topic in topics {
            let held = client.held.get(topic).map(|held| (held.n, held.seq, held.stale));
            let now = self.truth.now(topic).map(|Life { n, seq, stale, .. }| (*n, *seq, *stale));
            assert_eq!(held, now, "client {n}: {topic} at its end");
            let cursor = client.cursor.as_ref().map_or(0, |(_, offset)| *offset);
            let then = self.truth.since(topic, cursor).next().flatten();
            assert_eq!(then, self.truth.now(topic), "client {n}: {topic} is held, but the cursor {cursor} is older");
        }
    }
}

fn patterns(filters: &BTreeSet<String>) -> Vec<Pattern> {
    filters.iter().map(|filter| Pattern::new(filter).unwrap()).collect()
}

/// The framed `ok`.
fn reply() -> Option<Vec<u8>> {
    Some(wrap(Form::WebSocket, &ok(None), None))
}
