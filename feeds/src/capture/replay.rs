//! Plays a capture to an adapter, at any speed: the same inputs in the same order as live.
//!
//! Time is the recording's. What the adapter wants fetched is not fetched: the recorded bodies come when they came.

use super::links::OpenConns;
use super::{CaptureError, Entry, Record};
use crate::adapter::{Adapter, Counts, Input, Output};
use crate::model::{Decimal, Update};
use std::time::Duration;

/// Longest pause between two entries, whatever the recording says.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// How fast a recording is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speed {
    /// As fast as it can be read.
    Max,
    /// This many times as fast as it was recorded.
    Times(Decimal),
}

impl std::str::FromStr for Speed {
    type Err = String;

    /// `max`, or a number above zero.
    fn from_str(text: &str) -> Result<Speed, String> {
        if text == "max" {
            return Ok(Speed::Max);
        }
        match text.parse::<Decimal>() {
            Ok(times) if times > Decimal::ZERO => Ok(Speed::Times(times)),
            _ => Err(format!("'{text}' is neither 'max' nor a number above zero")),
        }
    }
}

impl Speed {
    /// How long `recorded_ms` take when played.
    fn pause(self, recorded_ms: i64) -> Duration {
        let Speed::Times(times) = self else { return Duration::ZERO };
        let micros = i128::from(recorded_ms.max(0)) * 1_000 * 10i128.pow(u32::from(times.scale().min(9)));
        let micros = micros.checked_div(times.mantissa()).unwrap_or(0);
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX)).min(PAUSE_MAX)
    }
}

/// Plays `entries` and hands every batch of updates to `on_updates` with the recorded time. Returns what the adapter
/// counted. Sends and unknown types are skipped; a connection that is no link of the adapter is skipped with its frames.
/// In a recording that names no connection at all, every frame is the first link's.
pub fn replay(
    adapter: &mut dyn Adapter,
    entries: impl IntoIterator<Item = Result<Entry, CaptureError>>,
    speed: Speed,
    mut on_updates: impl FnMut(i64, &mut Vec<Update>),
) -> Result<Counts, CaptureError> {
    let mut player = Player { adapter, conns: OpenConns::default(), output: Output::default(), started: false };
    let mut last_ms: Option<i64> = None;
    for entry in entries {
        let Entry { at_ms, record } = entry?;
        if matches!(record, Record::Header { .. }) {
            continue;
        }
        wait(speed.pause(at_ms - last_ms.unwrap_or(at_ms)));
        last_ms = Some(at_ms);
        player.play(record, at_ms, &mut on_updates);
    }
    Ok(player.output.counts)
}

#[expect(clippy::disallowed_methods, reason = "the pace of a recording is a clock of its own")]
fn wait(pause: Duration) {
    if !pause.is_zero() {
        std::thread::sleep(pause);
    }
}

struct Player<'a> {
    adapter: &'a mut dyn Adapter,
    conns: OpenConns,
    output: Output,
    started: bool,
}

impl Player<'_> {
    fn play(&mut self, record: Record, at_ms: i64, on_updates: &mut impl FnMut(i64, &mut Vec<Update>)) {
        if !self.started {
            self.started = true;
            self.handle(Input::Start, at_ms, on_updates);
        }
        if self.output.wake_at_ms.is_some_and(|wake_at_ms| wake_at_ms <= at_ms) {
            self.handle(Input::Wake, at_ms, on_updates);
        }
        match record {
            Record::Connect { conn, addr } => self.connect(conn, &addr, at_ms, on_updates),
            Record::Close { conn } => self.close(&conn, at_ms, on_updates),
            Record::Recv { conn, mut data } => {
                if let Some(link) = self.conns.open_unsaid(&conn, self.adapter.links()) {
                    self.handle(Input::Opened(link), at_ms, on_updates);
                }
                if let Some(link) = self.conns.link(&conn) {
                    self.handle(Input::Frame(link, &mut data), at_ms, on_updates);
                }
            }
            Record::Http { url, status, mut data } => {
                self.handle(Input::Fetched { url: &url, status, body: &mut data }, at_ms, on_updates);
            }
            Record::Header { .. } | Record::Send { .. } | Record::Other => {}
        }
    }

    /// A name that connects again was closed before, whether the recorder saw it or not.
    fn connect(&mut self, conn: String, addr: &str, at_ms: i64, on_updates: &mut impl FnMut(i64, &mut Vec<Update>)) {
        self.close(&conn, at_ms, on_updates);
        if let Some(link) = self.conns.open(conn, addr, self.adapter.links()) {
            self.handle(Input::Opened(link), at_ms, on_updates);
        }
    }

    fn close(&mut self, conn: &str, at_ms: i64, on_updates: &mut impl FnMut(i64, &mut Vec<Update>)) {
        if let Some(link) = self.conns.close(conn) {
            self.handle(Input::Closed(link), at_ms, on_updates);
        }
    }

    fn handle(&mut self, input: Input<'_>, now_ms: i64, on_updates: &mut impl FnMut(i64, &mut Vec<Update>)) {
        if matches!(input, Input::Wake) {
            self.output.wake_at_ms = None;
        }
        self.adapter.handle(input, now_ms, &mut self.output);
        self.output.sends.clear();
        self.output.fetches.clear();
        self.output.reconnects.clear();
        self.output.replacements.clear();
        self.output.alive.clear();
        if !self.output.updates.is_empty() {
            on_updates(now_ms, &mut self.output.updates);
            self.output.updates.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds() {
        let pause = |text: &str, ms| text.parse::<Speed>().unwrap().pause(ms);
        assert_eq!(pause("max", 1_000), Duration::ZERO);
        assert_eq!(pause("1", 1_000), Duration::from_secs(1));
        assert_eq!(pause("0.5", 1_000), Duration::from_secs(2));
        assert_eq!(pause("10", 1_000), Duration::from_millis(100));
        assert_eq!(pause("1", -5), Duration::ZERO);
        assert_eq!(pause("0.001", i64::MAX / 1_000_000), PAUSE_MAX);
        assert!("0".parse::<Speed>().is_err() && "-1".parse::<Speed>().is_err() && "fast".parse::<Speed>().is_err());
    }
}
