//! Client commands: whatever a WebSocket client says, to whatever engine, every command is answered once and in order,
//! every frame is whole, and a client that stays ends with the states that the store has (SNAPSHOT-FIRST).

use super::exact::Tree;
use super::follower::Follower;
use super::stage::{Stage, update};
use super::topic::covers;
use fanwire::close::CloseReason;
use fanwire::framing::Framing;
use fanwire::limits::Limits;
use fanwire::shard::{ConnKey, Core, CoreSettings, Paces, Peer, Transport, Wire};
use fanwire::store::Content;
use fanwire::transport::websocket;
use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::io::{self, ErrorKind, IoSlice};
use std::rc::Rc;
use std::sync::Arc;

/// Turns in which a subscriber that is read from comes to rest.
const TURNS_MAX: usize = 4_096;

/// The input is a script, a step per line: `+` and an update; `@` lets as many times 50 ms pass as bytes follow; `<` lets the client read as many bytes as follow times 16,
/// and nothing more until then; `>` lets it read everything; `~` is a heartbeat; anything else is what the client says.
pub fn check(bytes: &[u8]) {
    let mut scene = Scene::new();
    for step in bytes.split(|byte| *byte == b'\n') {
        scene.step(step);
        scene.turn();
        if scene.ended.is_some() {
            break;
        }
    }
    scene.finish();
}

/// What the client's socket took, and how much it still takes.
#[derive(Debug)]
struct Pipe {
    room: usize,
    bytes: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Script(Rc<RefCell<Pipe>>);

impl Wire for Script {
    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut pipe = self.0.borrow_mut();
        let all: Vec<u8> = pieces.iter().flat_map(|piece| piece.iter().copied()).collect();
        let taken = all.len().min(pipe.room);
        if taken == 0 && !all.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        pipe.room -= taken;
        pipe.bytes.extend_from_slice(&all[..taken]);
        Ok(taken)
    }
}

struct Scene {
    stage: Stage,
    core: Core<Script>,
    key: ConnKey,
    pipe: Rc<RefCell<Pipe>>,
    client: Client,
    ended: Option<CloseReason>,
}

impl Scene {
    fn new() -> Scene {
        let stage = Stage::new(8);
        let limits = Limits {
            pending_entries_max: 4,
            resume_entries_max: 8,
            message_bytes_max: 4_096,
            filters_per_connection_max: 12,
            patterns_per_connection_max: 6,
            ..Limits::default()
        };
        let paces = Paces { rates_hz: vec![1, 20], lingers_ms: vec![20] };
        let settings = CoreSettings { heartbeat_ms: 15_000, poll_gather_ms: 20, paces, limits };
        let (store, log) = (Arc::clone(&stage.store), Arc::clone(&stage.log));
        let mut core = Core::new(store, log, settings, Arc::default(), (0, 1));
        let pipe = Rc::new(RefCell::new(Pipe { room: usize::MAX, bytes: Vec::new() }));
        let (peer, framing) = (Peer::WebSocket(None), Framing::default());
        let wire = Script(Rc::clone(&pipe));
        let key = core.open(wire, peer, Transport::WebSocket, framing, Vec::new(), stage.now_ms);
        Scene { stage, core, key, pipe, client: Client::default(), ended: None }
    }

    fn step(&mut self, step: &[u8]) {
        match step {
            [b'+', line @ ..] => {
                if let Some(update) = update(line) {
                    // What is refused makes no entry.
                    let _ = self.stage.apply(update);
                }
            }
            [b'<', more @ ..] => self.let_read(more.len() * 16),
            [b'>', ..] => self.let_read(usize::MAX),
            [b'@', more @ ..] => self.stage.now_ms += more.len() as i64 * 50,
            [b'~', ..] => self.core.state_cursor(self.key),
            [] => {}
            text => self.say(text),
        }
    }

    fn let_read(&mut self, room: usize) {
        self.pipe.borrow_mut().room = room;
        if room > 0 {
            self.core.writable(self.key);
        }
    }

    fn say(&mut self, text: &[u8]) {
        self.client.asked.push_back(text.to_vec());
        let heard = websocket::hear(&mut self.core, self.key, &masked(text), self.stage.now_ms);
        if let Err(reason) = heard {
            self.core.close(self.key, reason, None);
        }
    }

    fn turn(&mut self) {
        self.stage.now_ms += 5;
        self.core.settle(self.stage.now_ms);
        self.core.serve_ready(self.stage.now_ms);
        self.core.serve_due(self.stage.now_ms);
        self.core.serve_ready(self.stage.now_ms);
        for (key, _, reason) in self.core.take_ended() {
            self.core.remove(key, reason);
            self.ended = Some(reason);
        }
        let bytes = std::mem::take(&mut self.pipe.borrow_mut().bytes);
        self.client.read(&bytes);
    }

    /// The client reads everything there is, then the engine and the client are compared.
    fn finish(mut self) {
        self.let_read(usize::MAX);
        self.turn();
        for _ in 0..TURNS_MAX {
            if !self.core.has_ready() && self.core.next_due().is_none() {
                break;
            }
            // Past the next tick of every class, and every latency budget.
            self.stage.now_ms += 1_000;
            self.turn();
        }
        assert!(!self.core.has_ready() && self.core.next_due().is_none(), "it does not come to rest");
        assert!(self.client.bytes.is_empty() || self.ended.is_some(), "a frame is cut");
        if let Some(reason) = self.ended {
            // Only what a client can bring about by talking; a stalled one has said too much without reading.
            assert!(self.client.closed.is_some() || reason == CloseReason::WriteStalled, "{reason:?}");
            return;
        }
        assert!(self.client.asked.is_empty(), "unanswered: {:?}", self.client.asked);
        self.assert_cursor();
        if !self.client.claims {
            self.assert_states();
        }
    }

    /// A heartbeat states the log's end to a client that has been given everything.
    fn assert_cursor(&mut self) {
        self.core.state_cursor(self.key);
        self.turn();
        let stated = self.client.cursor.as_ref();
        let wanted = format!("{}:{}", self.stage.log.epoch().as_str(), self.stage.log.end().0);
        let subscribed = self.client.subscribed;
        assert_eq!(stated.filter(|_| subscribed), Some(&wanted).filter(|_| subscribed));
    }

    fn assert_states(&self) {
        let covered = |name: &str| self.client.filters.iter().any(|filter| covers(filter, name));
        let held = &self.client.follower.topics;
        let alive: BTreeSet<String> = self.stage.store.all().map(|snapshot| snapshot.name.to_string()).collect();
        let alive: BTreeSet<&String> = alive.iter().filter(|name| covered(name)).collect();
        assert_eq!(held.keys().filter(|name| covered(name)).collect::<BTreeSet<_>>(), alive);
        for snapshot in self.stage.store.all().filter(|snapshot| covered(&snapshot.name)) {
            let held = &held[&*snapshot.name];
            let data = Tree::read(&snapshot.data(false)).expect("a snapshot is JSON").quoted();
            assert_eq!((held.n, held.seq), (snapshot.n, snapshot.seq.0), "{}", snapshot.name);
            match (&snapshot.content, data) {
                (Content::State(_), state) => assert_eq!(held.state, state, "{}", snapshot.name),
                (_, Tree::List(events)) => {
                    let events = (snapshot.from.0 + 1..).zip(&events);
                    events.for_each(|(seq, event)| assert_eq!(held.events.get(&seq), Some(event), "at {seq}"));
                }
                (_, data) => panic!("events are an array: {data:?}"),
            }
        }
    }
}

/// What the client made of what it was told.
#[derive(Debug, Default)]
struct Client {
    /// Read, but not a whole frame yet.
    bytes: Vec<u8>,
    /// What it said that is not answered yet.
    asked: VecDeque<Vec<u8>>,
    greeted: bool,
    /// Names and patterns that it subscribed to and was told so.
    filters: BTreeSet<String>,
    /// Since its first `ok` to a `sub`.
    subscribed: bool,
    /// It gave a cursor: what it says it holds is not what it holds, so what it is told need not apply.
    claims: bool,
    follower: Follower,
    cursor: Option<String>,
    /// The code of the close frame, after which nothing comes.
    closed: Option<u16>,
}

impl Client {
    fn read(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        while let Some((opcode, payload)) = take_frame(&mut self.bytes) {
            assert_eq!(self.closed, None, "a frame after the close");
            match opcode {
                0x8 => self.closed = Some(u16::from_be_bytes([payload[0], payload[1]])),
                0x1 => self.hear(&payload),
                other => panic!("nobody asked for a frame of opcode {other}"),
            }
        }
    }

    fn hear(&mut self, json: &[u8]) {
        let message = Tree::read(json).unwrap_or_else(|| panic!("not JSON: {}", json.escape_ascii()));
        let kind = message.text("t").unwrap_or_else(|| panic!("no t: {message:?}")).to_owned();
        assert_eq!(kind == "hello", !self.greeted, "{message:?}");
        self.greeted = true;
        match kind.as_str() {
            "hello" => {}
            "ok" | "error" | "pong" if message.text("code") == Some("topics_limit") && self.asked.is_empty() => {}
            "ok" | "error" | "pong" => self.answered(&kind, &message),
            "at" => self.cursor = Some(message.text("cursor").expect("an at states a cursor").to_owned()),
            _ if self.claims => assert!(message.text("topic").is_some() || message.whole("n").is_some()),
            _ => {
                if let Some(offset) = message.whole("o") {
                    let epoch = self.cursor.as_deref().and_then(|cursor| cursor.split(':').next()).unwrap_or_default();
                    self.cursor = Some(format!("{epoch}:{offset}"));
                }
                assert!(self.follower.hear(&message), "{message:?}");
            }
        }
    }

    fn answered(&mut self, kind: &str, message: &Tree) {
        let asked = self.asked.pop_front().unwrap_or_else(|| panic!("an answer to nothing: {message:?}"));
        let command = Tree::read(&asked).unwrap_or(Tree::Null);
        if kind == "error" {
            assert!(message.text("code").is_some() && message.text("message").is_some(), "{message:?}");
            return;
        }
        assert_eq!(message.get("id"), command.get("id"), "{}", asked.escape_ascii());
        let op = command.text("op").unwrap_or_default();
        assert_eq!(kind == "pong", op == "ping", "{}", asked.escape_ascii());
        let topics = command.list("topics").unwrap_or_default().iter();
        let topics = topics.filter_map(|topic| if let Tree::Text(topic) = topic { Some(topic.clone()) } else { None });
        match op {
            "sub" => {
                self.filters.extend(topics);
                self.subscribed = true;
                self.claims |= matches!(command.get("cursor"), Some(Tree::Text(_)));
            }
            "unsub" => {
                topics.for_each(|topic| self.filters.retain(|filter| *filter != topic));
                let filters = &self.filters;
                self.follower.topics.retain(|name, _| filters.iter().any(|filter| covers(filter, name)));
            }
            "set" | "ping" => {}
            op => panic!("{op:?} is no op that can go well"),
        }
    }
}

/// Takes one whole frame from the front (RFC 6455 section 5.2, unmasked).
fn take_frame(bytes: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
    let (&[first, length], rest) = bytes.split_first_chunk::<2>()?;
    assert_eq!(first & 0xf0, 0x80, "a frame is whole and without extensions");
    let (head, length) = match length {
        126 => (4, u16::from_be_bytes(*rest.first_chunk()?).into()),
        127 => (10, u64::from_be_bytes(*rest.first_chunk()?) as usize),
        length => (2, usize::from(length)),
    };
    let payload = bytes.get(head..head + length)?.to_vec();
    bytes.drain(..head + length);
    Some((first & 0x0f, payload))
}

/// A text frame as clients send it.
fn masked(text: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x5a, 0x17, 0xc3, 0x08];
    let mut out = vec![0x81];
    match text.len() {
        length @ 0..=125 => out.push(0x80 | length as u8),
        length @ 126..=0xffff => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&MASK);
    out.extend(text.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    out
}
