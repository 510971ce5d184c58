//! Sockets of subscribers: where they connect from, and how much the kernel may hold for them.

use anyhow::Context;
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, sockopt};
use std::net::{Ipv4Addr, SocketAddrV4};

/// Connections per source address 127.0.0.x. Why so few: closed connections keep their ports for a minute, and the kernel's
/// search for a free one takes milliseconds when most are taken, which would be the client's delay in a storm.
const PER_SOURCE_MAX: usize = 1_000;
/// Bytes that the kernel holds for a narrow socket, about.
const NARROW_BYTES: usize = 4 * 1024;
/// Segment size of a narrow socket: that of an Ethernet. Loopback's own makes the peer's kernel hold megabytes.
const NARROW_SEGMENT_BYTES: u32 = 1_460;

/// A socket that connects, or is connected. `number` spreads the source addresses; `narrow`: kernels hold little for it,
/// so that the target notices soon when it is not read from.
pub fn dial(target: SocketAddrV4, number: usize, narrow: bool) -> anyhow::Result<OwnedFd> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)
        .context("a subscriber's socket (is the limit of open files too low?)")?;
    if target.ip().is_loopback() {
        let source = Ipv4Addr::new(127, 0, 0, 2 + (number / PER_SOURCE_MAX % 250) as u8);
        bind(&socket, &SocketAddrV4::new(source, 0)).context("a source address")?;
    }
    if narrow {
        sockopt::set_socket_recv_buffer_size(&socket, NARROW_BYTES)?;
        socket2::SockRef::from(&socket).set_tcp_mss(NARROW_SEGMENT_BYTES)?;
    }
    sockopt::set_tcp_nodelay(&socket, true)?;
    match connect(&socket, &target) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
        Err(error) => Err(error).with_context(|| format!("cannot connect to {target}")),
    }
}
