//! `fanwire-loadtest floor`: the floor program, as `run` and `compare` start it.

use crate::floor::FloorKind;
use std::net::SocketAddrV4;

#[derive(Debug, clap::Args)]
pub struct FloorArgs {
    /// Where clients connect (port 0: any free port; the bound address is printed)
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDR")]
    listen: SocketAddrV4,
    #[arg(long, value_enum, default_value_t)]
    kind: FloorKind,
    /// Milliseconds for which FLOOR-B gathers; 0: what one turn of its loop reads
    #[arg(long, default_value_t = 0, value_name = "MS")]
    tick_ms: u64,
}

pub fn run(args: &FloorArgs) -> anyhow::Result<()> {
    crate::floor::serve(args.listen, args.kind, args.tick_ms)
}
