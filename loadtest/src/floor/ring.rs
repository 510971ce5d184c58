//! Sends through io_uring, and the only `unsafe` of this crate: a submission holds a bare pointer to the bytes, and only
//! its maker knows that they outlive it.

#![expect(unsafe_code, reason = "a submission of io_uring holds a bare pointer; the safe face is `send_to_all`")]

use io_uring::{IoUring, opcode, types};
use rustix::fd::RawFd;
use rustix::io::Errno;
use rustix::net::SendFlags;
use std::fmt;
use std::io;

/// Sends in one submission.
const ENTRIES: u32 = 4_096;

pub struct Ring(IoUring);

impl Ring {
    pub fn new() -> io::Result<Ring> {
        IoUring::builder().setup_single_issuer().setup_coop_taskrun().build(ENTRIES).map(Ring)
    }

    /// Sends the same bytes over all sockets, with one `io_uring_enter` for each [`ENTRIES`] of them. No send waits for a
    /// socket that is full. `sent` is told the index of a socket and how many bytes it took.
    pub fn send_to_all(&mut self, bytes: &[u8], sockets: &[RawFd], mut sent: impl FnMut(usize, Result<usize, Errno>)) {
        for (chunk, first) in sockets.chunks(ENTRIES as usize).zip((0..).step_by(ENTRIES as usize)) {
            self.push(bytes, chunk);
            self.complete(chunk.len());
            for completion in self.0.completion() {
                let result = completion.result();
                let taken = usize::try_from(result).map_err(|_| Errno::from_raw_os_error(-result));
                sent(first + completion.user_data() as usize, taken);
            }
        }
    }

    fn push(&mut self, bytes: &[u8], sockets: &[RawFd]) {
        let flags = (SendFlags::DONTWAIT | SendFlags::NOSIGNAL).bits() as i32;
        let mut queue = self.0.submission();
        for (index, &socket) in sockets.iter().enumerate() {
            let send = opcode::Send::new(types::Fd(socket), bytes.as_ptr(), bytes.len() as u32).flags(flags);
            let entry = send.build().user_data(index as u64);
            // SAFETY: `bytes` is borrowed by `send_to_all`, the only caller, which does not go on before `complete` has
            // seen every entry's completion; the kernel only reads them.
            let pushed = unsafe { queue.push(&entry) };
            // The queue was empty and a chunk is no longer than it.
            debug_assert!(pushed.is_ok());
        }
    }

    /// Submits what was pushed and waits until all of it is done.
    fn complete(&mut self, count: usize) {
        while self.0.completion().len() < count {
            match self.0.submit_and_wait(count) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Not a panic: the bytes must not be freed while the kernel may read them.
                Err(error) => {
                    eprintln!("io_uring: {error}");
                    std::process::abort();
                }
            }
        }
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ring")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fd::AsRawFd;
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    #[test]
    fn all_are_sent_to_and_a_full_or_broken_one_says_so() {
        let mut ring = Ring::new().expect("io_uring");
        let (open, mut other) = UnixStream::pair().unwrap();
        let (full, _kept) = UnixStream::pair().unwrap();
        let (broken, gone) = UnixStream::pair().unwrap();
        drop(gone);
        full.set_nonblocking(true).unwrap();
        while std::io::Write::write(&mut &full, &[0; 64 * 1024]).is_ok() {}
        let mut outcomes = vec![None; 3];
        let sockets = [&open, &full, &broken].map(AsRawFd::as_raw_fd);
        ring.send_to_all(b"message", &sockets, |index, taken| outcomes[index] = Some(taken));
        assert_eq!(outcomes, [Some(Ok(7)), Some(Err(Errno::AGAIN)), Some(Err(Errno::PIPE))]);
        let mut heard = [0; 7];
        other.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"message");
    }
}
