//! The unit of ingest: what an adapter, or a publisher, says about a topic.

use super::{Object, Topic};
use std::sync::Arc;

/// One statement about one topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    pub topic: Topic,
    /// The provider's event time in Unix ms; `None` when it gives none. Never used for order: it may run backwards.
    pub te: Option<i64>,
    pub change: Change,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Merge patch (RFC 7396) onto the state; an unborn topic starts from `{}`.
    Patch(Object),
    /// The whole state, replacing what was.
    State(Object),
    /// The whole state after the adapter lost sync (gap, bad checksum): subscribers are told `why:"reset"`.
    Reset(Object),
    /// One event of an append log, with the provider's native `id`.
    Event(Object),
    /// Events of an append log were missed between the last one and the next; `None` when nobody knows how many.
    Lost(Option<u64>),
    /// The topic's data is old (`true`) or fresh again (`false`).
    Stale(bool),
    /// The topic is over.
    Retire,
}

/// Updates that came from one frame or body, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// `binance`, `nhl` …; names the source in metrics.
    pub provider: Arc<str>,
    /// When the frame was read, in Unix ms.
    pub received_ms: i64,
    pub updates: Vec<Update>,
}

impl Update {
    pub fn new(topic: Topic, te: Option<i64>, change: Change) -> Update {
        Update { topic, te, change }
    }
}
