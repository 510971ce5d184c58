//! `fanwire-loadtest compare`: floor, gateway, floor, gateway, … since absolute figures drift and ratios hold.

use super::{save, say};
use crate::html;
use crate::measure;
use crate::report::{Comparison, Report};
use crate::results;
use crate::target::{Setting, TargetKind};
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
    /// Pairs of runs
    #[arg(long, default_value_t = 3, value_name = "N")]
    pairs: usize,
    #[command(flatten)]
    setting: Setting,
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
    ensure!((1..=100).contains(&args.pairs), "--pairs is 1 to 100");
    let mut comparisons = Vec::new();
    for &transport in &args.transport {
        let comparison = compare(args, transport)?;
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

fn compare(args: &CompareArgs, transport: Transport) -> anyhow::Result<Comparison> {
    let (mut floor, mut fanwire) = (Vec::new(), Vec::new());
    for _ in 0..args.pairs {
        for (kind, reports) in [(TargetKind::Floor, &mut floor), (TargetKind::Fanwire, &mut fanwire)] {
            let measured = measure::run(&args.workload, transport, kind, &args.setting)?;
            reports.push(Report::new(&args.workload, &measured));
        }
    }
    Ok(Comparison::new(transport, floor, fanwire))
}
