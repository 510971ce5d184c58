//! What the kernel says of a process: CPU time by thread, resident memory, CPUs to run on.

use anyhow::Context;
use rustix::thread::{CpuSet, sched_setaffinity};
use std::collections::BTreeMap;
use std::ffi::CStr;
use std::fs;

/// CPU time of one thread since it started (`/proc/PID/task/TID/schedstat`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThreadTime {
    pub name: String,
    /// On a CPU.
    pub run_ns: u64,
    /// Runnable, but another thread had the CPU.
    pub wait_ns: u64,
}

/// Every thread of a process at one moment.
#[derive(Clone, Debug, Default)]
pub struct CpuTimes(BTreeMap<u32, ThreadTime>);

impl CpuTimes {
    pub fn of(pid: u32) -> anyhow::Result<CpuTimes> {
        let mut times = CpuTimes::default();
        times.add(pid)?;
        Ok(times)
    }

    /// Of a process and all that descend from it.
    pub fn of_tree(pid: u32) -> anyhow::Result<CpuTimes> {
        let mut times = CpuTimes::of(pid)?;
        for descendant in descendants(pid) {
            // It may end while we look.
            let _ = times.add(descendant);
        }
        Ok(times)
    }

    fn add(&mut self, pid: u32) -> anyhow::Result<()> {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).context("the process is gone")?;
        for task in tasks {
            let path = task?.path();
            let thread = path.file_name().and_then(|name| name.to_str()?.parse().ok());
            // A thread may end while we look.
            let (Some(thread), Ok(stat)) = (thread, fs::read_to_string(path.join("schedstat"))) else { continue };
            let name = fs::read_to_string(path.join("comm")).unwrap_or_default().trim().to_owned();
            let mut fields = stat.split_whitespace().map(|field| field.parse().unwrap_or(0));
            let (run_ns, wait_ns) = (fields.next().unwrap_or(0), fields.next().unwrap_or(0));
            self.0.insert(thread, ThreadTime { name, run_ns, wait_ns });
        }
        Ok(())
    }

    /// What all threads that are alive have used together.
    pub fn run_ns(&self) -> u64 {
        self.0.values().map(|thread| thread.run_ns).sum()
    }

    /// What every thread used since `before`, the busiest first.
    pub fn since(&self, before: &CpuTimes) -> Vec<ThreadTime> {
        let mut used: Vec<ThreadTime> = self
            .0
            .iter()
            .map(|(thread, now)| {
                let then = before.0.get(thread).cloned().unwrap_or_default();
                let run_ns = now.run_ns.saturating_sub(then.run_ns);
                ThreadTime { name: now.name.clone(), run_ns, wait_ns: now.wait_ns.saturating_sub(then.wait_ns) }
            })
            .collect();
        used.sort_by_key(|thread| std::cmp::Reverse(thread.run_ns));
        used
    }
}

/// Resident memory, bytes.
pub fn resident_bytes(pid: u32) -> anyhow::Result<u64> {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).context("the process is gone")?;
    let pages: u64 = statm.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).context("statm")?;
    Ok(pages * rustix::param::page_size() as u64)
}

/// Resident memory of a process and all that descend from it, bytes. Pages that they share count in each.
pub fn resident_bytes_of_tree(pid: u32) -> anyhow::Result<u64> {
    let own = resident_bytes(pid)?;
    Ok(descendants(pid).into_iter().filter_map(|pid| resident_bytes(pid).ok()).fold(own, u64::saturating_add))
}

/// Processes that descend from `pid`, parents before children.
pub fn descendants(pid: u32) -> Vec<u32> {
    let mut found = children(pid);
    let mut next = 0;
    while let Some(&child) = found.get(next) {
        found.extend(children(child));
        next += 1;
    }
    found
}

fn children(pid: u32) -> Vec<u32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>()).collect()
}

/// Open descriptors of a process.
pub fn open_files(pid: u32) -> anyhow::Result<u64> {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).context("the process is gone")?;
    Ok(files.count() as u64)
}

/// Keeps the calling thread, and what it starts, on one CPU. False if there is no such CPU for us.
pub fn pin(cpu: usize) -> bool {
    if cpu >= CpuSet::MAX_CPU {
        return false;
    }
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set).is_ok()
}

/// Names the calling thread, so that its CPU time is told apart.
pub fn name_thread(name: &CStr) {
    // A thread without a name costs the same.
    let _ = rustix::thread::set_name(name);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn our_own_process() {
        let pid = std::process::id();
        let before = CpuTimes::of(pid).unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        // The kernel accounts at its ticks.
        while CpuTimes::of(pid).unwrap().since(&before).iter().all(|thread| thread.run_ns == 0) {
            assert!(Instant::now() < deadline, "a thread that runs uses time");
        }
        assert!(resident_bytes(pid).unwrap() > 100_000);
    }
}
