//! `fanwire-loadtest launch`: what stands between us and a target: the CPU it may use, and its end with ours.
//!
//! Why not in the child between fork and exec: that needs `unsafe`; a program that sets itself up and then becomes the
//! other does not.

use crate::target::process::pin;
use anyhow::{Context, ensure};
use rustix::process::{Signal, set_parent_process_death_signal};
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

#[derive(Debug, clap::Args)]
pub struct LaunchArgs {
    #[arg(long)]
    cpu: usize,
    #[arg(last = true, required = true)]
    program: Vec<OsString>,
}

pub fn run(args: &LaunchArgs) -> anyhow::Result<()> {
    ensure!(!args.program.is_empty(), "no program is named");
    set_parent_process_death_signal(Some(Signal::KILL)).context("the end with our parent")?;
    if !pin(args.cpu) {
        eprintln!("warning: CPU {} is not to be had; the target is not pinned", args.cpu);
    }
    let error = Command::new(&args.program[0]).args(&args.program[1..]).exec();
    Err(error).with_context(|| format!("cannot start {:?}", args.program[0]))
}
