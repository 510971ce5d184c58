//! The engine without a shard: a sequencer, its store and its log, driven by text.

use super::exact::Tree;
use fanwire::limits::Limits;
use fanwire::log::{Epoch, Log, LogLimits, Segment};
use fanwire::sequencer::{KindRules, Refusal, Sequencer};
use fanwire::store::{Snapshot, Store};
use fanwire::transport::publish::parse_line;
use feeds::model::{Change, Topic, Update};
use std::sync::Arc;

/// Lines of a body that are looked at, and segments of a log that is to hold them all.
pub const LINES_MAX: usize = 256;

pub struct Stage {
    pub store: Arc<Store>,
    pub log: Arc<Log>,
    sequencer: Sequencer,
    pub now_ms: i64,
}

impl Stage {
    /// `segments_max`: how long the log is.
    pub fn new(segments_max: usize) -> Stage {
        let store = Arc::new(Store::new());
        let (log, writer) = Log::new(Epoch::from_bits(7), LogLimits { segments_max, bytes_max: 1 << 24 });
        let limits = Limits { topics_max: 64, ..Limits::default() };
        let sequencer = Sequencer::new(Arc::clone(&store), writer, KindRules::new(Vec::new()), &limits);
        Stage { store, log, sequencer, now_ms: 1_763_850_000_000 }
    }

    /// Applies one update and makes it visible.
    pub fn apply(&mut self, update: Update) -> Result<(), Refusal> {
        self.now_ms += 10;
        let outcome = self.sequencer.apply(update, self.now_ms);
        self.sequencer.commit();
        outcome.map(drop)
    }

    /// The snapshot of a topic that is alive.
    pub fn snapshot(&self, name: &str) -> Option<Arc<Snapshot>> {
        self.store.all().find(|snapshot| *snapshot.name == *name)
    }

    /// Every segment that the log holds.
    pub fn segments(&self) -> Vec<Arc<Segment>> {
        let mut reader = self.log.reader_at_tail();
        std::iter::from_fn(|| reader.read(&self.log).expect("nothing is evicted meanwhile")).collect()
    }
}

/// An update as the fuzzers write it: a publish line; or what only adapters say, `!` (stale), `?` (lost) and `#` (three
/// lost) before a name, `=` (reset) before a line with a state.
pub fn update(line: &[u8]) -> Option<Update> {
    let named = |name: &[u8], change: Change| {
        let topic = Topic::new(std::str::from_utf8(name).ok()?).ok()?;
        Some(Update::new(topic, None, change))
    };
    match line {
        [b'!', name @ ..] => named(name, Change::Stale(true)),
        [b'?', name @ ..] => named(name, Change::Lost(None)),
        [b'#', name @ ..] => named(name, Change::Lost(Some(3))),
        [b'=', line @ ..] => {
            let update = parse_line(line).ok()?;
            let Change::State(state) = update.change else { return None };
            Some(Update { change: Change::Reset(state), ..update })
        }
        line => parse_line(line).ok(),
    }
}

/// The message of one entry in plain JSON.
pub fn message(segment: &Segment, index: u32) -> Tree {
    let json = segment.json(index);
    Tree::read(json).unwrap_or_else(|| panic!("not JSON: {}", json.escape_ascii()))
}
