//! `fanwire serve`: the configured feeds, to subscribers, until a signal.

use super::{Overrides, announce, runtime, signalled};
use crate::app::{App, Listeners};
use crate::config::{self, Config};
use crate::shard;
use crate::store::{Snapshot, Store};
use anyhow::Context;
use feeds::model::{Batch, Change, Object, Topic, Update};
use feeds::outlet::Outlet;
use feeds::supervise::Hosts;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::watch;

#[derive(Debug, clap::Args)]
pub struct ServeArgs {
    /// The configuration, TOML
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    overrides: Overrides,
}

pub fn run(args: &ServeArgs) -> anyhow::Result<()> {
    let mut config = config::load(&args.config)?;
    args.overrides.apply(&mut config)?;
    runtime()?.block_on(serve(&config, async |_| Ok(()), signalled()))
}

/// Binds, starts the feeds and serves until `shutdown`. `prepare` may start more that publishes into the gateway.
pub(super) async fn serve(
    config: &Config,
    prepare: impl AsyncFnOnce(&App) -> anyhow::Result<()>,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let listeners = Listeners::bind(config).with_context(|| format!("cannot listen on {}", config.listen))?;
    announce(&listeners)?;
    let app = App::start(config, listeners)?;
    let (stop, stopped) = watch::channel(false);
    let hosts = Hosts::default();
    for feed in &config.feeds {
        let outlet = Outlet::new(feed.provider(), app.ingest.clone());
        app.sources.add_feed(feed.provider(), outlet.counters());
        let running = feeds::registry::spawn(feed, outlet, &hosts, stopped.clone(), None);
        watch(feed.provider(), running, &app);
    }
    prepare(&app).await?;
    app.run(shutdown).await?;
    let _ = stop.send(true);
    Ok(())
}

/// A feed ends with the gateway. One that breaks before is a fault of ours: STALE-TOLD, its topics are marked and its
/// state says `down`.
fn watch(provider: &str, feed: tokio::task::JoinHandle<()>, app: &App) {
    let (provider, store, ingest) = (provider.to_owned(), Arc::clone(&app.store), app.ingest.clone());
    tokio::spawn(async move {
        if let Err(error) = feed.await
            && error.is_panic()
        {
            tracing::error!(provider, %error, "the feed broke; its topics are no longer updated, and marked stale");
            let batch = obituary(&provider, &store);
            // On a thread that may wait: this must not be lost because ingest is full.
            let _ = tokio::task::spawn_blocking(move || ingest.send(batch)).await;
        }
    });
}

fn obituary(provider: &str, store: &Store) -> Batch {
    let of_provider = |snapshot: &Arc<Snapshot>| snapshot.name.split('.').any(|token| token == provider);
    let topics = store.all().filter(of_provider).filter_map(|snapshot| Topic::new(&snapshot.name).ok());
    let mut updates: Vec<Update> = topics.map(|topic| Update::new(topic, None, Change::Stale(true))).collect();
    if let Ok(topic) = Topic::of(&["feed", provider]) {
        let down = Object::new().with("state", "down").with("reason", "the adapter broke");
        updates.push(Update::new(topic, None, Change::Patch(down)));
    }
    Batch { provider: provider.into(), received_ms: shard::now_ms(), updates }
}
