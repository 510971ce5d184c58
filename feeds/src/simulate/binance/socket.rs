//! One WebSocket client of the simulated exchange: its streams, its requests, the server's pings.

use super::faults::Faults;
use super::frames::Frame;
use crate::simulate::unix_ms;
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;
use tokio::time::{Instant, interval_at, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};

/// Most streams of one connection.
pub(super) const STREAMS_MAX: usize = 1_024;
/// Most requests of one connection in a second.
const REQUESTS_MAX: u32 = 5;
/// Longest request, in bytes.
const REQUEST_BYTES_MAX: usize = 64 * 1024;
/// Between two pings of the server.
const PING: Duration = Duration::from_secs(20);
/// From a ping without a pong to the end.
const PONG: Duration = Duration::from_secs(60);
/// Longest time that a client's socket may refuse bytes.
const WRITE: Duration = Duration::from_secs(5);
/// An end that no client outlives: stands in for "no end".
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// What happened in one step of the exchange, shared by all clients.
pub(super) type Batch = Arc<Vec<Frame>>;

pub(super) struct Client {
    socket: WebSocketStream<TokioIo<Upgraded>>,
    /// On `/stream`: messages name their stream.
    combined: bool,
    streams: BTreeSet<String>,
    ponged: Instant,
    /// Requests since `counted`.
    requests: u32,
    counted: Instant,
}

/// Why a connection ends, if with a close frame.
struct End(Option<(CloseCode, &'static str)>);

const CUT: End = End(None);

#[derive(Deserialize)]
struct Request {
    method: String,
    #[serde(default)]
    params: Vec<String>,
    id: serde_json::Value,
}

impl Client {
    pub async fn new(upgraded: Upgraded, combined: bool, streams: BTreeSet<String>) -> Client {
        let limits = WebSocketConfig::default().max_message_size(Some(REQUEST_BYTES_MAX));
        let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(limits)).await;
        let now = Instant::now();
        Client { socket, combined, streams, ponged: now, requests: 0, counted: now }
    }

    /// Serves the client until it goes, is too slow, or is cut.
    pub async fn run(mut self, mut batches: broadcast::Receiver<Batch>, faults: Faults) {
        let End(close) = self.serve(&mut batches, &faults).await;
        if let Some((code, reason)) = close {
            let frame = CloseFrame { code, reason: reason.into() };
            // A client that does not take its close frame has gone.
            let _ = timeout(WRITE, self.socket.close(Some(frame))).await;
        }
    }

    async fn serve(&mut self, batches: &mut broadcast::Receiver<Batch>, faults: &Faults) -> End {
        let mut closes = faults.closes();
        let end = Instant::now() + faults.lifetime().unwrap_or(FOR_EVER);
        let mut pings = interval_at(Instant::now() + PING, PING);
        loop {
            let step = tokio::select! {
                batch = batches.recv() => match batch {
                    Ok(batch) => self.deliver(&batch).await,
                    Err(broadcast::error::RecvError::Lagged(_)) => Err(End(Some((CloseCode::Policy, "too slow")))),
                    Err(broadcast::error::RecvError::Closed) => Err(End(Some((CloseCode::Away, "shutdown")))),
                },
                message = self.socket.next() => match message {
                    Some(Ok(message)) => self.take(message).await,
                    Some(Err(_)) | None => Err(CUT),
                },
                _ = pings.tick() => self.ping().await,
                _ = closes.changed() => Err(CUT),
                () = sleep_until(end) => Err(CUT),
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    async fn deliver(&mut self, batch: &[Frame]) -> Result<(), End> {
        let (combined, streams, socket) = (self.combined, &self.streams, &mut self.socket);
        let write = async {
            for frame in batch.iter().filter(|frame| streams.contains(&frame.stream)) {
                socket.feed(Message::text(frame.text(combined))).await?;
            }
            socket.flush().await
        };
        timeout(WRITE, write).await.map_err(|_| CUT)?.map_err(|_| CUT)
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        timeout(WRITE, self.socket.send(message)).await.map_err(|_| CUT)?.map_err(|_| CUT)
    }

    async fn ping(&mut self) -> Result<(), End> {
        if self.ponged.elapsed() > PING + PONG {
            return Err(End(Some((CloseCode::Policy, "pong timeout"))));
        }
        self.send(Message::Ping(unix_ms().to_string().into_bytes().into())).await
    }

    async fn take(&mut self, message: Message) -> Result<(), End> {
        match message {
            Message::Pong(_) => self.ponged = Instant::now(),
            Message::Text(text) => {
                self.count_request()?;
                let answer = self.answer(text.as_str());
                self.send(Message::text(answer)).await?;
            }
            Message::Close(_) => return Err(CUT),
            _ => {}
        }
        Ok(())
    }

    fn count_request(&mut self) -> Result<(), End> {
        if self.counted.elapsed() >= Duration::from_secs(1) {
            (self.counted, self.requests) = (Instant::now(), 0);
        }
        self.requests += 1;
        if self.requests > REQUESTS_MAX { Err(End(Some((CloseCode::Policy, "Too many requests")))) } else { Ok(()) }
    }

    /// A stream that does not exist is accepted, and silent, as it is at the real exchange.
    fn answer(&mut self, text: &str) -> String {
        let Ok(request) = serde_json::from_str::<Request>(text) else {
            return r#"{"code":2,"msg":"Invalid request: invalid JSON or missing field"}"#.into();
        };
        let id = request.id;
        match request.method.as_str() {
            "SUBSCRIBE" if self.streams.len() + request.params.len() > STREAMS_MAX => {
                return format!(r#"{{"code":2,"msg":"Invalid request: too many streams","id":{id}}}"#);
            }
            "SUBSCRIBE" => self.streams.extend(request.params),
            "UNSUBSCRIBE" => self.streams.retain(|stream| !request.params.contains(stream)),
            "LIST_SUBSCRIPTIONS" => {
                let streams: Vec<&String> = self.streams.iter().collect();
                return format!(r#"{{"result":{},"id":{id}}}"#, serde_json::json!(streams));
            }
            _ => return format!(r#"{{"code":2,"msg":"Invalid request: unknown method","id":{id}}}"#),
        }
        format!(r#"{{"result":null,"id":{id}}}"#)
    }
}
