//! `fanwire-loadtest compare`: floor, gateway, floor, gateway, … since absolute figures drift and ratios hold.

use super::{save, say};
use crate::html;
use crate::measure::Load;
use crate::pairs::{self, Budget};
use crate::report::Comparison;
use crate::results;
use crate::stage::Stage;
use crate::workload::{Transport, Workload};
use anyhow::ensure;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub struct CompareArgs {
    #[command(flatten)]
    workload: Workload,
    /// How subscribers are connected; may be given more than once
    #[arg(long, value_enum, default_values_t = [Transport::Websocket])]
    transport: Vec<Transport>,
    #[command(flatten)]
    budget: Budget,
    #[command(flatten)]
    stage: Stage,
    /// Fails if the median ratio of CPU per delivery is above this
    #[arg(long, value_name = "RATIO")]
    cpu_ratio_max: Option<f64>,
    /// Writes the reports as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes the reports as a page of HTML
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

pub fn run(args: &CompareArgs) -> anyhow::Result<()> {
    args.budget.validate()?;
    let budget = args.budget.shared_by(args.transport.len());
    let mut comparisons = Vec::new();
    for &transport in &args.transport {
        let comparison = pairs::compare(&Load::alike(&args.workload, transport), &args.stage, &budget)?;
        say(&comparison.table())?;
        comparisons.push(comparison);
    }
    if let Some(path) = &args.json {
        save(path, &comparisons)?;
    }
    if let Some(path) = &args.html {
        html::write(path, "Fanwire and the floor", &results::of(&comparisons)?)?;
    }
    let most = args.cpu_ratio_max.unwrap_or(f64::INFINITY);
    for Comparison { transport, cpu, .. } in &comparisons {
        ensure!(cpu.median <= most, "{transport}: {:.2} × the floor's CPU per delivery, above {most}", cpu.median);
    }
    Ok(())
}
