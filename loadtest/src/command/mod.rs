//! What the binary can do, one file each.

mod attend;
mod births;
mod compare;
mod diff;
mod floor;
mod idle;
mod launch;
mod peers;
mod report;
mod run;
mod scenario;
mod slow;
mod soak;
mod upgrades;

use anyhow::Context;
use clap::Subcommand;
use serde::Serialize;
use std::fs;
use std::io::Write;
use std::path::Path;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// One run against a gateway or a floor that it starts itself; any violation of the protocol fails it.
    Run(run::RunArgs),
    /// Runs of the floor and the gateway in turn, and the ratio of their costs.
    Compare(compare::CompareArgs),
    /// A load that is written down in a TOML file, and whether it reached its goals.
    Scenario(scenario::ScenarioArgs),
    /// Floor, gateway and other systems in turn, over and over, into a folder of raw data with a page and a report.
    Peers(peers::PeersArgs),
    /// Reports as one page of HTML, with plots.
    Report(report::ReportArgs),
    /// Two reports side by side, figure by figure.
    Diff(diff::DiffArgs),
    /// SLOW-ALONE: subscribers that stop reading, or a shard that does nothing, and what the others feel of it.
    Slow(slow::SlowArgs),
    /// A crowd that comes and goes, feeds that break, topics that are born and retired, for an hour; and the verdict.
    Soak(soak::SoakArgs),
    /// Millions of topics born and retired, and what stays behind of them.
    Births(births::BirthsArgs),
    /// Memory of connections that do nothing, item by item.
    Idle(idle::IdleArgs),
    /// A floor program: bytes to subscribers, and nothing else.
    Floor(floor::FloorArgs),
    /// WebSocket upgrades per second, and those of hyper answering a bare 101.
    Upgrades(upgrades::UpgradesArgs),
    /// hyper that answers every request with a bare 101.
    BareUpgrade(upgrades::BareArgs),
    /// Starts a program on one CPU, ended together with its parent.
    #[command(hide = true)]
    Launch(launch::LaunchArgs),
    /// A client process beside another, which tells it what to do.
    #[command(hide = true)]
    Attend,
}

pub fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Run(args) => run::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Scenario(args) => scenario::run(&args),
        Command::Peers(args) => peers::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Slow(args) => slow::run(&args),
        Command::Soak(args) => soak::run(&args),
        Command::Births(args) => births::run(&args),
        Command::Idle(args) => idle::run(&args),
        Command::Floor(args) => floor::run(&args),
        Command::Upgrades(args) => upgrades::run(&args),
        Command::BareUpgrade(args) => upgrades::serve_bare(&args),
        Command::Launch(args) => launch::run(&args),
        Command::Attend => attend::run(),
    }
}

fn say(text: &str) -> anyhow::Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("standard output")
}

fn save(path: &Path, report: &impl Serialize) -> anyhow::Result<()> {
    let mut json = serde_json::to_string_pretty(report)?;
    json.push('\n');
    fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))
}
