//! Clients on streams: they connect, read some bytes, command, are cut, and come back.

use crate::checker::{Asked, Filters, Form, Reader, Unframed, trace::tell};
use crate::polls::Poll;
use crate::wire::{Pipe, SimulatedWire};
use crate::world::{LINGERS_MS, RATES_HZ, World};
use fanwire::close::CloseReason;
use fanwire::framing::{self, Framing};
use fanwire::shard::{Alteration, ConnKey, Peer, Rate, Subscription, Transport};
use feeds::model::Pattern;
use rand::Rng;
use std::cell::RefCell;
use std::rc::Rc;

pub struct Client {
    pub reader: Reader,
    pub wanted: Filters,
    pub line: Line,
}

pub enum Line {
    Off,
    Stream(Stream),
    Poll(Poll),
}

pub struct Stream {
    pub shard: usize,
    pub key: ConnKey,
    pub pipe: Rc<RefCell<Pipe>>,
    unframed: Unframed,
}

impl Client {
    pub fn stream(&self) -> Option<&Stream> {
        match &self.line {
            Line::Stream(stream) => Some(stream),
            _ => None,
        }
    }
}

impl World {
    /// Some filters; of a large shape, by the thousand.
    pub fn any_filters(&mut self) -> Filters {
        let (count, all) = (self.random.random_range(1..4), self.shape.filters.len());
        if self.shape.is_large {
            let first = self.random.random_range(0..all / 2);
            return self.shape.filters[first..].iter().take(self.random.random_range(500..=2_000)).collect();
        }
        (0..count).map(|_| &self.shape.filters[self.random.random_range(0..all)]).collect()
    }

    pub fn connect_or_ask(&mut self) {
        let (n, shard) = (self.any_client(), self.any_shard());
        if !self.clients[n].reader.form.is_stream() {
            return self.ask(n, shard);
        }
        if matches!(self.clients[n].line, Line::Off) {
            let room = self.random.random_range(0..=self.shape.room_max);
            self.connect(n, shard, room);
        }
    }

    /// Connects a client, which goes on from its cursor if it has one.
    pub fn connect(&mut self, n: usize, shard: usize, room: usize) {
        if self.clients[n].wanted.is_empty() {
            self.clients[n].wanted = self.any_filters();
        }
        let (forgets, rest_first) = (self.chance(5), self.chance(20));
        let (resumed, covered, rest) = self.clients[n].begin(!forgets);
        let reader = &self.clients[n].reader;
        tell(|| format!("{} connects to shard {shard}, from {:?}", reader.name, reader.resumed_from()));
        let cursor = reader.resumed_from().map(str::to_owned);
        let stream = self.open(n, shard, room);
        self.clients[n].line = Line::Stream(stream);
        if self.clients[n].reader.form == Form::Sse {
            // One stream, one request: what the cursor does not cover is given up.
            let filters = if resumed { covered } else { rest };
            self.clients[n].wanted = filters.clone();
            return self.subscribe(n, filters, cursor);
        }
        // What is held already is asserted first, lest it be told anew.
        let overlap = self.clients[n].reader.held.keys().any(|topic| rest.matches(topic));
        if rest_first && resumed && !rest.is_empty() && !overlap {
            self.subscribe(n, rest, None);
            return self.subscribe(n, covered, cursor);
        }
        if resumed {
            self.subscribe(n, covered, cursor);
        }
        if !rest.is_empty() {
            self.subscribe(n, rest, None);
        }
    }

    /// Connects a client that forgets nothing and wants no rate.
    pub fn connect_plainly(&mut self, n: usize, shard: usize, room: usize) {
        let (resumed, covered, rest) = self.clients[n].begin(true);
        let cursor = self.clients[n].reader.resumed_from().map(str::to_owned);
        tell(|| format!("client {n} connects to shard {shard}, from {cursor:?}"));
        let stream = self.open(n, shard, room);
        self.clients[n].line = Line::Stream(stream);
        if resumed {
            self.subscribe_at(n, covered, cursor, 0);
        }
        if !rest.is_empty() && (!resumed || self.clients[n].reader.form == Form::WebSocket) {
            self.subscribe_at(n, rest, None, 0);
        }
    }

    /// The socket takes so many bytes more, and no others.
    pub fn set_room(&mut self, n: usize, room: usize) {
        let Line::Stream(stream) = &self.clients[n].line else { return };
        let blocked = stream.pipe.borrow_mut().set_room(room);
        if blocked && room > 0 {
            self.shards[stream.shard].writable(stream.key);
        }
    }

    pub fn open(&mut self, n: usize, shard: usize, room: usize) -> Stream {
        let linger_ms = self.any_linger_ms();
        let reader = &self.clients[n].reader;
        let form = form_of(reader.form);
        let framing = Framing { form, quiet: false, num_string: reader.num_string, ids: reader.ids };
        let (peer, transport) = match reader.form {
            Form::Sse => (Peer::Sse, Transport::Sse),
            _ => (Peer::WebSocket(None), Transport::WebSocket),
        };
        let pipe = Rc::new(RefCell::new(Pipe::new(room)));
        let wire = SimulatedWire(Rc::clone(&pipe));
        let key = self.shards[shard].open(wire, peer, transport, framing, Vec::new(), self.now_ms);
        if let Some(connection) = self.shards[shard].connection(key) {
            connection.linger_ms = linger_ms;
        }
        Stream { shard, key, pipe, unframed: Unframed::new(reader.form) }
    }

    /// Asks for filters on a stream that is open. `cursor`: the client holds them up to there.
    pub fn subscribe(&mut self, n: usize, filters: Filters, cursor: Option<String>) {
        let rate = self.any_rate();
        self.subscribe_at(n, filters, cursor, rate);
    }

    pub fn subscribe_at(&mut self, n: usize, filters: Filters, cursor: Option<String>, rate: u32) {
        let asked = Asked::Sub { filters: filters.clone(), resumed: cursor.is_some(), rate };
        let Some(id) = self.command(n, asked) else { return };
        let cursor = cursor.map(|cursor| cursor.parse().unwrap());
        let subscription = Subscription { topics: patterns(&filters), cursor, rate: Rate(rate) };
        let reply = granted(form_of(self.clients[n].reader.form), id);
        if let Line::Stream(stream) = &self.clients[n].line {
            let subscribed = self.shards[stream.shard].subscribe(stream.key, &subscription, reply, self.now_ms);
            subscribed.expect("the caps are wide");
        }
    }

    fn any_rate(&mut self) -> u32 {
        let at = self.random.random_range(0..RATES_HZ.len());
        if self.chance(self.shape.paced_percent) { RATES_HZ[at] } else { 0 }
    }

    fn any_linger_ms(&mut self) -> u32 {
        let at = self.random.random_range(0..LINGERS_MS.len());
        if self.chance(self.shape.paced_percent) { LINGERS_MS[at] } else { 0 }
    }

    fn command(&mut self, n: usize, asked: Asked) -> Option<u64> {
        let client = &mut self.clients[n];
        client.stream()?;
        self.requests += 1;
        client.reader.asks(self.requests, asked);
        Some(self.requests)
    }

    /// A client that may send commands.
    fn any_commander(&mut self) -> Option<usize> {
        let n = self.any_client();
        let client = &self.clients[n];
        (client.reader.form == Form::WebSocket && client.stream().is_some()).then_some(n)
    }

    pub fn subscribe_more(&mut self) {
        let mut more = self.any_filters();
        let Some(n) = self.any_commander() else { return };
        // Again with another rate, or only what is new.
        if self.shape.paced_percent == 0 || self.chance(70) {
            more.subtract(&self.clients[n].wanted);
        }
        if !more.is_empty() {
            self.clients[n].wanted.extend(&more);
            self.subscribe(n, more, None);
        }
    }

    /// Gives up one filter, perhaps one that others overlap.
    pub fn unsubscribe_some(&mut self) {
        let Some(n) = self.any_commander() else { return };
        let wanted = &self.clients[n].wanted;
        if wanted.len() > 1 {
            let at = self.random.random_range(0..wanted.len());
            let filter: Filters = wanted.iter().skip(at).take(1).collect();
            self.unsubscribe(n, filter);
        }
    }

    pub fn unsubscribe(&mut self, n: usize, filters: Filters) {
        self.clients[n].wanted.subtract(&filters);
        let Some(id) = self.command(n, Asked::Unsub(filters.clone())) else { return };
        let reply = granted(framing::Form::WebSocket, id);
        if let Line::Stream(stream) = &self.clients[n].line {
            let given_up = self.shards[stream.shard].unsubscribe(stream.key, &patterns(&filters), reply, self.now_ms);
            given_up.expect("the caps are wide");
        }
    }

    /// `set` of anything.
    pub fn change_terms(&mut self) {
        let Some(n) = self.any_commander() else { return };
        let (num_string, ids) = (self.random.random(), self.random.random());
        let rate = if self.chance(self.shape.paced_percent) { Some(self.any_rate()) } else { None };
        let Some(id) = self.command(n, Asked::Set { num_string, ids, rate }) else { return };
        let linger_ms = Some(self.any_linger_ms());
        let (num_string, ids, rate) = (Some(num_string), Some(ids), rate.map(Rate));
        let alteration = Alteration { num_string, ids, linger_ms, rate, topics: None };
        let reply = granted(framing::Form::WebSocket, id);
        if let Line::Stream(stream) = &self.clients[n].line {
            let altered = self.shards[stream.shard].alter(stream.key, &alteration, reply, self.now_ms);
            altered.expect("the caps are wide");
        }
    }

    pub fn let_a_client_read(&mut self) {
        let n = self.any_client();
        let room = match self.random.random_range(0..4) {
            0 => self.random.random_range(1..40),
            1 => self.random.random_range(1..400),
            _ => self.shape.room_max * 5,
        };
        self.read(n, room, room);
    }

    /// Lets the socket take `room` bytes more, and the client read `count`.
    pub fn read(&mut self, n: usize, room: usize, count: usize) {
        let Line::Stream(stream) = &self.clients[n].line else { return };
        let (shard, key) = (stream.shard, stream.key);
        let blocked = stream.pipe.borrow_mut().make_room(room);
        self.take(n, count);
        if blocked {
            self.shards[shard].writable(key);
        }
    }

    /// Takes up to `count` bytes from the pipe.
    pub fn take(&mut self, n: usize, count: usize) {
        let Client { reader, line: Line::Stream(stream), .. } = &mut self.clients[n] else { return };
        let bytes = stream.pipe.borrow_mut().take(count);
        stream.unframed.push(&bytes);
        while let Some(piece) = stream.unframed.next() {
            reader.hear(&piece, &self.truth);
        }
    }

    pub fn cut_a_client(&mut self) {
        let n = self.any_client();
        self.cut(n);
    }

    /// Breaks a connection at any byte: the client read some of what was written, the rest is lost.
    pub fn cut(&mut self, n: usize) {
        match &self.clients[n].line {
            Line::Off => {}
            Line::Poll(_) => self.leave_poll(n),
            Line::Stream(stream) => {
                let (shard, key, unread) = (stream.shard, stream.key, stream.pipe.borrow().len());
                stream.pipe.borrow_mut().broken = true;
                let read = self.random.random_range(0..=unread);
                self.take(n, read);
                self.hang_up(n);
                tell(|| format!("client {n} is cut after {read} of {unread} bytes"));
                self.shards[shard].remove(key, CloseReason::PeerGone);
            }
        }
    }

    pub fn hang_up(&mut self, n: usize) {
        self.clients[n].reader.ended();
        self.clients[n].line = Line::Off;
    }

    /// The server ended it: the client reads what was written, or some of it, then comes back some time.
    pub fn ended_by_server(&mut self, shard: usize, key: ConnKey) {
        let is_it = |client: &Client| client.stream().is_some_and(|stream| (stream.shard, stream.key) == (shard, key));
        let Some(n) = self.clients.iter().position(is_it) else { return };
        let count = if self.chance(30) { self.random.random_range(0..500) } else { usize::MAX };
        self.take(n, count);
        self.hang_up(n);
    }

    pub fn beat(&mut self) {
        let n = self.any_client();
        self.beat_one(n);
    }

    /// A heartbeat: the cursor is stated if the connection is live.
    pub fn beat_one(&mut self, n: usize) {
        if let Line::Stream(stream) = &self.clients[n].line {
            self.shards[stream.shard].state_cursor(stream.key);
        }
    }

    /// Says goodbye to one client, or to all of a shard.
    pub fn drain_some(&mut self) {
        let shard = self.any_shard();
        let core = &mut self.shards[shard];
        core.flush(self.now_ms);
        let keys = core.keys();
        if keys.is_empty() || self.random.random_bool(0.3) {
            tell(|| format!("shard {shard} drains"));
            core.answer_all_polls();
            keys.into_iter().for_each(|key| core.drain(key, 500));
        } else {
            let key = keys[self.random.random_range(0..keys.len())];
            core.drain(key, 500);
        }
    }
}

impl Client {
    /// Begins a connection: whether it goes on from a cursor, what that covers, and what else is wanted.
    pub fn begin(&mut self, may_resume: bool) -> (bool, Filters, Filters) {
        let wanted = &self.wanted;
        self.reader.covered = self.reader.covered.iter().filter(|filter| wanted.contains(filter)).collect();
        let resumed = may_resume && self.reader.may_resume();
        self.reader.begin(resumed);
        let covered = self.reader.covered.clone();
        self.reader.held.retain(|topic, _| covered.matches(topic));
        let mut rest = self.wanted.clone();
        rest.subtract(&covered);
        (resumed, covered, rest)
    }
}

pub fn patterns(filters: &Filters) -> Vec<Pattern> {
    filters.iter().map(|filter| Pattern::new(filter).unwrap()).collect()
}

pub fn form_of(form: Form) -> framing::Form {
    match form {
        Form::WebSocket => framing::Form::WebSocket,
        Form::Sse => framing::Form::Sse,
        Form::LongPoll | Form::Polling => framing::Form::Json,
    }
}

/// The framed `ok` of a command; a stream of events has none.
fn granted(form: framing::Form, id: u64) -> Option<Vec<u8>> {
    let ok = framing::message::ok(Some(&id.to_string()));
    (form == framing::Form::WebSocket).then(|| framing::wrap(form, &ok, None))
}
