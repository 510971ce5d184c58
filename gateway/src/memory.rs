//! What the allocator says of the process's memory, for the metrics page. The binary's allocator is jemalloc; a program
//! that uses another one (the tests) sees jemalloc's own few pages only.

use jemalloc_ctl::{epoch, stats};

/// Bytes, as of now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// In use by the program.
    pub allocated: u64,
    /// In use, with what the allocator keeps beside it for the next request, and its own tables.
    pub resident: u64,
}

impl Memory {
    /// Zeros if the allocator does not count.
    pub fn read() -> Memory {
        // Its counters stand still until the epoch advances.
        let _ = epoch::advance();
        let bytes = |value: Result<usize, jemalloc_ctl::Error>| value.map_or(0, |bytes| bytes as u64);
        Memory { allocated: bytes(stats::allocated::read()), resident: bytes(stats::resident::read()) }
    }
}
