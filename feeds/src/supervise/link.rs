//! One link's connections: when to dial, which of two is the real one, which to drop.
//!
//! Pure: time and randomness are arguments. A link has one connection, and for a while two when it is replaced before
//! its provider cuts it: the old one goes only after the new one delivers, so nothing is missed between them.

use super::Backoff;

/// Names a connection for the life of the process.
pub(super) type ConnId = u64;

/// A new connection that opened but stays silent takes over after this long.
const HANDOVER_MAX_MS: i64 = 60_000;

#[derive(Debug)]
pub(super) struct LinkState {
    current: Option<Conn>,
    /// Takes over from `current`; only there while `current` is.
    successor: Option<Conn>,
    /// When to dial next, be it the link's only connection or a successor.
    dial_at_ms: i64,
    replace_now: bool,
    lifetime_ms: Option<i64>,
    backoff: Backoff,
}

#[derive(Clone, Copy, Debug)]
struct Conn {
    id: ConnId,
    /// `None` while it is being dialled.
    opened_ms: Option<i64>,
}

/// What the end of a connection means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// The link has no open connection any more.
    LinkDown,
    /// Another one carries on, or it never was open.
    Nothing,
}

impl LinkState {
    pub(super) fn new(lifetime_ms: Option<u64>, backoff: Backoff, now_ms: i64) -> LinkState {
        let lifetime_ms = lifetime_ms.map(|ms| i64::try_from(ms).unwrap_or(i64::MAX));
        LinkState { current: None, successor: None, dial_at_ms: now_ms, replace_now: false, lifetime_ms, backoff }
    }

    pub(super) fn is_open(&self) -> bool {
        self.current.is_some_and(|conn| conn.opened_ms.is_some())
    }

    /// The connection that frames are sent to: the newest that is open.
    pub(super) fn newest_open(&self) -> Option<ConnId> {
        [self.successor, self.current].into_iter().flatten().find(|conn| conn.opened_ms.is_some()).map(|conn| conn.id)
    }

    /// When a dial is due; `None`: not as long as nothing happens.
    pub(super) fn dial_due_ms(&self) -> Option<i64> {
        match (self.current, self.successor) {
            (None, _) => Some(self.dial_at_ms),
            (Some(Conn { opened_ms: Some(opened_ms), .. }), None) if self.replace_now => {
                Some(self.dial_at_ms.max(opened_ms))
            }
            (Some(Conn { opened_ms: Some(opened_ms), .. }), None) => {
                self.lifetime_ms.map(|lifetime_ms| opened_ms.saturating_add(lifetime_ms).max(self.dial_at_ms))
            }
            _ => None,
        }
    }

    /// No dial before `at_ms`: the host's budget is used up.
    pub(super) fn postpone(&mut self, at_ms: i64) {
        self.dial_at_ms = at_ms;
    }

    pub(super) fn dialling(&mut self, id: ConnId) {
        let conn = Some(Conn { id, opened_ms: None });
        if self.current.is_none() { self.current = conn } else { self.successor = conn }
    }

    /// The provider announced the end of the connection: replace it now.
    pub(super) fn replace(&mut self) {
        self.replace_now = self.current.is_some();
    }

    pub(super) fn opened(&mut self, id: ConnId, now_ms: i64) {
        for conn in [&mut self.current, &mut self.successor].into_iter().flatten().filter(|conn| conn.id == id) {
            conn.opened_ms = Some(now_ms);
        }
    }

    /// A frame came from `id`; if that makes it take over, the connection to drop.
    pub(super) fn frame(&mut self, id: ConnId) -> Option<ConnId> {
        self.successor.filter(|conn| conn.id == id)?;
        self.hand_over()
    }

    /// A successor that is open and quiet for long takes over too; the connection to drop.
    pub(super) fn check(&mut self, now_ms: i64) -> Option<ConnId> {
        let opened_ms = self.successor?.opened_ms?;
        if now_ms - opened_ms < HANDOVER_MAX_MS { None } else { self.hand_over() }
    }

    fn hand_over(&mut self) -> Option<ConnId> {
        self.replace_now = false;
        let old = std::mem::replace(&mut self.current, self.successor.take());
        old.map(|conn| conn.id)
    }

    /// The connection is over, or could not be made. `random`: any number.
    pub(super) fn gone(&mut self, id: ConnId, now_ms: i64, random: u64) -> Loss {
        let lived = |conn: Conn| conn.opened_ms.map_or(0, |opened_ms| (now_ms - opened_ms).max(0).unsigned_abs());
        if let Some(conn) = self.successor.filter(|conn| conn.id == id) {
            self.successor = None;
            self.wait(lived(conn), now_ms, random);
            return Loss::Nothing;
        }
        let Some(conn) = self.current.filter(|conn| conn.id == id) else { return Loss::Nothing };
        self.replace_now = false;
        self.current = self.successor.take();
        if self.current.is_none() {
            self.wait(lived(conn), now_ms, random);
        }
        if conn.opened_ms.is_some() && !self.is_open() { Loss::LinkDown } else { Loss::Nothing }
    }

    fn wait(&mut self, lived_ms: u64, now_ms: i64, random: u64) {
        let pause = self.backoff.after_close(lived_ms, random);
        self.dial_at_ms = now_ms.saturating_add(i64::try_from(pause).unwrap_or(i64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> LinkState {
        LinkState::new(Some(1_000_000), Backoff::new(1_000, 60_000, 60_000), 0)
    }

    #[test]
    fn dials_opens_and_backs_off() {
        let mut link = link();
        assert_eq!(link.dial_due_ms(), Some(0));
        link.dialling(1);
        assert_eq!((link.dial_due_ms(), link.newest_open()), (None, None));
        assert_eq!(link.gone(1, 50, 0), Loss::Nothing, "it never was open");
        assert_eq!(link.dial_due_ms(), Some(1_050));
        link.dialling(2);
        link.opened(2, 2_000);
        assert!(link.is_open());
        assert_eq!(link.dial_due_ms(), Some(1_002_000), "its lifetime");
        assert_eq!(link.gone(2, 3_000, 0), Loss::LinkDown);
        assert_eq!(link.dial_due_ms(), Some(5_000), "backs off further");
    }

    #[test]
    fn a_successor_takes_over_when_it_delivers() {
        let mut link = link();
        link.dialling(1);
        link.opened(1, 0);
        link.dialling(2);
        assert_eq!(link.newest_open(), Some(1));
        link.opened(2, 1_000_100);
        assert_eq!(link.newest_open(), Some(2), "subscriptions go to the new one");
        assert_eq!(link.frame(1), None);
        assert_eq!(link.frame(2), Some(1), "now the old one may go");
        assert_eq!(link.frame(2), None);
        assert_eq!(link.gone(1, 1_000_200, 0), Loss::Nothing);
        assert!(link.is_open());
        assert_eq!(link.dial_due_ms(), Some(2_000_100));
    }

    #[test]
    fn the_old_one_may_die_first() {
        let mut link = link();
        link.dialling(1);
        link.opened(1, 0);
        link.replace();
        assert_eq!(link.dial_due_ms(), Some(0));
        link.dialling(2);
        assert_eq!(link.gone(1, 10, 0), Loss::LinkDown, "the successor is not open yet");
        assert_eq!(link.dial_due_ms(), None, "it is being dialled");
        link.opened(2, 20);
        assert!(link.is_open());
        link.replace();
        link.dialling(3);
        link.opened(3, 30);
        assert_eq!(link.gone(2, 40, 0), Loss::Nothing, "the successor carries on");
    }

    #[test]
    fn a_successor_that_fails_is_tried_again() {
        let mut link = link();
        link.dialling(1);
        link.opened(1, 0);
        link.replace();
        link.dialling(2);
        assert_eq!(link.gone(2, 10, 0), Loss::Nothing);
        assert!(link.is_open());
        assert_eq!(link.dial_due_ms(), Some(1_010));
        link.dialling(3);
        link.opened(3, 1_100);
        assert_eq!(link.check(1_200), None);
        assert_eq!(link.check(61_100), Some(1), "quiet, yet open");
    }
}
