//! What the binary can do, one file each.

mod check;
mod demo;
mod map_test;
mod record;
mod replay;
mod serve;

pub use replay::Summary;

use crate::shard::RingUse;
use clap::{Args, Subcommand};
use std::net::SocketAddr;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serves the feeds of a configuration file.
    Serve(serve::ServeArgs),
    /// Serves simulated providers of its own: no network, no account, a page that moves.
    Demo(demo::DemoArgs),
    /// Plays recordings through a provider's adapter, to standard output or to subscribers.
    Replay(replay::ReplayArgs),
    /// Records what a provider sends, from a live connection.
    Record(record::RecordArgs),
    /// Says everything that is wrong with a configuration file.
    Check(check::CheckArgs),
    /// Shows what a sample of messages becomes under a generic feed's mapping.
    MapTest(map_test::MapTestArgs),
}

/// What goes over what the configuration says.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct Overrides {
    /// Where clients connect (port 0: any free port; the bound address is printed)
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Where operators look: /metrics, /healthz, /readyz
    #[arg(long, value_name = "ADDR")]
    admin: Option<SocketAddr>,
    /// Whether subscribers are written to through io_uring
    #[arg(long, value_enum, value_name = "USE")]
    io_uring: Option<RingUse>,
}

impl Overrides {
    fn apply(self, config: &mut crate::config::Config) -> anyhow::Result<()> {
        config.listen = self.listen.unwrap_or(config.listen);
        config.admin = self.admin.unwrap_or(config.admin);
        if config.listen == config.admin && config.listen.port() != 0 {
            anyhow::bail!("--listen and --admin are the same address, {}", config.listen);
        }
        config.io_uring = self.io_uring.unwrap_or(config.io_uring);
        if let Some(problem) = config.io_uring.problem() {
            anyhow::bail!("--io-uring: {problem}");
        }
        Ok(())
    }
}

pub fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve(args) => serve::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Record(args) => record::run(&args),
        Command::Check(args) => check::run(&args),
        Command::MapTest(args) => map_test::run(&args),
    }
}

/// The runtime of everything that is no shard: feeds, the admin listener, simulated providers.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name("feeds").enable_all().build()?)
}

/// Ends at SIGTERM or SIGINT.
async fn signalled() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// Prints where the gateway listens, for people and for scripts. Nobody has to read it: a closed stdout does no harm.
fn announce(listeners: &crate::app::Listeners) -> std::io::Result<()> {
    use std::io::Write;
    let (address, admin) = (listeners.address()?, listeners.admin_address()?);
    let _ = writeln!(std::io::stdout(), "listening on http://{address}/\nadmin on http://{admin}/metrics");
    Ok(())
}
