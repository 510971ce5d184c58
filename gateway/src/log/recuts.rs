//! What segments are recut into on demand, summed over the log: the proof of ENCODE-ONCE, and bytes for the log's limit.

use crate::framing::{Framing, VARIANTS};
use std::sync::atomic::{AtomicU64, Ordering};

/// Written by whoever recuts; read by the writer and the metrics page.
#[derive(Debug, Default)]
pub struct Recuts {
    /// Bytes of framings that are held now.
    bytes: AtomicU64,
    /// Segments recut since the start, by framing.
    segments: [AtomicU64; VARIANTS],
}

impl Recuts {
    /// One segment was recut into `bytes`, which are held from now on.
    pub(crate) fn note(&self, framing: Framing, bytes: usize) {
        self.segments[framing.index()].fetch_add(1, Ordering::Relaxed);
        self.hold(bytes);
    }

    pub(super) fn hold(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn release(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn held_bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn segments(&self, framing: Framing) -> u64 {
        self.segments[framing.index()].load(Ordering::Relaxed)
    }
}
