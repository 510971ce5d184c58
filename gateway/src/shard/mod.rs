//! A shard: one thread that owns its listener, its connections from accept to close, and their subscriptions.
//!
//! [`Core`] is pure: it reads the log to its head, marks the subscription sets that are owed something, and writes each
//! marked connection once, through a [`Wire`]. `run` is the thread around it: the sockets, the timers, the wake-ups.

mod answer;
mod backlog;
mod budget;
mod classes;
mod connection;
mod core;
mod counters;
mod deliver;
mod filters;
mod hand_out;
mod handle;
mod heartbeat;
mod index;
mod linger;
mod outbox;
mod overtaken;
mod pass;
mod phase;
mod poll;
mod ring;
mod run;
mod sets;
mod subscribe;
mod tick;
mod write;

pub use self::core::{Core, CoreSettings, Paces};
pub use answer::PollAnswer;
pub use connection::{ConnId, ConnKey, Connection, Peer, Wire};
pub use counters::{LATENCY_BUCKETS_MS, ShardCounters, TRANSPORTS, Transport};
pub use filters::{Filters, Rate};
pub use handle::{Shard, Socket, now_ms};
pub use index::Index;
pub use phase::Phase;
pub use poll::{PollKey, WaitingPoll};
pub use ring::{Ring, RingUse};
pub use run::{Fuse, ShardSettings, Surroundings, spawn};
pub use sets::SetKey;
pub use subscribe::{Alteration, Refused, Subscription};
