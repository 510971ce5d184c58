//! A client's view of the topics, kept by the Seq rule and the Cursor rule of the protocol alone. It knows nothing of
//! how the gateway works, and every breach of a rule is an error.

use crate::client::{Client, Said, Transport, connect};
use crate::gateway::{Gateway, deadline};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};

#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    State(Value),
    /// Events with their seqs, oldest first, all that were seen.
    Events(Vec<(u64, Value)>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Topic {
    pub seq: u64,
    /// The number of this life of the name; 0 if it was never given.
    pub n: u64,
    pub data: Data,
    pub stale: bool,
}

/// An entry as it was told: (t, topic, seq, the text of data).
pub type Word = (String, String, u64, String);

#[derive(Clone, Debug, Default)]
pub struct Follower {
    pub epoch: Option<String>,
    pub topics: BTreeMap<String, Topic>,
    /// What the server last said that the client's cursor is.
    pub cursor: Option<String>,
    pub words: Vec<Word>,
    /// The `why` of every snapshot, in order.
    pub whys: Vec<String>,
    /// Every `lost` that was told, `None` for null.
    pub lost: Vec<Option<u64>>,
    pub gone: Vec<String>,
    pub fulls: usize,
    pub ats: usize,
    /// Numbers that stand for topics (`ids=1`).
    names: HashMap<u64, String>,
    last_offset: u64,
    /// No message without a cursor came since the last `at`.
    whole: bool,
    /// Topics named since the connection began, or since the last body of a poll.
    named: BTreeSet<String>,
    greeted: bool,
    /// Since a reconnection with a cursor, until the next `at`: what the client knows already may come again.
    replay: bool,
}

type Outcome<T = ()> = Result<T, String>;

fn check(right: bool, what: impl Fn() -> String) -> Outcome {
    if right { Ok(()) } else { Err(what()) }
}

impl Follower {
    /// A new connection begins; what is known stays. It may be newer than the cursor, if the last connection broke
    /// before it was whole.
    pub fn reconnected(&mut self, greeted: bool, replay: bool) {
        self.replay = replay;
        self.last_offset = self.offset();
        self.greeted = greeted;
        self.whole = true;
        self.named.clear();
        self.names.clear();
    }

    /// The offset in the cursor; 0 if none was stated.
    pub fn offset(&self) -> u64 {
        // Of a foreign epoch, which says nothing here.
        self.cursor.as_ref().map_or(0, |cursor| offset_of(cursor))
    }

    pub fn state(&self, topic: &str) -> Option<&Value> {
        match &self.topics.get(topic)?.data {
            Data::State(state) => Some(state),
            Data::Events(_) => None,
        }
    }

    pub fn events(&self, topic: &str) -> Vec<&Value> {
        match self.topics.get(topic).map(|topic| &topic.data) {
            Some(Data::Events(events)) => events.iter().map(|(_, event)| event).collect(),
            _ => Vec::new(),
        }
    }

    pub fn hear(&mut self, said: &Said, sse: bool) -> Outcome {
        self.take(said, sse).map_err(|what| format!("{what}\n  in {} (id {:?})", said.raw, said.id))
    }

    fn take(&mut self, said: &Said, sse: bool) -> Outcome {
        let json = &said.json;
        let t = json["t"].as_str().ok_or("no t")?;
        check(self.greeted || t == "hello", || "hello is not first".into())?;
        let stated = match t {
            "at" => Some(json["cursor"].as_str().ok_or("no cursor")?.to_owned()),
            _ => json["o"].as_u64().map(|o| format!("{}:{o}", self.epoch.clone().unwrap_or_default())),
        };
        if sse {
            check(said.id == stated, || format!("id is {:?}, the cursor {stated:?}", said.id))?;
        }
        match t {
            "hello" => return self.hello(json),
            "epoch" => return self.enter(json["epoch"].as_str().ok_or("no epoch")?),
            "name" => {
                let (n, topic) = (json["n"].as_u64().ok_or("no n")?, json["topic"].as_str().ok_or("no topic")?);
                self.names.insert(n, topic.to_owned());
                return Ok(());
            }
            "at" => return self.at(json, stated.unwrap_or_default()),
            "snap" | "delta" | "append" | "mark" | "gone" => {}
            "ok" | "error" | "pong" | "bye" => return Ok(()),
            other => return Err(format!("unknown t {other:?}")),
        }
        match json["o"].as_u64() {
            Some(o) => {
                check(self.whole, || "o is stated though the connection is not whole".into())?;
                check(o > self.last_offset, || format!("o does not rise above {}", self.last_offset))?;
                self.last_offset = o;
                self.cursor = stated;
            }
            None => self.whole = false,
        }
        let topic = match (json["topic"].as_str(), json["n"].as_u64()) {
            (Some(topic), n) => {
                n.map(|n| self.names.insert(n, topic.to_owned()));
                topic.to_owned()
            }
            (None, Some(n)) => match self.names.get(&n) {
                Some(topic) => topic.clone(),
                // It was born and died before its snapshot could be sent.
                None if t == "gone" => return Ok(()),
                None => return Err("n was never given".into()),
            },
            (None, None) => return Err("neither topic nor n".into()),
        };
        let seq = json["seq"].as_u64().ok_or("no seq")?;
        self.named.insert(topic.clone());
        if self.replay && self.ignores(t, &topic, seq) {
            return Ok(());
        }
        self.words.push((t.to_owned(), topic.clone(), seq, data_text(&said.raw)));
        match t {
            "snap" => self.snap(topic, seq, json),
            "gone" => {
                let known = self.topics.remove(&topic);
                self.gone.push(topic);
                check(known.as_ref().is_none_or(|known| known.seq <= seq), || format!("gone from {known:?}"))
            }
            _ => self.step(t, &topic, seq, json),
        }
    }

    /// "A client ignores any seq up to its own."
    fn ignores(&self, t: &str, topic: &str, seq: u64) -> bool {
        match self.topics.get(topic) {
            Some(known) if matches!(t, "mark" | "gone") => seq < known.seq,
            Some(known) if t == "snap" => seq < known.seq,
            Some(known) => seq <= known.seq,
            None => t != "snap",
        }
    }

    fn hello(&mut self, json: &Value) -> Outcome {
        check(!self.greeted, || "a second hello".into())?;
        check(json["v"] == 1 && json["heartbeat_ms"].is_u64() && json["now"].is_u64(), || "an odd hello".into())?;
        self.greeted = true;
        self.enter(json["epoch"].as_str().ok_or("no epoch")?)
    }

    fn enter(&mut self, epoch: &str) -> Outcome {
        if self.epoch.as_deref().is_some_and(|mine| mine != epoch) {
            // Numbers of another epoch mean nothing now.
            self.last_offset = 0;
            self.topics.values_mut().for_each(|topic| topic.seq = 0);
        }
        self.epoch = Some(epoch.to_owned());
        Ok(())
    }

    fn at(&mut self, json: &Value, cursor: String) -> Outcome {
        let (epoch, _) = cursor.split_once(':').ok_or("a cursor is epoch:offset")?;
        check(self.epoch.as_deref() == Some(epoch), || format!("epoch {epoch} out of nowhere"))?;
        let offset = offset_of(&cursor);
        check(offset >= self.last_offset, || format!("the cursor falls below {}", self.last_offset))?;
        self.last_offset = offset;
        self.cursor = Some(cursor);
        self.whole = true;
        self.replay = false;
        self.ats += 1;
        if json["full"] == true {
            self.fulls += 1;
            let named = &self.named;
            self.topics.retain(|topic, _| named.contains(topic));
        }
        self.named.clear();
        Ok(())
    }

    fn snap(&mut self, topic: String, seq: u64, json: &Value) -> Outcome {
        let why = json["why"].as_str().ok_or("no why")?;
        self.whys.push(why.to_owned());
        let in_log = matches!(why, "born" | "reset");
        check(matches!(why, "born" | "reset" | "subscribe" | "resume" | "lag"), || "an unknown why".into())?;
        check(in_log || json["o"].is_null(), || "a snapshot outside the log states o".into())?;
        check(json["n"].is_u64(), || "a snapshot gives the topic's number".into())?;
        check(json["ts"].is_u64(), || "no ts".into())?;
        let known = self.topics.get(&topic);
        // Another number: another life of the name. While the connection is whole its death is told before.
        let unheard_death = known.is_some_and(|known| known.n != 0 && json["n"] != known.n);
        check(why != "born" || known.is_none() || self.replay || unheard_death, || "born though it lives".into())?;
        check(!unheard_death || json["o"].is_null(), || "a death was not told".into())?;
        check(known.is_none_or(|known| seq >= known.seq), || format!("back from {}", known.map_or(0, |k| k.seq)))?;
        let stale = json["stale"] == true;
        let data = match &json["data"] {
            Value::Array(events) => Data::Events(self.snap_of_events(&topic, seq, events, json)?),
            state => {
                check(json["lost"].is_null() && json["from"].is_null(), || "from or lost of a state".into())?;
                Data::State(state.clone())
            }
        };
        let n = json["n"].as_u64().unwrap_or_default();
        self.topics.insert(topic, Topic { seq, n, data, stale });
        Ok(())
    }

    /// The events known after a snapshot: the client keeps what it had, and adds those above its own seq.
    fn snap_of_events(&mut self, topic: &str, seq: u64, events: &[Value], json: &Value) -> Outcome<Vec<(u64, Value)>> {
        let from = json["from"].as_u64().ok_or("no from")?;
        check(seq - from == events.len() as u64, || format!("{} events in {from}..{seq}", events.len()))?;
        let n = json["n"].as_u64().unwrap_or_default();
        let (own, mut kept) = match self.topics.get(topic) {
            Some(Topic { seq, n: mine, data: Data::Events(events), .. }) if *seq > 0 && (*mine == 0 || *mine == n) => {
                (*seq, events.clone())
            }
            // A former life of the name, whose death was missed: all of this one is new.
            Some(Topic { seq, .. }) if *seq > 0 => (n - 1, Vec::new()),
            _ => (0, Vec::new()),
        };
        if let Some(lost) = json.get("lost") {
            self.lost.push(lost.as_u64());
            let missing = if own == 0 { None } else { Some(from.saturating_sub(own)) };
            if let (Some(told), Some(missing)) = (lost.as_u64(), missing.filter(|_| json["why"] != "reset")) {
                // After a resume it is counted from the cursor, and the client may hold more.
                check(told == missing || (self.replay && told > missing), || {
                    format!("{missing} events are missing after {own}")
                })?;
            }
        } else {
            check(own == 0 || from <= own, || format!("events after {own} are missing without a word"))?;
        }
        kept.extend((from + 1..).zip(events.iter().cloned()).filter(|(seq, _)| *seq > own));
        Ok(kept)
    }

    fn step(&mut self, t: &str, topic: &str, seq: u64, json: &Value) -> Outcome {
        let known = self.topics.get_mut(topic).ok_or("before any snapshot (SNAPSHOT-FIRST)")?;
        let own = known.seq;
        if t == "mark" {
            check(seq == own, || format!("a mark of {seq} at {own}"))?;
            let stale = json["stale"].as_bool().ok_or("no stale")?;
            check(stale != known.stale || self.replay, || "a mark that changes nothing".into())?;
            known.stale = stale;
            return Ok(());
        }
        check(json["ts"].is_u64(), || "no ts".into())?;
        check(!known.stale || self.replay, || "fresh data without a mark (STALE-TOLD)".into())?;
        let from = json["from"].as_u64().unwrap_or(seq - 1);
        check(from == own, || format!("applies to {from}, the client has {own}"))?;
        match (t, &mut known.data, &json["data"]) {
            ("delta", Data::State(state), Value::Object(patch)) => merge(state, patch),
            ("append", Data::Events(events), Value::Array(more)) => {
                check(seq - from == more.len() as u64, || format!("{} events in {from}..{seq}", more.len()))?;
                events.extend((from + 1..).zip(more.iter().cloned()));
            }
            _ => return Err("of the wrong kind".into()),
        }
        known.seq = seq;
        Ok(())
    }
}

/// RFC 7396.
pub fn merge(target: &mut Value, patch: &Map<String, Value>) {
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (key, change) in patch {
        match change {
            Value::Null => drop(target.remove(key)),
            Value::Object(inner) => merge(target.entry(key.clone()).or_insert(Value::Null), inner),
            scalar => drop(target.insert(key.clone(), scalar.clone())),
        }
    }
}

/// The text of `data` as it stands in the message.
fn data_text(raw: &str) -> String {
    #[derive(serde::Deserialize)]
    struct Message<'a> {
        #[serde(borrow)]
        data: Option<&'a serde_json::value::RawValue>,
    }
    let message: Message<'_> = serde_json::from_str(raw).unwrap();
    message.data.map(|data| data.get().to_owned()).unwrap_or_default()
}

pub fn offset_of(cursor: &str) -> u64 {
    cursor.split_once(':').and_then(|(_, offset)| offset.parse().ok()).unwrap_or_else(|| panic!("{cursor:?}"))
}

/// A client and what it knows.
pub struct Session {
    pub transport: Transport,
    pub follower: Follower,
    client: Box<dyn Client>,
    query: String,
}

impl Session {
    pub fn open(transport: Transport, gateway: &Gateway, query: &str) -> Session {
        Session::with(transport, gateway, query, Follower::default(), None)
    }

    /// Goes on with what the follower knows, from the cursor.
    pub fn with(
        transport: Transport,
        gateway: &Gateway,
        query: &str,
        mut follower: Follower,
        cursor: Option<&str>,
    ) -> Session {
        follower.reconnected(matches!(transport, Transport::LongPoll | Transport::Polling), false);
        if cursor.is_some() && follower.epoch.is_none() {
            follower.epoch = cursor.and_then(|cursor| cursor.split(':').next()).map(str::to_owned);
        }
        let client = connect(transport, gateway.address, query, cursor);
        Session { transport, follower, client, query: query.to_owned() }
    }

    /// The connection breaks; a new one goes on from the cursor.
    pub fn resume(self, gateway: &Gateway) -> Session {
        let Session { transport, follower, client, query } = self;
        drop(client);
        let cursor = follower.cursor.clone();
        Session::with(transport, gateway, &query, follower, cursor.as_deref())
    }

    /// Hears one message.
    pub fn step(&mut self) -> Said {
        let said = self.client.next(deadline()).unwrap_or_else(|| panic!("nothing more came: {:#?}", self.follower));
        if let Err(breach) = self.follower.hear(&said, self.transport == Transport::Sse) {
            panic!("{:?}: {breach}\n  known: {:?}", self.transport, self.follower.topics);
        }
        said
    }

    /// Hears messages until the view is as wanted.
    pub fn until(&mut self, what: &str, wanted: impl Fn(&Follower) -> bool) {
        let deadline = deadline();
        while !wanted(&self.follower) {
            let Some(said) = self.client.next(deadline) else {
                panic!("{:?}: {what}: it did not come: {:#?}", self.transport, self.follower)
            };
            if let Err(breach) = self.follower.hear(&said, self.transport == Transport::Sse) {
                panic!("{:?}: {what}: {breach}\n  known: {:?}", self.transport, self.follower.topics);
            }
        }
    }

    /// Hears messages until the cursor covers `offset`.
    pub fn until_offset(&mut self, offset: u64) {
        self.until(&format!("offset {offset}"), |follower| follower.offset() >= offset);
    }
}
