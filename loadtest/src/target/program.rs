//! A target that is not ours: a program with a folder of files, which is there once its ports take connections.

use super::{START_TIME, Setting, Target};
use crate::child::own_program;
use crate::clock::{MILLISECOND_NS, now_ns, wait_until};
use anyhow::{Context, bail, ensure};
use std::ffi::OsString;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

/// Time between two looks whether a port takes connections.
const LOOK_NS: u64 = 10 * MILLISECOND_NS;
/// Lines of its log that are shown if it does not start.
const LOG_LINES_SHOWN: usize = 12;
/// Where Debian keeps servers, which is not always in `PATH`.
const SERVERS: &str = "/usr/sbin";

#[derive(Debug)]
pub struct Program {
    pub path: PathBuf,
    pub arguments: Vec<OsString>,
    /// Its files; removed with the target.
    pub folder: Folder,
    /// Where it will listen: subscribers first.
    pub ports: Vec<SocketAddrV4>,
}

/// A folder of our own in the system's temporary one, removed at its end.
#[derive(Debug)]
pub struct Folder(PathBuf);

/// Folders that this process has made, so that each has a name of its own.
static FOLDERS: AtomicU32 = AtomicU32::new(0);

impl Folder {
    pub fn new(name: &str) -> anyhow::Result<Folder> {
        let (process, number) = (std::process::id(), FOLDERS.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(format!("fanwire-loadtest-{process}-{name}-{number}"));
        fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Folder(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file into it. Returns its path.
    pub fn write(&self, name: &str, text: &str) -> anyhow::Result<PathBuf> {
        let path = self.0.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// `N` different addresses that nobody listens on.
pub fn free_addresses<const N: usize>() -> anyhow::Result<[SocketAddrV4; N]> {
    let mut found = [SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0); N];
    // All are held until the last is found.
    let mut held = Vec::with_capacity(N);
    for address in &mut found {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("a free port")?;
        address.set_port(listener.local_addr()?.port());
        held.push(listener);
    }
    Ok(found)
}

/// Where a program is; `None` if it is not installed.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from(SERVERS)]);
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}

impl Target {
    pub fn program(setting: &Setting, program: Program) -> anyhow::Result<Target> {
        let log = program.folder.path().join("log");
        let child = spawn(setting, &program, &log)?;
        let address = *program.ports.first().context("a program listens somewhere")?;
        // From here on the child ends with this value, whatever happens.
        let mut target = Target { child, address, admin: None, _folder: Some(program.folder) };
        let deadline = Instant::now() + START_TIME;
        for port in &program.ports {
            while TcpStream::connect(port).is_err() {
                let ended = target.child.try_wait()?;
                let name = program.path.display();
                ensure!(ended.is_none(), "{name} ended before it listened:\n{}", end_of(&log));
                if Instant::now() > deadline {
                    bail!("{name} does not listen on {port}:\n{}", end_of(&log));
                }
                wait_until(now_ns() + LOOK_NS);
            }
        }
        Ok(target)
    }
}

fn spawn(setting: &Setting, program: &Program, log: &Path) -> anyhow::Result<Child> {
    let output = File::create(log).context("the log of a target")?;
    let mut command = Command::new(own_program()?);
    command.args(["launch", "--cpu", &setting.server_cpu.to_string(), "--"]);
    command.arg(&program.path).args(&program.arguments);
    command.stdin(Stdio::null()).stderr(output.try_clone()?).stdout(output);
    command.spawn().with_context(|| format!("cannot start {}", program.path.display()))
}

fn end_of(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_differ() {
        let [a, b, c] = free_addresses().unwrap();
        assert!(a != b && b != c && a != c && a.port() > 0);
    }

    #[test]
    fn programs_are_found() {
        assert!(find("sh").is_some_and(|path| path.is_absolute()));
        assert_eq!(find("no such program"), None);
    }

    #[test]
    fn a_folder_goes_with_its_value() {
        let folder = Folder::new("test").unwrap();
        let file = folder.write("a", "b").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "b");
        drop(folder);
        assert!(!file.exists());
    }
}
