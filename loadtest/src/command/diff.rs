//! `fanwire-loadtest diff`: two reports as a table of ratios.

use super::say;
use crate::{diff, results};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub struct DiffArgs {
    /// A JSON file of `run`, `compare` or `peers`
    #[arg(value_name = "A.json")]
    first: PathBuf,
    /// What it is compared with
    #[arg(value_name = "B.json")]
    second: PathBuf,
}

pub fn run(args: &DiffArgs) -> anyhow::Result<()> {
    say(&diff::diff(&results::read(&args.first)?, &results::read(&args.second)?))
}
