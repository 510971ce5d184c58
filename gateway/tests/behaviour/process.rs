//! The binary as it is shipped, on free ports, in a process of its own: its CPU, its memory and its end can be looked at.

use crate::gateway::{deadline, io_uring, pause, value_of};
use std::io::{BufRead, BufReader, Lines};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// `fanwire serve`.
pub struct Process {
    child: Child,
    pub address: SocketAddr,
    pub admin: SocketAddr,
}

impl Process {
    /// `server`: keys of `[server]`; `sections`: the rest of the configuration.
    pub fn start(server: &str, sections: &str) -> Process {
        let name = format!("fanwire-test-{}-{:x}.toml", std::process::id(), rand::random::<u32>());
        let file = std::env::temp_dir().join(name);
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\npage = false\nio_uring = \"{}\"\n{server}\n{sections}\n",
            io_uring()
        );
        std::fs::write(&file, text).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_fanwire"))
            .args(["serve", "--config"])
            .arg(&file)
            .stdout(Stdio::piped())
            .env("FANWIRE_LOG", "error")
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (address, admin) = (address(&mut lines), address(&mut lines));
        std::fs::remove_file(file).unwrap();
        Process { child, address, admin }
    }

    /// CPU time of its shard threads so far.
    pub fn shard_cpu(&self) -> Duration {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let shards = tasks
            .map(|task| task.unwrap().path())
            .filter(|task| std::fs::read_to_string(task.join("comm")).is_ok_and(|name| name.starts_with("shard-")));
        let nanoseconds = shards.map(|task| {
            let text = std::fs::read_to_string(task.join("schedstat")).unwrap_or_default();
            text.split(' ').next().and_then(|run| run.parse::<u64>().ok()).unwrap_or_default()
        });
        Duration::from_nanos(nanoseconds.sum())
    }

    /// Its resident memory now, in bytes.
    pub fn resident(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most that it ever was.
    pub fn resident_peak(&self) -> u64 {
        self.status("VmHWM:")
    }

    fn status(&self, key: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// The sum over all labels of a metric's lines that hold `label`.
    pub fn metric(&self, name: &str, label: &str) -> f64 {
        value_of(self.admin, name, label)
    }

    /// Waits until the metric is as `wanted` says.
    pub fn await_metric(&self, name: &str, label: &str, wanted: impl Fn(f64) -> bool) {
        crate::gateway::await_metric(self.admin, name, label, wanted);
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> ExitStatus {
        let deadline = deadline();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the process does not end");
            pause();
        }
    }
}

/// The address that the next line names.
fn address(lines: &mut Lines<BufReader<ChildStdout>>) -> SocketAddr {
    let line = lines.next().expect("an address").unwrap();
    let found = line
        .split(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':'))
        .find_map(|word| word.trim_matches(':').parse().ok());
    found.unwrap_or_else(|| panic!("no address in {line:?}"))
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
