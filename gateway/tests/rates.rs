//! Rate classes and latency budgets over the pure engine, case by case: what a throttled subscriber is told, and when.

use fanwire::framing::{Form, Framing};
use fanwire::limits::Limits;
use fanwire::log::{Epoch, Log, LogLimits};
use fanwire::sequencer::{KindRule, KindRules, Sequencer};
use fanwire::shard::{Alteration, ConnKey, Core, CoreSettings, Paces, Peer, Rate, Subscription, Transport, Wire};
use fanwire::store::{Kind, Store};
use feeds::model::{Change, Pattern, Topic, Update, parse_object};
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, IoSlice};
use std::rc::Rc;
use std::sync::Arc;

/// A wire that takes everything, or nothing.
#[derive(Clone, Default)]
struct Tape {
    bytes: Rc<RefCell<Vec<u8>>>,
    writes: Rc<Cell<usize>>,
    shut: Rc<Cell<bool>>,
}

impl Wire for Tape {
    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.shut.get() {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.writes.set(self.writes.get() + 1);
        let mut bytes = self.bytes.borrow_mut();
        pieces.iter().for_each(|piece| bytes.extend_from_slice(piece));
        Ok(pieces.iter().map(|piece| piece.len()).sum())
    }
}

impl Tape {
    /// What was written since the last call, one line a message: `delta q 3→7 {"a":1}`. `hello` is left out.
    fn told(&self) -> Vec<String> {
        let bytes = std::mem::take(&mut *self.bytes.borrow_mut());
        let mut rest = &bytes[..];
        let mut told = Vec::new();
        while !rest.is_empty() {
            let (head, length) = match rest[1] {
                126 => (4, usize::from(u16::from_be_bytes([rest[2], rest[3]]))),
                short => (2, usize::from(short)),
            };
            let message: Value = serde_json::from_slice(&rest[head..head + length]).unwrap();
            rest = &rest[head + length..];
            assert!(message["t"] == "hello" || message.get("o").is_none() || message["topic"] != "q", "{message}");
            if message["t"] != "hello" {
                told.push(line(&message));
            }
        }
        told
    }
}

fn line(message: &Value) -> String {
    let text = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
    let from = message.get("from").map_or(String::new(), |from| format!("{from}→"));
    let lost = message.get("lost").map_or(String::new(), |lost| format!(" lost {lost}"));
    let stale = if message["stale"] == true { " stale" } else { "" };
    let data = match message.get("data") {
        // Of events only the ids.
        Some(Value::Array(events)) => events.iter().map(|event| format!(" {}", event["id"])).collect(),
        Some(data) => format!(" {data}"),
        None => String::new(),
    };
    let line = match message["t"].as_str().unwrap() {
        "at" => format!("at {}", text("cursor").split_once(':').unwrap().1),
        "error" => text("code"),
        "pong" => "pong".to_owned(),
        "mark" => format!("mark {} {}", text("topic"), message["stale"]),
        "snap" => format!("{} {} {from}{}{lost}{stale}{data}", text("why"), text("topic"), message["seq"]),
        t => format!("{t} {} {from}{}{data}", text("topic"), message["seq"]),
    };
    line.trim_end().to_owned()
}

struct Stage {
    sequencer: Sequencer,
    core: Core<Tape>,
    now_ms: i64,
}

impl Stage {
    /// Events `e*` keep three; the clock stands at a multiple of a second.
    fn new() -> Stage {
        Stage::with(Limits::default(), 64)
    }

    fn with(limits: Limits, segments_max: usize) -> Stage {
        let store = Arc::new(Store::new());
        let (log, writer) = Log::new(Epoch::from_bits(7), LogLimits { segments_max, bytes_max: 1 << 20 });
        let events = KindRule { pattern: Pattern::new("e.>").unwrap(), kind: Kind::Event, keep: 3 };
        let rules = KindRules::new(vec![events]);
        let sequencer = Sequencer::new(Arc::clone(&store), writer, rules, &Limits::default());
        let paces = Paces { rates_hz: vec![1, 4], lingers_ms: vec![20] };
        let settings = CoreSettings { heartbeat_ms: 15_000, poll_gather_ms: 20, paces, limits };
        let core = Core::new(store, log, settings, Arc::default(), (0, 1));
        Stage { sequencer, core, now_ms: 1_000_000 }
    }

    fn apply(&mut self, topic: &str, change: Change) {
        self.commit(topic, change);
        self.turn();
    }

    /// Before the shard's next turn.
    fn commit(&mut self, topic: &str, change: Change) {
        self.sequencer.apply(Update::new(Topic::new(topic).unwrap(), None, change), self.now_ms).unwrap();
        self.sequencer.commit();
    }

    fn patch(&mut self, topic: &str, patch: &str) {
        self.apply(topic, Change::Patch(parse_object(patch.as_bytes()).unwrap()));
    }

    fn event(&mut self, topic: &str, id: i64) {
        self.apply(topic, Change::Event(parse_object(format!(r#"{{"id":{id}}}"#).as_bytes()).unwrap()));
    }

    fn turn(&mut self) {
        self.core.settle(self.now_ms);
        self.core.serve_ready(self.now_ms);
        self.core.serve_due(self.now_ms);
        self.core.serve_ready(self.now_ms);
    }

    fn pass(&mut self, ms: i64) {
        self.now_ms += ms;
        self.turn();
    }

    fn open(&mut self) -> (ConnKey, Tape) {
        let tape = Tape::default();
        let (peer, transport) = (Peer::WebSocket(None), Transport::WebSocket);
        let framing = Framing { form: Form::WebSocket, ..Framing::default() };
        let key = self.core.open(tape.clone(), peer, transport, framing, Vec::new(), self.now_ms);
        self.turn();
        tape.told();
        (key, tape)
    }

    fn subscribe(&mut self, key: ConnKey, topics: &str, rate: u32) {
        let topics = topics.split(' ').map(|topic| Pattern::new(topic).unwrap()).collect();
        let subscription = Subscription { topics, cursor: None, rate: Rate(rate) };
        self.core.subscribe(key, &subscription, None, self.now_ms).unwrap();
        self.turn();
    }

    /// A subscriber of `topics`, a member of its class already, what it was told so far forgotten.
    fn member(&mut self, topics: &str, rate: u32) -> (ConnKey, Tape) {
        let (key, tape) = self.open();
        self.subscribe(key, topics, rate);
        self.pass(1_000);
        tape.told();
        (key, tape)
    }

    fn alter(&mut self, key: ConnKey, alteration: Alteration) {
        self.core.alter(key, &alteration, None, self.now_ms).unwrap();
        self.turn();
    }

    fn writable(&mut self, key: ConnKey, tape: &Tape) {
        tape.shut.set(false);
        self.core.writable(key);
        self.turn();
    }
}

#[test]
fn a_tick_tells_the_difference_between_two_states_once() {
    let mut stage = Stage::new();
    stage.patch("q", r#"{"a":1,"b":1}"#);
    let (_, tape) = stage.member("q", 4);
    for value in 2..5 {
        stage.patch("q", &format!(r#"{{"a":{value}}}"#));
        stage.pass(10);
    }
    stage.patch("q", r#"{"b":null}"#);
    assert_eq!(tape.told(), [""; 0]);
    stage.pass(250);
    assert_eq!(tape.told(), [r#"delta q 1→5 {"a":4,"b":null}"#, "at 5"]);
    stage.patch("q", r#"{"a":5}"#);
    stage.patch("q", r#"{"a":4}"#);
    stage.pass(250);
    assert_eq!(tape.told(), ["delta q 5→7 {}", "at 7"]);
    stage.pass(1_000);
    assert_eq!(tape.told(), [""; 0], "nothing changed");
}

#[test]
fn who_joins_is_told_the_state_now_and_that_of_the_next_tick() {
    let mut stage = Stage::new();
    stage.patch("q", r#"{"a":1}"#);
    stage.patch("quiet", r#"{"a":1}"#);
    let (_, old) = stage.member("q", 4);
    stage.patch("q", r#"{"a":2}"#);
    let (key, new) = stage.open();
    stage.subscribe(key, "q quiet", 4);
    assert_eq!(new.told(), [r#"subscribe q 2 {"a":2}"#, r#"subscribe quiet 2 {"a":1}"#]);
    stage.patch("q", r#"{"a":3}"#);
    stage.pass(250);
    assert_eq!(old.told(), [r#"delta q 1→3 {"a":3}"#, "at 4"]);
    assert_eq!(new.told(), [r#"rate q 3 {"a":3}"#, "at 4"]);
    stage.patch("q", r#"{"a":4}"#);
    stage.pass(250);
    assert_eq!(new.told(), [r#"delta q 3→4 {"a":4}"#, "at 5"]);
    assert_eq!(old.told(), [r#"delta q 3→4 {"a":4}"#, "at 5"]);
}

#[test]
fn the_cursor_is_that_of_the_slowest_class() {
    let mut stage = Stage::new();
    stage.patch("slow.a", r#"{"a":1}"#);
    stage.patch("fast.a", r#"{"a":1}"#);
    let (key, tape) = stage.member("slow.*", 1);
    stage.subscribe(key, "fast.*", 4);
    stage.subscribe(key, "live.a", 0);
    stage.pass(1_000);
    tape.told();
    stage.patch("slow.a", r#"{"a":2}"#);
    stage.patch("fast.a", r#"{"a":2}"#);
    stage.patch("live.a", r#"{"a":1}"#);
    assert_eq!(tape.told(), [r#"born live.a 5 {"a":1}"#], "an unthrottled topic comes at once");
    stage.pass(250);
    assert_eq!(tape.told(), [r#"delta fast.a 2→3 {"a":2}"#]);
    stage.patch("fast.a", r#"{"a":3}"#);
    stage.pass(250);
    assert_eq!(tape.told(), [r#"delta fast.a 3→4 {"a":3}"#], "the cursor would be that before slow.a changed");
    stage.pass(500);
    assert_eq!(tape.told(), [r#"delta slow.a 1→2 {"a":2}"#, "at 6"]);
}

#[test]
fn every_delivery_is_followed_by_its_cursor() {
    let mut stage = Stage::new();
    stage.patch("slow.a", r#"{"a":1}"#);
    stage.patch("fast.a", r#"{"a":1}"#);
    let (key, tape) = stage.member("slow.a", 1);
    stage.subscribe(key, "fast.a", 4);
    stage.subscribe(key, "live.a", 0);
    let _other = stage.member("slow.other", 1);
    tape.told();
    // The slow class is behind for the sake of another connection's topic.
    stage.patch("slow.other", r#"{"a":1}"#);
    stage.patch("fast.a", r#"{"a":2}"#);
    stage.patch("live.a", r#"{"a":1}"#);
    stage.pass(250);
    assert_eq!(tape.told(), [r#"born live.a 5 {"a":1}"#, r#"delta fast.a 2→3 {"a":2}"#]);
    stage.pass(750);
    assert_eq!(tape.told(), ["at 5"]);
    stage.pass(1_000);
    assert_eq!((tape.told(), stage.core.next_due()), (vec![], None));
    // A connection that leaves its set takes the `at` along.
    stage.patch("live.a", r#"{"a":2}"#);
    stage.alter(key, Alteration { linger_ms: Some(20), ..Alteration::default() });
    assert_eq!(tape.told(), [r#"delta live.a 6 {"a":2}"#, "at 6"]);
}

#[test]
fn no_cursor_is_older_than_the_subscription() {
    let mut stage = Stage::new();
    stage.patch("q.1", r#"{"a":1}"#);
    let (key, other) = stage.member("q.9 z", 1);
    stage.patch("z", r#"{"a":1}"#);
    stage.apply("q.1", Change::Retire);
    // The class is behind, from before the end of a topic that this subscriber is never told of.
    let (late, tape) = stage.open();
    stage.subscribe(late, "q.*", 1);
    stage.core.state_cursor(key);
    stage.turn();
    assert_eq!((tape.told(), other.told()), (vec![], vec!["at 1".to_owned()]));
    stage.pass(1_000);
    assert_eq!(tape.told(), ["at 3"]);
}

#[test]
fn no_cursor_is_from_the_midst_of_a_life_that_was_not_told() {
    let mut stage = Stage::new();
    stage.patch("slow.a", r#"{"a":1}"#);
    let (key, tape) = stage.member("slow.*", 1);
    stage.subscribe(key, "fast.*", 4);
    stage.pass(1_000);
    tape.told();
    // It is born before what keeps the slow class back, and ends after it, before the fast class ticks.
    stage.patch("fast.a", r#"{"a":1}"#);
    stage.patch("slow.a", r#"{"a":2}"#);
    stage.apply("fast.a", Change::Retire);
    stage.patch("fast.b", r#"{"a":1}"#);
    stage.core.state_cursor(key);
    stage.pass(250);
    assert_eq!(tape.told(), [r#"rate fast.b 5 {"a":1}"#]);
    stage.pass(750);
    assert_eq!(tape.told(), [r#"rate slow.a 2 {"a":2}"#, "at 5"]);
}

#[test]
fn events_of_a_tick_come_together_and_what_is_too_much_is_counted() {
    let mut stage = Stage::new();
    stage.event("e.1", 0);
    let (_, tape) = stage.member("e.>", 1);
    (1..3).for_each(|id| stage.event("e.1", id));
    stage.pass(1_000);
    assert_eq!(tape.told(), ["append e.1 1→3 1 2", "at 3"]);
    (3..8).for_each(|id| stage.event("e.1", id));
    stage.pass(1_000);
    assert_eq!(tape.told(), ["rate e.1 5→8 lost 2 5 6 7", "at 8"]);
    stage.apply("e.1", Change::Lost(Some(4)));
    stage.event("e.1", 8);
    stage.pass(1_000);
    assert_eq!(tape.told(), ["reset e.1 6→9 lost 4 6 7 8", "at 10"]);
}

#[test]
fn ends_are_told_at_once_after_the_events_before_them_and_births_at_the_tick() {
    let mut stage = Stage::new();
    stage.event("e.1", 0);
    stage.patch("q", r#"{"a":1}"#);
    let (_, tape) = stage.member("e.> q", 1);
    stage.event("e.1", 1);
    stage.event("e.1", 2);
    stage.apply("e.1", Change::Retire);
    assert_eq!(tape.told(), ["append e.1 1→2 1", "append e.1 2→3 2", "gone e.1 3"]);
    stage.event("e.2", 0);
    stage.apply("e.2", Change::Stale(true));
    stage.pass(1_000);
    tape.told();
    stage.event("e.2", 1);
    stage.apply("e.2", Change::Retire);
    assert_eq!(tape.told(), ["mark e.2 false", "append e.2 6→7 1", "gone e.2 7"], "fresh events follow a mark");
    // Born since the last tick: only who was told of it is told what it lost by the end.
    stage.event("e.3", 0);
    let (key, joins) = stage.open();
    stage.subscribe(key, "e.>", 1);
    stage.event("e.3", 1);
    stage.apply("e.3", Change::Retire);
    assert_eq!(joins.told(), ["subscribe e.3 10→11 0", "append e.3 11→12 1", "gone e.3 12"]);
    assert_eq!(tape.told(), ["gone e.3 12"]);
    stage.patch("q", r#"{"a":2}"#);
    stage.apply("q", Change::Retire);
    assert_eq!(tape.told(), ["gone q 3"]);
    stage.patch("q", r#"{"b":1}"#);
    stage.apply("q", Change::Retire);
    stage.patch("q", r#"{"b":2}"#);
    stage.patch("q", r#"{"b":3}"#);
    assert_eq!(tape.told(), [""; 0], "a life between two ticks is not told");
    stage.pass(1_000);
    assert_eq!(tape.told(), [r#"born q 19 {"b":3}"#, "at 19"]);
}

#[test]
fn a_rate_can_be_changed_live() {
    let mut stage = Stage::new();
    stage.patch("q", r#"{"a":1}"#);
    let (key, tape) = stage.member("q", 0);
    stage.patch("other", r#"{"a":1}"#);
    let alter = |rate| Alteration { rate: Some(Rate(rate)), ..Alteration::default() };
    stage.core.alter(key, &alter(4), None, stage.now_ms).unwrap();
    stage.patch("q", r#"{"a":2}"#);
    assert_eq!(tape.told(), [""; 0]);
    stage.pass(250);
    assert_eq!(tape.told(), [r#"rate q 2 {"a":2}"#, "at 3"]);
    stage.patch("q", r#"{"a":3}"#);
    stage.core.alter(key, &alter(1), None, stage.now_ms).unwrap();
    stage.turn();
    assert_eq!(tape.told(), [r#"rate q 3 {"a":3}"#]);
    stage.pass(1_000);
    assert_eq!(tape.told(), ["at 4"]);
    stage.patch("q", r#"{"a":4}"#);
    stage.core.alter(key, &alter(0), None, stage.now_ms).unwrap();
    stage.turn();
    assert_eq!(tape.told(), [r#"rate q 4 {"a":4}"#, "at 5"]);
    stage.patch("other", r#"{"a":2}"#);
    stage.core.alter(key, &alter(0), None, stage.now_ms).unwrap();
    assert_eq!(tape.told(), [""; 0]);
}

#[test]
fn an_end_reaches_those_who_change_their_rate() {
    let limits = Limits { pending_entries_max: 1, ..Limits::default() };
    let mut stage = Stage::with(limits, 64);
    let rate = |rate| Alteration { rate: Some(Rate(rate)), ..Alteration::default() };
    // One that lags when its rate is changed holds the topic all the same.
    stage.patch("q", r#"{"a":1}"#);
    let (key, tape) = stage.member("q", 0);
    tape.shut.set(true);
    (2..5).for_each(|value| stage.patch("q", &format!(r#"{{"a":{value}}}"#)));
    stage.alter(key, rate(1));
    stage.apply("q", Change::Retire);
    stage.writable(key, &tape);
    stage.pass(1_000);
    assert_eq!(tape.told(), ["gone q 4", "at 5"]);
    // One that waits for a tick of its former class is told what that would have told.
    stage.event("e.1", 0);
    let (key, tape) = stage.open();
    stage.subscribe(key, "e.1", 4);
    stage.event("e.1", 1);
    stage.alter(key, rate(1));
    stage.event("e.1", 2);
    stage.apply("e.1", Change::Retire);
    let told = ["subscribe e.1 5→6 0", "rate e.1 5→7 lost 0 0 1", "append e.1 7→8 2", "gone e.1 8"];
    assert_eq!(tape.told(), told);
}

#[test]
fn an_exact_name_beats_a_pattern_and_the_latest_pattern_the_others() {
    let mut stage = Stage::new();
    stage.patch("s.1", r#"{"a":1}"#);
    stage.patch("s.2", r#"{"a":1}"#);
    let (key, tape) = stage.member("s.1", 0);
    stage.subscribe(key, "s.*", 1);
    stage.pass(1_000);
    tape.told();
    stage.patch("s.1", r#"{"a":2}"#);
    stage.patch("s.2", r#"{"a":2}"#);
    assert_eq!(tape.told(), [r#"delta s.1 2 {"a":2}"#]);
    stage.pass(1_000);
    assert_eq!(tape.told(), [r#"delta s.2 2→3 {"a":2}"#, "at 4"]);
    // Without the name, the pattern's rate holds for it too.
    stage.core.unsubscribe(key, &[Pattern::new("s.1").unwrap()], None, stage.now_ms).unwrap();
    stage.patch("s.1", r#"{"a":3}"#);
    assert_eq!(tape.told(), [""; 0]);
    stage.pass(1_000);
    assert_eq!(tape.told(), [r#"rate s.1 3 {"a":3}"#, "at 5"]);
    stage.subscribe(key, "*.1", 0);
    assert_eq!(tape.told(), ["at 5"]);
    stage.patch("s.1", r#"{"a":4}"#);
    assert_eq!(tape.told(), [r#"delta s.1 4 {"a":4}"#], "the latest pattern");
}

#[test]
fn a_member_that_was_behind_is_told_the_state_of_the_tick() {
    let mut stage = Stage::new();
    stage.patch("q", r#"{"a":1}"#);
    stage.event("e.1", 0);
    let (key, tape) = stage.member("q e.1", 4);
    tape.shut.set(true);
    for id in 1..6 {
        stage.patch("q", &format!(r#"{{"a":{}}}"#, id + 1));
        stage.event("e.1", id);
        stage.pass(250);
    }
    stage.patch("q", r#"{"a":99}"#);
    stage.writable(key, &tape);
    assert_eq!(tape.told(), [r#"lag q 6 {"a":6}"#, "lag e.1 4→7 lost 2 3 4 5", "at 12"]);
    stage.pass(250);
    assert_eq!(tape.told(), [r#"delta q 6→7 {"a":99}"#, "at 13"]);
}

#[test]
fn marks_are_told_at_the_tick_before_fresh_data_and_after_old() {
    let mut stage = Stage::new();
    stage.patch("q", r#"{"a":1}"#);
    let (_, tape) = stage.member("q", 1);
    stage.apply("q", Change::Stale(true));
    stage.pass(1_000);
    assert_eq!(tape.told(), ["mark q true", "at 2"]);
    stage.patch("q", r#"{"a":2}"#);
    stage.apply("q", Change::Stale(true));
    stage.pass(1_000);
    assert_eq!(tape.told(), ["mark q false", r#"delta q 1→2 {"a":2}"#, "mark q true", "at 5"]);
    stage.apply("q", Change::Stale(false));
    stage.apply("q", Change::Stale(true));
    stage.pass(1_000);
    assert_eq!(tape.told(), [""; 0]);
}

#[test]
fn lingering_entries_share_a_write_and_come_before_what_follows() {
    let mut stage = Stage::new();
    stage.patch("a", r#"{"a":1}"#);
    stage.patch("b", r#"{"a":1}"#);
    let (key, tape) = stage.open();
    stage.core.alter(key, &Alteration { linger_ms: Some(20), ..Alteration::default() }, None, stage.now_ms).unwrap();
    stage.subscribe(key, "a", 0);
    assert_eq!(tape.told(), [r#"subscribe a 1 {"a":1}"#, "at 2"]);
    let writes = tape.writes.get();
    stage.patch("a", r#"{"a":2}"#);
    stage.pass(10);
    stage.patch("a", r#"{"a":3}"#);
    assert_eq!(tape.told(), [""; 0]);
    assert_eq!(stage.core.next_due(), Some(1_000_020));
    stage.pass(10);
    assert_eq!(tape.told(), [r#"delta a 2 {"a":2}"#, r#"delta a 3 {"a":3}"#]);
    assert_eq!(tape.writes.get() - writes, 1);
    // The answer to a ping waits for nothing, and what waits does not come with it.
    stage.patch("a", r#"{"a":3.5}"#);
    stage.core.send(key, br#"{"t":"pong"}"#, None);
    stage.turn();
    assert_eq!(tape.told(), ["pong"]);
    stage.pass(20);
    assert_eq!(tape.told(), [r#"delta a 4 {"a":3.5}"#]);
    // A subscription comes after what waits.
    stage.patch("a", r#"{"a":4}"#);
    stage.subscribe(key, "b", 0);
    assert_eq!(tape.told(), [r#"delta a 5 {"a":4}"#, r#"subscribe b 2 {"a":1}"#, "at 6"]);
    // So does a heartbeat's cursor.
    stage.patch("a", r#"{"a":5}"#);
    stage.core.state_cursor(key);
    stage.turn();
    assert_eq!(tape.told(), [r#"delta a 6 {"a":5}"#, "at 7"]);
    // A clock that is set back makes nobody wait.
    stage.patch("a", r#"{"a":6}"#);
    stage.pass(-900_000);
    assert_eq!(tape.told(), [r#"delta a 7 {"a":6}"#]);
}

#[test]
fn a_latency_budget_keeps_the_events_before_an_end() {
    let mut stage = Stage::new();
    stage.event("e.1", 0);
    stage.patch("u", r#"{"a":1}"#);
    let (key, tape) = stage.open();
    stage.alter(key, Alteration { linger_ms: Some(20), ..Alteration::default() });
    stage.subscribe(key, "u", 0);
    stage.subscribe(key, "e.1", 1);
    stage.pass(1_000);
    tape.told();
    // In one turn: the event is older than the first entry that waits.
    stage.commit("e.1", Change::Event(parse_object(br#"{"id":1}"#).unwrap()));
    stage.commit("u", Change::Patch(parse_object(br#"{"a":2}"#).unwrap()));
    stage.apply("e.1", Change::Retire);
    assert_eq!(tape.told(), [""; 0]);
    stage.pass(20);
    assert_eq!(tape.told(), [r#"delta u 3 {"a":2}"#, "append e.1 1→2 1", "gone e.1 2"]);
}

#[test]
fn a_pattern_that_covers_too_many_topics_is_told_so_once_and_states_no_cursor() {
    let mut stage = Stage::with(Limits { topics_per_connection_max: 3, ..Limits::default() }, 64);
    (0..3).for_each(|n| stage.patch(&format!("s.{n}"), r#"{"a":1}"#));
    let (key, tape) = stage.member("s.*", 0);
    stage.apply("s.0", Change::Retire);
    stage.patch("s.3", r#"{"a":1}"#);
    assert_eq!(tape.told(), ["gone s.0 1", r#"born s.3 5 {"a":1}"#], "the dead do not count");
    stage.patch("s.4", r#"{"a":1}"#);
    stage.patch("s.5", r#"{"a":1}"#);
    assert_eq!(tape.told(), ["topics_limit"]);
    stage.patch("s.1", r#"{"a":2}"#);
    stage.core.state_cursor(key);
    stage.turn();
    assert_eq!(tape.told(), [r#"delta s.1 3 {"a":2}"#]);
    let (key, _) = stage.open();
    let topics = vec![Pattern::new("s.*").unwrap()];
    let subscription = Subscription { topics, cursor: None, rate: Rate::UNTHROTTLED };
    let refused = stage.core.subscribe(key, &subscription, None, stage.now_ms).unwrap_err();
    assert!(refused.to_string().contains("more than 3 topics"), "{refused}");
}

#[test]
fn a_narrower_subscription_is_told_what_the_cap_kept_from_it() {
    let mut stage = Stage::with(Limits { topics_per_connection_max: 3, ..Limits::default() }, 64);
    ["a.1", "a.2", "b.1"].iter().for_each(|topic| stage.patch(topic, r#"{"a":1}"#));
    let (key, tape) = stage.member("a.* b.*", 1);
    stage.patch("b.2", r#"{"a":1}"#);
    assert_eq!(tape.told(), ["topics_limit"]);
    stage.core.unsubscribe(key, &[Pattern::new("a.*").unwrap()], None, stage.now_ms).unwrap();
    stage.turn();
    assert_eq!(tape.told(), [r#"subscribe b.2 4 {"a":1}"#]);
    // Others of the same wishes state a cursor; one that met the cap does not.
    let (_, other) = stage.member("b.*", 1);
    stage.patch("b.2", r#"{"a":2}"#);
    stage.pass(1_000);
    assert_eq!(tape.told(), [r#"delta b.2 4→5 {"a":2}"#]);
    assert_eq!(other.told(), [r#"delta b.2 4→5 {"a":2}"#, "at 5"]);
}
