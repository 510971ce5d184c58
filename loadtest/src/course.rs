//! The course of a run: what was delivered and used in each second of its window, and how the latencies lie.
//!
//! Knows no socket: who runs the clients says when to look.

use crate::client::tally::Tally;
use crate::clock::SECOND_NS;
use crate::target::process::CpuTimes;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Time between two looks.
pub const LOOK_NS: u64 = SECOND_NS;
/// Upper end of the first step of a distribution, and how much higher each next one ends.
const FIRST_STEP_NS: u64 = 10_000;
const STEP: f64 = 1.2;

/// One second of the window, or what is left of it. Shares are of one CPU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Its end, since the window began.
    pub at_s: f64,
    pub deliveries: u64,
    pub bytes: u64,
    pub deliveries_per_second: f64,
    pub bytes_per_second: f64,
    pub server_cpu_share: f64,
    pub client_cpu_share: f64,
    /// `None` if nothing arrived.
    pub p50_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    pub max_ms: Option<f64>,
}

/// What has been delivered and used up to a moment.
#[derive(Debug)]
struct Stand {
    at_ns: u64,
    deliveries: u64,
    bytes: u64,
    server_ns: u64,
    client_ns: u64,
    latency: Histogram<u64>,
}

/// Takes the samples.
#[derive(Debug)]
pub struct Course {
    start_ns: u64,
    last: Stand,
    pub samples: Vec<Sample>,
}

impl Stand {
    fn take(at_ns: u64, tally: &Tally, server: &CpuTimes, client: &CpuTimes) -> Stand {
        let Tally { deliveries, bytes, .. } = *tally;
        let (server_ns, client_ns) = (server.run_ns(), client.run_ns());
        Stand { at_ns, deliveries, bytes, server_ns, client_ns, latency: tally.latency.clone() }
    }
}

impl Course {
    /// The window begins.
    pub fn begin(at_ns: u64, tally: &Tally, server: &CpuTimes, client: &CpuTimes) -> Course {
        Course { start_ns: at_ns, last: Stand::take(at_ns, tally, server, client), samples: Vec::new() }
    }

    pub fn look(&mut self, at_ns: u64, tally: &Tally, server: &CpuTimes, client: &CpuTimes) {
        let now = Stand::take(at_ns, tally, server, client);
        let last = std::mem::replace(&mut self.last, now);
        self.samples.push(self.sample_since(&last));
    }

    fn sample_since(&self, last: &Stand) -> Sample {
        let now = &self.last;
        let ns = (now.at_ns - last.at_ns).max(1) as f64;
        let (deliveries, bytes) = (now.deliveries - last.deliveries, now.bytes - last.bytes);
        let mut latency = now.latency.clone();
        // Cannot fail: a histogram holds all that it held before, and both have the same bounds.
        let _ = latency.subtract(&last.latency);
        let at = |quantile| (!latency.is_empty()).then(|| latency.value_at_quantile(quantile) as f64 / 1e6);
        Sample {
            at_s: (now.at_ns - self.start_ns) as f64 / 1e9,
            deliveries,
            bytes,
            deliveries_per_second: deliveries as f64 * 1e9 / ns,
            bytes_per_second: bytes as f64 * 1e9 / ns,
            server_cpu_share: now.server_ns.saturating_sub(last.server_ns) as f64 / ns,
            client_cpu_share: now.client_ns.saturating_sub(last.client_ns) as f64 / ns,
            p50_ms: at(0.5),
            p99_ms: at(0.99),
            max_ms: at(1.0),
        }
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
        let idle = CpuTimes::default();
        let mut course = Course::begin(SECOND_NS, &tally_of(&[1]), &idle, &idle);
        course.look(3 * SECOND_NS, &tally_of(&[1, 50, 50, 50, 90]), &idle, &idle);
        course.look(4 * SECOND_NS, &tally_of(&[1, 50, 50, 50, 90]), &idle, &idle);
        let [busy, quiet] = &course.samples[..] else { panic!("{:?}", course.samples) };
        assert_eq!((busy.at_s, busy.deliveries, busy.deliveries_per_second), (2.0, 4, 2.0));
        assert!((busy.p50_ms.unwrap() - 50.0).abs() < 0.1 && (busy.max_ms.unwrap() - 90.0).abs() < 0.1);
        assert_eq!((quiet.deliveries, quiet.p50_ms), (0, None));
    }

    #[test]
    fn a_distribution_loses_nothing() {
        let steps = distribution(&tally_of(&[1, 2, 2, 50, 100_000]).latency);
        assert_eq!(steps.iter().map(|(_, count)| count).sum::<u64>(), 5);
        assert!(steps.windows(2).all(|pair| pair[0].0 < pair[1].0), "{steps:?}");
    }
}
