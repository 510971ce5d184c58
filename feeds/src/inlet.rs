//! The way to a thread that takes from several bounded channels: whoever puts something into one of them rings its bell.
//!
//! Why not crossbeam's `select!`: it wakes the receiver while it holds a lock of the channel that the receiver needs next. On
//! a core that both share, each message then costs two more context switches.

use crossbeam_channel::{SendError, SendTimeoutError, Sender, TrySendError};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::Duration;

/// Longest time that a thread waits for a bell without looking.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// Wakes the one thread that waits on it.
#[derive(Clone, Debug, Default)]
pub struct Bell(Arc<OnceLock<Thread>>);

impl Bell {
    /// The calling thread is the one that waits. To be said before it first looks whether there is something to do, or it
    /// might miss what comes in between.
    pub fn attend(&self) {
        self.0.get_or_init(thread::current);
    }

    /// Waits until it rings; returns at once if it did since the last time, and now and then for nothing.
    pub fn wait(&self) {
        thread::park_timeout(WAIT_MAX);
    }

    /// Cheap while the thread is awake.
    pub fn ring(&self) {
        if let Some(thread) = self.0.get() {
            thread.unpark();
        }
    }
}

/// Rings when the last sender of an inlet goes, so that the receiver sees the end.
#[derive(Clone, Debug)]
struct LastRing(Bell);

impl Drop for LastRing {
    fn drop(&mut self) {
        self.0.ring();
    }
}

/// The sending end of a bounded channel, with the bell of its receiver.
#[derive(Debug)]
pub struct Inlet<T> {
    sender: Sender<T>,
    // After `sender`: fields are dropped in this order.
    bell: LastRing,
}

impl<T> Clone for Inlet<T> {
    fn clone(&self) -> Inlet<T> {
        Inlet { sender: self.sender.clone(), bell: self.bell.clone() }
    }
}

/// A receiver that waits by the channel's own means needs no bell.
impl<T> From<Sender<T>> for Inlet<T> {
    fn from(sender: Sender<T>) -> Inlet<T> {
        Inlet::new(sender, Bell::default())
    }
}

impl<T> Inlet<T> {
    pub fn new(sender: Sender<T>, bell: Bell) -> Inlet<T> {
        Inlet { sender, bell: LastRing(bell) }
    }

    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        self.sender.try_send(message).inspect(|()| self.bell.0.ring())
    }

    /// Waits for room.
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        self.sender.send(message).inspect(|()| self.bell.0.ring())
    }

    /// Waits for room, but not longer than this.
    pub fn send_timeout(&self, message: T, time: Duration) -> Result<(), SendTimeoutError<T>> {
        self.sender.send_timeout(message, time).inspect(|()| self.bell.0.ring())
    }

    pub fn is_full(&self) -> bool {
        self.sender.is_full()
    }

    pub fn len(&self) -> usize {
        self.sender.len()
    }

    pub fn is_empty(&self) -> bool {
        self.sender.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::{TryRecvError, bounded};
    use std::time::Instant;

    /// Far longer than a wake-up takes, far shorter than [`WAIT_MAX`] for each message.
    const PATIENCE: Duration = Duration::from_secs(20);

    #[test]
    fn nothing_is_left_lying_and_the_end_is_seen() {
        let bell = Bell::default();
        let (left, left_out) = bounded(4);
        let (right, right_out) = bounded(4);
        let inlets = [Inlet::new(left, bell.clone()), Inlet::new(right, bell.clone())];
        let (seen, seen_out) = bounded::<u32>(1);
        let receiver = thread::spawn(move || {
            bell.attend();
            let mut outs = vec![left_out, right_out];
            while !outs.is_empty() {
                bell.wait();
                outs.retain(|out| {
                    loop {
                        match out.try_recv() {
                            Ok(n) => seen.send(n).unwrap(),
                            Err(error) => return error == TryRecvError::Empty,
                        }
                    }
                });
            }
        });
        let begun = Instant::now();
        for n in 0..200 {
            inlets[n as usize % 2].send(n).unwrap();
            assert_eq!(seen_out.recv_timeout(PATIENCE), Ok(n));
        }
        drop(inlets);
        receiver.join().unwrap();
        assert!(begun.elapsed() < PATIENCE, "it slept through the bell");
    }
}
