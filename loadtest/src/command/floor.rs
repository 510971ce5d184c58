//! `fanwire-loadtest floor`: the floor program, as `run` and `compare` start it.

use std::net::SocketAddrV4;

#[derive(Debug, clap::Args)]
pub struct FloorArgs {
    /// Where clients connect (port 0: any free port; the bound address is printed)
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDR")]
    listen: SocketAddrV4,
}

pub fn run(args: &FloorArgs) -> anyhow::Result<()> {
    crate::floor::serve(args.listen)
}
