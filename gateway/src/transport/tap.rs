//! The tap on a connection's socket through which hyper reads and writes: it sees when everything is flushed, when the
//! peer takes nothing, and whether it is between requests. Knows no HTTP.

use hyper_util::rt::TokioIo;
use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// What the tap saw of hyper's reads and writes.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    flushed: Cell<bool>,
    blocked_since: Cell<Option<Instant>>,
    /// A request was answered.
    answered: Cell<bool>,
    /// Bytes came since then.
    heard: Cell<bool>,
}

impl Gauge {
    /// True if hyper holds nothing back.
    pub(super) fn has_flushed(&self) -> bool {
        self.flushed.get()
    }

    /// A request was answered.
    pub(super) fn note_answer(&self) {
        self.answered.set(true);
        self.heard.set(false);
    }

    /// True if it is between requests: not a byte came since the last answer.
    pub(super) fn is_idle(&self) -> bool {
        self.answered.get() && !self.heard.get()
    }

    /// True if no byte was taken for that long, though there are some to take.
    pub(super) fn stalled(&self, limit: Duration) -> bool {
        self.blocked_since.get().is_some_and(|since| since.elapsed() > limit)
    }

    fn note<T>(&self, outcome: &Poll<io::Result<T>>) {
        self.flushed.set(false);
        if outcome.is_ready() {
            self.blocked_since.set(None);
        } else if self.blocked_since.get().is_none() {
            self.blocked_since.set(Some(Instant::now()));
        }
    }
}

/// The socket as hyper sees it. hyper calls `poll_flush` only once its own buffer is empty, so a flush with no write
/// after it means that nothing is held back.
#[derive(Debug)]
pub(super) struct Tap {
    inner: TokioIo<TcpStream>,
    gauge: Rc<Gauge>,
}

impl Tap {
    pub(super) fn new(stream: TcpStream, gauge: Rc<Gauge>) -> Tap {
        Tap { inner: TokioIo::new(stream), gauge }
    }

    pub(super) fn into_inner(self) -> TcpStream {
        self.inner.into_inner()
    }
}

impl hyper::rt::Read for Tap {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        buffer: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.inner).poll_read(cx, buffer);
        // The end of the stream counts too: nobody asks afterwards.
        self.gauge.heard.set(self.gauge.heard.get() || outcome.is_ready());
        outcome
    }
}

impl hyper::rt::Write for Tap {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.gauge.note(&outcome);
        outcome
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.inner).poll_flush(cx);
        self.gauge.flushed.set(outcome.is_ready());
        outcome
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write_vectored(cx, pieces);
        self.gauge.note(&outcome);
        outcome
    }
}
