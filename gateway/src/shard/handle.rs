//! A shard as its own tasks see it: the core, the sockets that it adopted, and how work is left for the loop.

use super::connection::{ConnKey, Wire};
use super::core::{Core, Paces};
use super::counters::ShardCounters;
use super::heartbeat::Heartbeats;
use super::phase::Phase;
use super::run::RETURN_MS_MIN;
use crate::close::CloseReason;
use crate::framing::message::error;
use crate::limits::{Limits, READ_BYTES_MAX};
use crate::transport::{Adoption, Context, Place, websocket};
use mio::{Interest, Registry, Token};
use std::cell::{Cell, RefCell, RefMut};
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{Notify, watch};

/// An adopted socket.
#[derive(Debug)]
pub struct Socket {
    pub(super) stream: mio::net::TcpStream,
    _place: Place,
}

impl Wire for Socket {
    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        // Cost: `send` is about a tenth of a delivery cheaper than `writev` (loadtest, W1: 1.03 against 1.12 × the floor).
        match pieces {
            [one] => self.stream.write(one),
            many => self.stream.write_vectored(many),
        }
    }

    fn socket(&self) -> Option<BorrowedFd<'_>> {
        Some(self.stream.as_fd())
    }
}

/// One shard, as its own thread sees it. Nothing of it is shared with other threads but the wake-up and the counters.
#[derive(Debug)]
pub struct Shard {
    pub(super) index: usize,
    pub(super) core: RefCell<Core<Socket>>,
    pub(super) context: Arc<Context>,
    pub(super) registry: Registry,
    /// By the sequencer, once per batch.
    pub(super) wake: Arc<Notify>,
    /// By this shard's own tasks, when they left work for the loop.
    pub(super) kick: Notify,
    /// To tasks that wait until the shard has read on.
    pub(super) moved: Notify,
    pub(super) heartbeats: RefCell<Heartbeats>,
    pub(super) limits: Limits,
    pub(super) paces: Paces,
    pub(super) counters: Arc<ShardCounters>,
    /// HTTP connections that hyper still has.
    pub(super) requests: Cell<usize>,
    pub(super) drain: watch::Receiver<Phase>,
}

impl Shard {
    /// True once the gateway is to end.
    pub fn is_draining(&self) -> bool {
        *self.drain.borrow() >= Phase::Refusing
    }

    /// Waits until the gateway is to end.
    pub async fn draining(&self) {
        let mut drain = self.drain.clone();
        if drain.wait_for(|phase| *phase >= Phase::Refusing).await.is_err() {
            // Nobody is left who could end it.
            std::future::pending().await
        }
    }

    /// SLOW-ALONE is tried by a shard that does nothing for a while (`server.test_hooks`).
    pub(super) fn block_if_asked(&self) {
        if let Some(hooks) = &self.context.hooks {
            hooks.block_if_asked(self.index);
        }
    }

    /// Counts an HTTP connection for as long as the guard lives.
    pub fn begin_requests(self: &Rc<Shard>) -> Requests {
        self.requests.set(self.requests.get() + 1);
        Requests(Rc::clone(self))
    }

    pub fn core(&self) -> RefMut<'_, Core<Socket>> {
        self.core.borrow_mut()
    }

    pub fn context(&self) -> &Context {
        &self.context
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What clients may choose from.
    pub fn paces(&self) -> &Paces {
        &self.paces
    }

    pub fn counters(&self) -> &ShardCounters {
        &self.counters
    }

    /// The shard's own clock, ms.
    pub fn now_ms(&self) -> i64 {
        steady_ms()
    }

    /// Turns that the loop has made.
    pub(super) fn turns(&self) -> u64 {
        self.counters.passes.load(Ordering::Relaxed)
    }

    /// Waits for the next of them: the subscribers go before whatever waits for this.
    pub(super) async fn next_turn(&self) {
        let moved = self.moved.notified();
        self.kick.notify_one();
        moved.await;
    }

    /// Waits until the shard has read more of the log.
    pub async fn read_on(&self) {
        let moved = self.moved.notified();
        self.kick.notify_one();
        // Bounded: a snapshot may become visible a moment before its segment, from a thread that is then descheduled.
        let _ = tokio::time::timeout(Duration::from_millis(2), moved).await;
        self.core().settle(steady_ms());
    }

    /// Takes a socket from hyper. `read_ahead`: bytes that the peer sent after its request.
    pub fn adopt(&self, stream: tokio::net::TcpStream, read_ahead: &[u8], adoption: Adoption, place: Place) {
        let Ok(stream) = stream.into_std() else { return self.counters.count_close(CloseReason::Error) };
        let now_ms = steady_ms();
        let mut core = self.core();
        let Adoption { head, peer, transport, framing, linger_ms, subscription } = adoption;
        let socket = Socket { stream: mio::net::TcpStream::from_std(stream), _place: place };
        let key = core.open(socket, peer, transport, framing, head, now_ms);
        let Some(connection) = core.connection(key) else { return };
        connection.linger_ms = linger_ms;
        let id = connection.id;
        let interest = Interest::READABLE | Interest::WRITABLE;
        if self.registry.register(&mut connection.wire.stream, Token(key.0), interest).is_err() {
            core.remove(key, CloseReason::Error);
            return;
        }
        self.heartbeats.borrow_mut().add(key, id, now_ms);
        if let Some(subscription) = subscription
            && let Err(refused) = core.subscribe(key, &subscription, None, now_ms)
        {
            // The transport checked it, but more topics were born since.
            self.counters.count_error("topics_limit");
            core.send(key, &error(None, "topics_limit", &refused.to_string(), Some("topics")), None);
            core.close(key, CloseReason::Error, None);
        }
        let mut rest = read_ahead;
        while !heard(&mut core, key, rest, now_ms) {
            // It came with the head, so it is not much.
            rest = &[];
        }
        if self.is_draining() {
            core.drain(key, RETURN_MS_MIN);
        }
        core.serve_ready(now_ms);
        drop(core);
        self.kick.notify_one();
    }

    /// Reads what a socket has, a bounded share of it. False if more may be there.
    pub(super) fn read(&self, core: &mut Core<Socket>, key: ConnKey, buffer: &mut [u8], now_ms: i64) -> bool {
        // BOUNDED: nothing is read on top of what was not heard yet.
        if !heard(core, key, &[], now_ms) {
            return false;
        }
        let mut budget = READ_BYTES_MAX;
        while budget > 0 {
            let Some(connection) = core.connection(key) else { return true };
            let read = connection.wire.stream.read(buffer);
            match read {
                Ok(0) => {
                    core.lost(key);
                    return true;
                }
                Ok(count) => {
                    budget = budget.saturating_sub(count);
                    if !heard(core, key, &buffer[..count], now_ms) {
                        return false;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    core.lost(key);
                    return true;
                }
            }
        }
        false
    }
}

/// Lets a connection hear what was read. False if there is more to hear, in another turn.
fn heard(core: &mut Core<Socket>, key: ConnKey, read: &[u8], now_ms: i64) -> bool {
    websocket::hear(core, key, read, now_ms).unwrap_or_else(|reason| {
        core.close(key, reason, None);
        true
    })
}

/// An HTTP connection that a drain waits for.
#[derive(Debug)]
pub struct Requests(Rc<Shard>);

impl Drop for Requests {
    fn drop(&mut self) {
        self.0.requests.set(self.0.requests.get() - 1);
        self.0.kick.notify_one();
    }
}

/// A shard's clock: as the wall clock was when the process began, and never set back or forward since. Timers go by it.
pub(super) fn steady_ms() -> i64 {
    static BEGINNING: LazyLock<(Instant, i64)> = LazyLock::new(|| (Instant::now(), now_ms()));
    BEGINNING.1 + BEGINNING.0.elapsed().as_millis() as i64
}

/// Wall clock, Unix ms. What clients are told.
pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}
