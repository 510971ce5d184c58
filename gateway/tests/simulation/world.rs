//! The engine under a schedule: a sequencer, two shards, some clients, and the truth of what was published.

use crate::checker::{Form, Reader, Truth, trace::tell};
use crate::shape::Shape;
use crate::streams::{Client, Line};
use crate::wire::SimulatedWire;
use fanwire::log::{Epoch, Log};
use fanwire::sequencer::{KindRule, KindRules, Sequencer};
use fanwire::shard::{Core, CoreSettings, Paces};
use fanwire::store::{Kind, Store};
use feeds::model::Pattern;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::sync::Arc;

pub const SHARDS: usize = 2;
pub const RATES_HZ: [u32; 3] = [1, 4, 20];
pub const LINGERS_MS: [u32; 2] = [20, 100];

pub struct World {
    pub random: SmallRng,
    pub shape: Shape,
    pub now_ms: i64,
    pub sequencer: Sequencer,
    pub store: Arc<Store>,
    pub log: Arc<Log>,
    pub shards: Vec<Core<SimulatedWire>>,
    pub truth: Truth,
    /// True between the two halves of a commit.
    pub half_committed: bool,
    pub clients: Vec<Client>,
    /// Ids of commands.
    pub requests: u64,
    /// Readers as they were at some cursor, to go on from there later.
    pub memories: Vec<Reader>,
}

impl World {
    pub fn new(seed: u64, shape: impl FnOnce(&mut SmallRng) -> Shape) -> World {
        let mut random = SmallRng::seed_from_u64(seed);
        let shape = shape(&mut random);
        let (sequencer, store, log, shards) = engine(&mut random, &shape);
        let truth = Truth::new(log.epoch().as_str());
        World {
            random,
            shape,
            now_ms: 1_000,
            sequencer,
            store,
            log,
            shards,
            truth,
            half_committed: false,
            clients: Vec::new(),
            requests: 0,
            memories: Vec::new(),
        }
    }

    /// A client that is not connected yet. Returns its number.
    pub fn add_client(&mut self, form: Form, num_string: bool, ids: bool) -> usize {
        let name = format!("client {}", self.clients.len());
        let reader = Reader::new(&name, form, num_string, ids);
        self.clients.push(Client { reader, wanted: Default::default(), line: Line::Off });
        self.clients.len() - 1
    }

    pub fn add_clients(&mut self) {
        for _ in 0..self.shape.clients {
            let form = match self.random.random_range(0..10) {
                0..4 => Form::WebSocket,
                4..7 => Form::Sse,
                7..9 => Form::LongPoll,
                _ => Form::Polling,
            };
            let (num_string, ids) = (self.random.random_bool(0.2), self.random.random_bool(0.3));
            self.add_client(form, num_string, ids);
        }
    }

    pub fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    pub fn any_shard(&mut self) -> usize {
        self.random.random_range(0..SHARDS)
    }

    pub fn any_client(&mut self) -> usize {
        self.random.random_range(0..self.clients.len())
    }

    pub fn step(&mut self) {
        self.now_ms += self.random.random_range(0..30);
        match self.random.random_range(0..100) {
            0..34 => self.publish_some(),
            34..46 => self.commit_a_half(),
            46..60 => {
                let shard = self.any_shard();
                self.turn(shard);
            }
            60..74 => self.let_a_client_read(),
            74..84 => self.connect_or_ask(),
            84..88 => self.subscribe_more(),
            88..90 => self.unsubscribe_some(),
            90..91 => self.change_terms(),
            91..95 => self.cut_a_client(),
            95..97 => self.beat(),
            97..98 => self.remember_or_compare(),
            98..99 if self.chance(30) => self.drain_some(),
            99.. if self.chance(15) => self.restart(),
            _ => {}
        }
    }

    /// A woken shard: it reads the log to its end and writes what is owed.
    pub fn turn(&mut self, shard: usize) {
        let now_ms = self.now_ms;
        let core = &mut self.shards[shard];
        core.settle(now_ms);
        core.serve_due(now_ms);
        core.serve_ready(now_ms);
        for (key, id, reason) in core.take_ended() {
            if self.shards[shard].connection(key).is_some_and(|connection| connection.id == id) {
                self.shards[shard].remove(key, reason);
                self.ended_by_server(shard, key);
            }
        }
    }

    /// Turns until nobody waits for a turn.
    pub fn turn_until_quiet(&mut self) {
        for shard in 0..SHARDS {
            for turn in 0.. {
                self.turn(shard);
                if !self.shards[shard].has_ready() {
                    break;
                }
                assert!(turn < 10_000, "a shard never comes to rest");
            }
        }
    }

    /// The process dies and comes back with a new epoch and nothing in it.
    pub fn restart(&mut self) {
        tell(|| "restart".into());
        (0..self.clients.len()).for_each(|n| self.cut(n));
        (self.sequencer, self.store, self.log, self.shards) = engine(&mut self.random, &self.shape);
        self.truth = Truth::new(self.log.epoch().as_str());
        self.half_committed = false;
    }

    /// The store holds just what the truth says that lives.
    pub fn check_store(&self) {
        let stored: BTreeMap<String, u64> =
            self.store.all().map(|snapshot| (snapshot.name.to_string(), snapshot.seq.0)).collect();
        let alive = self.truth.topics().filter_map(|(name, topic)| Some((name.to_string(), topic.now()?.seq)));
        assert_eq!(stored, alive.collect());
    }
}

type Engine = (Sequencer, Arc<Store>, Arc<Log>, Vec<Core<SimulatedWire>>);

fn engine(random: &mut SmallRng, shape: &Shape) -> Engine {
    let store = Arc::new(Store::new());
    let (log, writer) = Log::new(Epoch::from_bits(random.random()), shape.log);
    let rules = ["trade.>", "play.>"].map(|pattern| KindRule {
        pattern: Pattern::new(pattern).unwrap(),
        kind: Kind::Event,
        keep: shape.keep,
    });
    let sequencer = Sequencer::new(Arc::clone(&store), writer, KindRules::new(rules.into()), &shape.limits);
    let settings = CoreSettings {
        heartbeat_ms: 15_000,
        poll_gather_ms: shape.poll_gather_ms,
        paces: Paces { rates_hz: RATES_HZ.into(), lingers_ms: LINGERS_MS.into() },
        limits: shape.limits.clone(),
    };
    let core = |n| {
        Core::new(Arc::clone(&store), Arc::clone(&log), settings.clone(), Arc::default(), (n as u64, SHARDS as u64))
    };
    let shards = (0..SHARDS).map(core).collect();
    (sequencer, store, log, shards)
}
