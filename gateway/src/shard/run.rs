//! The shard's thread: a current-thread tokio runtime, one nested epoll for all adopted sockets, and the loop.
//!
//! Why a nested epoll instead of tokio's own readiness: an adopted socket then costs its state and one kernel item,
//! no task, no waker and no read buffer; and one task handles all of them without being woken per subscriber.

use super::connection::ConnKey;
use super::core::{Core, CoreSettings};
use super::counters::ShardCounters;
use super::handle::{self, Shard, Socket, steady_ms};
use super::heartbeat::Heartbeats;
use super::phase::Phase;
use super::ring::RingUse;
use crate::close::CloseReason;
use crate::limits::READ_BYTES_MAX;
use crate::log::Log;
use crate::store::Store;
use crate::transport::{Context, http};
use mio::{Events, Poll};
use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::Interest as AsyncInterest;
use tokio::io::unix::AsyncFd;
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// Soonest return that a drain asks of a client, and the time over which it spreads them, ms.
pub(super) const RETURN_MS_MIN: u64 = 500;
const RETURN_MS_SPREAD: u64 = 10_000;
/// Readiness events taken before the subscribers have their turn. Few: each may be the end of a connection, and when
/// thousands end at once the others are not to wait for all of them.
const EVENTS_MAX: usize = 64;

#[derive(Debug)]
pub struct ShardSettings {
    pub index: usize,
    pub shards: usize,
    pub core: CoreSettings,
    pub io_uring: RingUse,
    pub drain: Duration,
}

/// Ends the process if its thread panics. A gateway that lost a shard or its sequencer would stand there looking well.
#[derive(Debug)]
pub struct Fuse;

impl Drop for Fuse {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(
                thread = std::thread::current().name(),
                "a thread that nothing works without broke; ending"
            );
            std::process::abort();
        }
    }
}

/// What a shard shares with the rest of the gateway.
#[derive(Debug)]
pub struct Surroundings {
    pub store: Arc<Store>,
    pub log: Arc<Log>,
    pub context: Arc<Context>,
    pub counters: Arc<ShardCounters>,
    pub wake: Arc<Notify>,
    pub drain: watch::Receiver<Phase>,
}

/// Starts the shard's thread. It ends once it is to leave and its connections are told.
pub fn spawn(
    listener: TcpListener,
    settings: ShardSettings,
    surroundings: Surroundings,
) -> io::Result<std::thread::JoinHandle<()>> {
    let Surroundings { store, log, context, counters, wake, drain } = surroundings;
    let name = format!("shard-{}", settings.index);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name(name).spawn(move || {
        let _fuse = Fuse;
        let local = tokio::task::LocalSet::new();
        let outcome = local.block_on(&runtime, async move {
            let poll = Poll::new()?;
            let limits = settings.core.limits.clone();
            let paces = settings.core.paces.clone();
            let heartbeats = Heartbeats::new(&settings.core);
            let numbers = (settings.index as u64, settings.shards as u64);
            let mut core = Core::new(store, log, settings.core, Arc::clone(&counters), numbers);
            if let Some(ring) = settings.io_uring.open()? {
                core.use_ring(ring);
                counters.uses_ring.store(1, Ordering::Relaxed);
            }
            let shard = Rc::new(Shard {
                index: settings.index,
                core: RefCell::new(core),
                context,
                registry: poll.registry().try_clone()?,
                wake,
                kick: Notify::new(),
                moved: Notify::new(),
                heartbeats: RefCell::new(heartbeats),
                limits,
                paces,
                counters,
                requests: Cell::new(0),
                drain: drain.clone(),
            });
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let accepting = tokio::task::spawn_local(accept(Rc::clone(&shard), listener, drain.clone()));
            let outcome = turn_until_drained(&shard, poll, drain, settings.drain).await;
            accepting.abort();
            outcome
        });
        if let Err(error) = outcome {
            tracing::error!(%error, "a shard's loop ended; its subscribers are gone");
        }
    })
}

async fn accept(shard: Rc<Shard>, listener: tokio::net::TcpListener, mut drain: watch::Receiver<Phase>) {
    let (mut turn, mut accepted_in_turn) = (0, 0);
    loop {
        if turn != shard.turns() {
            (turn, accepted_in_turn) = (shard.turns(), 0);
        } else if accepted_in_turn == shard.limits.accepts_per_turn_max {
            // SLOW-ALONE: a burst of connects is not at the expense of those who are there.
            ShardCounters::add(&shard.counters.accepts_deferred, 1);
            shard.next_turn().await;
        }
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = drain.wait_for(|phase| *phase >= Phase::Refusing) => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                accepted_in_turn += 1;
                admit(&shard, stream, peer);
            }
            Err(error) => {
                // Out of descriptors, most likely: let some go before the next try.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

/// Serves a connection, if there is a place for it.
fn admit(shard: &Rc<Shard>, stream: TcpStream, peer: SocketAddr) {
    let _ = stream.set_nodelay(true);
    match shard.context.places.take(peer.ip()) {
        Ok(place) => drop(tokio::task::spawn_local(http::serve(Rc::clone(shard), stream, peer, place))),
        Err(reason) => {
            ShardCounters::add(&shard.counters.connections_refused, 1);
            shard.counters.count_close(reason);
        }
    }
}

/// The loop: wait for anything, then one turn of everything.
async fn turn_until_drained(
    shard: &Rc<Shard>,
    poll: Poll,
    drain: watch::Receiver<Phase>,
    drain_time: Duration,
) -> io::Result<()> {
    // SAFETY: `poll` owns its epoll descriptor, never replaces it, and is owned by the `AsyncFd` until both are dropped.
    #[allow(unsafe_code)]
    let epoll = unsafe { AsyncFd::register_with_interest(poll, AsyncInterest::READABLE) };
    let mut epoll = epoll.map_err(io::Error::from)?;
    let mut events = Events::with_capacity(EVENTS_MAX);
    let mut buffer = vec![0; READ_BYTES_MAX];
    let mut unread: Vec<ConnKey> = Vec::new();
    let mut timer = std::pin::pin!(tokio::time::sleep(Duration::from_millis(100)));
    let mut deadline: Option<Instant> = None;
    // Cost: made once; a turn that asks anew takes two locks for each.
    let (mut refusing, mut leaving) = (drain.clone(), drain);
    let mut refusing = std::pin::pin!(refusing.wait_for(|phase| *phase >= Phase::Refusing));
    let mut leaving = std::pin::pin!(leaving.wait_for(|phase| *phase >= Phase::Leaving));
    let mut told = false;
    loop {
        tokio::select! {
            biased;
            ready = epoll.readable_mut() => {
                let mut ready = ready?;
                // Not cleared while there may be more: the descriptor tells of new events only.
                if take_events(shard, ready.get_inner_mut(), &mut events, &mut buffer, &mut unread)? {
                    ready.clear_ready();
                }
            }
            () = shard.wake.notified() => ShardCounters::add(&shard.counters.wakes, 1),
            () = shard.kick.notified() => {}
            () = &mut timer => {
                shard.block_if_asked();
                let next = tick(shard, steady_ms());
                timer.as_mut().reset(Instant::now() + next);
            }
            _ = &mut refusing, if deadline.is_none() => {
                deadline = Some(Instant::now() + drain_time);
            }
            _ = &mut leaving, if !told => {
                told = true;
                begin_drain(shard);
            }
        }
        let more = turn(shard, &mut buffer, &mut unread);
        let nothing_left = told && shard.requests.get() == 0 && shard.core().is_empty();
        let is_over = |deadline| nothing_left || Instant::now() >= deadline;
        if deadline.is_some_and(is_over) {
            return Ok(());
        }
        if more {
            shard.kick.notify_one();
            tokio::task::yield_now().await;
        }
        if let Some(due) = shard.core().next_due() {
            let due = Instant::now() + Duration::from_millis(due.saturating_sub(steady_ms()).max(0) as u64);
            if due < timer.deadline() {
                timer.as_mut().reset(due);
            }
        }
    }
}

fn begin_drain(shard: &Shard) {
    let mut core = shard.core();
    core.flush(steady_ms());
    core.answer_all_polls();
    let keys = core.keys();
    let count = keys.len().max(1) as u64;
    for (n, key) in keys.into_iter().enumerate() {
        // Spread, so that they do not all come back at once.
        core.drain(key, RETURN_MS_MIN + RETURN_MS_SPREAD * n as u64 / count);
    }
}

/// Takes readiness events and reads what peers sent. True if no event is left.
fn take_events(
    shard: &Shard,
    poll: &mut Poll,
    events: &mut Events,
    buffer: &mut [u8],
    unread: &mut Vec<ConnKey>,
) -> io::Result<bool> {
    let now_ms = steady_ms();
    let found = match poll.poll(events, Some(Duration::ZERO)) {
        Ok(()) => events.iter().count(),
        // To be asked again.
        Err(error) if error.kind() == ErrorKind::Interrupted => EVENTS_MAX,
        Err(error) => return Err(error),
    };
    let mut core = shard.core();
    for event in events.iter() {
        let key = ConnKey(event.token().0);
        if event.is_writable() {
            core.writable(key);
        }
        if (event.is_readable() || event.is_error()) && !shard.read(&mut core, key, buffer, now_ms) {
            unread.push(key);
        }
    }
    if found < EVENTS_MAX {
        return Ok(true);
    }
    // The rest has its turn after the subscribers had theirs.
    shard.kick.notify_one();
    Ok(false)
}

/// One turn: reads on where reading was cut short, reads the log to its head, writes what is owed. True if something
/// is left to do at once.
fn turn(shard: &Shard, buffer: &mut [u8], unread: &mut Vec<ConnKey>) -> bool {
    let now_ms = steady_ms();
    let mut core = shard.core();
    ShardCounters::add(&shard.counters.passes, 1);
    for key in std::mem::take(unread) {
        if !shard.read(&mut core, key, buffer, now_ms) && !unread.contains(&key) {
            unread.push(key);
        }
    }
    core.settle(now_ms);
    core.serve_ready(now_ms);
    core.serve_due(now_ms);
    core.serve_ready(now_ms);
    for (key, id, reason) in core.take_ended() {
        if core.connection(key).is_some_and(|connection| connection.id == id) {
            finish(shard, &mut core, key, reason);
        }
    }
    let more = core.has_ready() || !unread.is_empty();
    drop(core);
    shard.moved.notify_waiters();
    more
}

/// Ends a connection whose last bytes are written. First our end of the stream, then the peer's, which is awaited for a
/// while: closing at once could reset the connection under bytes that the peer has not read.
fn finish(shard: &Shard, core: &mut Core<Socket>, key: ConnKey, reason: CloseReason) {
    let Some(connection) = core.connection(key) else { return };
    if reason != CloseReason::PeerGone && !connection.lingering {
        connection.lingering = true;
        let id = connection.id;
        let _ = connection.wire.stream.shutdown(std::net::Shutdown::Write);
        shard.heartbeats.borrow_mut().linger(key, id, steady_ms());
        return;
    }
    let lost = connection.closing.unwrap_or(reason);
    if let Some(mut socket) = core.remove(key, lost) {
        let _ = shard.registry.deregister(&mut socket.stream);
    }
}

/// Heartbeats and time-outs. Returns when to look again.
fn tick(shard: &Shard, now_ms: i64) -> Duration {
    let mut core = shard.core();
    core.set_wall_clock(handle::now_ms(), now_ms);
    let mut heartbeats = shard.heartbeats.borrow_mut();
    let overdue = heartbeats.tick(&mut core, now_ms);
    drop(heartbeats);
    for (key, reason) in overdue {
        finish(shard, &mut core, key, reason);
    }
    Duration::from_millis(100)
}
