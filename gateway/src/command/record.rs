//! `fanwire record`: writes what a provider sends, in the capture format that `replay` reads.

use super::{runtime, signalled};
use crate::config::{self, Feed};
use anyhow::{Context, bail};
use feeds::capture::Recorder;
use feeds::outlet::Outlet;
use feeds::supervise::Hosts;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::watch;

/// Batches kept while recording; nobody reads them but the drain.
const BATCHES_MAX: usize = 1_024;

#[derive(Debug, clap::Args)]
pub struct RecordArgs {
    /// binance, kraken, coinbase_advanced, bybit, okx, alpaca, nhl, mlb, nba, espn …
    #[arg(long, required_unless_present = "config")]
    provider: Option<String>,
    /// Records a feed of a configuration (TOML) as it stands there
    #[arg(long, value_name = "FILE", conflicts_with_all = ["provider", "symbols", "settings"])]
    config: Option<PathBuf>,
    /// The name of that feed, if there are several: its provider, or of a generic one its own
    #[arg(long, value_name = "NAME", requires = "config")]
    feed: Option<String>,
    /// Canonical symbols, as BTC-USDT; of providers that have symbols
    #[arg(long, value_delimiter = ',')]
    symbols: Vec<String>,
    /// More of the feed's configuration, as key=value in TOML; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Ends by itself after so many seconds; 0: only at a signal
    #[arg(long, default_value_t = 0)]
    seconds: u64,
    /// Where to write; .zst is compressed
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub fn run(args: &RecordArgs) -> anyhow::Result<()> {
    runtime()?.block_on(record(args))
}

fn feed_of(args: &RecordArgs) -> anyhow::Result<Feed> {
    if let Some(path) = &args.config {
        return named(config::load(path)?.feeds, args.feed.as_deref());
    }
    let mut text = format!("provider = {:?}\n", args.provider.as_deref().unwrap_or_default());
    if !args.symbols.is_empty() {
        text.push_str(&format!("symbols = {:?}\n", args.symbols));
    }
    text.extend(args.settings.iter().map(|setting| format!("{setting}\n")));
    let feed: Feed = toml::from_str(&text).context("the feed's configuration")?;
    let problems = feed.validate();
    if !problems.is_empty() {
        bail!("the feed's configuration: {}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "));
    }
    Ok(feed)
}

fn named(feeds: Vec<Feed>, name: Option<&str>) -> anyhow::Result<Feed> {
    let names = feeds.iter().map(Feed::provider).collect::<Vec<_>>().join(", ");
    let mut named = feeds.into_iter().filter(|feed| name.is_none_or(|name| feed.provider() == name));
    match (named.next(), named.next()) {
        (Some(feed), None) => Ok(feed),
        (None, _) => bail!("there is no such feed; there are: {names}"),
        _ => bail!("name one of the feeds with --feed: {names}"),
    }
}

async fn record(args: &RecordArgs) -> anyhow::Result<()> {
    let feed = feed_of(args)?;
    let config = serde_json::to_value(&feed).context("the feed's configuration")?;
    let recorder = Recorder::create(&args.file, feed.provider(), &config)
        .with_context(|| format!("cannot write {}", args.file.display()))?;
    let (sender, receiver) = crossbeam_channel::bounded(BATCHES_MAX);
    let (stop, stopped) = watch::channel(false);
    let outlet = Outlet::new(feed.provider(), sender);
    let counters = outlet.counters();
    let running = feeds::registry::spawn(&feed, outlet, &Hosts::default(), stopped, Some(Box::new(recorder)));
    let mut progress = tokio::time::interval(Duration::from_secs(1));
    let end = async {
        let time_is_up = async {
            match args.seconds {
                0 => std::future::pending().await,
                seconds => tokio::time::sleep(Duration::from_secs(seconds)).await,
            }
        };
        tokio::select! {
            () = time_is_up => {}
            () = signalled() => {}
        }
    };
    tokio::pin!(end);
    loop {
        tokio::select! {
            () = &mut end => break,
            _ = progress.tick() => {
                while receiver.try_recv().is_ok() {}
                let frames = counters.frames.load(std::sync::atomic::Ordering::Relaxed);
                tracing::info!(frames, "recording");
            }
        }
    }
    let _ = stop.send(true);
    running.await.context("the feed ended badly")?;
    Ok(())
}
