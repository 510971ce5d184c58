//! io_uring: many sends in one system call. Knows sockets and bytes; knows no set and no subscriber.
//!
//! Every send is a non-blocking one, which the kernel does while it is submitted: when [`Ring::send_all`] returns, all of
//! them are done, in whole, in part or not at all, just as after as many calls of `send(2)`.

use crate::limits::SENDS_MAX;
use clap::ValueEnum;
use io_uring::{IoUring, Probe, opcode, types};
use rustix::net::SendFlags;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, BorrowedFd};

/// Whether subscribers are written to through io_uring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum RingUse {
    /// Where the kernel offers it.
    #[default]
    Auto,
    On,
    Off,
}

impl RingUse {
    /// What is wrong with asking for it here, if anything.
    pub fn problem(self) -> Option<String> {
        let error = (self == RingUse::On).then(Ring::new)?.err()?;
        Some(format!("this machine does not offer io_uring ({error}); \"auto\" goes on without"))
    }

    /// The ring of one shard; `None`: one system call for each write.
    pub fn open(self) -> io::Result<Option<Ring>> {
        match self {
            RingUse::Off => Ok(None),
            RingUse::On => Ring::new().map(Some),
            RingUse::Auto => {
                let ring = Ring::new().inspect_err(|error| tracing::info!(%error, "writing without io_uring"));
                Ok(ring.ok())
            }
        }
    }
}

pub struct Ring(IoUring);

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ring")
    }
}

/// Ends the process if the kernel may still read what is about to be freed.
struct InFlight;

impl Drop for InFlight {
    fn drop(&mut self) {
        std::process::abort();
    }
}

impl Ring {
    /// The error says why the kernel does not offer it, or not to us.
    pub fn new() -> io::Result<Ring> {
        let entries = SENDS_MAX as u32;
        // Hints of newer kernels (6.0) first: one thread submits, and is never interrupted for a completion.
        let mut builder = IoUring::builder();
        builder.setup_submit_all().setup_coop_taskrun().setup_single_issuer();
        let ring = builder.build(entries).or_else(|_| IoUring::new(entries))?;
        let mut probe = Probe::new();
        ring.submitter().register_probe(&mut probe)?;
        if !probe.is_supported(opcode::Send::CODE) {
            return Err(io::Error::new(ErrorKind::Unsupported, "this kernel's io_uring has no send"));
        }
        Ok(Ring(ring))
    }

    /// Sends each piece to its socket, as much of it as that takes now. Afterwards `taken` holds, in order, how many bytes
    /// that was, or the negated number of an error.
    pub fn send_all<'a>(&mut self, mut sends: impl Iterator<Item = (BorrowedFd<'a>, &'a [u8])>, taken: &mut Vec<i32>) {
        taken.clear();
        let in_flight = InFlight;
        loop {
            let begun = self.begin(sends.by_ref().take(SENDS_MAX), taken.len());
            if begun == 0 {
                break;
            }
            taken.resize(taken.len() + begun, 0);
            self.complete(begun, taken);
        }
        std::mem::forget(in_flight);
    }

    /// Puts sends into the queue, numbered from `first`. Returns how many.
    fn begin<'a>(&mut self, sends: impl Iterator<Item = (BorrowedFd<'a>, &'a [u8])>, first: usize) -> usize {
        let flags = (SendFlags::DONTWAIT | SendFlags::NOSIGNAL).bits() as i32;
        let mut queue = self.0.submission();
        let mut begun = 0;
        for (socket, piece) in sends {
            let socket = types::Fd(socket.as_raw_fd());
            let send = opcode::Send::new(socket, piece.as_ptr(), piece.len() as u32).flags(flags);
            let entry = send.build().user_data((first + begun) as u64);
            // SAFETY: the socket and the piece are borrowed for longer than `send_all` takes, and that does not return
            // before the kernel is done with every entry; a panic on the way ends the process (`InFlight`).
            #[allow(unsafe_code)]
            let queued = unsafe { queue.push(&entry) };
            // Relation: the queue holds SENDS_MAX entries, and is empty when this begins.
            queued.expect("room in the queue");
            begun += 1;
        }
        begun
    }

    fn complete(&mut self, begun: usize, taken: &mut [i32]) {
        let mut left = begun;
        while left > 0 {
            match self.0.submit_and_wait(left) {
                Ok(_) => {}
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
                Err(error) if error.kind() == ErrorKind::ResourceBusy => {}
                Err(error) => panic!("io_uring broke: {error}"),
            }
            for done in self.0.completion() {
                taken[done.user_data() as usize] = done.result();
                left -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;

    fn pair(listener: &TcpListener) -> (TcpStream, TcpStream) {
        let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        ours.set_nonblocking(true).unwrap();
        (ours, listener.accept().unwrap().0)
    }

    /// More sends than one submission holds; one socket takes a part, one nothing, and one is broken.
    #[test]
    fn every_send_has_its_own_outcome() {
        let mut ring = match Ring::new() {
            Ok(ring) => ring,
            Err(error) => return eprintln!("skipped: no io_uring here: {error}"),
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (good, mut peer) = pair(&listener);
        let (full, _kept) = pair(&listener);
        let (broken, _) = pair(&listener);
        broken.shutdown(std::net::Shutdown::Write).unwrap();
        let large = vec![b'x'; 64 << 20];
        let small: Vec<[u8; 3]> = (0..SENDS_MAX + 10).map(|n| [n as u8, (n >> 8) as u8, 0]).collect();
        let others = [(&full, &large[..]), (&full, b"more"), (&broken, b"lost")];
        let sends = small.iter().map(|piece| (&good, &piece[..])).chain(others);
        let mut taken = vec![7];
        ring.send_all(sends.map(|(socket, piece)| (socket.as_fd(), piece)), &mut taken);
        let (good_taken, rest) = taken.split_at(small.len());
        assert!(good_taken.iter().all(|taken| *taken == 3));
        assert!(rest[0] > 0 && (rest[0] as usize) < large.len(), "{}", rest[0]);
        assert_eq!(io::Error::from_raw_os_error(-rest[1]).kind(), ErrorKind::WouldBlock);
        assert_eq!(io::Error::from_raw_os_error(-rest[2]).kind(), ErrorKind::BrokenPipe);
        let mut read = vec![0; 3 * small.len()];
        peer.read_exact(&mut read).unwrap();
        assert_eq!(read, small.concat());
    }
}
