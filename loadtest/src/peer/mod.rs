//! Peers: systems that Fanwire is measured beside, each with a small adapter in a file of its own. An adapter says how
//! the peer is started, how a subscriber asks for its topics, where in the bytes a message is, and how one is published.
//!
//! [`measure`] runs one of them as Fanwire is run, [`rounds`] runs all in turn, [`table`] says what came of it.

pub mod dialogue;
pub mod fleet;
pub mod http;
pub mod measure;
pub mod message;
pub mod nats;
pub mod nchan;
pub mod node;
pub mod origin;
pub mod post;
pub mod pushpin;
pub mod report;
pub mod rounds;
pub mod socketio;
pub mod table;
pub mod ws;

use crate::publisher::Inlet;
use crate::target::{Setting, Target};
use crate::workload::Workload;
use dialogue::Dialogue;
use std::fmt;
use std::net::SocketAddrV4;

/// How a subscriber is connected to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Websocket,
    Sse,
    /// HTTP long-polling as the peer's own client does it.
    Polling,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Way::Websocket => "websocket",
            Way::Sse => "sse",
            Way::Polling => "polling",
        })
    }
}

pub trait Peer: Sync {
    fn name(&self) -> &'static str;
    fn ways(&self) -> &'static [Way];
    /// Its version; an error says what is not installed.
    fn version(&self) -> anyhow::Result<String>;
    fn start(&self, setting: &Setting, workload: &Workload) -> anyhow::Result<Running>;
    /// `topics`: sorted.
    fn subscriber(&self, way: Way, topics: &[u32]) -> Box<dyn Dialogue>;
    fn inlet(&self, way: Way, running: &Running, workload: &Workload) -> anyhow::Result<Box<dyn Inlet>>;
}

/// A peer that has been started.
#[derive(Debug)]
pub struct Running {
    pub target: Target,
    /// Where it is published to.
    pub inlet: SocketAddrV4,
    /// The application behind it, of a peer that is a proxy.
    pub origin: Option<origin::Origin>,
}

/// All that there are.
pub const ALL: [&dyn Peer; 5] = [&nchan::Nchan, &ws::Ws, &nats::Nats, &socketio::SocketIo, &pushpin::Pushpin];

/// The version of a Debian package.
fn debian_version(package: &str) -> anyhow::Result<String> {
    let mut query = std::process::Command::new("dpkg-query");
    let output = query.args(["-W", "-f", "${Version}", package]).output();
    match output {
        Ok(output) if output.status.success() && !output.stdout.is_empty() => {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        _ => anyhow::bail!("the Debian package {package} is not installed (loadtest/peers/install.sh)"),
    }
}
