//! Does a reader of snapshots feel the writer, and would a lock or papaya do better than a slot of arc-swap per topic?
//!
//! The writer is the sequencer, flat out on a thread of its own. It puts every snapshot that it stored into the table in
//! question too, so the tables are written to as often as the store.

use criterion::{BenchmarkGroup, Criterion, measurement::WallTime};
use fanwire::log::TopicId;
use fanwire::store::{Snapshot, Store};
use fanwire_benches::engine::Engine;
use fanwire_benches::quotes;
use feeds::model::Topic;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;

const TOPICS: usize = 10_000;
/// Updates of one commit.
const BATCH: usize = 100;

pub fn benches(c: &mut Criterion) {
    let mut group = c.benchmark_group("store");
    let (mut engine, topics) = (Engine::default(), quotes::topics(TOPICS));
    engine.publish(quotes::updates(&topics, 0));
    let mut writer = Writer { store: Arc::clone(&engine.store), engine, topics };
    let store = Arc::clone(&writer.store);
    read(&mut group, "store", &TheStore(Arc::clone(&store)), &mut writer);
    read(&mut group, "papaya", &papaya_of(&store), &mut writer);
    read(&mut group, "rwlock_per_topic", &locks_of(&store), &mut writer);
    read(&mut group, "rwlock_of_all", &RwLock::new(all_of(&store)), &mut writer);
}

/// One table, with nobody writing and with somebody writing all the time.
fn read(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, table: &dyn Table, writer: &mut Writer) {
    let mut random = SmallRng::seed_from_u64(1);
    let mut read = |group: &mut BenchmarkGroup<'_, WallTime>, how: &str| {
        group.bench_function(format!("{name}_{how}"), |b| {
            b.iter(|| table.load(TopicId(random.random_range(0..TOPICS as u32))));
        });
    };
    read(group, "alone");
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| writer.write(table, &over));
        read(group, "under_write");
        over.store(true, Ordering::Relaxed);
    });
}

struct Writer {
    engine: Engine,
    store: Arc<Store>,
    topics: Vec<Topic>,
}

impl Writer {
    fn write(&mut self, table: &dyn Table, over: &AtomicBool) {
        let mut random = SmallRng::seed_from_u64(2);
        for round in 0.. {
            if over.load(Ordering::Relaxed) {
                return;
            }
            let some: Vec<usize> = (0..BATCH).map(|_| random.random_range(0..TOPICS)).collect();
            self.engine.publish(some.iter().map(|n| quotes::update(&self.topics[*n], round)));
            for id in some.into_iter().map(|n| TopicId(n as u32)) {
                table.put(id, self.store.load(id).expect("a live topic"));
            }
        }
    }
}

trait Table: Sync {
    fn load(&self, id: TopicId) -> Option<Arc<Snapshot>>;
    fn put(&self, id: TopicId, snapshot: Arc<Snapshot>);
}

struct TheStore(Arc<Store>);

impl Table for TheStore {
    fn load(&self, id: TopicId) -> Option<Arc<Snapshot>> {
        self.0.load(id)
    }

    /// The sequencer did.
    fn put(&self, _: TopicId, _: Arc<Snapshot>) {}
}

impl Table for papaya::HashMap<TopicId, Arc<Snapshot>> {
    fn load(&self, id: TopicId) -> Option<Arc<Snapshot>> {
        self.pin().get(&id).cloned()
    }

    fn put(&self, id: TopicId, snapshot: Arc<Snapshot>) {
        self.pin().insert(id, snapshot);
    }
}

impl Table for Vec<RwLock<Arc<Snapshot>>> {
    fn load(&self, id: TopicId) -> Option<Arc<Snapshot>> {
        Some(Arc::clone(&self.get(id.index())?.read().unwrap_or_else(PoisonError::into_inner)))
    }

    fn put(&self, id: TopicId, snapshot: Arc<Snapshot>) {
        *self[id.index()].write().unwrap_or_else(PoisonError::into_inner) = snapshot;
    }
}

impl Table for RwLock<Vec<Arc<Snapshot>>> {
    fn load(&self, id: TopicId) -> Option<Arc<Snapshot>> {
        self.read().unwrap_or_else(PoisonError::into_inner).get(id.index()).cloned()
    }

    fn put(&self, id: TopicId, snapshot: Arc<Snapshot>) {
        self.write().unwrap_or_else(PoisonError::into_inner)[id.index()] = snapshot;
    }
}

/// In the order of their ids.
fn all_of(store: &Store) -> Vec<Arc<Snapshot>> {
    (0..TOPICS as u32).map(|id| store.load(TopicId(id)).expect("a live topic")).collect()
}

fn papaya_of(store: &Store) -> papaya::HashMap<TopicId, Arc<Snapshot>> {
    all_of(store).into_iter().map(|snapshot| (snapshot.topic, snapshot)).collect()
}

fn locks_of(store: &Store) -> Vec<RwLock<Arc<Snapshot>>> {
    all_of(store).into_iter().map(RwLock::new).collect()
}
