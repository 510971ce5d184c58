//! The seam every provider uses: an [`Adapter`] is a pure state machine from inputs to an [`Output`].
//!
//! Architecture invariant: a provider's folder holds no clock, no socket and no sleep. `supervise` does all dialling,
//! back-off, fetching and watching and hands the bytes in; `replay` hands in the same bytes from a recording. Time is
//! an argument. So one `translate` serves live, replay, test and fuzz alike.

use crate::access::Access;
use crate::model::{Topic, Update};

/// Which of the adapter's connections: its index in [`Adapter::links`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkId(pub usize);

/// A WebSocket connection that the supervisor keeps open for the adapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub url: String,
    /// Replace the connection before the provider cuts it (Binance: 24 h): the new one is opened and delivering before
    /// the old one is closed. `None`: the provider has no such limit.
    pub lifetime_ms: Option<u64>,
}

/// One thing that can fall silent on its own, watched apart from its socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Unique within the adapter: the provider's stream name or the polled path (`btcusdt@trade`).
    pub name: String,
    /// Topics that are stale when it is silent.
    pub topics: Vec<Topic>,
    /// Silence that means trouble, in ms; `None`: any silence is normal.
    pub silence_ms: Option<u64>,
}

/// What happened, as told to an adapter. `bytes` may be destroyed by in-place parsing.
#[derive(Debug)]
pub enum Input<'a> {
    /// The adapter starts: ask for first fetches here.
    Start,
    /// A connection is open: send subscriptions. Without a [`Input::Closed`] before it, it is a second connection of
    /// the link that will take over: for a while everything comes twice.
    Opened(LinkId),
    /// The link's last connection is gone; what depended on it is out of sync until new data.
    Closed(LinkId),
    /// A text (or binary) frame.
    Frame(LinkId, &'a mut Vec<u8>),
    /// The answer to a [`Fetch`].
    Fetched { url: &'a str, status: u16, body: &'a mut Vec<u8> },
    /// A fetch that got no answer at all.
    FetchFailed { url: &'a str },
    /// A moment asked for by [`Output::wake_at_ms`].
    Wake,
}

/// An HTTP GET for the supervisor to make; the answer comes back as [`Input::Fetched`] with the same `url`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    pub url: String,
    /// How long to wait first, in ms. 429 and 403 with `Retry-After` and the per-host budget may add to it.
    pub delay_ms: u64,
}

/// What an adapter wants done. Reused from call to call: the caller drains it.
#[derive(Debug, Default)]
pub struct Output {
    pub updates: Vec<Update>,
    /// Frames to send.
    pub sends: Vec<(LinkId, String)>,
    pub fetches: Vec<Fetch>,
    /// Connections to close and dial again.
    pub reconnects: Vec<LinkId>,
    /// Connections whose end the provider announced: a new one is opened and delivering before they are closed.
    pub replacements: Vec<LinkId>,
    /// Subscriptions that showed life with this input, by index in [`Adapter::subscriptions`].
    pub alive: Vec<usize>,
    /// When the adapter wants an [`Input::Wake`], in Unix ms; `None`: not needed.
    pub wake_at_ms: Option<i64>,
    /// Books (or games) that are out of sync now and wait for a snapshot: shown as `resyncing`.
    pub out_of_sync: usize,
    /// What the provider refuses us at the moment, for people: shown in `feed.<provider>`. `None`: nothing. It stays until
    /// the adapter takes it back.
    pub refusal: Option<String>,
    pub counts: Counts,
}

/// What an adapter counted; sums since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Frames and bodies read.
    pub frames: u64,
    /// Breaks found in a provider's sequence.
    pub gaps: u64,
    /// Books (or games) brought back into sync after a gap, a bad checksum or a lost connection.
    pub resyncs: u64,
    pub checksum_ok: u64,
    pub checksum_failed: u64,
    /// Subscriptions and requests that the provider refused.
    pub refused: u64,
    /// Frames or values that could not be read.
    pub rejected: u64,
    /// Messages of a type that this adapter does not know; providers add new ones at will.
    pub ignored: u64,
}

/// A provider's protocol, without its sockets.
pub trait Adapter: Send {
    /// `binance`, `binance_us`, `nhl` …: names topics, metrics and `feed.<provider>`.
    fn provider(&self) -> &str;

    /// The connections to keep; empty for a polled provider. Fixed for the life of the adapter.
    fn links(&self) -> &[Link];

    /// All that can fall silent. A polled provider may add to it as games appear; an index never changes its meaning.
    fn subscriptions(&self) -> &[Subscription];

    /// The connection that `subscription` (an index) lives on: while it is down the subscription's topics are stale.
    /// `None` for what is polled.
    fn link_of(&self, subscription: usize) -> Option<LinkId> {
        let _ = subscription;
        None
    }

    /// True if the same addresses are asked for over and over: none before its last answer's `max-age` is over, and with
    /// the answer's ETag, so that a 304 with an empty body may come back. Fixed for the life of the adapter.
    fn is_polling(&self) -> bool {
        false
    }

    /// What the provider wants to see before it lets us in; its secrets stand as `${NAME}` in URLs and frames. Fixed for
    /// the life of the adapter.
    fn access(&self) -> Access {
        Access::default()
    }

    /// Takes one input and says what follows. `now_ms`: Unix ms, the time the input was read.
    fn handle(&mut self, input: Input<'_>, now_ms: i64, output: &mut Output);
}
