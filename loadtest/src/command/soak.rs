//! `fanwire-loadtest soak`: a crowd that comes and goes, for an hour or as long as wanted, and the verdict.

use super::{save, say};
use crate::soak::{self, SoakLoad};
use crate::target::Setting;
use anyhow::ensure;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub struct SoakArgs {
    #[command(flatten)]
    load: SoakLoad,
    #[command(flatten)]
    setting: Setting,
    /// Writes the report, with all samples, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub fn run(args: &SoakArgs) -> anyhow::Result<()> {
    let report = soak::run(&args.load, &args.setting, |line| eprintln!("{line}"))?;
    say(&report.table())?;
    if let Some(path) = &args.json {
        save(path, &report)?;
    }
    ensure!(report.failures.is_empty(), "the soak failed: {}", report.failures.join("; "));
    Ok(())
}
