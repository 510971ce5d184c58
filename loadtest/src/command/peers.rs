//! `fanwire-loadtest peers`: floor, Fanwire and every peer in turn, round after round.

use super::say;
use crate::html;
use crate::peer::rounds::{Held, Record, contenders};
use crate::peer::table;
use crate::stage::Stage;
use crate::workload::{Kind, Transport, Workload};
use anyhow::{Context, ensure};
use clap::ValueEnum;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub struct PeersArgs {
    /// What is put on them; may be given more than once
    #[arg(long, value_enum, default_values_t = [Named::W1], value_delimiter = ',')]
    workload: Vec<Named>,
    /// Rounds of runs, added to those that the folder holds; 0: only writes the page anew
    #[arg(long, default_value_t = 3, value_name = "N")]
    pairs: usize,
    /// Peers that take part; by default all that are installed
    #[arg(long = "peer", value_name = "NAME", value_delimiter = ',')]
    peers: Vec<String>,
    /// How Fanwire's subscribers are connected; may be given more than once
    #[arg(long, value_enum, default_values_t = [Transport::Websocket, Transport::Sse, Transport::LongPoll], value_delimiter = ',')]
    transport: Vec<Transport>,
    /// Connections, if not the workload's
    #[arg(long, value_name = "N")]
    subscribers: Option<usize>,
    /// Messages published per second, if not the workload's
    #[arg(long, value_name = "HZ")]
    rate: Option<u64>,
    /// Seconds of publishing before the measurement begins
    #[arg(long, default_value_t = 2, value_name = "S")]
    warmup: u64,
    /// Seconds that are measured
    #[arg(long, default_value_t = 5, value_name = "S")]
    seconds: u64,
    #[command(flatten)]
    stage: Stage,
    /// Folder of the raw data (*.jsonl), the page (README.md) and a report of each workload (*.html)
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Named {
    /// One hot topic: 1,000 subscribers, 100 messages/s
    W1,
    /// W1 at 25 messages/s: little enough that nearly all write one message at a time
    W1Calm,
    /// 1,000 topics, 20 random ones for each of 1,000 subscribers, 5,000 messages/s
    W2,
    /// W2 at 1,250 messages/s
    W2Calm,
}

impl Named {
    fn workload(self, args: &PeersArgs) -> Workload {
        let one = Workload::of_one_topic();
        let many = |rate| Workload { topics: 1_000, per_subscriber: 20, rate, kind: Kind::State, ..one.clone() };
        let named = match self {
            Named::W1 => one,
            Named::W1Calm => Workload { rate: 25, ..one },
            Named::W2 => many(5_000),
            Named::W2Calm => many(1_250),
        };
        Workload {
            subscribers: args.subscribers.unwrap_or(named.subscribers),
            rate: args.rate.unwrap_or(named.rate),
            warmup: args.warmup,
            seconds: args.seconds,
            ..named
        }
    }

    fn name(self) -> &'static str {
        match self {
            Named::W1 => "w1",
            Named::W1Calm => "w1-calm",
            Named::W2 => "w2",
            Named::W2Calm => "w2-calm",
        }
    }
}

pub fn run(args: &PeersArgs) -> anyhow::Result<()> {
    ensure!(args.pairs <= 100, "--pairs is 0 to 100");
    if args.pairs > 0 {
        measure(args)?;
    }
    let page = write_page(&args.out)?;
    say(&page)
}

fn measure(args: &PeersArgs) -> anyhow::Result<()> {
    let contenders = contenders(&args.transport, &args.peers, |word| eprintln!("{word}"))?;
    for named in &args.workload {
        let workload = named.workload(args);
        let mut record = Record::open(&args.out, named.name(), &workload)?;
        for _ in 0..args.pairs {
            record.run_round(&contenders, &workload, &args.stage, |word| eprintln!("{} {word}", named.name()))?;
        }
    }
    Ok(())
}

/// Writes the page of all that the folder holds, and a report of each workload. Returns the page.
fn write_page(folder: &Path) -> anyhow::Result<String> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    ensure!(!files.is_empty(), "{} holds no *.jsonl", folder.display());
    let name = |path: &PathBuf| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let held: Vec<(String, Held)> =
        files.iter().map(|path| Ok((name(path), Held::read(path)?))).collect::<anyhow::Result<_>>()?;
    let page = table::page(&held);
    let file = folder.join("README.md");
    fs::write(&file, &page).with_context(|| format!("cannot write {}", file.display()))?;
    for (name, Held { runs, .. }) in held.iter().filter(|(_, held)| !held.runs.is_empty()) {
        let title = format!("Peers side by side, {}", name.to_uppercase());
        html::write(&folder.join(format!("{name}.html")), &title, runs)?;
    }
    Ok(page)
}
