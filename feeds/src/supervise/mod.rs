//! All dialling, sleeping, fetching and watching: what keeps an adapter fed.
//!
//! Decisions are pure and small: [`Backoff`], [`Budget`], [`Watchdog`], [`Status`], with time as an argument; the
//! driver only carries them out. Input: an adapter; output: its updates, stale marks and `feed.<provider>`.

mod backoff;
mod budget;
mod limits;
mod link;
mod status;
mod tap;
mod watchdog;

mod connection;
mod dial;
mod driver;
mod events;
mod fetch;
mod losses;
mod rejects;
mod revisit;
mod sockets;

pub use backoff::Backoff;
pub use budget::{Budget, Hosts};
pub use driver::run;
pub use limits::Limits;
pub use status::{Facts, FeedState, Status};
pub use tap::Tap;
pub use watchdog::Watchdog;

/// Turns true when the feed shall end; a dropped sender counts as true.
pub type Shutdown = tokio::sync::watch::Receiver<bool>;

/// The wall clock in Unix ms: read here and nowhere else in this crate.
fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
