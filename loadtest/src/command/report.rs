//! `fanwire-loadtest report`: JSON reports as one page of HTML.

use crate::{html, results};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub struct ReportArgs {
    /// JSON files of `run`, `compare` or `peers`
    #[arg(required = true, value_name = "RUN.json")]
    runs: Vec<PathBuf>,
    /// Where the page is written
    #[arg(long, short, value_name = "FILE.html")]
    output: PathBuf,
    /// What stands above it; by default the names of the files
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
}

pub fn run(args: &ReportArgs) -> anyhow::Result<()> {
    let mut runs = Vec::new();
    for path in &args.runs {
        runs.extend(results::read(path)?);
    }
    let files: Vec<String> = args.runs.iter().map(|path| path.display().to_string()).collect();
    html::write(&args.output, args.title.as_deref().unwrap_or(&files.join(", ")), &runs)
}
