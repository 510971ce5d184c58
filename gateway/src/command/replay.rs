//! `fanwire replay`: recordings through the same translation, merging and encoding as live data.

use super::{Overrides, runtime, serve, signalled};
use crate::config::{self, DEMO};
use crate::limits::Limits;
use crate::log::{Epoch, Log, LogLimits, Reader};
use crate::sequencer::{KindRules, Sequencer};
use crate::store::Store;
use anyhow::Context;
use feeds::adapter::Counts;
use feeds::capture::{self, Head, Speed};
use feeds::inlet::Inlet;
use feeds::model::{Batch, Update};
use serde::Serialize;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

/// The log of a printing replay: each commit is printed at once, so little is kept.
const LOG: LogLimits = LogLimits { segments_max: 16, bytes_max: 64 << 20 };
/// Topics of one replay.
const TOPICS_MAX: usize = 1_000_000;

#[derive(Clone, Debug, clap::Args)]
pub struct ReplayArgs {
    /// binance, kraken, coinbase_advanced, bybit, okx, alpaca, nhl, mlb, nba, espn …
    #[arg(long)]
    provider: String,
    /// Recordings in the capture format, .zst or plain, played one after another; a .json or .json.zst may hold one body
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// How many times as fast as it was recorded, or max
    #[arg(long, default_value = "max")]
    speed: Speed,
    /// Serves the data to subscribers instead of printing it
    #[arg(long)]
    serve: bool,
    #[command(flatten)]
    overrides: Overrides,
}

/// The last line on standard error.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Summary {
    pub frames: u64,
    pub updates: u64,
    pub entries: u64,
    pub gaps: u64,
    pub resyncs: u64,
    pub checksum_ok: u64,
    pub checksum_failed: u64,
    pub rejected: u64,
}

impl Summary {
    fn add(&mut self, counts: Counts) {
        self.frames += counts.frames;
        self.gaps += counts.gaps;
        self.resyncs += counts.resyncs;
        self.checksum_ok += counts.checksum_ok;
        self.checksum_failed += counts.checksum_failed;
        self.rejected += counts.rejected;
    }
}

pub fn run(args: &ReplayArgs) -> anyhow::Result<()> {
    let summary = if args.serve { serve_files(args)? } else { print_files(args)? };
    let mut stderr = std::io::stderr().lock();
    writeln!(stderr, "{}", serde_json::to_string(&summary)?)?;
    Ok(())
}

/// Plays all files, each through an adapter of its own that is configured from the file.
fn play(args: &ReplayArgs, mut on_updates: impl FnMut(i64, &mut Vec<Update>)) -> anyhow::Result<Summary> {
    let mut summary = Summary::default();
    for file in &args.files {
        let name = || format!("{}", file.display());
        let head = Head::read(file).with_context(name)?;
        let mut adapter = feeds::registry::for_replay(&args.provider, &head).with_context(name)?;
        let entries = capture::Reader::open(file).with_context(name)?;
        let counts = capture::replay(&mut *adapter, entries, args.speed, |now_ms, updates| {
            summary.updates += updates.len() as u64;
            on_updates(now_ms, updates);
        });
        summary.add(counts.with_context(name)?);
    }
    Ok(summary)
}

fn print_files(args: &ReplayArgs) -> anyhow::Result<Summary> {
    let store = Arc::new(Store::new());
    let (log, writer) = Log::new(Epoch::from_bits(rand::random()), LOG);
    let mut reader = log.reader_at_tail();
    let limits = Limits { topics_max: TOPICS_MAX, ..Limits::default() };
    let mut sequencer = Sequencer::new(store, writer, KindRules::new(Vec::new()), &limits);
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut written = Ok(());
    let mut refused = 0;
    let mut summary = play(args, |now_ms, updates| {
        for update in updates.drain(..) {
            refused += u64::from(sequencer.apply(update, now_ms).is_err());
        }
        sequencer.commit();
        if written.is_ok() {
            written = print_new(&mut reader, &log, &mut out);
        }
    })?;
    // A reader that closed its end has seen enough: no error of ours.
    if let Err(error) = written.and_then(|()| out.flush())
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        return Err(error.into());
    }
    summary.entries = log.end().0;
    summary.rejected += refused;
    Ok(summary)
}

fn print_new(reader: &mut Reader, log: &Log, out: &mut impl Write) -> std::io::Result<()> {
    while let Ok(Some(segment)) = reader.read(log) {
        for index in 0..segment.entries.len() as u32 {
            out.write_all(segment.json(index))?;
            out.write_all(b"\n")?;
        }
    }
    Ok(())
}

fn serve_files(args: &ReplayArgs) -> anyhow::Result<Summary> {
    let mut config = config::parse(DEMO, "the built-in configuration")?;
    args.overrides.apply(&mut config)?;
    let (done, summary) = tokio::sync::oneshot::channel();
    let args = args.clone();
    let entries = runtime()?.block_on(async {
        let mut end = None;
        let prepare = async |app: &crate::app::App| {
            end = Some(Arc::clone(&app.log));
            let ingest = app.ingest.clone();
            std::thread::Builder::new().name("replay".into()).spawn(move || {
                let _ = done.send(play(&args, |now_ms, updates| forward(&args.provider, &ingest, now_ms, updates)));
            })?;
            Ok(())
        };
        serve::serve(&config, prepare, signalled()).await?;
        Ok::<_, anyhow::Error>(end.map_or(0, |log| log.end().0))
    })?;
    // The replay may still be running when the signal comes: then what it counted is not known.
    let mut summary = summary.blocking_recv().unwrap_or_else(|_| Ok(Summary::default()))?;
    summary.entries = entries;
    Ok(summary)
}

fn forward(provider: &str, ingest: &Inlet<Batch>, received_ms: i64, updates: &mut Vec<Update>) {
    let batch = Batch { provider: provider.into(), received_ms, updates: std::mem::take(updates) };
    // The recording waits for room: it can, and a client sees all of it.
    let _ = ingest.send(batch);
}
