//! `fanwire demo`: simulated providers in this process, spoken to by the real adapters over loopback.

use super::{Addresses, runtime, serve, signalled};
use crate::config;
use anyhow::Context;
use feeds::simulate;
use std::net::SocketAddr;
use tokio::net::TcpListener;

#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// Makes the same market and the same games again
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Game seconds in a second
    #[arg(long, default_value_t = simulate::nhl::SPEED)]
    speed: u32,
    #[command(flatten)]
    addresses: Addresses,
}

pub fn run(args: &DemoArgs) -> anyhow::Result<()> {
    runtime()?.block_on(demo(args))
}

async fn demo(args: &DemoArgs) -> anyhow::Result<()> {
    let exchange = TcpListener::bind("127.0.0.1:0").await.context("cannot listen for the simulated exchange")?;
    let league = TcpListener::bind("127.0.0.1:0").await.context("cannot listen for the simulated league")?;
    let text = format!("{}\n{}", config::DEMO, feeds_of(exchange.local_addr()?, league.local_addr()?));
    let mut config = config::parse(&text, "the demo's configuration")?;
    args.addresses.apply(&mut config)?;
    let never = std::future::pending;
    let faults = simulate::binance::Faults::default();
    tokio::spawn(simulate::binance::serve(exchange, args.seed, faults, never()));
    tokio::spawn(simulate::nhl::serve(league, args.seed, args.speed, simulate::nhl::Faults::default(), never()));
    serve::serve(&config, async |_| Ok(()), signalled()).await
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
