//! `fanwire check`: validates a configuration without binding or connecting anything.

use crate::config;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// The configuration, TOML
    #[arg(value_name = "FILE")]
    config: PathBuf,
}

#[allow(clippy::print_stdout)] // Why: the verdict is this program's output.
pub fn run(args: &CheckArgs) -> anyhow::Result<()> {
    let config = config::load(&args.config)?;
    let feeds: Vec<&str> = config.feeds.iter().map(config::Feed::provider).collect();
    println!("{}: good; {} shards, feeds: {}", args.config.display(), config.shards, feeds.join(", "));
    Ok(())
}
