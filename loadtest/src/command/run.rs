//! `fanwire-loadtest run`: one measurement, and the proof that goes with it.

use super::{save, say};
use crate::html;
use crate::measure::{self, Load};
use crate::report::Report;
use crate::results;
use crate::stage::Stage;
use crate::target::TargetKind;
use crate::workload::{Transport, Workload};
use anyhow::ensure;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub struct RunArgs {
    #[command(flatten)]
    workload: Workload,
    /// How subscribers are connected
    #[arg(long, value_enum, default_value_t = Transport::Websocket)]
    transport: Transport,
    /// What is measured
    #[arg(long, value_enum, default_value_t = TargetKind::Fanwire)]
    target: TargetKind,
    #[command(flatten)]
    stage: Stage,
    /// Fails if any subscriber fell behind, even if it was told so
    #[arg(long)]
    no_lag: bool,
    /// Writes the report as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes the report as a page of HTML
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

pub fn run(args: &RunArgs) -> anyhow::Result<()> {
    let measured = measure::run(&Load::alike(&args.workload, args.transport), args.target, &args.stage)?;
    let report = Report::new(&args.workload, &measured);
    say(&report.table())?;
    if let Some(path) = &args.json {
        save(path, &report)?;
    }
    if let Some(path) = &args.html {
        html::write(path, &format!("{} {}", report.target, report.transport), &results::of(&report)?)?;
    }
    ensure!(!args.no_lag || report.lags == 0, "{} lags: a subscriber fell behind and was given snapshots", report.lags);
    Ok(())
}
