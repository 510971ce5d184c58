//! `fanwire-loadtest attend`: a client process beside another, which tells it what to do on its standard input.

use crate::helpers;
use crate::target::process::name_thread;

pub fn run() -> anyhow::Result<()> {
    name_thread(c"subscribers");
    helpers::help(&mut std::io::stdin().lock(), &mut std::io::stdout().lock())
}
