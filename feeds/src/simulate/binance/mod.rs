//! A simulated Binance: its WebSocket streams and REST on one loopback port, over a seeded [`Market`].
//!
//! The way of the data: [`Exchange`] drives the market with the wall clock, writes each event once, and sends it to the
//! clients' tasks over one bounded channel; a client that falls behind its end is closed.

mod bars;
mod book;
mod event;
mod faults;
mod frames;
mod market;
mod pair;
mod rest;
mod socket;
mod spec;
mod units;

pub use event::{AggTrade, Bar, BookTicker, Depth, Diff, Event, Level, Ticker, Trade, What};
pub use faults::Faults;
pub use market::Market;
pub use spec::{PAIRS, Spec};

use super::http::{self, Answer};
use super::unix_ms;
use frames::Frame;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use hyper::{Request, StatusCode};
use socket::{Batch, Client, STREAMS_MAX};
use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, broadcast};
use tokio::time::{MissedTickBehavior, interval};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// How often the market is driven.
const TICK: Duration = Duration::from_millis(20);
/// Batches that a client may be behind.
const BATCHES_MAX: usize = 512;
/// Most WebSockets at a time; more are answered 503.
const SOCKETS_MAX: usize = 256;

/// Serves the exchange on `listener` until `shutdown`: `/stream?streams=…`, `/ws/<stream>`, `/ws`, `/api/v3/…`.
///
/// The same `seed` makes the same market, but for the wall clock that it starts at.
pub async fn serve(
    listener: TcpListener,
    seed: u64,
    faults: Faults,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let exchange = Arc::new(Exchange::new(seed, faults));
    let answering = exchange.clone();
    let answer = move |request| std::future::ready(answering.answer(request));
    tokio::select! {
        served = http::serve(listener, answer, shutdown) => served,
        () = exchange.run() => Ok(()),
    }
}

struct Exchange {
    market: Mutex<Market>,
    batches: broadcast::Sender<Batch>,
    sockets: Arc<Semaphore>,
    faults: Faults,
}

impl Exchange {
    fn new(seed: u64, faults: Faults) -> Exchange {
        Exchange {
            market: Mutex::new(Market::new(seed, unix_ms())),
            batches: broadcast::Sender::new(BATCHES_MAX),
            sockets: Arc::new(Semaphore::new(SOCKETS_MAX)),
            faults,
        }
    }

    fn market(&self) -> MutexGuard<'_, Market> {
        self.market.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drives the market; never returns.
    async fn run(&self) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            let events = self.market().advance(unix_ms());
            if events.is_empty() || self.batches.receiver_count() == 0 {
                continue;
            }
            let frames = events.iter().flat_map(Frame::all).filter(|frame| self.faults.lets_pass(frame)).collect();
            // An error only says that the last client has just gone.
            let _ = self.batches.send(Arc::new(frames));
        }
    }

    fn answer(&self, request: Request<Incoming>) -> Answer {
        let path = request.uri().path().to_owned();
        let query = request.uri().query().unwrap_or_default().to_owned();
        match socket_streams(&path, &query) {
            Some((combined, streams)) => self.open_socket(request, combined, streams),
            None => rest::answer(&self.market(), &path, &query, unix_ms()),
        }
    }

    fn open_socket(&self, request: Request<Incoming>, combined: bool, streams: BTreeSet<String>) -> Answer {
        let Some(key) = request.headers().get(SEC_WEBSOCKET_KEY).map(|key| derive_accept_key(key.as_bytes())) else {
            return http::json(StatusCode::BAD_REQUEST, String::new());
        };
        let (Ok(permit), Ok(key)) = (self.sockets.clone().try_acquire_owned(), HeaderValue::try_from(key)) else {
            return http::json(StatusCode::SERVICE_UNAVAILABLE, String::new());
        };
        let (batches, faults) = (self.batches.subscribe(), self.faults.clone());
        tokio::spawn(async move {
            let _permit = permit;
            if let Ok(upgraded) = hyper::upgrade::on(request).await {
                Client::new(upgraded, combined, streams).await.run(batches, faults).await;
            }
        });
        let mut answer = http::json(StatusCode::SWITCHING_PROTOCOLS, String::new());
        let headers = answer.headers_mut();
        headers.clear();
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_ACCEPT, key);
        answer
    }
}

/// Whether messages are wrapped, and the first streams; `None` if the address is not one of the WebSocket's.
fn socket_streams(path: &str, query: &str) -> Option<(bool, BTreeSet<String>)> {
    let (combined, names) = match path.strip_prefix("/ws") {
        None if path == "/stream" => (true, http::parameter(query, "streams").unwrap_or_default()),
        None => return None,
        Some(names) => (false, names.strip_prefix('/').unwrap_or_default()),
    };
    let names = names.replace("%40", "@").replace("%2F", "/");
    let names = names.split('/').filter(|name| !name.is_empty()).take(STREAMS_MAX);
    Some((combined, names.map(str::to_owned).collect()))
}
