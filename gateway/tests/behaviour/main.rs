//! What clients may rely on, proved from outside: the gateway runs in the process on a free port, and every client here
//! is raw sockets and few lines of its own, so that no bug is hidden by code shared with the gateway.

mod client;
mod drain;
mod fan_out;
mod follower;
mod gateway;
mod hostile;
mod http;
mod ingest;
mod limits;
mod long_poll;
mod matrix;
mod paces;
mod process;
mod requests;
mod siege;
mod slow;
mod websocket;
mod ws;
