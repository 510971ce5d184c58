//! The machine that a run was taken on, as the kernel describes it: figures of two machines are not compared unawares.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    pub cpu: String,
    pub cpus: usize,
    pub memory_bytes: u64,
    pub kernel: String,
}

impl Machine {
    /// This one. What the kernel does not say stays empty.
    pub fn here() -> Machine {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        // Not those that we may run on: we are pinned.
        let cpuinfo = read("/proc/cpuinfo");
        let memory_kib = field(&read("/proc/meminfo"), "MemTotal").split(' ').next().unwrap_or_default().parse::<u64>();
        Machine {
            cpu: field(&cpuinfo, "model name"),
            cpus: cpuinfo.lines().filter(|line| line.starts_with("processor")).count(),
            memory_bytes: memory_kib.unwrap_or(0) * 1_024,
            kernel: format!("Linux {}", read("/proc/sys/kernel/osrelease").trim()),
        }
    }
}

/// The first value of a `name: value` line.
fn field(text: &str, name: &str) -> String {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { cpu, cpus, memory_bytes, kernel } = self;
        let gib = *memory_bytes as f64 / f64::from(1 << 30);
        write!(f, "{cpus} CPUs of {cpu}, {gib:.0} GiB, {kernel}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine() {
        let machine = Machine::here();
        assert!(
            machine.cpus > 0 && machine.memory_bytes > 1 << 20 && machine.kernel.len() > "Linux ".len(),
            "{machine}"
        );
        assert_eq!(field("a : 1\nb\t: two\n", "b"), "two");
    }
}
