//! Frames that are no stream's data: replies to requests, announcements, unknown types.

use super::Binance;
use super::message::Control;
use crate::adapter::{LinkId, Output};

impl Binance {
    /// Unknown is ignored and counted; unreadable is rejected.
    pub(super) fn control(&mut self, link: LinkId, bytes: &[u8], output: &mut Output) {
        let Ok(control) = serde_json::from_slice::<Control<'_>>(bytes) else {
            output.counts.rejected += 1;
            return;
        };
        if let (Some(stream), Some(data)) = (&control.stream, control.data) {
            return self.reordered(link, stream, data.get(), output);
        }
        if control.error.is_some() || (control.code.is_some() && control.event.is_none()) {
            tracing::warn!(
                provider = self.venue.name(),
                reply = %String::from_utf8_lossy(&bytes[..bytes.len().min(200)]),
                "a request was refused"
            );
            output.counts.refused += 1;
        } else if control.event.as_deref() == Some("serverShutdown") {
            output.replacements.push(link);
        } else if control.id.is_none() || control.event.is_some() {
            output.counts.ignored += 1;
        }
    }

    /// A wrapped message whose fields stand in another order than Binance's, or of a stream that is not ours.
    fn reordered(&mut self, link: LinkId, stream: &str, data: &str, output: &mut Output) {
        let is_ours = self.by_name.contains_key(stream);
        if !is_ours && data.contains("\"serverShutdown\"") {
            output.replacements.push(link);
        } else if !is_ours {
            output.counts.ignored += 1;
        } else {
            let mut frame = format!("{{\"stream\":\"{stream}\",\"data\":{data}}}").into_bytes();
            // Counted already.
            output.counts.frames -= 1;
            self.frame(link, &mut frame, output);
        }
    }
}
