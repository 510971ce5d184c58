//! The `fanwire-loadtest` binary: arguments → the command.

use clap::Parser;
use fanwire_loadtest::command::{self, Command};
use std::process::ExitCode;

/// Measures Fanwire, and proves while it measures that nothing was lost, repeated or out of order.
#[derive(Debug, Parser)]
#[command(name = "fanwire-loadtest", version, about, max_term_width = 120)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    match command::run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fanwire-loadtest: {error:#}");
            ExitCode::FAILURE
        }
    }
}
