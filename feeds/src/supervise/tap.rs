//! A look at everything that goes over the wire, before any adapter sees it.

/// Hears of every connect, send, frame and body; [`crate::capture::Recorder`] is one. Called on the feed's own task:
/// it should be quick.
pub trait Tap: Send {
    /// `conn` names the connection until it is closed; a link may have two for a while.
    fn connected(&mut self, conn: &str, addr: &str, now_ms: i64);
    fn closed(&mut self, conn: &str, now_ms: i64);
    fn sent(&mut self, conn: &str, text: &str, now_ms: i64);
    fn received(&mut self, conn: &str, frame: &[u8], now_ms: i64);
    fn fetched(&mut self, url: &str, status: u16, body: &[u8], now_ms: i64);
}
