//! What the log and the store are shared through, without a lock: plain counters, and slots that hold the newest of
//! something.
//!
//! In the product these are std's atomics and arc-swap. Built with `--cfg fanwire_loom` they are loom's, so that
//! `gateway/tests/loom.rs` runs the code of the log and the store itself through every interleaving (`make loom`).

#[cfg(not(fanwire_loom))]
mod shared {
    pub use arc_swap::ArcSwapOption as Slot;
    pub use std::hint::spin_loop;
    pub use std::sync::atomic::AtomicU64;
}

#[cfg(fanwire_loom)]
mod shared {
    pub use loom::hint::spin_loop;
    pub use loom::sync::atomic::AtomicU64;

    use loom::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex, PoisonError};

    /// The contract of `ArcSwapOption`, and no more than the code may rely on: who loads a value sees all that happened
    /// before it was stored. arc-swap's own machinery is not modelled (`gateway/tests/stress.rs` is about that).
    #[derive(Debug)]
    pub struct Slot<T> {
        /// All that it ever held. Only grows, and loom does not see it: it carries no order between threads.
        held: Mutex<Vec<Option<Arc<T>>>>,
        newest: AtomicUsize,
    }

    impl<T> Slot<T> {
        pub fn empty() -> Slot<T> {
            Slot { held: Mutex::new(vec![None]), newest: AtomicUsize::new(0) }
        }

        pub fn store(&self, value: Option<Arc<T>>) {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            held.push(value);
            let newest = held.len() - 1;
            drop(held);
            self.newest.store(newest, Ordering::Release);
        }

        pub fn load_full(&self) -> Option<Arc<T>> {
            let newest = self.newest.load(Ordering::Acquire);
            self.held.lock().unwrap_or_else(PoisonError::into_inner)[newest].clone()
        }
    }
}

pub(crate) use shared::{AtomicU64, Slot, spin_loop};
