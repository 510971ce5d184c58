//! The product's own parts on two CPUs: channel and sequencer thread on one, a shard's core that reads the log on the
//! other, with one subscriber to everything.

use crate::load::Load;
use crossbeam_channel::bounded;
use fanwire::framing::Framing;
use fanwire::limits::Limits;
use fanwire::log::{Log, Offset};
use fanwire::sequencer::{Publish, Seat, SequencerInputs};
use fanwire::shard::{Core, now_ms};
use fanwire_benches::audience::{NullWire, join};
use fanwire_benches::engine::{Engine, NOW_MS};
use fanwire_benches::quotes;
use feeds::inlet::{Bell, Inlet};
use feeds::model::{Batch, Pattern};
use hdrhistogram::Histogram;
use rustix::thread::{CpuSet, sched_setaffinity};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::runtime::Builder;
use tokio::sync::Notify;

const SEQUENCER_CPU: usize = 0;
const SHARD_CPU: usize = 1;
/// Something is broken if nothing comes for so long.
const PATIENCE: Duration = Duration::from_secs(20);
/// What a delay is told to: three digits.
const DIGITS: u8 = 3;

pub struct Plant {
    feeds: Inlet<Batch>,
    publishes: Inlet<Publish>,
    sequencer: JoinHandle<()>,
    core: Core<NullWire>,
    log: Arc<Log>,
    woken: Arc<Notify>,
    /// Offset of the last birth.
    born: Offset,
    /// Offset of the last update's entry.
    end: Offset,
}

impl Plant {
    /// With all topics born and told. The calling thread becomes the shard's.
    pub fn start(load: &Load) -> Plant {
        pin(SHARD_CPU);
        let limits = Limits::default();
        let (feeds, from_feeds) = bounded(limits.ingest_batches_max);
        let (publishes, from_publishers) = bounded(limits.publishes_waiting_max);
        let mut engine = Engine::new(limits);
        load.topics.chunks(1_000).for_each(|topics| engine.publish(quotes::updates(topics, 0)));
        let mut core = engine.shard();
        join(&mut core, Framing::default(), vec![Pattern::new("quote.>").expect("a pattern")]);
        let (log, born, woken) = (Arc::clone(&engine.log), engine.log.end(), Arc::new(Notify::new()));
        let bell = Bell::default();
        let (feeds, publishes) = (Inlet::new(feeds, bell.clone()), Inlet::new(publishes, bell.clone()));
        let inputs = SequencerInputs { feeds: from_feeds, publishes: from_publishers, bell };
        let seat = Seat::new(engine.sequencer, inputs, vec![Arc::clone(&woken)], Arc::default(), now_ms);
        let sequencer = thread::spawn(move || {
            pin(SEQUENCER_CPU);
            seat.run();
        });
        let end = Offset(born.0 + load.updates());
        Plant { feeds, publishes, sequencer, core, log, woken, born, end }
    }

    /// How long all of it takes, pushed by a thread on the sequencer's CPU.
    pub fn take_fed_beside_sequencer(mut self, load: Load) -> Duration {
        let feeds = self.feeds.clone();
        let begun = Instant::now();
        let feeder = thread::spawn(move || {
            pin(SEQUENCER_CPU);
            load.batches.into_iter().for_each(|batch| feeds.send(batch).expect("the sequencer lives"));
        });
        self.read_to_end();
        let took = begun.elapsed();
        feeder.join().expect("it pushed everything");
        self.stop();
        took
    }

    /// The shard as its thread runs it: it sleeps until it is woken.
    fn read_to_end(&mut self) {
        let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
        while self.core.position() < self.end {
            let woken = runtime.block_on(async { tokio::time::timeout(PATIENCE, self.woken.notified()).await });
            woken.expect("the sequencer goes on");
            self.core.settle(NOW_MS);
        }
    }

    /// How long all of it takes, pushed by the shard's thread whenever the channel has room.
    pub fn take_fed_beside_shard(mut self, load: Load) -> Duration {
        let mut batches = load.batches.into_iter().peekable();
        let begun = Instant::now();
        while self.core.position() < self.end {
            while batches.peek().is_some() && !self.feeds.is_full() {
                self.push(batches.next());
            }
            self.core.settle(NOW_MS);
            assert!(begun.elapsed() < PATIENCE, "the sequencer goes on");
        }
        let took = begun.elapsed();
        self.stop();
        took
    }

    /// Pushes `per_second` updates, each at its time whatever became of those before, and notes when it is seen in the log.
    pub fn delays(mut self, load: Load, per_second: u64) -> Histogram<u64> {
        let mut delays = Histogram::new_with_bounds(1, PATIENCE.as_nanos() as u64, DIGITS).expect("bounds in order");
        let due_ns = |update: u64| update / load.batch as u64 * load.batch as u64 * 1_000_000_000 / per_second;
        let mut batches = load.batches.into_iter();
        let (mut pushed, mut seen) = (0, 0);
        let begun = Instant::now();
        while self.born.0 + seen < self.end.0 {
            let elapsed_ns = begun.elapsed().as_nanos() as u64;
            while batches.len() > 0 && due_ns(pushed) <= elapsed_ns && !self.feeds.is_full() {
                self.push(batches.next());
                pushed += load.batch as u64;
            }
            let visible = self.log.end().0 - self.born.0;
            let elapsed_ns = begun.elapsed().as_nanos() as u64;
            (seen..visible).for_each(|update| delays.saturating_record(elapsed_ns - due_ns(update)));
            seen = visible;
            self.core.settle(NOW_MS);
            assert!(begun.elapsed() < PATIENCE, "the sequencer goes on");
        }
        self.stop();
        delays
    }

    /// Only this thread pushes, so there is the room that was seen.
    fn push(&self, batch: Option<Batch>) {
        batch.into_iter().for_each(|batch| self.feeds.try_send(batch).expect("room in the channel"));
    }

    fn stop(self) {
        drop((self.feeds, self.publishes));
        self.sequencer.join().expect("it ends when its channels close");
    }
}

fn pin(cpu: usize) {
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set).expect("two CPUs");
}
