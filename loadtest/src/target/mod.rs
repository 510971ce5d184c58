//! The target: a gateway or a floor program, as a child process of ours on a CPU of its own.

pub mod counters;
pub mod instructions;
pub mod kernel;
pub mod process;
pub mod program;

use crate::floor::FloorKind;
use anyhow::{Context, bail};
use clap::ValueEnum;
use counters::Counters;
use process::descendants;
use program::Folder;
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;
use std::ffi::OsString;
use std::fmt;
use std::io::{BufRead, BufReader};
use std::net::SocketAddrV4;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

/// Longest time until the target says where it listens.
const START_TIME: Duration = Duration::from_secs(15);
/// Longest time until the target has ended after SIGTERM; then it is killed.
const STOP_TIME: Duration = Duration::from_secs(15);

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetKind {
    Fanwire,
    Floor,
}

impl fmt::Display for TargetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TargetKind::Fanwire => "fanwire",
            TargetKind::Floor => "floor",
        })
    }
}

/// Where targets are and where they run.
#[derive(Clone, Debug, clap::Args)]
pub struct Setting {
    /// The gateway's binary; by default `fanwire` beside this program
    #[arg(long, value_name = "PATH")]
    pub gateway_bin: Option<PathBuf>,
    /// Which floor is started, where one is
    #[arg(long, value_enum, default_value_t)]
    pub floor: FloorKind,
    /// Milliseconds for which the coalescing floor gathers; 0: what one turn of its loop reads
    #[arg(long, default_value_t = 0, value_name = "MS")]
    pub floor_tick_ms: u64,
    /// CPU of the target
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub server_cpu: usize,
    /// CPU of the subscribers and the publisher
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub client_cpu: usize,
}

#[derive(Debug)]
pub struct Target {
    child: Child,
    pub address: SocketAddrV4,
    /// Where its counters are; `None` of a floor, which has none.
    pub admin: Option<SocketAddrV4>,
    /// Its files, which go with it; `None` of a floor, which has none.
    _folder: Option<Folder>,
}

/// A gateway to start: what it does, and its configuration.
#[derive(Clone, Debug)]
pub struct Plan {
    /// `serve`, or `demo` with arguments.
    pub command: Vec<String>,
    /// TOML.
    pub config: String,
}

impl Plan {
    /// The gateway's defaults, one shard on one core, room for every subscriber.
    pub fn plain(subscribers: usize) -> Plan {
        Plan::serving("shards = 1", &format!("connections_max = {}", subscribers + 100))
    }

    /// `server` and `limits`: keys of the two sections.
    pub fn serving(server: &str, limits: &str) -> Plan {
        let config = format!("[server]\n{server}\n\n[limits]\n{limits}\n");
        Plan { command: vec!["serve".into()], config }
    }
}

impl Target {
    pub fn start(kind: TargetKind, setting: &Setting, subscribers: usize) -> anyhow::Result<Target> {
        match kind {
            TargetKind::Fanwire => Target::gateway(setting, &Plan::plain(subscribers)),
            TargetKind::Floor => {
                let this = own_program()?;
                let (kind, tick_ms) = (setting.floor.to_string(), setting.floor_tick_ms.to_string());
                let arguments = ["floor", "--kind", &kind, "--tick-ms", &tick_ms].map(OsString::from);
                let (target, _) = Target::launch(setting, this.into(), &arguments, None)?;
                Ok(target)
            }
        }
    }

    /// Starts a gateway on free ports.
    pub fn gateway(setting: &Setting, plan: &Plan) -> anyhow::Result<Target> {
        let program = gateway_bin(setting, &own_program()?)?;
        let folder = Folder::new("gateway")?;
        let file = folder.write("fanwire.toml", &plan.config)?;
        let mut arguments: Vec<OsString> = plan.command.iter().map(OsString::from).collect();
        arguments.extend(["--config".into(), file.into()]);
        arguments.extend(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"].map(OsString::from));
        let (mut target, lines) = Target::launch(setting, program.into(), &arguments, Some(folder))?;
        target.admin = Some(await_address(&lines, "admin on http://")?);
        Ok(target)
    }

    fn launch(
        setting: &Setting,
        program: OsString,
        arguments: &[OsString],
        folder: Option<Folder>,
    ) -> anyhow::Result<(Target, Receiver<String>)> {
        let mut command = Command::new(own_program()?);
        command.args(["launch", "--cpu", &setting.server_cpu.to_string(), "--"]).arg(program).args(arguments);
        command.env("FANWIRE_LOG", "error").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().context("the target cannot be started")?;
        let stdout = child.stdout.take().context("the target's output")?;
        let unknown = SocketAddrV4::new(std::net::Ipv4Addr::UNSPECIFIED, 0);
        // From here on the child ends with this value, whatever happens.
        let mut target = Target { child, address: unknown, admin: None, _folder: folder };
        let lines = lines_of(stdout);
        target.address = await_address(&lines, "listening on http://")?;
        Ok((target, lines))
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its counters now; `None` if it has none.
    pub fn counters(&self) -> anyhow::Result<Option<Counters>> {
        self.admin.map(Counters::fetch).transpose()
    }

    /// Ends the target and waits for it, which has to end well.
    pub fn stop(self) -> anyhow::Result<()> {
        let status = self.end()?;
        let ended_as_told = status.success() || status.signal() == Some(Signal::TERM.as_raw());
        if ended_as_told { Ok(()) } else { bail!("the target ended with {status}") }
    }

    /// Ends the target, and what it started, and waits for it.
    pub fn end(mut self) -> anyhow::Result<ExitStatus> {
        // Those that descend from it are looked for while they do; what does not end with it is killed.
        let others = descendants(self.pid());
        let status = self.await_end();
        others.into_iter().for_each(kill_by_pid);
        status
    }

    fn await_end(&mut self) -> anyhow::Result<ExitStatus> {
        self.terminate();
        let deadline = Instant::now() + STOP_TIME;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            crate::clock::wait_until(crate::clock::now_ns() + 5 * crate::clock::MILLISECOND_NS);
        }
        bail!("the target did not end in {} s after SIGTERM and was killed", STOP_TIME.as_secs())
    }

    fn terminate(&self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            let others = descendants(self.pid());
            let _ = self.child.kill();
            others.into_iter().for_each(kill_by_pid);
            let _ = self.child.wait();
        }
    }
}

fn kill_by_pid(pid: u32) {
    if let Some(pid) = Pid::from_raw(pid as i32) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

fn gateway_bin(setting: &Setting, this: &Path) -> anyhow::Result<PathBuf> {
    let path = setting.gateway_bin.clone().unwrap_or_else(|| this.with_file_name("fanwire"));
    if !path.is_file() {
        bail!(
            "no gateway at {}: build it (cargo build --release -p fanwire) or name it by --gateway-bin",
            path.display()
        );
    }
    Ok(path)
}

fn own_program() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("our own program")
}

/// The lines that a child prints, read by a thread of their own, so that waiting for one can end.
fn lines_of(stdout: ChildStdout) -> Receiver<String> {
    let (sender, lines) = sync_channel(64);
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // Nobody listens any more: the lines are still read, so that the child does not block.
            let _ = sender.try_send(line);
        }
    });
    lines
}

fn await_address(lines: &Receiver<String>, intro: &str) -> anyhow::Result<SocketAddrV4> {
    let deadline = Instant::now() + START_TIME;
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                if let Some(rest) = line.strip_prefix(intro) {
                    let address = rest.split('/').next().unwrap_or_default();
                    return address.parse().with_context(|| format!("the target listens on {address:?}"));
                }
            }
            Err(RecvTimeoutError::Timeout) => bail!("the target did not say {intro:?} in time"),
            Err(RecvTimeoutError::Disconnected) => bail!("the target ended before it said {intro:?}"),
        }
    }
}
