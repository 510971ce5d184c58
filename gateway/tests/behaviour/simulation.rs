//! The pure core under a seeded storm: a sequencer, two shards that fall behind, sockets that take a few bytes at a
//! time and break in the middle of a frame, a log of a few segments. Every client keeps to the rules of the protocol
//! and to nothing else; at the end each must know exactly what the store holds. A failure prints its seed;
//! `FANWIRE_SEED=n` runs that one alone, `FANWIRE_TELL=1` tells every message, `FANWIRE_SEEDS` and `FANWIRE_STEPS` say
//! how many and how long.

use crate::client::{Said, body};
use crate::follower::{Data, Follower};
use crate::ws::{CLOSE, TEXT, frame_length};
use fanwire::framing::{Form, Framing, wrap};
use fanwire::limits::Limits;
use fanwire::log::{Cursor, Epoch, Log, LogLimits};
use fanwire::sequencer::{KindRule, KindRules, Sequencer};
use fanwire::shard::{
    Alteration, ConnKey, Core, CoreSettings, Filters, Paces, Peer, PollAnswer, Rate, ShardCounters, Subscription,
    Transport, WaitingPoll, Wire,
};
use fanwire::store::{Content, Kind, Store};
use feeds::model::{Change, Pattern, Topic, Update};
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use std::cell::RefCell;
use std::io::{self, ErrorKind, IoSlice};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::oneshot;

/// A socket that takes as many bytes as it has room for.
#[derive(Debug, Default)]
struct Pipe {
    taken: Vec<u8>,
    room: usize,
}

#[derive(Debug, Clone)]
struct Scripted(Rc<RefCell<Pipe>>);

impl Wire for Scripted {
    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut pipe = self.0.borrow_mut();
        let mut count = 0;
        for piece in pieces {
            let length = piece.len().min(pipe.room);
            pipe.taken.extend_from_slice(&piece[..length]);
            pipe.room -= length;
            count += length;
        }
        if count == 0 && pieces.iter().any(|piece| !piece.is_empty()) {
            Err(ErrorKind::WouldBlock.into())
        } else {
            Ok(count)
        }
    }
}

/// A streaming client: what it subscribed to, as of the last `ok`, and what it knows.
struct Stream {
    shard: usize,
    key: ConnKey,
    pipe: Rc<RefCell<Pipe>>,
    form: Form,
    filters: Vec<Pattern>,
    /// The filters that the client's cursor covers: those whose `ok` came before it.
    covered: Vec<Pattern>,
    /// What takes effect with the `ok` of this id.
    asked: Vec<(u64, Option<Pattern>, Option<Pattern>)>,
    follower: Follower,
    commands: u64,
    ids: bool,
}

/// A poller; each of its questions may go to another shard.
struct Poller {
    filters: Arc<[Pattern]>,
    follower: Follower,
    waiting: Option<oneshot::Receiver<bytes::Bytes>>,
    ids: bool,
}

/// `FANWIRE_TELL=1` prints every message, for a seed that fails.
static TELL: std::sync::LazyLock<bool> = std::sync::LazyLock::new(|| std::env::var_os("FANWIRE_TELL").is_some());

const STEPS: usize = 400;

struct World {
    random: SmallRng,
    sequencer: Sequencer,
    store: Arc<Store>,
    log: Arc<Log>,
    cores: Vec<Core<Scripted>>,
    streams: Vec<Stream>,
    pollers: Vec<Poller>,
    now_ms: i64,
    events: u64,
}

const NAMES: [&str; 14] = [
    "quote.a",
    "quote.b",
    "quote.c",
    "quote.d",
    "score.1.a",
    "score.1.b",
    "score.2.a",
    "score.2.b",
    "trade.a",
    "trade.b",
    "trade.c",
    "any.a",
    "any.b",
    "any.c",
];
const FILTERS: [&str; 12] = [
    ">",
    "quote.*",
    "score.>",
    "score.*.a",
    "trade.*",
    "any.>",
    "quote.a",
    "score.1.b",
    "trade.b",
    "any.c",
    "*.a",
    "*.*.b",
];

impl World {
    fn new(seed: u64) -> World {
        let mut random = SmallRng::seed_from_u64(seed);
        let store = Arc::new(Store::new());
        let segments_max = *[2, 4, 8, 64].choose(&mut random).unwrap();
        let (log, writer) = Log::new(Epoch::from_bits(seed), LogLimits { segments_max, bytes_max: 1 << 20 });
        let trades = KindRule { pattern: pattern("trade.>"), kind: Kind::Event, keep: random.random_range(1..8) };
        let sequencer = Sequencer::new(Arc::clone(&store), writer, KindRules::new(vec![trades]), &Limits::default());
        let limits = Limits {
            pending_entries_max: random.random_range(1..12),
            resume_entries_max: random.random_range(0..16),
            poll_body_bytes_max: *[1, 300, 1_000_000].choose(&mut random).unwrap(),
            ..Limits::default()
        };
        let poll_gather_ms = random.random_range(0..3);
        let settings = CoreSettings { heartbeat_ms: 15_000, poll_gather_ms, paces: Paces::default(), limits };
        let core = |n| {
            Core::new(Arc::clone(&store), Arc::clone(&log), settings.clone(), Arc::<ShardCounters>::default(), (n, 2))
        };
        let cores = vec![core(0), core(1)];
        World { random, sequencer, store, log, cores, streams: vec![], pollers: vec![], now_ms: 1_000, events: 0 }
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    fn pick(&mut self, count: usize) -> usize {
        self.random.random_range(0..count)
    }

    fn filter(&mut self) -> Pattern {
        pattern(FILTERS.choose(&mut self.random).unwrap())
    }

    fn step(&mut self) {
        self.now_ms += 1;
        match self.random.random_range(0..100) {
            0..35 => self.publish(),
            35..55 => {
                let shard = self.pick(2);
                self.turn(shard);
            }
            55..75 => self.give_room(),
            75..80 => self.connect(Follower::default(), None),
            80..84 => self.break_and_resume(),
            84..90 => self.command(),
            90..92 => self.heartbeat(),
            _ => self.poll(),
        }
    }

    fn publish(&mut self) {
        for _ in 0..self.random.random_range(1..6) {
            let name = *NAMES.choose(&mut self.random).unwrap();
            let number = self.random.random_range(0..5);
            let key = *["x", "y", "z"].choose(&mut self.random).unwrap();
            let state = crate::gateway::object(&format!(r#"{{"{key}":{number},"o":{{"{key}":{}}}}}"#, number % 2));
            self.events += 1;
            let event = crate::gateway::object(&format!(r#"{{"id":"{}"}}"#, self.events));
            let is_event = name.starts_with("trade");
            let change = match self.random.random_range(0..100) {
                0..12 => Change::Retire,
                12..20 => Change::Stale(self.random.random()),
                20..26 if is_event => Change::Lost((number > 1).then_some(number)),
                20..26 => Change::Reset(state),
                26..40 if !is_event => Change::State(state),
                _ if is_event => Change::Event(event),
                // A name without a rule takes the kind of its first line, so it may change between lives.
                40..60 if name.starts_with("any") => Change::Event(event),
                _ if number == 4 => Change::Patch(crate::gateway::object(&format!(r#"{{"{key}":null}}"#))),
                _ => Change::Patch(state),
            };
            if *TELL {
                eprintln!("    {name} {change:?}");
            }
            let _ = self.sequencer.apply(Update::new(Topic::new(name).unwrap(), None, change), self.now_ms);
        }
        self.sequencer.commit();
        if *TELL {
            eprintln!("    end {} gone evicted {}", self.log.end().0, self.log.gone_evicted().0);
        }
    }

    /// What a shard does when it is woken.
    fn turn(&mut self, shard: usize) {
        let core = &mut self.cores[shard];
        core.settle(self.now_ms);
        core.serve_due(self.now_ms);
        core.serve_ready(self.now_ms);
        assert!(core.take_ended().is_empty(), "no socket has ended");
        self.hear_all();
    }

    fn give_room(&mut self) {
        if self.streams.is_empty() {
            return;
        }
        let at = self.pick(self.streams.len());
        let room = self.random.random_range(1..600);
        self.give(at, room);
    }

    fn give(&mut self, at: usize, room: usize) {
        let Stream { shard, key, pipe, .. } = &self.streams[at];
        pipe.borrow_mut().room += room;
        let core = &mut self.cores[*shard];
        core.writable(*key);
        core.serve_ready(self.now_ms);
        self.hear_all();
    }

    fn connect(&mut self, mut follower: Follower, resumed: Option<(Vec<Pattern>, Form, bool)>) {
        if self.streams.len() >= 6 && resumed.is_none() {
            return self.disconnect();
        }
        let shard = self.pick(2);
        let (filters, form, ids) = match resumed {
            Some(same) => same,
            None => {
                let form = if self.chance(50) { Form::Sse } else { Form::WebSocket };
                let count = self.random.random_range(1..4);
                ((0..count).map(|_| self.filter()).collect(), form, self.chance(30))
            }
        };
        let room = self.random.random_range(0..3_000);
        let pipe = Rc::new(RefCell::new(Pipe { taken: vec![], room }));
        let cursor: Option<Cursor> = follower.cursor.as_ref().map(|cursor| cursor.parse().unwrap());
        let framing = Framing { form, quiet: false, num_string: false, ids };
        let (peer, transport) = match form {
            Form::Sse => (Peer::Sse, Transport::Sse),
            _ => (Peer::WebSocket(None), Transport::WebSocket),
        };
        let core = &mut self.cores[shard];
        let key = core.open(Scripted(Rc::clone(&pipe)), peer, transport, framing, vec![], self.now_ms);
        follower.reconnected(false, cursor.is_some());
        let subscription = Subscription { topics: filters.clone(), cursor, rate: Rate::UNTHROTTLED };
        core.subscribe(key, &subscription, None, self.now_ms).unwrap();
        core.serve_ready(self.now_ms);
        let covered = if subscription.cursor.is_some() { filters.clone() } else { vec![] };
        let (asked, commands) = (vec![], 0);
        self.streams.push(Stream { shard, key, pipe, form, filters, covered, asked, follower, commands, ids });
        self.hear_all();
    }

    fn disconnect(&mut self) {
        let at = self.pick(self.streams.len());
        let stream = self.streams.swap_remove(at);
        self.cores[stream.shard].remove(stream.key, fanwire::close::CloseReason::PeerGone);
    }

    /// The connection breaks at whatever byte; its client comes back with its cursor, perhaps to the other shard.
    fn break_and_resume(&mut self) {
        if self.streams.is_empty() {
            return;
        }
        let at = self.pick(self.streams.len());
        let Stream { shard, key, form, filters, covered, mut follower, ids, asked, .. } = self.streams.swap_remove(at);
        self.cores[shard].remove(key, fanwire::close::CloseReason::PeerGone);
        let removing = asked.iter().any(|(_, _, removed)| removed.is_some());
        let filters = if follower.cursor.is_none() || removing || covered.is_empty() {
            follower = Follower::default();
            if filters.is_empty() { vec![self.filter()] } else { filters }
        } else {
            // A cursor asserts that every topic of the request is held: the others are forgotten.
            follower.topics.retain(|topic, _| covered.iter().any(|filter| filter.matches(topic)));
            covered
        };
        self.connect(follower, Some((filters, form, ids)));
    }

    fn command(&mut self) {
        let Some(at) = (0..self.streams.len()).find(|at| self.streams[*at].form == Form::WebSocket) else { return };
        let filter = self.filter();
        let kind = self.random.random_range(0..5);
        let now_ms = self.now_ms;
        let stream = &mut self.streams[at];
        stream.commands += 1;
        let id = stream.commands;
        let ok = wrap(Form::WebSocket, format!(r#"{{"t":"ok","id":{id}}}"#).as_bytes(), None);
        if *TELL {
            eprintln!("{:?}/{} command {id} {kind} {filter:?} ids {}", stream.key, stream.shard, stream.ids);
        }
        let core = &mut self.cores[stream.shard];
        match kind {
            0 | 1 => {
                stream.asked.push((id, Some(filter.clone()), None));
                core.subscribe(
                    stream.key,
                    &Subscription { topics: vec![filter], cursor: None, rate: Rate::UNTHROTTLED },
                    Some(ok),
                    now_ms,
                )
                .unwrap();
            }
            2 | 3 => {
                stream.asked.push((id, None, Some(filter.clone())));
                core.unsubscribe(stream.key, &[filter], Some(ok), now_ms).unwrap();
            }
            _ => {
                stream.asked.push((id, None, None));
                stream.ids = !stream.ids;
                let ids = Some(stream.ids);
                core.alter(stream.key, &Alteration { ids, ..Alteration::default() }, Some(ok), now_ms).unwrap();
            }
        }
        core.serve_ready(now_ms);
        self.hear_all();
    }

    fn heartbeat(&mut self) {
        for stream in &self.streams {
            self.cores[stream.shard].state_cursor(stream.key);
        }
    }

    fn poll(&mut self) {
        if self.pollers.len() < 3 {
            let mut filters: Vec<Pattern> = (0..self.random.random_range(1..3)).map(|_| self.filter()).collect();
            filters.sort();
            filters.dedup();
            let ids = self.chance(30);
            self.pollers.push(Poller { filters: filters.into(), follower: Follower::default(), waiting: None, ids });
        }
        let at = self.pick(self.pollers.len());
        let shard = self.pick(2);
        self.ask(at, shard);
    }

    fn ask(&mut self, at: usize, shard: usize) {
        let poller = &mut self.pollers[at];
        if let Some(waiting) = &mut poller.waiting {
            match waiting.try_recv() {
                Ok(answer) => {
                    poller.waiting = None;
                    return poller.hear(&answer);
                }
                Err(_) => return,
            }
        }
        let core = &mut self.cores[shard];
        let framing = Framing { form: Form::Json, quiet: false, num_string: false, ids: poller.ids };
        let set = core.poll_set(Filters::unthrottled(poller.filters.iter().cloned()), framing, self.now_ms).unwrap();
        let cursor: Option<Cursor> = poller.follower.cursor.as_ref().map(|cursor| cursor.parse().unwrap());
        let answer = match &cursor {
            None => core.poll_whole(set),
            Some(cursor) => core.poll(set, Some(cursor)),
        };
        match (answer, cursor) {
            (PollAnswer::Body(answer), _) => poller.hear(&answer),
            (PollAnswer::Nothing, Some(cursor)) => {
                let (reply, waiting) = oneshot::channel();
                core.poll_wait(set, WaitingPoll { cursor, reply });
                poller.waiting = Some(waiting);
            }
            _ => {}
        }
        core.poll_left(set);
    }

    fn hear_all(&mut self) {
        for stream in &mut self.streams {
            stream.hear();
        }
    }

    /// Lets everything come to rest, and compares.
    fn settle_and_compare(&mut self) {
        for round in 0..200 {
            self.now_ms += 5;
            for at in 0..self.streams.len() {
                self.give(at, 5_000);
            }
            self.turn(0);
            self.turn(1);
            for at in 0..self.pollers.len() {
                // A body may be cut after each entry; a poll that waits has come to the end.
                for _ in 0..1_000 {
                    self.ask(at, at % 2);
                    if self.pollers[at].waiting.is_some() {
                        break;
                    }
                }
            }
            if round >= 10 && self.cores.iter().all(|core| !core.has_ready()) {
                let end = self.log.end().0;
                self.heartbeat();
                if self.streams.iter().all(|stream| stream.follower.offset() == end) {
                    break;
                }
            }
        }
        for stream in &self.streams {
            assert_eq!(
                stream.follower.offset(),
                self.log.end().0,
                "the cursor comes to the end: {:#?}",
                stream.follower
            );
            compare(&self.store, &stream.filters, &stream.follower);
        }
        for poller in &self.pollers {
            compare(&self.store, &poller.filters, &poller.follower);
        }
    }
}

impl Stream {
    fn hear(&mut self) {
        loop {
            let said = {
                let mut pipe = self.pipe.borrow_mut();
                match self.form {
                    Form::WebSocket => {
                        let Some(length) = frame_length(&pipe.taken) else { return };
                        let frame: Vec<u8> = pipe.taken.drain(..length).collect();
                        let head = if frame[1] == 126 { 4 } else { 2 };
                        assert_ne!(frame[0] & 15, CLOSE, "nobody closes");
                        assert_eq!(frame[0], 0x80 | TEXT);
                        Said::new(String::from_utf8(frame[head..].to_vec()).unwrap(), None)
                    }
                    _ => {
                        let Some(end) = crate::http::find(&pipe.taken, b"\n\n") else { return };
                        let block: Vec<u8> = pipe.taken.drain(..end + 2).collect();
                        let block = String::from_utf8(block).unwrap();
                        let field = |name| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                        Said::new(field("data: ").expect("data"), field("id: "))
                    }
                }
            };
            self.take(&said);
        }
    }

    fn take(&mut self, said: &Said) {
        if *TELL {
            eprintln!("{:?}/{} {:?} {} cursor {:?}", self.key, self.shard, self.form, said.raw, said.id);
        }
        if said.json["t"] == "ok" {
            let id = said.json["id"].as_u64().unwrap();
            let at = self.asked.iter().position(|(asked, ..)| *asked == id).expect("an ok that was asked for");
            assert_eq!(at, 0, "answers come in order");
            let (_, added, removed) = self.asked.remove(at);
            self.filters.extend(added);
            self.filters.retain(|filter| Some(filter) != removed.as_ref());
            self.covered.retain(|filter| Some(filter) != removed.as_ref());
            let filters = &self.filters;
            self.follower.topics.retain(|topic, _| filters.iter().any(|filter| filter.matches(topic)));
        }
        let cursor = self.follower.cursor.clone();
        let heard = self.follower.hear(said, self.form == Form::Sse);
        if self.follower.cursor != cursor {
            self.covered = self.filters.clone();
        }
        if let Err(breach) = heard {
            panic!("{breach}\n  filters {:?}, known: {:#?}", self.filters, self.follower.topics);
        }
        // A number may be told of a topic whose subscription is not answered yet.
        if let Some(topic) = said.json["topic"].as_str().filter(|_| said.json["t"] != "name") {
            assert!(self.filters.iter().any(|filter| filter.matches(topic)), "{topic} was not subscribed: {said:?}");
        }
    }
}

impl Poller {
    fn hear(&mut self, answer: &[u8]) {
        if *TELL {
            eprintln!("poll {:?} {}", self.filters, String::from_utf8_lossy(answer));
        }
        let (cursor, said) = body(std::str::from_utf8(answer).unwrap());
        let epoch = cursor.split(':').next().unwrap();
        self.follower.reconnected(true, false);
        let epoch = Said::new(format!(r#"{{"t":"epoch","epoch":"{epoch}"}}"#), None);
        let at = Said::new(format!(r#"{{"t":"at","cursor":"{cursor}"}}"#), None);
        for said in [epoch].iter().chain(&said).chain([&at]) {
            if let Err(breach) = self.follower.hear(said, false) {
                let answer = String::from_utf8_lossy(answer);
                panic!("poll: {breach}\n  in {answer}\n  filters {:?}, known: {:#?}", self.filters, self.follower);
            }
            if let Some(topic) = said.json["topic"].as_str() {
                assert!(self.filters.iter().any(|filter| filter.matches(topic)), "{topic} was not asked for: {said:?}");
            }
        }
    }
}

fn compare(store: &Store, filters: &[Pattern], follower: &Follower) {
    let mut wanted: Vec<_> =
        store.all().filter(|snapshot| filters.iter().any(|filter| filter.matches(&snapshot.name))).collect();
    wanted.sort_by_key(|snapshot| snapshot.name.clone());
    let names: Vec<&str> = wanted.iter().map(|snapshot| &*snapshot.name).collect();
    let known: Vec<&str> = follower.topics.keys().map(String::as_str).collect();
    assert_eq!(known, names, "of {filters:?}");
    for snapshot in wanted {
        let topic = &follower.topics[&*snapshot.name];
        assert_eq!((topic.seq, topic.stale), (snapshot.seq.0, snapshot.stale), "{}", snapshot.name);
        let data: Value = serde_json::from_slice(&snapshot.data(false)).unwrap();
        match (&topic.data, &snapshot.content) {
            (Data::State(state), Content::State(_)) => assert_eq!(*state, data, "{}", snapshot.name),
            (Data::Events(events), Content::Events(_)) => {
                let mine: Vec<&Value> = events.iter().map(|(_, event)| event).collect();
                let theirs: Vec<&Value> = data.as_array().unwrap().iter().collect();
                assert!(mine.ends_with(&theirs) || theirs.ends_with(&mine), "{}: {mine:?} {theirs:?}", snapshot.name);
            }
            _ => panic!("{} is of the wrong kind", snapshot.name),
        }
    }
}

fn pattern(text: &str) -> Pattern {
    Pattern::new(text).unwrap()
}

fn run(seed: u64, steps: usize) {
    let mut world = World::new(seed);
    for _ in 0..steps {
        world.step();
    }
    world.settle_and_compare();
}

#[test]
fn every_client_ends_up_knowing_what_the_store_holds() {
    let steps = std::env::var("FANWIRE_STEPS").map_or(STEPS, |steps| steps.parse().unwrap());
    if let Ok(seed) = std::env::var("FANWIRE_SEED") {
        return run(seed.parse().unwrap(), steps);
    }
    let seeds: u64 = std::env::var("FANWIRE_SEEDS").map_or(150, |seeds| seeds.parse().unwrap());
    let failed: Vec<u64> =
        (0..seeds).filter(|seed| catch_unwind(AssertUnwindSafe(|| run(*seed, steps))).is_err()).collect();
    assert!(failed.is_empty(), "FANWIRE_SEED=n runs one seed alone; these of {seeds} failed: {failed:?}");
}

/// Sets that nobody uses are kept for a while: one that is taken up again must not be the one that makes room.
#[test]
fn unused_sets_come_and_go() {
    let mut world = World::new(7);
    world.connect(Follower::default(), None);
    let Stream { shard, key, .. } = world.streams.pop().unwrap();
    let core = &mut world.cores[shard];
    for _ in 0..10_000 {
        let topics = vec![pattern(&format!("quote.n{}", world.random.random_range(0..520)))];
        let subscription = Subscription { topics: topics.clone(), cursor: None, rate: Rate::UNTHROTTLED };
        core.subscribe(key, &subscription, None, 1).unwrap();
        core.unsubscribe(key, &topics, None, 1).unwrap();
        if world.random.random_range(0..100) == 0 {
            let set = core
                .poll_set(Filters::unthrottled(topics), Framing { form: Form::Json, ..Framing::default() }, 1)
                .unwrap();
            core.poll_left(set);
        }
    }
}
