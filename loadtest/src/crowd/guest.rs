//! One subscriber of a crowd: what it subscribes to, how it behaves, and its farewell.

use super::copy::Copy;
use crate::client::connection::Connection;
use crate::client::websocket;
use crate::workload::Transport;

/// What a subscriber does all its life.
#[derive(Clone, Debug)]
pub struct Habit {
    /// Names and patterns, as in a query.
    pub topics: String,
    /// The exact ones of them that are alive from the beginning.
    pub exact: Vec<Box<[u8]>>,
    /// Each of its connections is over one of these.
    pub transports: Vec<Transport>,
    /// It stops reading now and then; the kernel holds little for it.
    pub stalls: bool,
    /// It leaves, and comes back.
    pub roams: bool,
}

/// A WebSocket says goodbye before it goes; everybody else just goes.
pub fn farewell(line: &Connection<Copy>) -> Option<Vec<u8>> {
    let says = line.transport() == Transport::Websocket;
    says.then(|| websocket::masked(websocket::CLOSE, &1000_u16.to_be_bytes()))
}
