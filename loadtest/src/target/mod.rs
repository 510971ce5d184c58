//! The target: a gateway or a floor program, as a child process of ours on a CPU of its own.

pub mod counters;
pub mod instructions;
pub mod kernel;
pub mod process;
pub mod program;

use crate::child::{launch, own_program};
use crate::measure::Load;
use crate::stage::Stage;
use anyhow::{Context, bail};
use clap::ValueEnum;
use counters::Counters;
use process::descendants;
use program::Folder;
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddrV4;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
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

/// Keys of a gateway's configuration, by section.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct GatewayKeys(toml::Table);

impl GatewayKeys {
    /// Sets a key that is not given.
    fn set_default(&mut self, section: &str, key: &str, value: i64) {
        let section = self.0.entry(section).or_insert_with(|| toml::Table::new().into());
        if let Some(section) = section.as_table_mut() {
            section.entry(key).or_insert(value.into());
        }
    }

    fn to_toml(&self) -> anyhow::Result<String> {
        toml::to_string(&self.0).context("the gateway's configuration")
    }
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
    /// The gateway's defaults, one shard on one core, room for every subscriber, and `keys`.
    pub fn plain(subscribers: usize, keys: &GatewayKeys) -> anyhow::Result<Plan> {
        let mut config = keys.clone();
        config.set_default("server", "shards", 1);
        config.set_default("limits", "connections_max", subscribers as i64 + 100);
        Ok(Plan { command: vec!["serve".into()], config: config.to_toml()? })
    }

    /// `server` and `limits`: keys of the two sections.
    pub fn serving(server: &str, limits: &str) -> Plan {
        let config = format!("[server]\n{server}\n\n[limits]\n{limits}\n");
        Plan { command: vec!["serve".into()], config }
    }
}

impl TargetKind {
    /// Refuses what a target cannot answer.
    pub fn speaks(self, load: &Load) -> anyhow::Result<()> {
        if self != TargetKind::Floor {
            return Ok(());
        }
        if let Some(group) = load.groups.iter().find(|group| !group.transport.is_stream()) {
            bail!("a floor speaks websocket and sse, not {}", group.transport);
        }
        match load.roamers.first() {
            Some(roamers) => bail!("a floor knows no cursors: nobody can come back to it ({})", roamers.group.name),
            None => Ok(()),
        }
    }
}

impl Target {
    /// As many as the stage has, all alike.
    pub fn start(kind: TargetKind, stage: &Stage, load: &Load) -> anyhow::Result<Vec<Target>> {
        (0..stage.gateways)
            .map(|_| match kind {
                TargetKind::Fanwire => Target::gateway(&stage.setting, &Plan::plain(load.connections(), &load.keys)?),
                TargetKind::Floor => Target::floor(stage),
            })
            .collect()
    }

    fn floor(stage: &Stage) -> anyhow::Result<Target> {
        let (kind, tick_ms) = (stage.floor.to_string(), stage.floor_tick_ms.to_string());
        Target::own(&stage.setting, &["floor", "--kind", &kind, "--tick-ms", &tick_ms])
    }

    /// Starts a server that is a command of this program.
    pub fn own(setting: &Setting, arguments: &[&str]) -> anyhow::Result<Target> {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        let (target, _) = Target::launch(setting, &own_program()?, &arguments, None)?;
        Ok(target)
    }

    /// Starts a gateway on free ports.
    pub fn gateway(setting: &Setting, plan: &Plan) -> anyhow::Result<Target> {
        let program = gateway_bin(setting, &own_program()?)?;
        let folder = Folder::new("gateway")?;
        let file = folder.write("fanwire.toml", &plan.config)?;
        let mut arguments: Vec<OsString> = plan.command.iter().map(OsString::from).collect();
        arguments.extend(["--config".into(), file.into()]);
        arguments.extend(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"].map(OsString::from));
        let (mut target, lines) = Target::launch(setting, &program, &arguments, Some(folder))?;
        target.admin = Some(await_address(&lines, "admin on http://")?);
        Ok(target)
    }

    fn launch(
        setting: &Setting,
        program: &Path,
        arguments: &[OsString],
        folder: Option<Folder>,
    ) -> anyhow::Result<(Target, Receiver<String>)> {
        let (child, lines) = launch(setting.server_cpu, program, arguments, Stdio::null())?;
        let unknown = SocketAddrV4::new(std::net::Ipv4Addr::UNSPECIFIED, 0);
        // From here on the child ends with this value, whatever happens.
        let mut target = Target { child, address: unknown, admin: None, _folder: folder };
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
