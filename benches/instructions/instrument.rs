//! Callgrind: what is counted, and how the count comes back.

use crate::CASE_ARGUMENT;
use anyhow::{Context, ensure};
use std::hint::black_box;
use std::process::Command;

/// Operations that are counted in one run of a case.
pub const ROUNDS: u64 = 200;
/// Operations before that: buffers have their size, and the tables their entries.
const WARM_UP: u64 = 50;
/// Callgrind counts while [`counted`] runs, and what it calls.
const COUNTED: &str = "*instrument::counted*";

/// Runs an operation some hundred times: `prepare` aside, `work` under the instrument.
pub fn repeat<S, T>(mut state: S, prepare: impl Fn(&mut S) -> T, work: impl Fn(&mut S, T) -> usize) {
    for round in 0..WARM_UP + ROUNDS {
        let mut input = Some(prepare(&mut state));
        let mut operation = || input.take().map_or(0, |input| work(&mut state, input));
        black_box(if round < WARM_UP { operation() } else { counted(&mut operation) });
    }
}

/// Nothing of it may be inlined or turned into a jump: it is where counting begins and ends.
#[inline(never)]
fn counted(operation: &mut dyn FnMut() -> usize) -> usize {
    black_box(operation()) + 1
}

/// Instructions per operation of a case, which this program runs in a process of its own.
pub fn count(case: &str) -> anyhow::Result<u64> {
    let valgrind = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", &format!("--toggle-collect={COUNTED}")])
        .arg(std::env::current_exe()?)
        .args([CASE_ARGUMENT, case])
        .output()
        .context("valgrind, which counts the instructions (on Debian: apt-get install valgrind)")?;
    let said = String::from_utf8_lossy(&valgrind.stderr);
    ensure!(valgrind.status.success(), "{case} failed under valgrind:\n{said}");
    let collected = collected(&said).with_context(|| format!("valgrind gave no count:\n{said}"))?;
    ensure!(collected > 0, "{case}: nothing was counted; is {COUNTED} inlined?");
    Ok(collected / ROUNDS)
}

/// From a line `==123== Collected : 4567`.
fn collected(said: &str) -> Option<u64> {
    let line = said.lines().find(|line| line.contains("Collected :"))?;
    line.rsplit(' ').next()?.parse().ok()
}
