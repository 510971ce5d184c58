//! Programs that we start: on a CPU of their own, ended together with us, their output read line by line.

use anyhow::Context;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};

/// Lines that may wait to be looked at; further ones are dropped.
const LINES_MAX: usize = 64;

/// This program.
pub fn own_program() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("our own program")
}

/// Starts a program on one CPU; its standard output is piped.
pub fn launch(
    cpu: usize,
    program: &Path,
    arguments: &[impl AsRef<OsStr>],
    input: Stdio,
) -> anyhow::Result<(Child, Receiver<String>)> {
    let mut command = Command::new(own_program()?);
    command.args(["launch", "--cpu", &cpu.to_string(), "--"]).arg(program).args(arguments);
    command.env("FANWIRE_LOG", "error").stdin(input).stdout(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
    let stdout = child.stdout.take().context("a child's output")?;
    Ok((child, lines_of(stdout)))
}

/// The lines that a child prints, read by a thread of their own, so that waiting for one can end.
fn lines_of(stdout: ChildStdout) -> Receiver<String> {
    let (sender, lines) = sync_channel(LINES_MAX);
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // Nobody listens any more: the lines are still read, so that the child does not block.
            let _ = sender.try_send(line);
        }
    });
    lines
}
