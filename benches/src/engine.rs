//! Sequencer, store and log as the product builds them, without their threads.

use crate::audience::NullWire;
use fanwire::limits::Limits;
use fanwire::log::{Epoch, Log, LogLimits};
use fanwire::sequencer::{KindRules, Sequencer};
use fanwire::shard::{Core, CoreSettings, Paces};
use fanwire::store::Store;
use feeds::model::Update;
use std::sync::Arc;

/// The time of everything that happens.
pub const NOW_MS: i64 = 1_763_850_000_000;
/// How long waiting polls gather, as in the default configuration.
pub const POLL_GATHER_MS: i64 = 20;

pub struct Engine {
    pub sequencer: Sequencer,
    pub store: Arc<Store>,
    pub log: Arc<Log>,
    limits: Limits,
}

impl Default for Engine {
    /// With the product's default limits.
    fn default() -> Engine {
        Engine::new(Limits::default())
    }
}

impl Engine {
    pub fn new(limits: Limits) -> Engine {
        let store = Arc::new(Store::new());
        let log_limits = LogLimits { segments_max: limits.log_segments_max, bytes_max: limits.log_bytes_max };
        let (log, writer) = Log::new(Epoch::from_bits(1), log_limits);
        let sequencer = Sequencer::new(Arc::clone(&store), writer, KindRules::new(Vec::new()), &limits);
        Engine { sequencer, store, log, limits }
    }

    /// Applies updates and commits them as one segment.
    pub fn publish(&mut self, updates: impl IntoIterator<Item = Update>) {
        for update in updates {
            self.sequencer.apply(update, NOW_MS).expect("made-up updates are in order");
        }
        self.sequencer.commit();
    }

    /// A shard's core, the only one.
    pub fn shard(&self) -> Core<NullWire> {
        let settings = CoreSettings {
            heartbeat_ms: 15_000,
            poll_gather_ms: POLL_GATHER_MS as u64,
            paces: Paces::default(),
            limits: self.limits.clone(),
        };
        Core::new(Arc::clone(&self.store), Arc::clone(&self.log), settings, Arc::default(), (0, 1))
    }
}
