//! `fanwire-loadtest run`: one measurement, and the proof that goes with it.

use super::{save, say};
use crate::measure::{self, Load};
use crate::report::Report;
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
}

pub fn run(args: &RunArgs) -> anyhow::Result<()> {
    let measured = measure::run(&Load::alike(&args.workload, args.transport), args.target, &args.stage)?;
    let report = Report::new(&args.workload, &measured);
    say(&report.table())?;
    if let Some(path) = &args.json {
        save(path, &report)?;
    }
    ensure!(!args.no_lag || report.lags == 0, "{} lags: a subscriber fell behind and was given snapshots", report.lags);
    Ok(())
}
