//! `fanwire-loadtest upgrades`: WebSocket upgrades per second, and what a bare HTTP library reaches.

use super::{save, say};
use crate::target::Setting;
use crate::upgrades::{UpgradesLoad, UpgradesReport};
use anyhow::ensure;
use std::net::SocketAddrV4;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub struct UpgradesArgs {
    #[command(flatten)]
    load: UpgradesLoad,
    /// Pairs of runs
    #[arg(long, default_value_t = 3, value_name = "N")]
    pairs: usize,
    #[command(flatten)]
    setting: Setting,
    /// Fails if the median of fanwire's rate over the bare one's is below this
    #[arg(long, value_name = "RATIO")]
    ratio_min: Option<f64>,
    /// Writes the report as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub fn run(args: &UpgradesArgs) -> anyhow::Result<()> {
    ensure!((1..=100).contains(&args.pairs), "--pairs is 1 to 100");
    let report = UpgradesReport::measure(&args.load, &args.setting, args.pairs)?;
    say(&report.table())?;
    if let Some(path) = &args.json {
        save(path, &report)?;
    }
    let least = args.ratio_min.unwrap_or(0.0);
    let reached = report.per_second.median;
    ensure!(reached >= least, "{reached:.2} × the upgrades of a bare 101, below {least}");
    Ok(())
}

#[derive(Debug, clap::Args)]
pub struct BareArgs {
    /// Where clients connect (port 0: any free port; the bound address is printed)
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDR")]
    listen: SocketAddrV4,
}

pub fn serve_bare(args: &BareArgs) -> anyhow::Result<()> {
    crate::upgrades::bare::serve(args.listen)
}
