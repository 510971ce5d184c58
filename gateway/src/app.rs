//! The running gateway: everything built from a validated [`Config`], on listeners that the caller brings.

use crate::admin;
use crate::config::Config;
use crate::history::History;
use crate::hooks::TestHooks;
use crate::log::{Epoch, Log, LogLimits};
use crate::metrics::Sources;
use crate::sequencer::{Seat, Sequencer, SequencerCounters, SequencerInputs};
use crate::shard::{self, Phase, ShardCounters, ShardSettings, Surroundings};
use crate::store::Store;
use crate::transport::publish::Publishers;
use crate::transport::{Context, Places};
use feeds::inlet::{Bell, Inlet};
use feeds::model::Batch;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// Connections that the kernel keeps for a shard until they are accepted.
const LISTEN_BACKLOG: i32 = 4_096;

/// Sockets bound for the gateway: one listener per shard on the same address (SO_REUSEPORT), and the operators'.
#[derive(Debug)]
pub struct Listeners {
    pub clients: Vec<TcpListener>,
    pub admin: TcpListener,
}

impl Listeners {
    pub fn bind(config: &Config) -> io::Result<Listeners> {
        // Sockets that share a port would also share it with another gateway of the same user, unnoticed: one that does
        // not share asks first whether the port is free.
        let probe = listen(config.listen, false)?;
        let address = probe.local_addr()?;
        let admin = listen(config.admin, false)?;
        drop(probe);
        let clients = (0..config.shards).map(|_| listen(address, true)).collect::<io::Result<_>>()?;
        Ok(Listeners { clients, admin })
    }

    /// Where clients connect.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.clients[0].local_addr()
    }

    pub fn admin_address(&self) -> io::Result<SocketAddr> {
        self.admin.local_addr()
    }
}

fn listen(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(LISTEN_BACKLOG)?;
    Ok(socket.into())
}

/// The gateway's threads, and the ways into it.
#[derive(Debug)]
pub struct App {
    /// Where feeds put their batches.
    pub ingest: Inlet<Batch>,
    pub log: Arc<Log>,
    pub store: Arc<Store>,
    pub sources: Arc<Sources>,
    context: Arc<Context>,
    drain: watch::Sender<Phase>,
    drain_time: Duration,
    threads: Vec<JoinHandle<()>>,
    admin: TcpListener,
}

impl App {
    /// Starts every thread but the admin listener, which [`App::run`] serves.
    pub fn start(config: &Config, listeners: Listeners) -> io::Result<App> {
        let limits = &config.limits;
        let store = Arc::new(Store::new());
        let epoch = Epoch::from_bits(rand::random());
        let log_limits = LogLimits { segments_max: limits.log_segments_max, bytes_max: limits.log_bytes_max };
        let (log, writer) = Log::new(epoch, log_limits);
        let (ingest, feeds) = crossbeam_channel::bounded(limits.ingest_batches_max);
        let (publishes, publishes_out) = crossbeam_channel::bounded(limits.publishes_waiting_max);
        let bell = Bell::default();
        let (ingest, publishes) = (Inlet::new(ingest, bell.clone()), Inlet::new(publishes, bell.clone()));
        let history = Arc::new(History::new(Arc::clone(&log), Arc::clone(&store), limits.history_items_max));
        let wakes: Vec<Arc<Notify>> = (0..config.shards).map(|_| Arc::default()).collect();
        let sequencing = Arc::new(SequencerCounters::default());
        let sequencer = Sequencer::new(Arc::clone(&store), writer, config.kinds.clone(), limits);
        let inputs = SequencerInputs { feeds, publishes: publishes_out, bell };
        let seat = Arc::new(Seat::new(sequencer, inputs, wakes.clone(), Arc::clone(&sequencing), shard::now_ms));
        let context = Arc::new(Context {
            publishes,
            seat: Some(Arc::clone(&seat)),
            history: Arc::clone(&history),
            publish: config.publish.clone(),
            publishers: Publishers::default(),
            origins: config.origins.clone(),
            retry_ms: config.retry_ms,
            page: config.page,
            conformance_echo: config.conformance_echo,
            hooks: config.test_hooks.then(|| TestHooks::new(config.shards)),
            draining: AtomicBool::new(false),
            places: Places::new(limits),
        });
        let (drain, drained) = watch::channel(Phase::Serving);
        let counters: Vec<Arc<ShardCounters>> = (0..config.shards).map(|_| Arc::default()).collect();
        let mut threads = Vec::new();
        for (index, listener) in listeners.clients.into_iter().enumerate() {
            let &Config { shards, io_uring, drain, .. } = config;
            let settings = ShardSettings { index, shards, core: config.core.clone(), io_uring, drain };
            let surroundings = Surroundings {
                store: Arc::clone(&store),
                log: Arc::clone(&log),
                context: Arc::clone(&context),
                counters: Arc::clone(&counters[index]),
                wake: Arc::clone(&wakes[index]),
                drain: drained.clone(),
            };
            threads.push(shard::spawn(listener, settings, surroundings)?);
        }
        let (log_read, store_read) = (Arc::clone(&log), Arc::clone(&store));
        let sources = Sources::new(log_read, store_read, Arc::clone(&sequencing), counters, ingest.clone());
        let sources = Arc::new(sources);
        std::thread::Builder::new().name("sequencer".into()).spawn(move || {
            let _fuse = shard::Fuse;
            seat.run();
        })?;
        let (admin, drain_time) = (listeners.admin, config.drain);
        Ok(App { ingest, log, store, sources, context, drain, drain_time, threads, admin })
    }

    /// Serves until `shutdown`, then drains: new work is refused, every subscriber is told, the threads end.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(self.admin)?;
        let serving = tokio::spawn(admin::serve(listener, Arc::clone(&self.sources), Arc::clone(&self.context)));
        let keeping = tokio::spawn(keep_history(Arc::clone(&self.context)));
        shutdown.await;
        self.context.draining.store(true, Ordering::Relaxed);
        tracing::info!("draining: new work is refused, subscribers are told");
        let _ = self.drain.send(Phase::Refusing);
        // First those who publish, so that subscribers get all that was accepted; then they are told goodbye. Bounded:
        // the rest of the time is theirs.
        let _ = tokio::time::timeout(self.drain_time / 2, self.context.publishers.ended()).await;
        let _ = self.drain.send(Phase::Leaving);
        let threads = self.threads;
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                let _ = thread.join();
            }
        });
        let _ = joined.await;
        serving.abort();
        keeping.abort();
        Ok(())
    }
}

/// Keeps the history near the log's head, so that it is not overtaken while nobody asks.
async fn keep_history(context: Arc<Context>) {
    let mut pace = tokio::time::interval(Duration::from_millis(250));
    loop {
        pace.tick().await;
        context.history.catch_up();
    }
}
