//! Transports: how a request becomes a subscriber, and what each kind of client is told. Siblings never import each
//! other; what they share is the core of the shard, the options and the JSON of errors.

pub mod catalogue;
pub mod history;
pub mod http;
pub mod long_poll;
pub mod options;
pub mod page;
mod place;
pub mod polling;
pub mod publish;
pub mod reply;
pub mod sse;
mod tap;
pub mod websocket;

pub use place::{Place, Places};

use crate::framing::{Form, Framing};
use crate::history::History;
use crate::hooks::TestHooks;
use crate::limits::{Limits, TooManyTopics};
use crate::sequencer::{Publish, Seat};
use crate::shard::{Filters, Peer, SetKey, Shard, Subscription, Transport};
use feeds::inlet::Inlet;
use feeds::model::Pattern;
use hyper::StatusCode;
use reply::Problem;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::sync::Notify;

/// What every shard's requests may reach beyond the shard itself.
#[derive(Debug)]
pub struct Context {
    pub publishes: Inlet<Publish>,
    /// Where a few lines are sequenced at once; `None`: all are handed to the sequencer's thread.
    pub seat: Option<Arc<Seat>>,
    pub history: Arc<History>,
    pub publish: publish::PublishSettings,
    pub publishers: publish::Publishers,
    pub origins: http::Origins,
    /// The time that SSE clients wait before they come back, ms.
    pub retry_ms: u64,
    /// Serves the demo page and its assets.
    pub page: bool,
    /// Serves `/conformance/echo`.
    pub conformance_echo: bool,
    /// `None` unless the configuration has `test_hooks`.
    pub hooks: Option<TestHooks>,
    pub draining: AtomicBool,
    /// Of the connections of all shards, in any phase.
    pub places: Arc<Places>,
}

/// Everything a shard needs to take a socket over from hyper.
#[derive(Debug)]
pub struct Adoption {
    /// The response head, written before anything else.
    pub head: Vec<u8>,
    pub peer: Peer,
    pub transport: Transport,
    pub framing: Framing,
    pub linger_ms: u32,
    pub subscription: Option<Subscription>,
}

/// How a request's handler tells the connection's task that the shard takes the socket.
#[derive(Debug, Default)]
pub struct Takeover {
    slot: RefCell<Option<Adoption>>,
    asked: Notify,
}

impl Takeover {
    /// Asks for the socket. The caller then stays pending: no response goes through hyper.
    pub fn ask(&self, adoption: Adoption) {
        *self.slot.borrow_mut() = Some(adoption);
        self.asked.notify_one();
    }

    pub async fn asked(&self) {
        self.asked.notified().await;
    }

    pub fn take(&self) -> Option<Adoption> {
        self.slot.borrow_mut().take()
    }
}

/// Keeps a poll's set in use until the request is answered, however it ends.
#[derive(Debug)]
pub(crate) struct SetLease {
    shard: Rc<Shard>,
    pub set: SetKey,
}

impl SetLease {
    pub fn take(
        shard: &Rc<Shard>,
        topics: Vec<Pattern>,
        options: &options::Options,
    ) -> Result<SetLease, TooManyTopics> {
        let (filters, framing) = (Filters::unthrottled(topics), options.framing(Form::Json));
        let set = shard.core().poll_set(filters, framing, shard.now_ms())?;
        Ok(SetLease { shard: Rc::clone(shard), set })
    }
}

impl Drop for SetLease {
    fn drop(&mut self) {
        self.shard.core().poll_left(self.set);
    }
}

/// More topics than one set may cover were born since the poll began.
pub(crate) fn too_many_topics(limits: &Limits) -> Problem {
    TooManyTopics { most: limits.topics_per_connection_max }.into()
}

/// Snapshots of more than one body may hold.
pub(crate) fn too_big(limits: &Limits) -> Problem {
    let message = format!("the snapshots are above {} bytes: name fewer topics", limits.snapshot_body_bytes_max);
    Problem { field: Some("topics".into()), ..Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_big", message) }
}
