//! The one clock of a run: monotonic nanoseconds of this machine, the same in every thread.

use rustix::thread::{NanosleepRelativeResult, clock_nanosleep_relative};
use rustix::time::{ClockId, Timespec, clock_gettime};

pub const SECOND_NS: u64 = 1_000_000_000;
pub const MILLISECOND_NS: u64 = 1_000_000;

/// Nanoseconds since the machine started.
pub fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * SECOND_NS + now.tv_nsec as u64
}

/// Waits until `due_ns`; returns at once if that is past.
pub fn wait_until(due_ns: u64) {
    let mut left = timespec(due_ns.saturating_sub(now_ns()));
    while left.tv_sec > 0 || left.tv_nsec > 0 {
        match clock_nanosleep_relative(ClockId::Monotonic, &left) {
            NanosleepRelativeResult::Interrupted(rest) => left = rest,
            NanosleepRelativeResult::Ok | NanosleepRelativeResult::Err(_) => return,
        }
    }
}

pub fn timespec(ns: u64) -> Timespec {
    Timespec { tv_sec: (ns / SECOND_NS) as i64, tv_nsec: (ns % SECOND_NS) as _ }
}
