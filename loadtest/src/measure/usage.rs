//! What targets and clients have used up to a moment, and between the two ends of a window.

use crate::course::Used;
use crate::target::Target;
use crate::target::counters::Counters;
use crate::target::kernel::Ksoftirqd;
use crate::target::process::{CpuTimes, ThreadTime, resident_bytes_of_tree};

/// Who is looked at.
#[derive(Debug)]
pub struct Observed<'a> {
    pub targets: &'a [Target],
    pub ksoftirqd: Ksoftirqd,
    /// All client processes, this one included.
    pub clients: Vec<u32>,
}

/// Everything that is read at both ends of the window.
#[derive(Debug)]
pub struct Reading {
    server: Vec<CpuTimes>,
    client: Vec<CpuTimes>,
    /// `None`: it is not visible.
    ksoftirqd_ns: Option<u64>,
    /// `None` of a floor.
    counters: Option<Counters>,
}

/// What was used in the window.
#[derive(Debug)]
pub struct Usage {
    pub server: Vec<ThreadTime>,
    pub client: Vec<ThreadTime>,
    /// `None`: it is not visible.
    pub ksoftirqd_ns: Option<u64>,
    /// `None` of a floor.
    pub counters: Option<Counters>,
}

impl Observed<'_> {
    /// The little that is read every second.
    pub fn used(&self) -> anyhow::Result<Used> {
        let run_ns = |times: &[CpuTimes]| times.iter().map(CpuTimes::run_ns).sum();
        Ok(Used {
            server_ns: run_ns(&self.times_of_targets()?),
            ksoftirqd_ns: self.ksoftirqd.run_ns().unwrap_or(0),
            client_ns: run_ns(&self.times_of_clients()?),
            resident_bytes: self.resident_bytes()?,
        })
    }

    pub fn read(&self) -> anyhow::Result<Reading> {
        let counters = self.targets.iter().map(Target::counters).collect::<anyhow::Result<Option<Vec<_>>>>()?;
        Ok(Reading {
            counters: counters.map(|all| all.iter().fold(Counters::default(), |sum, one| sum.plus(one))),
            server: self.times_of_targets()?,
            client: self.times_of_clients()?,
            ksoftirqd_ns: self.ksoftirqd.run_ns(),
        })
    }

    pub fn resident_bytes(&self) -> anyhow::Result<u64> {
        self.targets.iter().map(|target| resident_bytes_of_tree(target.pid())).sum()
    }

    fn times_of_targets(&self) -> anyhow::Result<Vec<CpuTimes>> {
        self.targets.iter().map(|target| CpuTimes::of_tree(target.pid())).collect()
    }

    fn times_of_clients(&self) -> anyhow::Result<Vec<CpuTimes>> {
        self.clients.iter().map(|pid| CpuTimes::of(*pid)).collect()
    }
}

impl Reading {
    pub fn since(&self, before: &Reading) -> Usage {
        Usage {
            server: threads(&self.server, &before.server),
            client: threads(&self.client, &before.client),
            ksoftirqd_ns: self.ksoftirqd_ns.zip(before.ksoftirqd_ns).map(|(now, before)| now.saturating_sub(before)),
            counters: self.counters.zip(before.counters).map(|(now, before)| now.since(&before)),
        }
    }
}

/// The threads of all processes, the busiest first.
fn threads(now: &[CpuTimes], before: &[CpuTimes]) -> Vec<ThreadTime> {
    let mut threads: Vec<ThreadTime> = now.iter().zip(before).flat_map(|(now, before)| now.since(before)).collect();
    threads.sort_by_key(|thread| std::cmp::Reverse(thread.run_ns));
    threads
}
