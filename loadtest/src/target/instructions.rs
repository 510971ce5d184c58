//! Instructions of a target by `perf stat`, where the machine counts them and we may look.

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;
use std::process::{Child, Command, Stdio};

const EVENTS: &str = "instructions:k,instructions:u";

/// Instructions, per nanosecond that the target had a CPU.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Instructions {
    pub kernel_per_ns: f64,
    pub user_per_ns: f64,
}

/// Why nothing can be counted here; nothing if something can.
pub fn probe() -> anyhow::Result<()> {
    let probe = Command::new("perf").args(["stat", "-x,", "-e", EVENTS, "true"]).output();
    read(&String::from_utf8_lossy(&probe.context("perf cannot be started")?.stderr))?;
    Ok(())
}

/// A `perf stat` that runs.
#[derive(Debug)]
pub struct Counting(Child);

impl Counting {
    pub fn begin(pid: u32) -> anyhow::Result<Counting> {
        let mut perf = Command::new("perf");
        perf.args(["stat", "-x,", "-e", EVENTS, "-p", &pid.to_string()]);
        Ok(Counting(perf.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?))
    }

    /// Counts no longer; what was counted is read later.
    pub fn stop(&self) -> anyhow::Result<()> {
        Ok(kill_process(Pid::from_child(&self.0), Signal::INT)?)
    }

    pub fn read(self) -> anyhow::Result<Instructions> {
        let output = self.0.wait_with_output().context("perf")?;
        read(&String::from_utf8_lossy(&output.stderr))
    }
}

/// Reads `perf stat -x,`: a line for each event, of which the first field is the count, the third the event's name and
/// the fourth how long it was counted, in ns of the target's CPU time.
fn read(table: &str) -> anyhow::Result<Instructions> {
    let rate = |event: &str| {
        let mut lines = table.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let fields = lines.find(|fields| fields.get(2) == Some(&event)).with_context(|| table.trim().to_owned())?;
        let count: f64 = fields[0].parse().ok().with_context(|| format!("{event}: {}", fields[0]))?;
        let counted_ns: f64 = fields.get(3).and_then(|field| field.parse().ok()).unwrap_or(0.0);
        ensure!(counted_ns > 0.0, "{event}: counted for no time");
        Ok(count / counted_ns)
    };
    Ok(Instructions { kernel_per_ns: rate("instructions:k")?, user_per_ns: rate("instructions:u")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables() {
        let table = "3000,,instructions:k,1000,100.00,1.0,insn per cycle\n500,,instructions:u,1000,100.00,,\n";
        assert_eq!(read(table).unwrap(), Instructions { kernel_per_ns: 3.0, user_per_ns: 0.5 });
        let refused = "<not supported>,,instructions:k,0,100.00,,\n<not supported>,,instructions:u,0,100.00,,\n";
        assert_eq!(read(refused).unwrap_err().to_string(), "instructions:k: <not supported>");
        assert!(read("Error: no permission\n").unwrap_err().to_string().contains("no permission"));
    }
}
