//! Who listens: groups of subscribers that are alike, and what each of them subscribes to.

use crate::clock::{MILLISECOND_NS, SECOND_NS};
use crate::workload::{Transport, Workload};
use rand::rngs::SmallRng;
use rand::{SeedableRng, seq::index};
use serde::{Deserialize, Serialize};

/// Up to so many deliveries a second every connection applies all that it is told; above, one in [`AUDIT_STRIDE`].
const AUDIT_ALL_MAX: f64 = 200_000.0;
const AUDIT_STRIDE: usize = 100;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    pub name: String,
    pub transport: Transport,
    pub subscribers: usize,
    /// Topics of each, chosen at random; those of a pattern are all.
    pub per_subscriber: usize,
    pub pattern: bool,
    /// Options of the protocol; 0: not given.
    pub rate_hz: u64,
    pub linger_ms: u64,
    /// Of a long-poll.
    pub wait_s: u64,
    /// Of plain polling.
    pub poll_interval_ms: u64,
}

/// One subscriber.
#[derive(Clone, Debug, PartialEq)]
pub struct Seat {
    /// Of all client processes.
    pub number: usize,
    pub group: usize,
    /// Sorted.
    pub topics: Vec<u32>,
    /// It applies everything that it is told.
    pub audited: bool,
}

/// Which subscribers a client process takes: every so many.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    pub process: usize,
    pub processes: usize,
}

impl Share {
    pub const ALL: Share = Share { process: 0, processes: 1 };
}

impl Group {
    /// All subscribers of a workload that has one kind of them.
    pub fn of(workload: &Workload, transport: Transport) -> Group {
        let pattern = workload.pattern;
        Group {
            name: transport.to_string(),
            transport,
            subscribers: workload.subscribers,
            per_subscriber: if pattern { workload.topics } else { workload.per_subscriber },
            pattern,
            rate_hz: workload.subscriber_rate,
            linger_ms: workload.linger_ms,
            wait_s: workload.wait_s,
            poll_interval_ms: workload.poll_interval_ms,
        }
    }

    /// Deliveries that its subscribers ask for; a `rate` makes them fewer.
    fn deliveries_per_second(&self, workload: &Workload) -> f64 {
        (self.subscribers * self.per_subscriber) as f64 * workload.rate as f64 / workload.topics as f64
    }

    /// Longest time that its options let a message wait, ns.
    pub fn patience_ns(&self) -> u64 {
        let tick_ns = SECOND_NS.checked_div(self.rate_hz).unwrap_or(0);
        let poll_ns = if self.transport == Transport::Polling { self.poll_interval_ms * MILLISECOND_NS } else { 0 };
        tick_ns + poll_ns + self.linger_ms * MILLISECOND_NS
    }
}

/// The subscribers of one client process. The same seed gives the same choice.
pub fn seats(workload: &Workload, groups: &[Group], share: Share) -> Vec<Seat> {
    let mut random = SmallRng::seed_from_u64(workload.seed);
    let total: f64 = groups.iter().map(|group| group.deliveries_per_second(workload)).sum();
    let stride = if total <= AUDIT_ALL_MAX { 1 } else { AUDIT_STRIDE };
    let of_groups = groups.iter().enumerate().flat_map(|(group, of)| (0..of.subscribers).map(move |_| (group, of)));
    let seats = of_groups.enumerate().map(|(number, (group, of))| {
        let chosen = index::sample(&mut random, workload.topics, of.per_subscriber);
        let mut topics: Vec<u32> = chosen.iter().map(|topic| topic as u32).collect();
        topics.sort_unstable();
        Seat { number, group, topics, audited: number.is_multiple_of(stride) }
    });
    seats.filter(|seat| seat.number % share.processes == share.process).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload(rate: u64) -> Workload {
        Workload { subscribers: 250, topics: 30, per_subscriber: 7, rate, seed: 9, ..Workload::of_one_topic() }
    }

    #[test]
    fn seats_are_distinct_and_repeatable() {
        let groups = [Group::of(&workload(100), Transport::Websocket)];
        let all = seats(&workload(100), &groups, Share::ALL);
        assert_eq!(all, seats(&workload(100), &groups, Share::ALL));
        assert!(all.iter().all(|seat| seat.topics.len() == 7 && seat.audited));
        assert!(all.iter().all(|seat| seat.topics.windows(2).all(|pair| pair[0] < pair[1]) && seat.topics[6] < 30));
    }

    #[test]
    fn processes_share_them_and_one_in_a_hundred_is_audited_under_load() {
        let groups = [Transport::Websocket, Transport::Sse].map(|transport| Group::of(&workload(100_000), transport));
        let of = |process| seats(&workload(100_000), &groups, Share { process, processes: 3 });
        let mut all: Vec<Seat> = (0..3).flat_map(of).collect();
        all.sort_by_key(|seat| seat.number);
        assert_eq!(all, seats(&workload(100_000), &groups, Share::ALL));
        assert_eq!((all.len(), all[249].group, all[250].group), (500, 0, 1));
        assert_eq!(all.iter().filter(|seat| seat.audited).count(), 5);
    }

    #[test]
    fn a_pattern_takes_all() {
        let groups = [Group::of(&Workload { pattern: true, ..workload(1) }, Transport::Sse)];
        assert_eq!(seats(&workload(1), &groups, Share::ALL)[3].topics.len(), 30);
    }
}
