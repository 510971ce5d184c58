//! One connection's task: dials, then moves frames from the socket to the driver until either end closes.

use super::Limits;
use super::dial::{Socket, dial};
use super::link::ConnId;
use super::now_ms;
use super::revisit::Said;
use crate::access::Access;
use futures_util::{SinkExt, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::{Error, Message};

/// Frames waiting to be sent on one connection; a provider that takes none is dropped.
pub(super) const SENDS_MAX: usize = 1_024;

/// What a task tells the driver.
#[derive(Debug)]
pub(super) enum Event {
    Opened { conn: ConnId, at_ms: i64 },
    Frame { conn: ConnId, at_ms: i64, bytes: Vec<u8> },
    Gone { conn: ConnId, at_ms: i64, reason: String, stay_away_ms: Option<i64> },
    Fetched { url: String, at_ms: i64, answer: Result<(u16, Vec<u8>), String>, said: Said },
}

pub(super) struct Connection {
    pub id: ConnId,
    pub url: String,
    pub limits: Limits,
    /// Puts secrets in at the last moment, so that nobody else sees them.
    pub access: Arc<Access>,
    pub events: mpsc::Sender<Event>,
    /// Frames to send; its end closes the connection.
    pub sends: mpsc::Receiver<String>,
}

impl Connection {
    pub(super) async fn run(mut self) {
        let (reason, stay_away_ms) = match dial(&self.url, &self.access, &self.limits).await {
            Ok(socket) => (self.serve(socket).await, None),
            Err(error) => (error.reason, error.stay_away_ms),
        };
        // A driver that is gone needs no news.
        let reason = self.access.hide(&reason);
        let _ = self.events.send(Event::Gone { conn: self.id, at_ms: now_ms(), reason, stay_away_ms }).await;
    }

    /// Returns why it ended.
    async fn serve(&mut self, mut socket: Socket) -> String {
        let _ = self.events.send(Event::Opened { conn: self.id, at_ms: now_ms() }).await;
        let idle_timeout = match self.limits.idle_timeout_ms {
            0 => Duration::MAX,
            ms => Duration::from_millis(ms),
        };
        loop {
            tokio::select! {
                read = tokio::time::timeout(idle_timeout, socket.next()) => match read {
                    Err(_) => return "no byte for too long".to_owned(),
                    Ok(read) => if let Err(reason) = self.take(read).await { return reason },
                },
                send = self.sends.recv() => {
                    let Some(text) = send else {
                        close(socket).await;
                        return "closed by us".to_owned();
                    };
                    if let Err(error) = socket.send(Message::text(self.access.frame(&text))).await {
                        return error.to_string();
                    }
                }
            }
        }
    }

    /// Pings are answered, payload and all, by the next read of the socket.
    async fn take(&mut self, read: Option<Result<Message, Error>>) -> Result<(), String> {
        let bytes: Vec<u8> = match read {
            Some(Ok(Message::Text(text))) => tungstenite_bytes(text.into()),
            Some(Ok(Message::Binary(bytes))) => tungstenite_bytes(bytes),
            Some(Ok(Message::Close(frame))) => {
                return Err(frame.map_or("closed by the provider".to_owned(), |frame| {
                    format!("closed by the provider: {} {}", frame.code, frame.reason)
                }));
            }
            Some(Ok(_)) => return Ok(()),
            Some(Err(error)) => return Err(error.to_string()),
            None => return Err("closed by the provider".to_owned()),
        };
        let event = Event::Frame { conn: self.id, at_ms: now_ms(), bytes };
        self.events.send(event).await.map_err(|_| "the feed ended".to_owned())
    }
}

/// The payload as a vector: without a copy if nobody else holds it.
fn tungstenite_bytes(bytes: tokio_tungstenite::tungstenite::Bytes) -> Vec<u8> {
    bytes.into()
}

/// Says goodbye, but does not wait long for an answer.
async fn close(mut socket: Socket) {
    let _ = tokio::time::timeout(Duration::from_secs(1), socket.close(None)).await;
}
