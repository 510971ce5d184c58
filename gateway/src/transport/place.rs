//! Places: how many connections the gateway holds over all shards, and how many of them come from one remote address.
//!
//! Invariant BOUNDED: an address is in the table only as long as it holds a place, so the table has at most as many rows
//! as there are places. Cost: a lock at accept and at the end of a connection, and only if addresses are limited.

use crate::close::CloseReason;
use crate::limits::Limits;
use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// All places, shared by the shards.
#[derive(Debug)]
pub struct Places {
    most: usize,
    /// 0: addresses are not counted.
    most_of_remote: usize,
    taken: AtomicUsize,
    of_remotes: Mutex<HashMap<Remote, usize>>,
}

/// Whom a connection counts for, in eight bytes. Of an IPv6 address the upper half. Why: a household or a server is given
/// a whole /64, and takes any address of it. IPv4 stands where no network is (`0:1::/32`, reserved in RFC 4291).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Remote(NonZero<u64>);

impl Remote {
    fn of(address: IpAddr) -> Remote {
        let bits = match address.to_canonical() {
            IpAddr::V4(address) => 1 << 32 | u64::from(address.to_bits()),
            IpAddr::V6(address) => (address.to_bits() >> 64) as u64,
        };
        // Only `::1` has none; nothing connects from where it stands instead, among the multicast addresses.
        Remote(NonZero::new(bits).unwrap_or(NonZero::<u64>::MAX))
    }
}

impl Places {
    pub fn new(limits: &Limits) -> Arc<Places> {
        Arc::new(Places {
            most: limits.connections_max,
            most_of_remote: limits.connections_per_address_max,
            taken: AtomicUsize::new(0),
            of_remotes: Mutex::default(),
        })
    }

    /// A place for a connection from there, or why there is none.
    pub fn take(self: &Arc<Places>, address: IpAddr) -> Result<Place, CloseReason> {
        let taken = self.taken.fetch_add(1, Ordering::Relaxed);
        // Dropped again on every way out without it.
        let mut place = Place { places: Arc::clone(self), remote: None };
        if taken >= self.most {
            return Err(CloseReason::TooManyConnections);
        }
        if self.most_of_remote > 0 {
            let remote = Remote::of(address);
            let mut of_remotes = self.of_remotes();
            let held = of_remotes.entry(remote).or_default();
            if *held >= self.most_of_remote {
                return Err(CloseReason::TooManyFromAddress);
            }
            *held += 1;
            place.remote = Some(remote);
        }
        Ok(place)
    }

    fn of_remotes(&self) -> MutexGuard<'_, HashMap<Remote, usize>> {
        self.of_remotes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place, from accept to close.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    /// `None` if addresses are not counted.
    remote: Option<Remote>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.taken.fetch_sub(1, Ordering::Relaxed);
        let Some(remote) = self.remote else { return };
        let mut of_remotes = self.places.of_remotes();
        if let Some(held) = of_remotes.get_mut(&remote) {
            *held -= 1;
            if *held == 0 {
                of_remotes.remove(&remote);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(most: usize, most_of_remote: usize) -> Arc<Places> {
        let limits = Limits { connections_max: most, connections_per_address_max: most_of_remote, ..Limits::default() };
        Places::new(&limits)
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn places_come_back() {
        let places = places(2, 0);
        let one = places.take(address("192.0.2.1")).unwrap();
        let _two = places.take(address("192.0.2.1")).unwrap();
        assert_eq!(places.take(address("192.0.2.2")).unwrap_err(), CloseReason::TooManyConnections);
        drop(one);
        assert!(places.take(address("192.0.2.2")).is_ok());
        assert!(places.of_remotes().is_empty(), "nobody is counted without a limit");
    }

    #[test]
    fn each_address_has_its_own() {
        let places = places(100, 1);
        for (first, same, other) in [
            ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
            ("198.51.100.1", "::ffff:198.51.100.1", "::ffff:198.51.100.2"),
            ("::1", "::1", "127.0.0.1"),
            ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:2::1"),
        ] {
            let _held = places.take(address(first)).unwrap();
            assert_eq!(places.take(address(same)).unwrap_err(), CloseReason::TooManyFromAddress, "{same}");
            assert!(places.take(address(other)).is_ok(), "{other}");
        }
        assert!(places.of_remotes().is_empty(), "a row outlives its connections");
        assert_eq!(places.taken.load(Ordering::Relaxed), 0);
    }
}
