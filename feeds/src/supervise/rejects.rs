//! Samples of what an adapter could not read, for the log: one line a minute however many there are.

const REPORT_INTERVAL_MS: i64 = 60_000;
const SAMPLE_BYTES: usize = 200;

#[derive(Debug, Default)]
pub(super) struct Rejects {
    /// The start of the frame being read: reading destroys it.
    current: Vec<u8>,
    /// The start of the first frame rejected since the last report.
    first: Option<String>,
    seen: u64,
    reported: u64,
    next_report_ms: i64,
}

impl Rejects {
    /// Before a frame is read.
    pub(super) fn sample(&mut self, frame: &[u8]) {
        self.current.clear();
        self.current.extend_from_slice(&frame[..frame.len().min(SAMPLE_BYTES)]);
    }

    /// After it was read: `rejected` is the adapter's sum.
    pub(super) fn observe(&mut self, rejected: u64) {
        if rejected > self.seen && self.first.is_none() {
            self.first = Some(String::from_utf8_lossy(&self.current).into_owned());
        }
        self.seen = rejected;
    }

    pub(super) fn report(&mut self, provider: &str, now_ms: i64) {
        if self.seen == self.reported || now_ms < self.next_report_ms {
            return;
        }
        let (count, sample) = (self.seen - self.reported, self.first.take().unwrap_or_default());
        tracing::warn!(provider, count, sample, "frames or values that cannot be read");
        (self.reported, self.next_report_ms) = (self.seen, now_ms + REPORT_INTERVAL_MS);
    }
}
