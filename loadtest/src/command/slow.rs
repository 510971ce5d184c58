//! `fanwire-loadtest slow`: SLOW-ALONE, calm and disturbed runs in turn.

use super::{save, say};
use crate::slow::SlowLoad;
use crate::slow::report::SlowReport;
use crate::target::Setting;
use anyhow::ensure;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub struct SlowArgs {
    #[command(flatten)]
    load: SlowLoad,
    /// Pairs of runs
    #[arg(long, default_value_t = 1, value_name = "N")]
    pairs: usize,
    #[command(flatten)]
    setting: Setting,
    /// Fails if the median ratio of the others' p99 is above this
    #[arg(long, value_name = "RATIO")]
    p99_ratio_max: Option<f64>,
    /// Writes the report as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub fn run(args: &SlowArgs) -> anyhow::Result<()> {
    ensure!((1..=100).contains(&args.pairs), "--pairs is 1 to 100");
    let report = SlowReport::measure(&args.load, &args.setting, args.pairs)?;
    say(&report.table())?;
    if let Some(path) = &args.json {
        save(path, &report)?;
    }
    let most = args.p99_ratio_max.unwrap_or(f64::INFINITY);
    ensure!(
        report.p99.median <= most,
        "the others' p99 is {:.2} × that of the calm runs, above {most}",
        report.p99.median
    );
    Ok(())
}
