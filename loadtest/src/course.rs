//! The course of a run: what was delivered and used in each second of its window, and how the latencies lie.
//!
//! Every client process looks at what it has received at the same moments; who started the target also looks at what
//! was used. Knows no socket.

use crate::client::tally::{Tally, latencies, recorded};
use crate::clock::SECOND_NS;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Time between two looks.
pub const LOOK_NS: u64 = SECOND_NS;
/// Upper end of the first step of a distribution, and how much higher each next one ends.
const FIRST_STEP_NS: u64 = 10_000;
const STEP: f64 = 1.2;

/// One second of the window. Shares are of one CPU.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sample {
    /// Its end, since the window began.
    pub at_s: f64,
    pub deliveries: u64,
    pub bytes: u64,
    pub deliveries_per_second: f64,
    pub bytes_per_second: f64,
    pub server_cpu_share: f64,
    /// Of the server's CPU; not in `server_cpu_share`.
    pub ksoftirqd_cpu_share: f64,
    pub client_cpu_share: f64,
    pub resident_bytes: u64,
    /// `None` if nothing arrived.
    pub p50_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    pub max_ms: Option<f64>,
}

/// What the clients of one process have received up to a moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Look {
    pub at_ns: u64,
    pub deliveries: u64,
    pub bytes: u64,
    pub reads: u64,
    /// Recorded since the look before: ns, and how often.
    latency: Vec<(u64, u64)>,
}

/// Takes the looks of one process.
#[derive(Debug)]
pub struct Looks {
    last: Histogram<u64>,
    pub taken: Vec<Look>,
}

/// What was used up to a moment, in ns of CPU time, and held.
#[derive(Clone, Copy, Debug)]
pub struct Used {
    pub server_ns: u64,
    pub ksoftirqd_ns: u64,
    pub client_ns: u64,
    pub resident_bytes: u64,
}

impl Default for Looks {
    fn default() -> Looks {
        Looks { last: latencies(), taken: Vec::new() }
    }
}

impl Looks {
    pub fn take(&mut self, at_ns: u64, tally: &Tally) {
        let mut since = tally.latency.clone();
        // Cannot fail: a histogram holds all that it held before, and both have the same bounds.
        let _ = since.subtract(&self.last);
        self.last = tally.latency.clone();
        let Tally { deliveries, bytes, reads, .. } = *tally;
        self.taken.push(Look { at_ns, deliveries, bytes, reads, latency: recorded::pairs(&since) });
    }
}

/// What another process received at the same moments comes on top.
pub fn add(looks: &mut [Look], others: &[Look]) {
    for (look, other) in looks.iter_mut().zip(others) {
        look.deliveries += other.deliveries;
        look.bytes += other.bytes;
        look.reads += other.reads;
        look.latency.extend(&other.latency);
    }
}

/// What was recorded in the seconds that end after `from_s` and by `to_s`, since the first look.
pub fn latencies_between(looks: &[Look], from_s: f64, to_s: f64) -> Vec<(u64, u64)> {
    // Looks are taken a little late.
    const SLACK_S: f64 = 0.5;
    let Some(start_ns) = looks.first().map(|look| look.at_ns) else { return Vec::new() };
    let at_s = |look: &Look| (look.at_ns - start_ns) as f64 / 1e9;
    let seconds = looks.iter().skip(1).filter(|look| at_s(look) > from_s + SLACK_S && at_s(look) < to_s + SLACK_S);
    seconds.flat_map(|look| look.latency.iter().copied()).collect()
}

/// A sample for each look but the first. The looks at what was used were taken at the same moments.
pub fn samples(looks: &[Look], used: &[Used]) -> Vec<Sample> {
    let Some(start_ns) = looks.first().map(|look| look.at_ns) else { return Vec::new() };
    let pairs = looks.windows(2).zip(used.windows(2));
    pairs.map(|(looks, used)| sample(start_ns, [&looks[0], &looks[1]], [&used[0], &used[1]])).collect()
}

fn sample(start_ns: u64, [before, now]: [&Look; 2], [used_before, used]: [&Used; 2]) -> Sample {
    let ns = (now.at_ns - before.at_ns).max(1) as f64;
    let (deliveries, bytes) = (now.deliveries - before.deliveries, now.bytes - before.bytes);
    let latency = recorded::histogram(&now.latency);
    let at = |quantile| (!latency.is_empty()).then(|| latency.value_at_quantile(quantile) as f64 / 1e6);
    let share = |now: u64, before: u64| now.saturating_sub(before) as f64 / ns;
    Sample {
        at_s: (now.at_ns - start_ns) as f64 / 1e9,
        deliveries,
        bytes,
        deliveries_per_second: deliveries as f64 * 1e9 / ns,
        bytes_per_second: bytes as f64 * 1e9 / ns,
        server_cpu_share: share(used.server_ns, used_before.server_ns),
        ksoftirqd_cpu_share: share(used.ksoftirqd_ns, used_before.ksoftirqd_ns),
        client_cpu_share: share(used.client_ns, used_before.client_ns),
        resident_bytes: used.resident_bytes,
        p50_ms: at(0.5),
        p99_ms: at(0.99),
        max_ms: at(1.0),
    }
}

/// Steps of a distribution that hold anything: upper end in ms, and how many.
pub fn distribution(latency: &Histogram<u64>) -> Vec<(f64, u64)> {
    let steps = latency.iter_log(FIRST_STEP_NS, STEP);
    let steps = steps.map(|step| (step.value_iterated_to() as f64 / 1e6, step.count_since_last_iteration()));
    steps.filter(|(_, count)| *count > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MILLISECOND_NS;

    fn tally_of(latencies_ms: &[u64]) -> Tally {
        let mut tally = Tally { timed_from_ns: 0, ..Tally::default() };
        latencies_ms.iter().for_each(|ms| tally.delivered(0, ms * MILLISECOND_NS));
        tally
    }

    #[test]
    fn a_sample_holds_what_came_since_the_last() {
        let mut looks = Looks::default();
        for (second, latencies) in [(1, &[1][..]), (3, &[1, 50, 50, 50, 90]), (4, &[1, 50, 50, 50, 90])] {
            looks.take(second * SECOND_NS, &tally_of(latencies));
        }
        let used = |server_ns| Used { server_ns, ksoftirqd_ns: 0, client_ns: 0, resident_bytes: 9 };
        let used = [used(0), used(SECOND_NS), used(SECOND_NS)];
        let samples = samples(&looks.taken, &used);
        let [busy, quiet] = &samples[..] else { panic!("{samples:?}") };
        assert_eq!((busy.at_s, busy.deliveries, busy.deliveries_per_second), (2.0, 4, 2.0));
        assert_eq!((busy.server_cpu_share, quiet.server_cpu_share), (0.5, 0.0));
        assert!((busy.p50_ms.unwrap() - 50.0).abs() < 0.1 && (busy.max_ms.unwrap() - 90.0).abs() < 0.1);
        assert_eq!((quiet.deliveries, quiet.p50_ms), (0, None));
    }

    #[test]
    fn processes_add_up() {
        let [mut fast, mut slow] = [Looks::default(), Looks::default()];
        (1..4).for_each(|second| fast.take(second * SECOND_NS, &tally_of(&vec![1; second as usize])));
        (1..4).for_each(|second| slow.take(second * SECOND_NS, &tally_of(&vec![9; second as usize * 10])));
        let mut looks = fast.taken;
        add(&mut looks, &slow.taken);
        assert_eq!(looks.iter().map(|look| look.deliveries).collect::<Vec<_>>(), [11, 22, 33]);
        assert_eq!(recorded::histogram(&looks[2].latency).len(), 11);
    }

    #[test]
    fn seconds_are_told_apart() {
        let mut looks = Looks::default();
        (0..6).for_each(|second| looks.take(second * SECOND_NS + 3_000_000, &tally_of(&vec![5; second as usize])));
        let count = |from_s, to_s| latencies_between(&looks.taken, from_s, to_s).iter().map(|pair| pair.1).sum::<u64>();
        assert_eq!((count(0.0, 2.0), count(2.0, 4.0), count(0.0, 9.0)), (2, 2, 5));
    }

    #[test]
    fn a_distribution_loses_nothing() {
        let steps = distribution(&tally_of(&[1, 2, 2, 50, 100_000]).latency);
        assert_eq!(steps.iter().map(|(_, count)| count).sum::<u64>(), 5);
        assert!(steps.windows(2).all(|pair| pair[0].0 < pair[1].0), "{steps:?}");
    }
}
