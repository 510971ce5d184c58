//! A simulated Alpaca: its stock stream on one loopback port, with one account's key, limits and error codes, over a
//! seeded [`Market`].
//!
//! `rules.rs` is the protocol of one connection, pure; `client.rs` moves its frames; `market.rs` makes the data.

mod client;
mod market;
mod rules;

pub use market::Market;
pub use rules::Account;

use super::unix_ms;
use client::Client;
use market::Tick;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};

/// How often the market is driven.
const TICK: Duration = Duration::from_millis(50);
/// Batches that a client may be behind before it is told that it is slow.
const BATCHES_MAX: usize = 256;
/// Most connections at a time, authenticated or not; more wait to be accepted.
const CLIENTS_MAX: usize = 64;

/// Cuts every connection; clones are the same handle.
#[derive(Clone, Debug, Default)]
pub struct Faults(watch::Sender<u64>);

impl Faults {
    /// Cuts all WebSockets that are open, without a close frame.
    pub fn close_sockets(&self) {
        self.0.send_modify(|cuts| *cuts += 1);
    }
}

/// Serves `/v2/{feed}` on `listener` until `shutdown`.
pub async fn serve(
    listener: TcpListener,
    seed: u64,
    account: Account,
    faults: Faults,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let ticks = broadcast::Sender::new(BATCHES_MAX);
    let clients = Arc::new(Clients { account, open: AtomicUsize::new(0), authenticated: AtomicUsize::new(0) });
    tokio::select! {
        () = shutdown => Ok(()),
        () = drive(seed, &ticks) => Ok(()),
        never = accept(&listener, &clients, &ticks, &faults) => never,
    }
}

/// What the connections of one account share.
struct Clients {
    account: Account,
    open: AtomicUsize,
    authenticated: AtomicUsize,
}

async fn drive(seed: u64, ticks: &broadcast::Sender<Arc<Vec<Tick>>>) {
    let mut market = Market::new(seed);
    let mut pace = tokio::time::interval(TICK);
    loop {
        pace.tick().await;
        // Nobody may be listening.
        let _ = ticks.send(Arc::new(market.step(unix_ms())));
    }
}

async fn accept(
    listener: &TcpListener,
    clients: &Arc<Clients>,
    ticks: &broadcast::Sender<Arc<Vec<Tick>>>,
    faults: &Faults,
) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        if clients.open.load(Ordering::Relaxed) >= CLIENTS_MAX {
            continue;
        }
        let (clients, ticks, cuts) = (clients.clone(), ticks.subscribe(), faults.0.subscribe());
        tokio::spawn(async move {
            clients.open.fetch_add(1, Ordering::Relaxed);
            if let Ok(socket) = tokio_tungstenite::accept_async(stream).await {
                Client::new(socket, &clients).run(ticks, cuts).await;
            }
            clients.open.fetch_sub(1, Ordering::Relaxed);
        });
    }
}
