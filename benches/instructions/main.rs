//! Instructions per operation of the hot paths, counted by callgrind and compared with `instructions.toml`: a regression
//! shows here where times drown it in noise.
//!
//! Why not gungraun: its runner is a binary to install beside the crate, and its baselines lie in `target/`; ours are in
//! the repository, so a change of speed stands in the commit that made it. The program runs itself once under valgrind
//! for each case.

mod baseline;
mod cases;
mod instrument;

use anyhow::{Context, bail, ensure};
use baseline::{Baseline, Verdict};
use cases::CASES;

/// Names the case that this process is to run, under valgrind.
const CASE_ARGUMENT: &str = "--case";
/// Writes the counts instead of comparing them.
const WRITE_ARGUMENT: &str = "--write";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == CASE_ARGUMENT) {
        let name = arguments.get(at + 1).context("a case's name")?;
        let case = CASES.iter().find(|case| case.name == name).context("no such case")?;
        (case.run)();
        return Ok(());
    }
    let counted = Baseline::of(CASES.iter().map(|case| Ok((case.name, instrument::count(case.name)?))))?;
    if arguments.iter().any(|argument| argument == WRITE_ARGUMENT) {
        return counted.write();
    }
    compare(&counted)
}

#[expect(clippy::print_stdout, reason = "its only output")]
fn compare(counted: &Baseline) -> anyhow::Result<()> {
    let known = Baseline::read()?;
    let mut bad = 0;
    println!("{:28} {:>12} {:>12}", "instructions per operation", "known", "now");
    for (name, now) in counted.iter() {
        let verdict = known.verdict(name, now);
        bad += usize::from(verdict.is_bad());
        println!("{name:28} {:>12} {now:>12}  {verdict}", known.of_case(name).unwrap_or_default());
    }
    if let Some(name) = known.iter().map(|(name, _)| name).find(|name| counted.of_case(name).is_none()) {
        bail!("{name} is in instructions.toml, but there is no such case");
    }
    ensure!(
        bad == 0,
        "{bad} cases need more instructions than known: mend it, or say why in the commit that writes them"
    );
    Ok(())
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Verdict::Unknown => f.write_str("not in instructions.toml: make bench-instructions WRITE=1"),
            Verdict::Same => Ok(()),
            Verdict::Better(percent) => write!(f, "{percent}% fewer: write it down with WRITE=1"),
            Verdict::Worse(percent) => write!(f, "{percent}% MORE"),
        }
    }
}
