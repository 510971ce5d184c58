//! What the tests of this crate share: where recordings are, and the state of topics as a reader would hold it.
#![allow(dead_code, reason = "each test binary uses a part")]

pub mod games;

use feeds::adapter::{Adapter, Input, Output};
use feeds::capture::{Entry, Reader, Record};
use feeds::model::{Batch, Change, Decimal, Object, Update, merge};
use feeds::outlet::Outlet;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;

/// A recording; `None`, said aloud, where there are none.
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
pub fn recording(name: &str) -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
    let root = std::env::var_os("FANWIRE_SHARED_DATA").map_or_else(|| PathBuf::from(default), PathBuf::from);
    let path = root.join(name);
    if !path.exists() {
        println!("SKIPPED: ../shared/data not found");
        return None;
    }
    Some(path)
}

/// An outlet, and its updates one by one where a test may wait for them.
pub fn outlet_to_updates(provider: &str) -> (Outlet, mpsc::Receiver<Update>) {
    let (batches, received) = crossbeam_channel::bounded::<Batch>(1_024);
    let (sender, updates) = mpsc::channel(4_096);
    std::thread::spawn(move || {
        for update in received.iter().flat_map(|batch| batch.updates) {
            if sender.blocking_send(update).is_err() {
                return;
            }
        }
    });
    (Outlet::new(provider, batches), updates)
}

/// Topics as someone sees them who reads every update.
#[derive(Debug, Default)]
pub struct Topics {
    pub states: BTreeMap<String, Object>,
    pub events: BTreeMap<String, Vec<Object>>,
    pub resets: Vec<String>,
    pub stale: Vec<(String, bool)>,
    pub lost: Vec<(String, Option<u64>)>,
}

impl Topics {
    pub fn take(&mut self, updates: &mut Vec<Update>) {
        for update in updates.drain(..) {
            self.apply(update);
        }
    }

    fn apply(&mut self, update: Update) {
        let topic = update.topic.as_str().to_owned();
        match update.change {
            Change::Patch(patch) => {
                merge(self.states.entry(topic).or_default(), &patch);
            }
            Change::State(state) => {
                self.states.insert(topic, state);
            }
            Change::Reset(state) => {
                self.resets.push(topic.clone());
                self.states.insert(topic, state);
            }
            Change::Event(event) => self.events.entry(topic).or_default().push(event),
            Change::Lost(count) => self.lost.push((topic, count)),
            Change::Stale(stale) => self.stale.push((topic, stale)),
            Change::Retire => {
                self.states.remove(&topic);
            }
        }
    }

    pub fn state(&self, topic: &str) -> String {
        self.states.get(topic).map(Object::to_string).unwrap_or_default()
    }

    pub fn events(&self, topic: &str) -> Vec<String> {
        self.events.get(topic).map(|events| events.iter().map(Object::to_string).collect()).unwrap_or_default()
    }
}

/// An adapter without a supervisor: inputs go in by hand.
pub struct Bench {
    pub adapter: Box<dyn Adapter>,
    pub output: Output,
    pub topics: Topics,
    pub now_ms: i64,
}

impl Bench {
    pub fn new(adapter: Box<dyn Adapter>) -> Bench {
        Bench { adapter, output: Output::default(), topics: Topics::default(), now_ms: 1_700_000_000_000 }
    }

    /// Handles one input; its updates are in `topics`, the rest stays in `output` until it is taken.
    pub fn handle(&mut self, input: Input<'_>) {
        self.adapter.handle(input, self.now_ms, &mut self.output);
        self.topics.take(&mut self.output.updates);
    }

    pub fn frame(&mut self, link: usize, text: &str) {
        self.handle(Input::Frame(feeds::adapter::LinkId(link), &mut text.as_bytes().to_vec()));
    }

    pub fn fetched(&mut self, url: &str, status: u16, body: &str) {
        self.handle(Input::Fetched { url, status, body: &mut body.as_bytes().to_vec() });
    }

    /// The URLs asked for since the last call.
    pub fn fetches(&mut self) -> Vec<String> {
        std::mem::take(&mut self.output.fetches).into_iter().map(|fetch| fetch.url).collect()
    }
}

/// Prices and sizes, best first.
pub type Side = Vec<(Decimal, Decimal)>;

/// A book topic's state: bids and asks.
pub fn levels(topics: &Topics, topic: &str) -> (Side, Side) {
    let state = &topics.states[topic];
    let side = |name: &str| {
        let levels = state.get(name).unwrap().as_object().unwrap();
        let pairs = levels.iter().map(|(price, size)| (price.parse().unwrap(), size.as_number().unwrap()));
        let mut pairs: Vec<(Decimal, Decimal)> = pairs.collect();
        pairs.sort();
        pairs
    };
    (side("bids").into_iter().rev().collect(), side("asks"))
}

/// The lines of a zstd file.
pub fn zstd_lines(path: &Path) -> Vec<String> {
    let bytes = zstd::stream::decode_all(std::fs::File::open(path).unwrap()).unwrap();
    String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
}

/// The text frames of a capture.
pub fn frames(path: &Path) -> Vec<String> {
    let text = |entry: Entry| match entry.record {
        Record::Recv { data, .. } => Some(String::from_utf8(data).unwrap()),
        _ => None,
    };
    Reader::open(path).unwrap().filter_map(|entry| text(entry.unwrap())).collect()
}

/// EXACT: every number in a string, and every bare one of these fields, leaves as the text it came as. How many there
/// were.
pub fn exact<'a>(frames: impl IntoIterator<Item = &'a str>, bare_fields: &[&str]) -> usize {
    let starts: Vec<String> = bare_fields.iter().map(|field| format!("\"{field}\":")).collect();
    let mut seen = 0;
    for frame in frames {
        let quoted = frame.split('"').skip(1).step_by(2);
        let bare = starts.iter().flat_map(|start| {
            let ends = |rest: &str| rest.find([',', '}', ']']).unwrap_or(rest.len());
            frame
                .match_indices(&**start)
                .map(move |(at, _)| &frame[at + start.len()..])
                .map(move |rest| &rest[..ends(rest)])
        });
        for token in quoted.chain(bare).filter(|token| is_number(token)) {
            assert_exact(token);
            seen += 1;
        }
    }
    seen
}

fn is_number(token: &str) -> bool {
    token.matches('.').count() == 1 && token.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

fn assert_exact(token: &str) {
    let mut text = Vec::new();
    token.parse::<Decimal>().unwrap().write_as_written(&mut text);
    assert_eq!(std::str::from_utf8(&text).unwrap(), token);
}

/// What must happen soon: the test fails if it does not.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(std::time::Duration::from_secs(20), future).await.expect("did not happen in 20 s")
}
