//! `fanwire demo`: simulated providers in this process, spoken to by the real adapters over loopback.

use super::{Overrides, runtime, serve, signalled};
use crate::config;
use anyhow::Context;
use feeds::simulate;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::TcpListener;

#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// Makes the same market and the same games again
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Game seconds in a second
    #[arg(long, default_value_t = simulate::nhl::SPEED)]
    speed: u32,
    /// A configuration of its own (TOML), to which the simulated feeds are added
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Seconds after which the simulated exchange cuts its connections and the league fails, again and again; 0: never
    #[arg(long, default_value_t = 0, value_name = "S")]
    cut_feeds_s: u64,
    #[command(flatten)]
    overrides: Overrides,
}

pub fn run(args: &DemoArgs) -> anyhow::Result<()> {
    runtime()?.block_on(demo(args))
}

async fn demo(args: &DemoArgs) -> anyhow::Result<()> {
    let exchange = TcpListener::bind("127.0.0.1:0").await.context("cannot listen for the simulated exchange")?;
    let league = TcpListener::bind("127.0.0.1:0").await.context("cannot listen for the simulated league")?;
    let base = match &args.config {
        Some(path) => std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?,
        None => config::DEMO.to_owned(),
    };
    let text = format!("{base}\n{}", feeds_of(exchange.local_addr()?, league.local_addr()?));
    let mut config = config::parse(&text, "the demo's configuration")?;
    args.overrides.apply(&mut config)?;
    let never = std::future::pending;
    let (exchange_faults, league_faults) = (simulate::binance::Faults::default(), simulate::nhl::Faults::default());
    if args.cut_feeds_s > 0 {
        tokio::spawn(cut(Duration::from_secs(args.cut_feeds_s), exchange_faults.clone(), league_faults.clone()));
    }
    tokio::spawn(simulate::binance::serve(exchange, args.seed, exchange_faults, never()));
    tokio::spawn(simulate::nhl::serve(league, args.seed, args.speed, league_faults, never()));
    serve::serve(&config, async |_| Ok(()), signalled()).await
}

/// Breaks the providers at every interval: the feeds are to come back by themselves.
async fn cut(every: Duration, exchange: simulate::binance::Faults, league: simulate::nhl::Faults) {
    let mut pace = tokio::time::interval(every);
    pace.tick().await;
    loop {
        pace.tick().await;
        exchange.close_sockets();
        league.fail_next(2);
    }
}

/// The feeds as a user would write them, pointed at the simulated providers.
fn feeds_of(exchange: SocketAddr, league: SocketAddr) -> String {
    format!(
        r#"
[[feed]]
provider = "binance"
symbols = ["BTC-USDT", "ETH-USDT", "SOL-USDT", "XRP-USDT"]
kinds = ["trade", "quote", "book", "bar", "ticker"]
ws_url = "ws://{exchange}"
rest_url = "http://{exchange}"

[[feed]]
provider = "nhl"
base_url = "http://{league}"
live_interval_ms = 2000
pregame_interval_ms = 2000
idle_interval_ms = 5000
corrections_ms = 20000
retire_after_ms = 60000
"#
    )
}
