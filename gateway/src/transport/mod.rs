//! Transports: how a request becomes a subscriber, and what each kind of client is told. Siblings never import each
//! other; what they share is the core of the shard, the options and the JSON of errors.

pub mod catalogue;
pub mod history;
pub mod http;
pub mod long_poll;
pub mod options;
pub mod page;
pub mod polling;
pub mod publish;
pub mod reply;
pub mod sse;
pub mod websocket;

use crate::framing::{Form, Framing};
use crate::history::History;
use crate::hooks::TestHooks;
use crate::limits::Limits;
use crate::sequencer::Publish;
use crate::shard::{Peer, SetKey, Shard, Subscription, Transport};
use feeds::model::Pattern;
use hyper::StatusCode;
use reply::Problem;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::Notify;

/// What every shard's requests may reach beyond the shard itself.
#[derive(Debug)]
pub struct Context {
    pub publishes: crossbeam_channel::Sender<Publish>,
    pub history: Arc<History>,
    pub publish: publish::PublishSettings,
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
    /// Connections of all shards, in any phase.
    pub connections: AtomicUsize,
}

/// Everything a shard needs to take a socket over from hyper.
#[derive(Debug)]
pub struct Adoption {
    /// The response head, written before anything else.
    pub head: Vec<u8>,
    pub peer: Peer,
    pub transport: Transport,
    pub framing: Framing,
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

/// A connection's place among those that the gateway may hold, from accept to close.
#[derive(Debug)]
pub struct Place(Arc<Context>);

impl Place {
    /// `None` if all places are taken.
    pub fn take(context: &Arc<Context>, most: usize) -> Option<Place> {
        let taken = context.connections.fetch_add(1, Ordering::Relaxed);
        // Dropped again below if there is no room.
        let place = Place(Arc::clone(context));
        (taken < most).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Keeps a poll's set in use until the request is answered, however it ends.
#[derive(Debug)]
pub(crate) struct SetLease {
    shard: Rc<Shard>,
    pub set: SetKey,
}

impl SetLease {
    pub fn take(shard: &Rc<Shard>, topics: Vec<Pattern>, options: &options::Options) -> SetLease {
        let filters = topics.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        let set = shard.core().poll_set(filters, options.framing(Form::Json), shard.now_ms());
        SetLease { shard: Rc::clone(shard), set }
    }
}

impl Drop for SetLease {
    fn drop(&mut self) {
        self.shard.core().poll_left(self.set);
    }
}

/// Snapshots of more than one body may hold.
pub(crate) fn too_big(limits: &Limits) -> Problem {
    let message = format!("the snapshots are above {} bytes: name fewer topics", limits.snapshot_body_bytes_max);
    Problem { field: Some("topics".into()), ..Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_big", message) }
}
