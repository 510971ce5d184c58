//! `fanwire serve`: the configured feeds, to subscribers, until a signal.

use super::{Addresses, announce, runtime, signalled};
use crate::app::{App, Listeners};
use crate::config::{self, Config};
use anyhow::Context;
use feeds::outlet::Outlet;
use feeds::supervise::Hosts;
use std::future::Future;
use std::path::PathBuf;
use tokio::sync::watch;

#[derive(Debug, clap::Args)]
pub struct ServeArgs {
    /// The configuration, TOML
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    addresses: Addresses,
}

pub fn run(args: &ServeArgs) -> anyhow::Result<()> {
    let mut config = config::load(&args.config)?;
    args.addresses.apply(&mut config);
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
        watch(feed.provider(), feeds::registry::spawn(feed, outlet, &hosts, stopped.clone(), None));
    }
    prepare(&app).await?;
    app.run(shutdown).await?;
    let _ = stop.send(true);
    Ok(())
}

/// A feed ends with the gateway; one that ends before is a fault of ours, and its topics would stand still unnoticed.
fn watch(provider: &'static str, feed: tokio::task::JoinHandle<()>) {
    tokio::spawn(async move {
        if let Err(error) = feed.await
            && error.is_panic()
        {
            tracing::error!(provider, %error, "the feed broke; its topics are no longer updated");
        }
    });
}
