//! Golden wire files: what one fixed schedule puts on the wire, byte for byte, on WebSocket, SSE and long-poll.
//! `web/` and `loadtest/` read the same files, so that three implementations of the protocol agree on one truth.
//!
//! `UPDATE_GOLDEN=1 cargo test -p fanwire --test golden` writes them anew, after a change of the protocol that is meant.

use fanwire::framing::{Form, Framing, message, wrap};
use fanwire::limits::Limits;
use fanwire::log::{Epoch, Log, LogLimits};
use fanwire::sequencer::{KindRules, Sequencer};
use fanwire::shard::{
    ConnKey, Core, CoreSettings, Filters, Paces, Peer, PollAnswer, Rate, Subscription, Transport, Wire,
};
use fanwire::store::Store;
use feeds::model::{Change, Pattern, Topic, Update, parse_object};
use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

/// A wire that takes everything.
#[derive(Clone, Default)]
struct Tape(Rc<RefCell<Vec<u8>>>);

impl Wire for Tape {
    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut tape = self.0.borrow_mut();
        pieces.iter().for_each(|piece| tape.extend_from_slice(piece));
        Ok(pieces.iter().map(|piece| piece.len()).sum())
    }
}

struct Stage {
    sequencer: Sequencer,
    core: Core<Tape>,
    now_ms: i64,
}

impl Stage {
    fn new() -> Stage {
        let store = Arc::new(Store::new());
        let limits = LogLimits { segments_max: 64, bytes_max: 1 << 20 };
        let (log, writer) = Log::new(Epoch::from_bits(0x2a_f00d), limits);
        let sequencer = Sequencer::new(Arc::clone(&store), writer, KindRules::new(Vec::new()), &Limits::default());
        let settings = CoreSettings {
            heartbeat_ms: 15_000,
            poll_gather_ms: 20,
            paces: Paces::default(),
            limits: Limits::default(),
        };
        let core = Core::new(store, log, settings, Arc::default(), (0, 1));
        Stage { sequencer, core, now_ms: 1_763_850_000_000 }
    }

    fn publish(&mut self, topic: &str, te: Option<i64>, change: Change) {
        self.now_ms += 100;
        self.sequencer.apply(Update::new(Topic::new(topic).unwrap(), te, change), self.now_ms).unwrap();
        self.sequencer.commit();
        self.turn();
    }

    fn turn(&mut self) {
        self.core.settle(self.now_ms);
        self.core.serve_ready(self.now_ms);
    }

    fn open(&mut self, form: Form) -> (ConnKey, Tape) {
        let tape = Tape::default();
        let (peer, transport) = match form {
            Form::Sse => (Peer::Sse, Transport::Sse),
            _ => (Peer::WebSocket(None), Transport::WebSocket),
        };
        let framing = Framing { form, ..Framing::default() };
        (self.core.open(tape.clone(), peer, transport, framing, Vec::new(), self.now_ms), tape)
    }

    fn subscribe(&mut self, key: ConnKey, topics: &[&str], cursor: Option<&str>, reply: Option<Vec<u8>>) {
        let topics = topics.iter().map(|topic| Pattern::new(topic).unwrap()).collect();
        let cursor = cursor.map(|cursor| cursor.parse().unwrap());
        let subscription = Subscription { topics, cursor, rate: Rate::UNTHROTTLED };
        self.core.subscribe(key, &subscription, reply, self.now_ms).unwrap();
        self.turn();
    }
}

fn object(text: &str) -> feeds::model::Object {
    parse_object(text.as_bytes()).unwrap()
}

/// The schedule: every kind of message at least once.
fn play() -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let mut stage = Stage::new();
    let quote = "quote.binance.BTC-USDT";
    stage.publish(quote, Some(1_763_850_000_050), Change::Patch(object(r#"{"bid":65083.67,"ask":65083.68}"#)));
    stage.publish(
        "trade.binance.BTC-USDT",
        Some(7),
        Change::Event(object(r#"{"id":"48","price":65083.60,"side":"buy"}"#)),
    );
    let (socket, frames) = stage.open(Form::WebSocket);
    let ok = wrap(Form::WebSocket, &message::ok(Some("1")), None);
    stage.subscribe(socket, &["quote.binance.*", "trade.>", "score.nhl.1"], None, Some(ok));
    let (stream, blocks) = stage.open(Form::Sse);
    stage.subscribe(stream, &["quote.>", "score.>"], None, None);
    stage.publish(quote, Some(1_763_850_000_250), Change::Patch(object(r#"{"bid":65083.70}"#)));
    stage.publish(
        "trade.binance.BTC-USDT",
        Some(8),
        Change::Event(object(r#"{"id":"49","price":65083.7,"side":"sell"}"#)),
    );
    stage.publish("score.nhl.1", None, Change::State(object(r#"{"home":{"score":1},"text":"a \"goal\"\r\n"}"#)));
    stage.publish(quote, None, Change::Stale(true));
    stage.publish(quote, None, Change::Reset(object(r#"{"bid":65080}"#)));
    stage.publish("trade.binance.BTC-USDT", None, Change::Lost(Some(3)));
    stage.publish("score.nhl.1", None, Change::Retire);
    stage.core.send(socket, &message::pong(Some("2")), None);
    stage.core.send(socket, &message::error(Some("3"), "unknown_op", "\"fly\" is not an op", Some("op")), None);
    stage.core.state_cursor(socket);
    stage.core.state_cursor(stream);
    stage.turn();
    let body = poll(&mut stage, "quote.>");
    stage.core.drain(socket, 1_840);
    stage.core.drain(stream, 1_840);
    stage.turn();
    (unframed(&frames.0.borrow()), blocks.0.borrow().clone(), body)
}

fn poll(stage: &mut Stage, pattern: &str) -> Vec<u8> {
    let framing = Framing { form: Form::Json, ..Framing::default() };
    let filters = Filters::unthrottled([Pattern::new(pattern).unwrap()]);
    let set = stage.core.poll_set(filters, framing, stage.now_ms).unwrap();
    let cursor = format!("{}:2", stage.core.log().epoch().as_str()).parse().unwrap();
    let PollAnswer::Body(body) = stage.core.poll(set, Some(&cursor)) else { panic!("there is something newer") };
    [&body[..], b"\n"].concat()
}

/// The payloads of unmasked frames, one a line; the close frame at the end is left out.
fn unframed(mut bytes: &[u8]) -> Vec<u8> {
    let mut lines = Vec::new();
    while bytes.len() > 2 {
        let (head, length) = match bytes[1] {
            126 => (4, usize::from(u16::from_be_bytes([bytes[2], bytes[3]]))),
            short => (2, usize::from(short)),
        };
        if bytes[0] == 0x81 {
            lines.extend_from_slice(&bytes[head..head + length]);
            lines.push(b'\n');
        }
        bytes = &bytes[head + length..];
    }
    lines
}

#[test]
fn the_wire_is_as_the_golden_files_say() {
    let (websocket, sse, poll) = play();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/wire");
    for (name, bytes) in [("websocket.jsonl", websocket), ("sse.txt", sse), ("poll.json", poll)] {
        let path = folder.join(name);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &bytes).unwrap();
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(String::from_utf8(bytes).unwrap(), golden, "{name} differs from what is on the wire");
    }
}
