//! How often snapshots were encoded, summed over the store: the proof of ENCODE-ONCE.

use std::sync::atomic::{AtomicU64, Ordering};

/// Written by whoever encodes, by form of numbers; read by the metrics page.
#[derive(Debug, Default)]
pub struct Encodings([AtomicU64; 2]);

impl Encodings {
    pub(super) fn note(&self, num_string: bool) {
        self.0[usize::from(num_string)].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn made(&self, num_string: bool) -> u64 {
        self.0[usize::from(num_string)].load(Ordering::Relaxed)
    }
}
