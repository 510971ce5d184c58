//! What the kernel does for a target outside the target's threads: ksoftirqd, and connections that it turned away.

use anyhow::Context;
use std::fs;

/// CPU time of a thread so far, from its `schedstat`; `None` if it is gone.
fn run_ns(pid: u32) -> Option<u64> {
    fs::read_to_string(format!("/proc/{pid}/schedstat")).ok()?.split_whitespace().next()?.parse().ok()
}

/// The thread that does a CPU's network work when it is too much to be done beside that of others. With io_uring a
/// part of every send is done there, so it belongs to the target's cost.
#[derive(Clone, Copy, Debug)]
pub struct Ksoftirqd {
    /// `None`: it is not visible here (a container).
    pid: Option<u32>,
}

impl Ksoftirqd {
    pub fn of(cpu: usize) -> Ksoftirqd {
        let name = format!("ksoftirqd/{cpu}\n");
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let pid = pids.find(|pid| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm == name));
        Ksoftirqd { pid }
    }

    /// CPU time so far; `None` if it is not visible.
    pub fn run_ns(&self) -> Option<u64> {
        self.pid.and_then(run_ns)
    }
}

/// Connections that found a listener's queue full, of this whole machine since it started.
pub fn listen_overflows() -> anyhow::Result<u64> {
    let text = fs::read_to_string("/proc/net/netstat").context("/proc/net/netstat")?;
    field(&text, "TcpExt:", "ListenOverflows").context("no ListenOverflows in /proc/net/netstat")
}

/// A field of a table of which one line names the columns and the next holds them.
fn field(text: &str, section: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter(|line| line.starts_with(section));
    let (names, values) = (lines.next()?, lines.next()?);
    let column = names.split_whitespace().position(|column| column == name)?;
    values.split_whitespace().nth(column)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name() {
        let text = "TcpExt: A ListenOverflows B\nTcpExt: 1 22 3\nIpExt: ListenOverflows\nIpExt: 9\n";
        assert_eq!(field(text, "TcpExt:", "ListenOverflows"), Some(22));
        assert_eq!(field(text, "IpExt:", "ListenOverflows"), Some(9));
        assert_eq!(field(text, "TcpExt:", "C"), None);
    }
}
