//! `fanwire-loadtest births`: millions of topics born and retired, and what stays behind.

use super::{save, say};
use crate::births::{self, BirthsLoad};
use crate::target::Setting;
use anyhow::bail;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub struct BirthsArgs {
    #[command(flatten)]
    load: BirthsLoad,
    #[command(flatten)]
    setting: Setting,
    /// Writes the report, with all samples, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub fn run(args: &BirthsArgs) -> anyhow::Result<()> {
    let report = births::run(&args.load, &args.setting, |line| eprintln!("{line}"))?;
    say(&report.table())?;
    if let Some(path) = &args.json {
        save(path, &report)?;
    }
    match report.failure() {
        Some(failure) => bail!(failure),
        None => Ok(()),
    }
}
