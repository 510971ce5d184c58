//! What one seed does: a gateway, a publisher, some clients, and what happens to them in which order.

use crate::checker::{Act, Asked, Filters, Form, Piece, Reader, Truth, trace::tell};
use crate::connection::{self, Came, Connection, Options};
use crate::gateway::{Gateway, deadline};
use crate::publish::{FENCE, Publisher};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const NAMES: [&str; 9] =
    ["quote.a.1", "quote.a.2", "quote.b.1", "score.x.1", "book.a.1", "trade.a.1", "trade.a.2", "play.x.1", "any.a"];
const FILTERS: [&str; 11] = [
    ">",
    "quote.>",
    "quote.a.*",
    "quote.a.1",
    "score.*.1",
    "trade.>",
    "trade.a.1",
    "play.x.1",
    "any.*",
    "*.a.1",
    "nobody.yet",
];
const RATES_HZ: [u32; 4] = [0, 0, 4, 10];
const LINGERS_MS: [u32; 4] = [0, 0, 5, 50];
/// How long a narrow connection may take to come to the end before its client opens another.
const NARROW_TIME: Duration = Duration::from_secs(2);
/// Bytes of a text that fills sockets.
const TEXT_BYTES: usize = 8_000;

pub struct Client {
    pub reader: Reader,
    pub wanted: Filters,
    pub connection: Option<Connection>,
}

pub struct Schedule {
    pub random: SmallRng,
    limits: String,
    pub gateway: Gateway,
    pub publisher: Publisher,
    pub truth: Truth,
    pub clients: Vec<Client>,
    commands: u64,
    pub memories: Vec<Reader>,
}

/// Runs one seed. The snapshots that clients were told, by `why`.
pub fn run(seed: u64) -> BTreeMap<String, u64> {
    let mut schedule = Schedule::new(seed);
    for step in 0..schedule.random.random_range(40..110) {
        tell(|| format!("step {step}"));
        schedule.step();
    }
    schedule.finish();
    let mut whys = BTreeMap::new();
    for (why, n) in schedule.clients.into_iter().flat_map(|client| client.reader.whys) {
        *whys.entry(why).or_default() += n;
    }
    whys
}

fn start(limits: &str) -> (Gateway, Publisher, Truth) {
    let gateway = Gateway::with("shards = 2", limits);
    let mut truth = Truth::new(gateway.cursor().split(':').next().unwrap());
    let mut publisher = Publisher::new(&gateway);
    publisher.fence(&mut truth);
    (gateway, publisher, truth)
}

impl Schedule {
    fn new(seed: u64) -> Schedule {
        let mut random = SmallRng::seed_from_u64(seed);
        let limits = format!(
            "[limits]\nlog_segments_max = {}\npending_entries_max = {}\nresume_entries_max = {}\npoll_body_bytes_max = {}\n",
            1 << random.random_range(1..9),
            random.random_range(1..40),
            random.random_range(0..80),
            [1_024, 1 << 20][random.random_range(0..2)],
        );
        let (gateway, publisher, truth) = start(&limits);
        let clients = (0..random.random_range(3..7)).map(|n| new_client(n, &mut random)).collect();
        Schedule { random, limits, gateway, publisher, truth, clients, commands: 0, memories: Vec::new() }
    }

    pub fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    pub fn any_client(&mut self) -> usize {
        self.random.random_range(0..self.clients.len())
    }

    fn step(&mut self) {
        let n = self.any_client();
        match self.random.random_range(0..100) {
            0..38 => self.publish_some(),
            38..46 => self.flood(),
            46..66 => {
                let count = [self.random.random_range(1..200), 5_000, 60_000][self.random.random_range(0..3)];
                self.read(n, count);
            }
            66..80 => self.connect(n),
            80..86 => self.command(n),
            86..94 => self.cut(n),
            94..97 => self.remember(n),
            97.. if self.chance(25) => self.restart(),
            _ => {}
        }
    }

    fn publish_some(&mut self) {
        let acts: Vec<(String, Act)> = (0..self.random.random_range(1..8))
            .map(|_| {
                let name = NAMES[self.random.random_range(0..NAMES.len())];
                (name.to_owned(), self.any_act(name))
            })
            .collect();
        self.publisher.publish(&self.gateway, &mut self.truth, &acts);
    }

    fn any_act(&mut self, name: &str) -> Act {
        let is_event = match name.split('.').next() {
            Some("trade" | "play") => true,
            Some("any") => self.random.random(),
            _ => false,
        };
        let (key, number) = (["a", "b", "c"][self.random.random_range(0..3)], self.random.random_range(0..4));
        let state = json!({ key: { "x": number } });
        match self.random.random_range(0..100) {
            0..10 => Act::Retire,
            10..16 => Act::Stale(self.random.random()),
            16..20 if is_event => Act::Lost(self.random.random_bool(0.5).then_some(number)),
            _ if is_event => Act::Event(json!({ "id": number })),
            16..24 => Act::Reset(state),
            24..34 => Act::State(state),
            34..44 => Act::Patch(json!({ key: null })),
            _ => Act::Patch(state),
        }
    }

    /// More than the kernel buffers for a client that does not read.
    fn flood(&mut self) {
        let text = "t".repeat(TEXT_BYTES);
        let acts: Vec<(String, Act)> = (0..40)
            .map(|n| match n % 2 {
                0 => ("quote.a.1".to_owned(), Act::Patch(json!({ "text": format!("{text}{n}") }))),
                _ => ("trade.a.1".to_owned(), Act::Event(json!({ "text": text, "id": n }))),
            })
            .collect();
        self.publisher.publish(&self.gateway, &mut self.truth, &acts);
    }

    fn any_filters(&mut self) -> Filters {
        let mut filters: Filters =
            (0..self.random.random_range(1..4)).map(|_| FILTERS[self.random.random_range(0..FILTERS.len())]).collect();
        filters.insert(FENCE);
        filters
    }

    fn any_options(&mut self, n: usize) -> Options {
        let (rate, linger_ms) = (RATES_HZ[self.random.random_range(0..4)], LINGERS_MS[self.random.random_range(0..4)]);
        let reader = &self.clients[n].reader;
        Options { num_string: reader.num_string, ids: reader.ids, rate, linger_ms }
    }

    fn connect(&mut self, n: usize) {
        if self.clients[n].connection.is_some() {
            return;
        }
        let (options, is_narrow) = (self.any_options(n), self.chance(60));
        self.connect_with(n, options, is_narrow);
    }

    /// Connects, or asks, from the cursor if there is one.
    pub fn connect_with(&mut self, n: usize, options: Options, is_narrow: bool) {
        if self.clients[n].wanted.is_empty() {
            self.clients[n].wanted = self.any_filters();
        }
        let address = self.gateway.address;
        let client = &mut self.clients[n];
        let wanted = &client.wanted;
        client.reader.covered = client.reader.covered.iter().filter(|filter| wanted.contains(filter)).collect();
        let resumed = client.reader.may_resume();
        client.reader.begin(resumed);
        let covered = client.reader.covered.clone();
        client.reader.held.retain(|topic, _| covered.matches(topic));
        let cursor = client.reader.resumed_from().map(str::to_owned);
        tell(|| format!("{} connects from {cursor:?}, {options:?}", client.reader.name));
        if client.reader.form == Form::WebSocket {
            let request = connection::websocket(options);
            client.connection = Some(Connection::open(address, Form::WebSocket, &request, is_narrow));
            let mut rest = client.wanted.clone();
            rest.subtract(&covered);
            if resumed {
                self.subscribe(n, covered, cursor.as_deref(), options.rate);
            }
            if !rest.is_empty() {
                self.subscribe(n, rest, None, options.rate);
            }
            return;
        }
        // One request: what the cursor does not cover is given up.
        if resumed {
            client.wanted = covered;
        }
        let (form, filters) = (client.reader.form, client.wanted.clone());
        let request = connection::request(form, &filters, cursor.as_deref(), options);
        client.connection = Some(Connection::open(address, form, &request, is_narrow));
        if form == Form::Sse {
            client.reader.asks(0, Asked::Sub { filters, resumed, rate: options.rate });
        }
    }

    fn send(&mut self, n: usize, asked: Asked, mut command: serde_json::Value) {
        self.commands += 1;
        command["id"] = self.commands.into();
        let client = &mut self.clients[n];
        if let Some(connection) = &mut client.connection {
            client.reader.asks(self.commands, asked);
            connection.command(&command.to_string());
        }
    }

    fn subscribe(&mut self, n: usize, filters: Filters, cursor: Option<&str>, rate: u32) {
        let topics: Vec<&String> = filters.iter().collect();
        let mut command = json!({ "op": "sub", "topics": topics, "rate": rate });
        if let Some(cursor) = cursor {
            command["cursor"] = cursor.into();
        }
        let asked = Asked::Sub { filters: filters.clone(), resumed: cursor.is_some(), rate };
        self.send(n, asked, command);
    }

    fn command(&mut self, n: usize) {
        if self.clients[n].reader.form != Form::WebSocket || self.clients[n].connection.is_none() {
            return;
        }
        let Options { rate, linger_ms, .. } = self.any_options(n);
        match self.random.random_range(0..3) {
            0 => {
                let mut more = self.any_filters();
                more.subtract(&self.clients[n].wanted);
                if !more.is_empty() {
                    self.clients[n].wanted.extend(&more);
                    self.subscribe(n, more, None, rate);
                }
            }
            1 => {
                let at = self.random.random_range(0..self.clients[n].wanted.len());
                let filters: Filters =
                    self.clients[n].wanted.iter().skip(at).take(1).filter(|filter| *filter != FENCE).collect();
                if !filters.is_empty() {
                    self.clients[n].wanted.subtract(&filters);
                    let topics: Vec<&String> = filters.iter().collect();
                    let command = json!({ "op": "unsub", "topics": topics });
                    self.send(n, Asked::Unsub(filters.clone()), command);
                }
            }
            _ => {
                let (num_string, ids): (bool, bool) = (self.random.random(), self.random.random());
                let rate = self.random.random_bool(0.3).then_some(rate);
                let num = if num_string { "string" } else { "number" };
                let mut command = json!({ "op": "set", "num": num, "ids": u8::from(ids), "linger_ms": linger_ms });
                if let Some(rate) = rate {
                    command["rate"] = rate.into();
                }
                self.send(n, Asked::Set { num_string, ids, rate }, command);
            }
        }
    }

    /// Lets a client read up to `count` bytes.
    pub fn read(&mut self, n: usize, count: usize) {
        let Client { reader, wanted, connection: Some(connection) } = &mut self.clients[n] else { return };
        let came = connection.read(count);
        while let Some(piece) = connection.unframed.next() {
            reader.hear(&piece, &self.truth);
            if let Piece::Ping(payload) = &piece {
                connection.pong(payload);
            }
        }
        match came {
            Came::Bytes => {}
            Came::Body(body) => {
                reader.hear_body(&body, wanted, &self.truth);
                reader.ended();
                self.clients[n].connection = None;
            }
            Came::End => {
                tell(|| format!("{} was ended", reader.name));
                self.hang_up(n);
            }
        }
    }

    /// Breaks a connection after some more bytes.
    fn cut(&mut self, n: usize) {
        let count = self.random.random_range(1..3_000);
        self.read(n, count);
        if self.clients[n].connection.is_some() {
            tell(|| format!("client {n} is cut"));
            self.hang_up(n);
        }
    }

    fn hang_up(&mut self, n: usize) {
        let client = &mut self.clients[n];
        client.connection = None;
        match client.reader.form.is_stream() {
            true => client.reader.ended(),
            false => client.reader.unanswered(),
        }
    }

    fn restart(&mut self) {
        tell(|| "restart".into());
        (0..self.clients.len()).for_each(|n| self.cut(n));
        (self.gateway, self.publisher, self.truth) = start(&self.limits);
    }

    /// Reads and comes back until a client has a cursor at the log's end.
    pub fn come_to_the_end(&mut self, n: usize, options: Options) {
        let (begun, deadline) = (Instant::now(), deadline());
        while !self.is_there(n) {
            let client = &self.clients[n].reader;
            assert!(Instant::now() < deadline, "{} stays at {:?}", client.name, client.cursor);
            if self.clients[n].connection.is_none() {
                self.connect_with(n, options, false);
            }
            self.read(n, 64 * 1024);
            // Through a narrow window the kernel passes a few kB in each of its timer's ticks.
            if begun.elapsed() > NARROW_TIME && self.clients[n].connection.as_ref().is_some_and(|line| line.is_narrow) {
                self.cut(n);
            }
        }
    }

    /// True if it was told everything there is.
    pub fn is_there(&self, n: usize) -> bool {
        let reader = &self.clients[n].reader;
        !reader.in_force.is_empty() && reader.is_at_the_end(&self.truth)
    }

    fn finish(&mut self) {
        self.publisher.fence(&mut self.truth);
        self.compare_all_forms();
        for n in 0..self.clients.len() {
            let options = self.any_options(n);
            self.come_to_the_end(n, options);
            let reader = &self.clients[n].reader;
            assert!(!reader.is_waiting_for_ok(), "{} was never answered", reader.name);
            assert_eq!(reader.in_force, self.clients[n].wanted, "{} has what it wants", reader.name);
            reader.check_held(self.truth.offset, &self.truth);
        }
    }
}

fn new_client(n: usize, random: &mut SmallRng) -> Client {
    let form = match random.random_range(0..10) {
        0..4 => Form::WebSocket,
        4..7 => Form::Sse,
        7..9 => Form::LongPoll,
        _ => Form::Polling,
    };
    let reader = Reader::new(&format!("client {n}"), form, random.random_bool(0.2), random.random_bool(0.3));
    Client { reader, wanted: Filters::default(), connection: None }
}
