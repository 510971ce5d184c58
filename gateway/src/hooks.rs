//! Hooks for the load harness, on the admin listener (`server.test_hooks`, never in production): they break things on
//! purpose, or say what only the process itself knows. Whatever is not tried by them must not depend on them.

use crate::log::Entry;
use crate::memory::Memory;
use crate::shard::{ConnId, ConnKey, Connection, Socket};
use crate::store::Snapshot;
use serde_json::json;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Longest block that may be asked for.
const BLOCK_MS_MAX: u64 = 60_000;

/// What was asked for and is not done yet.
#[derive(Debug)]
pub struct TestHooks {
    /// By shard: ms for which its thread is to do nothing; 0: none.
    blocks: Box<[AtomicU64]>,
}

impl TestHooks {
    pub fn new(shards: usize) -> TestHooks {
        TestHooks { blocks: (0..shards).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Asks a shard to do nothing for `ms`. False if there is no such shard, or it is too long.
    pub fn block(&self, shard: usize, ms: u64) -> bool {
        let Some(block) = self.blocks.get(shard).filter(|_| ms <= BLOCK_MS_MAX) else { return false };
        block.store(ms, Ordering::Relaxed);
        true
    }

    /// To be called by the shard's own thread, which it holds for as long as was asked.
    #[allow(clippy::disallowed_methods, reason = "a thread that does nothing is what is asked for")]
    pub fn block_if_asked(&self, shard: usize) {
        let ms = self.blocks[shard].swap(0, Ordering::Relaxed);
        if ms > 0 {
            tracing::warn!(shard, ms, "a test hook stops this shard");
            std::thread::sleep(Duration::from_millis(ms));
        }
    }

    /// Sizes of what there is one of per subscriber, topic and entry, and the allocator's counts, as JSON.
    pub fn memory(&self) -> String {
        let Memory { allocated, resident } = Memory::read();
        json!({
            "allocated_bytes": allocated,
            "resident_bytes": resident,
            "size_bytes": {
                "connection": size_of::<Connection<Socket>>(),
                "set_member": size_of::<ConnKey>(),
                "heartbeat": size_of::<(i64, ConnKey, ConnId)>(),
                "entry": size_of::<Entry>(),
                "snapshot": size_of::<Snapshot>(),
            },
        })
        .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_block_is_done_once() {
        let hooks = TestHooks::new(2);
        assert!(hooks.block(1, 20) && !hooks.block(2, 20) && !hooks.block(0, BLOCK_MS_MAX + 1));
        let begin = Instant::now();
        hooks.block_if_asked(1);
        assert!(begin.elapsed() >= Duration::from_millis(20));
        assert_eq!(hooks.blocks[1].load(Ordering::Relaxed), 0);
    }
}
