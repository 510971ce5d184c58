//! Heartbeats, ping time-outs, stalled writes and unanswered closes: one queue each, since all connections share one
//! interval, so that the timers of 10,000 idle subscribers cost one look at the head of a queue.

use super::connection::{ConnId, ConnKey, Peer, Wire};
use super::core::{Core, CoreSettings};
use crate::close::CloseReason;
use crate::framing::websocket;
use std::collections::VecDeque;

/// Silent heartbeats after which a WebSocket peer counts as dead.
const SILENT_HEARTBEATS_MAX: i64 = 3;

#[derive(Debug)]
pub struct Heartbeats {
    interval_ms: i64,
    close_timeout_ms: i64,
    write_stall_ms: i64,
    /// When each connection's next heartbeat is due, in order.
    due: VecDeque<(i64, ConnKey, ConnId)>,
    /// When a close that the server began is given up, in order.
    lingering: VecDeque<(i64, ConnKey, ConnId)>,
    next_stall_check_ms: i64,
}

impl Heartbeats {
    pub fn new(settings: &CoreSettings) -> Heartbeats {
        Heartbeats {
            interval_ms: settings.heartbeat_ms as i64,
            close_timeout_ms: settings.limits.close_timeout_ms as i64,
            write_stall_ms: settings.limits.write_stall_ms as i64,
            due: VecDeque::new(),
            lingering: VecDeque::new(),
            next_stall_check_ms: 0,
        }
    }

    pub fn add(&mut self, key: ConnKey, id: ConnId, now_ms: i64) {
        self.due.push_back((now_ms + self.interval_ms, key, id));
    }

    pub fn linger(&mut self, key: ConnKey, id: ConnId, now_ms: i64) {
        self.lingering.push_back((now_ms + self.close_timeout_ms, key, id));
    }

    /// Does what is due. Returns connections that are to be ended at once.
    pub fn tick<W: Wire>(&mut self, core: &mut Core<W>, now_ms: i64) -> Vec<(ConnKey, CloseReason)> {
        while let Some(&(_, key, id)) = self.due.front().filter(|(due, ..)| *due <= now_ms) {
            self.due.pop_front();
            if core.connection(key).is_some_and(|connection| connection.id == id) {
                self.beat(core, key, now_ms);
                self.add(key, id, now_ms);
            }
        }
        let mut overdue = Vec::new();
        while let Some(&(_, key, id)) = self.lingering.front().filter(|(due, ..)| *due <= now_ms) {
            self.lingering.pop_front();
            if let Some(connection) = core.connection(key).filter(|connection| connection.id == id) {
                overdue.push((key, connection.closing.unwrap_or(CloseReason::Error)));
            }
        }
        if now_ms >= self.next_stall_check_ms {
            self.next_stall_check_ms = now_ms + 500;
            overdue.extend(core.stalled(now_ms, self.write_stall_ms));
        }
        overdue
    }

    fn beat<W: Wire>(&self, core: &mut Core<W>, key: ConnKey, now_ms: i64) {
        let Some(connection) = core.connection(key) else { return };
        if connection.closing.is_some() {
            return;
        }
        if matches!(connection.peer, Peer::WebSocket(_) | Peer::Echo(_)) {
            let silent_ms = now_ms - i64::from(connection.heard_s) * 1_000;
            // Only who was asked is judged: one that is behind gets no pings piled up, and is judged by its stall; and after a
            // stall of our own nobody has been.
            let asked_enough = i64::from(connection.asked) >= SILENT_HEARTBEATS_MAX;
            if connection.backlog.is_some() {
                connection.heard_s = (now_ms / 1_000) as u32;
            } else if asked_enough && silent_ms > SILENT_HEARTBEATS_MAX * self.interval_ms + 1_000 {
                return core.close(key, CloseReason::PingTimeout, None);
            } else {
                connection.asked = connection.asked.saturating_add(1);
                core.send_raw(key, websocket::frame(websocket::PING, b""));
            }
        }
        core.state_cursor(key);
    }
}

#[cfg(test)]
mod tests {
    use super::super::connection::Connection;
    use super::super::core::Paces;
    use super::super::counters::Transport;
    use super::*;
    use crate::framing::Framing;
    use crate::limits::Limits;
    use crate::log::{Epoch, Log, LogLimits};
    use crate::store::Store;
    use std::io::{self, IoSlice};
    use std::sync::Arc;

    struct Sink;

    impl Wire for Sink {
        fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
            Ok(pieces.iter().map(|piece| piece.len()).sum())
        }
    }

    /// One WebSocket subscriber of a shard that beats once a second.
    struct World {
        core: Core<Sink>,
        heartbeats: Heartbeats,
        key: ConnKey,
    }

    impl World {
        fn new() -> World {
            let settings = CoreSettings {
                heartbeat_ms: 1_000,
                poll_gather_ms: 0,
                paces: Paces::default(),
                limits: Limits::default(),
            };
            let (log, _) = Log::new(Epoch::from_bits(1), LogLimits { segments_max: 2, bytes_max: 1_024 });
            let mut heartbeats = Heartbeats::new(&settings);
            let mut core = Core::new(Arc::new(Store::new()), log, settings, Arc::default(), (0, 1));
            let (peer, transport) = (Peer::WebSocket(None), Transport::WebSocket);
            let key = core.open(Sink, peer, transport, Framing::default(), Vec::new(), 0);
            heartbeats.add(key, ConnId(1), 0);
            core.serve_ready(0);
            World { core, heartbeats, key }
        }

        fn connection(&mut self) -> &mut Connection<Sink> {
            self.core.connection(self.key).unwrap()
        }

        fn beat_at(&mut self, now_ms: i64) -> Option<CloseReason> {
            self.heartbeats.tick(&mut self.core, now_ms);
            self.core.serve_ready(now_ms);
            self.connection().closing
        }
    }

    #[test]
    fn one_that_does_not_answer_is_closed() {
        let mut world = World::new();
        for second in 1..=4 {
            assert_eq!(world.beat_at(second * 1_000), None, "second {second}");
        }
        assert_eq!(world.beat_at(5_000), Some(CloseReason::PingTimeout));
    }

    /// The shard stood still for a minute: its subscribers were not asked, and cannot have answered.
    #[test]
    fn one_that_was_not_asked_stays() {
        let mut world = World::new();
        assert_eq!(world.beat_at(1_000), None);
        (world.connection().heard_s, world.connection().asked) = (1, 0);
        for second in 60..63 {
            assert_eq!(world.beat_at(second * 1_000), None, "second {second}");
        }
        assert_eq!(world.beat_at(63_000), Some(CloseReason::PingTimeout), "three pings later it was");
    }
}
