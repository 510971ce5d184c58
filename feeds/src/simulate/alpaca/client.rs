//! One connection of the simulated Alpaca: its requests in, its answers and the market out.

use super::Clients;
use super::market::Tick;
use super::rules::{Answer, Standing, connected, timed_out, too_slow};
use futures_util::{SinkExt, StreamExt};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::net::TcpStream;
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

pub(super) struct Client<'a> {
    socket: WebSocketStream<TcpStream>,
    clients: &'a Clients,
    standing: Standing,
    /// Until when it has to be authenticated.
    deadline: Instant,
}

/// The connection is over.
struct End;

impl<'a> Client<'a> {
    pub(super) fn new(socket: WebSocketStream<TcpStream>, clients: &'a Clients) -> Client<'a> {
        let deadline = Instant::now() + clients.account.authentication;
        Client { socket, clients, standing: Standing::default(), deadline }
    }

    pub(super) async fn run(mut self, mut ticks: broadcast::Receiver<Arc<Vec<Tick>>>, mut cuts: watch::Receiver<u64>) {
        let _ = self.serve(&mut ticks, &mut cuts).await;
        if self.standing.is_authenticated {
            self.clients.authenticated.fetch_sub(1, Ordering::Relaxed);
        }
    }

    async fn serve(
        &mut self,
        ticks: &mut broadcast::Receiver<Arc<Vec<Tick>>>,
        cuts: &mut watch::Receiver<u64>,
    ) -> Result<(), End> {
        self.send(connected()).await?;
        let deadline = self.deadline;
        loop {
            tokio::select! {
                message = self.socket.next() => self.take(message.and_then(Result::ok).ok_or(End)?).await?,
                tick = ticks.recv() => match tick {
                    Ok(tick) => self.deliver(&tick).await?,
                    Err(broadcast::error::RecvError::Lagged(_)) => self.say(too_slow()).await?,
                    Err(broadcast::error::RecvError::Closed) => return Err(End),
                },
                () = sleep_until(deadline), if !self.standing.is_authenticated => self.say(timed_out()).await?,
                _ = cuts.changed() => return Err(End),
            }
        }
    }

    async fn take(&mut self, message: Message) -> Result<(), End> {
        let Message::Text(text) = message else { return Ok(()) };
        let was_authenticated = self.standing.is_authenticated;
        if !was_authenticated && Instant::now() >= self.deadline {
            return self.say(timed_out()).await;
        }
        let others = self.clients.authenticated.load(Ordering::Relaxed) - usize::from(was_authenticated);
        let answer = self.standing.answer(text.as_str(), &self.clients.account, others);
        if self.standing.is_authenticated && !was_authenticated {
            self.clients.authenticated.fetch_add(1, Ordering::Relaxed);
        }
        self.say(answer).await
    }

    async fn say(&mut self, answer: Answer) -> Result<(), End> {
        self.send(answer.text).await?;
        if !answer.is_end {
            return Ok(());
        }
        // A client that does not take its close frame has gone.
        let _ = self.socket.close(None).await;
        Err(End)
    }

    /// Everything that is due goes out as one array.
    async fn deliver(&mut self, ticks: &[Tick]) -> Result<(), End> {
        let wanted = ticks.iter().filter(|tick| self.standing.wants(tick.channel, tick.symbol));
        let items: Vec<&str> = wanted.map(|tick| tick.json.as_str()).collect();
        if items.is_empty() { Ok(()) } else { self.send(format!("[{}]", items.join(","))).await }
    }

    async fn send(&mut self, text: String) -> Result<(), End> {
        self.socket.send(Message::text(text)).await.map_err(|_| End)
    }
}
