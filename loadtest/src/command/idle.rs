//! `fanwire-loadtest idle`: memory per connection, item by item.

use super::{save, say};
use crate::idle::{self, IdleLoad};
use crate::target::Setting;
use anyhow::ensure;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub struct IdleArgs {
    #[command(flatten)]
    load: IdleLoad,
    #[command(flatten)]
    setting: Setting,
    /// Fails if an idle connection takes more resident bytes
    #[arg(long, value_name = "BYTES")]
    resident_max: Option<f64>,
    /// Writes the report as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub fn run(args: &IdleArgs) -> anyhow::Result<()> {
    let report = idle::run(&args.load, &args.setting)?;
    say(&report.table())?;
    if let Some(path) = &args.json {
        save(path, &report)?;
    }
    let (each, most) = (report.resident_each(), args.resident_max.unwrap_or(f64::INFINITY));
    ensure!(each <= most, "{each:.0} resident bytes per connection, above {most}");
    Ok(())
}
