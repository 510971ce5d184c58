//! `fanwire-loadtest scenario`: a load that is written down, and whether it reached its goals.

use super::{save, say};
use crate::pairs::Budget;
use crate::scenario::{Changes, Scenario};
use crate::target::{Setting, TargetKind};
use anyhow::ensure;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub struct ScenarioArgs {
    /// TOML; those of this project are in loadtest/scenarios
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    budget: Budget,
    /// Runs this target alone, once, even if the scenario compares
    #[arg(long, value_enum)]
    target: Option<TargetKind>,
    /// Multiplies the numbers of subscribers
    #[arg(long, value_name = "FACTOR")]
    scale: Option<f64>,
    /// Instead of the scenario's warm-up and length
    #[arg(long, value_name = "S")]
    warmup: Option<u64>,
    #[arg(long, value_name = "S")]
    seconds: Option<u64>,
    /// CPUs of the client processes after the first, in turn; by default the first one's
    #[arg(long, value_name = "N")]
    helper_cpu: Vec<usize>,
    /// Fails if a goal is missed
    #[arg(long)]
    enforce: bool,
    #[command(flatten)]
    setting: Setting,
    /// Writes the reports as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub fn run(args: &ScenarioArgs) -> anyhow::Result<()> {
    args.budget.validate()?;
    let changes = Changes { scale: args.scale, warmup_s: args.warmup, seconds: args.seconds };
    let scenario = Scenario::read(&args.file, changes)?;
    let stage = scenario.stage(&args.setting, &args.helper_cpu);
    let report = scenario.measure(&stage, &args.budget, args.target)?;
    say(&report.table())?;
    if let Some(path) = &args.json {
        save(path, &report)?;
    }
    let missed = report.missed();
    ensure!(!args.enforce || missed.is_empty(), "{}", missed.join("; "));
    Ok(())
}
