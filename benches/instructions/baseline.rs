//! The counts that are known, in `instructions.toml`, and what a new count means beside them.

use anyhow::Context;
use std::collections::BTreeMap;
use std::fmt::Write;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.toml");
/// Counts differ a little with the seeds of hash maps and with addresses.
const TOLERATED_PERCENT: u64 = 5;

/// Instructions per operation by case.
#[derive(Debug, PartialEq, Eq)]
pub struct Baseline(BTreeMap<String, u64>);

/// A new count beside the known one; percents are of the known one.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    Unknown,
    Same,
    Better(u64),
    Worse(u64),
}

impl Verdict {
    pub fn is_bad(&self) -> bool {
        matches!(self, Verdict::Unknown | Verdict::Worse(_))
    }
}

impl Baseline {
    pub fn of<'a>(counts: impl Iterator<Item = anyhow::Result<(&'a str, u64)>>) -> anyhow::Result<Baseline> {
        counts.map(|count| count.map(|(name, count)| (name.to_owned(), count))).collect::<Result<_, _>>().map(Baseline)
    }

    pub fn read() -> anyhow::Result<Baseline> {
        let text = std::fs::read_to_string(PATH).with_context(|| PATH)?;
        Ok(Baseline(toml::from_str(&text).with_context(|| PATH)?))
    }

    pub fn write(&self) -> anyhow::Result<()> {
        let mut text = String::from(
            "# Instructions per operation of the hot paths, counted by callgrind: `make bench-instructions` compares,\n\
             # `make bench-instructions WRITE=1` writes. What each case is stands in instructions/cases.rs.\n",
        );
        for (name, count) in self.iter() {
            writeln!(text, "{name} = {count}")?;
        }
        std::fs::write(PATH, text).with_context(|| PATH)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(name, count)| (name.as_str(), *count))
    }

    pub fn of_case(&self, name: &str) -> Option<u64> {
        self.0.get(name).copied()
    }

    pub fn verdict(&self, name: &str, now: u64) -> Verdict {
        let Some(known) = self.of_case(name) else { return Verdict::Unknown };
        let percent = now.abs_diff(known) * 100 / known.max(1);
        match now > known {
            _ if percent <= TOLERATED_PERCENT => Verdict::Same,
            true => Verdict::Worse(percent),
            false => Verdict::Better(percent),
        }
    }
}
