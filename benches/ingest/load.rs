//! Updates made before the clock runs, so that neither parsing nor building them is measured.

use fanwire_benches::quotes;
use feeds::model::{Batch, Topic};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::sync::Arc;

pub struct Load {
    pub topics: Vec<Topic>,
    pub batches: Vec<Batch>,
    /// Updates of each batch.
    pub batch: usize,
}

impl Load {
    /// `updates` of random topics, each of which makes one entry: its topic's quote moves with every round.
    pub fn new(topics: usize, updates: u64, batch: usize) -> Load {
        let (topics, mut random) = (quotes::topics(topics), SmallRng::seed_from_u64(1));
        let provider: Arc<str> = "bench".into();
        let mut round = 0;
        let mut next = || {
            round += 1;
            quotes::update(&topics[random.random_range(0..topics.len())], round)
        };
        let batches = (0..updates / batch as u64)
            .map(|_| Batch {
                provider: Arc::clone(&provider),
                received_ms: 0,
                updates: (0..batch).map(|_| next()).collect(),
            })
            .collect();
        Load { topics, batches, batch }
    }

    pub fn updates(&self) -> u64 {
        (self.batches.len() * self.batch) as u64
    }
}
