//! What a subscriber that comes and goes holds, and whether the next message may follow it: the protocol's rules over
//! the life of a client, not of one connection (docs/protocol.md, sections 4 and 5).
//!
//! Knows no socket. Beside the gateway's numbers stands the publisher's own: the first message of a topic's life has
//! k = 1 and every one advances k and seq by one, so in every message of a life `k = seq - n + 1`. A hole that was
//! numbered over, or a message of another life, breaks that.

use super::account::Account;
use super::own::{check_stamps, is_own};
use crate::client::connection::{Listener, Taking};
use crate::client::ledger::{Breach, Newest, breach, words};
use crate::client::replica::Replica;
use crate::payload::StampFinder;
use crate::scan::{Lost, Message, whole};
use std::collections::{HashMap, HashSet};

#[derive(Clone, Copy, Debug, Default)]
struct Held {
    n: u64,
    seq: u64,
    events: bool,
}

#[derive(Debug, Default)]
struct Topic {
    held: Held,
    replica: Replica,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing came yet of this session.
    Greeting,
    /// The client came back: entries may state cursors at once.
    Resuming,
    /// Snapshots are due: nothing states a cursor before the `at`.
    Quiet,
    /// Entries state cursors, in rising order.
    Live,
}

#[derive(Debug)]
pub struct Copy {
    topics: HashMap<Box<[u8]>, Topic>,
    /// Exact topics subscribed to, all alive: the first `at` must find them held.
    exact: Vec<Box<[u8]>>,
    epoch: Box<[u8]>,
    /// What the server last stated, and `o` of it.
    cursor: Option<u64>,
    phase: Phase,
    /// The session began from a cursor behind what is held: what leads there is told again.
    may_repeat: bool,
    /// Topics named since the session began from a cursor; `None` once it is live, or if it began without one.
    named: Option<HashSet<Box<[u8]>>>,
    /// Ends told since the cursor was last stated: name and seq.
    graves: HashMap<Box<[u8]>, u64>,
    /// Its latencies count.
    timed: bool,
    /// When it was last told that it is live: what was published before was waited for by itself.
    live_ns: u64,
    pub account: Account,
}

impl Copy {
    /// `exact`: topics that are alive and subscribed to by name. `timed`: how late messages come is counted.
    pub fn new(exact: Vec<Box<[u8]>>, timed: bool) -> Copy {
        Copy {
            topics: HashMap::new(),
            exact,
            epoch: Box::default(),
            cursor: None,
            phase: Phase::Greeting,
            may_repeat: false,
            named: None,
            graves: HashMap::new(),
            timed,
            live_ns: 0,
            account: Account::default(),
        }
    }

    /// A new session begins. With `resume` it goes on from the cursor, which is returned; `None`: from nothing.
    pub fn begin(&mut self, resume: bool) -> Option<String> {
        let cursor = self.cursor.filter(|_| resume);
        // Live, all that is held was told up to the cursor; else more may be held than it says.
        self.may_repeat = cursor.is_some() && self.phase != Phase::Live;
        self.named = cursor.map(|_| HashSet::new());
        if cursor.is_none() {
            (self.cursor, self.may_repeat) = (None, false);
            self.topics.clear();
            self.graves.clear();
        }
        self.phase = Phase::Greeting;
        cursor.map(|offset| format!("{}:{offset}", words(&self.epoch)))
    }

    /// True once the client has all its topics and a cursor.
    pub fn is_live(&self) -> bool {
        self.phase == Phase::Live
    }

    /// The publisher's number of the newest message of an own topic; `None` if it is not held.
    pub fn newest(&self, topic: &[u8]) -> Option<u64> {
        self.topics.get(topic).map(|Topic { held, .. }| held.seq - held.n + 1)
    }

    /// Own exact topics.
    pub fn exact(&self) -> &[Box<[u8]>] {
        &self.exact
    }

    /// The first topic of which another is held than a snapshot tells. `prefix`: what the names begin with.
    pub fn first_unlike(&self, prefix: &str, newest: &Newest) -> Option<Breach> {
        self.topics.iter().find_map(|(name, Topic { held, replica })| {
            let number = name.strip_prefix(prefix.as_bytes()).and_then(whole)?;
            let (seq, data) = newest.get(&(number as u32))?;
            replica.unlike(&words(name), Some(held.seq), *seq, data)
        })
    }

    pub fn held(&self) -> usize {
        self.topics.len()
    }

    fn take(&mut self, message: &Message<'_>, id: Option<&[u8]>, stamps: &StampFinder) -> Result<(), Breach> {
        self.account.messages += 1;
        if self.phase == Phase::Greeting {
            return self.greet(message);
        }
        if message.kind == b"at" {
            return self.take_at(message, id);
        }
        if matches!(message.kind, b"pong" | b"ok") {
            return Ok(());
        }
        self.take_phase(message)?;
        match message.kind {
            b"snap" => self.take_snapshot(message, stamps)?,
            b"delta" | b"append" => self.take_entry(message, stamps)?,
            b"gone" => self.take_gone(message)?,
            b"mark" => self.take_mark(message)?,
            b"bye" | b"error" => return Err(breach("the gateway complains", message, "nothing", words(message.code))),
            _ => return Err(breach("message", message, "one of the protocol", words(message.kind))),
        }
        match message.offset {
            Some(offset) => self.state_cursor(message, offset, id),
            None => Ok(()),
        }
    }

    fn greet(&mut self, message: &Message<'_>) -> Result<(), Breach> {
        if message.kind != b"hello" {
            return Err(breach("first message", message, "hello", words(message.kind)));
        }
        if !self.epoch.is_empty() && *self.epoch != *message.epoch {
            return Err(breach("epoch", message, words(&self.epoch), words(message.epoch)));
        }
        self.epoch = message.epoch.into();
        self.phase = if self.cursor.is_some() { Phase::Resuming } else { Phase::Quiet };
        Ok(())
    }

    /// Which phase an entry or a snapshot belongs to, by whether it states a cursor.
    fn take_phase(&mut self, message: &Message<'_>) -> Result<(), Breach> {
        match (self.phase, message.offset) {
            (Phase::Quiet, Some(offset)) => Err(breach("offset", message, "none before the at", offset.to_string())),
            (Phase::Live | Phase::Resuming, None) => {
                self.account.lags += u64::from(self.phase == Phase::Live);
                self.phase = Phase::Quiet;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn state_cursor(&mut self, message: &Message<'_>, offset: u64, id: Option<&[u8]>) -> Result<(), Breach> {
        if self.cursor.is_some_and(|before| offset <= before) {
            return Err(breach("offset", message, format!("above {:?}", self.cursor), offset.to_string()));
        }
        if let Some(id) = id.filter(|id| offset_of(id, &self.epoch) != Some(offset)) {
            return Err(breach("SSE id", message, format!("offset {offset}"), words(id)));
        }
        self.cursor = Some(offset);
        if !self.may_repeat {
            self.graves.clear();
        }
        Ok(())
    }

    fn take_at(&mut self, message: &Message<'_>, id: Option<&[u8]>) -> Result<(), Breach> {
        let Some(offset) = offset_of(message.cursor, &self.epoch) else {
            return Err(breach("cursor", message, format!("{}:offset", words(&self.epoch)), words(message.cursor)));
        };
        if self.cursor.is_some_and(|before| offset < before) {
            return Err(breach("cursor", message, format!("{:?} or more", self.cursor), offset.to_string()));
        }
        if id.is_some_and(|id| id != message.cursor) {
            return Err(breach("SSE id", message, words(message.cursor), words(id.unwrap_or_default())));
        }
        if let Some(named) = self.named.take()
            && message.full
        {
            self.account.full += 1;
            self.topics.retain(|topic, _| named.contains(topic));
        }
        if let Some(missing) = self.exact.iter().find(|topic| !self.topics.contains_key(&***topic)) {
            return Err(breach(
                "the end of the first snapshots",
                message,
                format!("a snapshot of {}", words(missing)),
                "at",
            ));
        }
        self.graves.clear();
        (self.cursor, self.phase, self.may_repeat) = (Some(offset), Phase::Live, false);
        Ok(())
    }

    /// True if this is told again on the way from an older cursor to what is held.
    fn repeats(&self, message: &Message<'_>, seq: u64) -> bool {
        let held = self.topics.get(message.topic).map(|topic| topic.held.seq);
        let buried = self.graves.get(message.topic).copied();
        self.may_repeat && held.or(buried).is_some_and(|known| seq < known || (seq == known && message.kind != b"snap"))
    }

    fn take_snapshot(&mut self, message: &Message<'_>, stamps: &StampFinder) -> Result<(), Breach> {
        let (seq, n) = (number(message, "seq", message.seq)?, number(message, "n", message.n)?);
        self.name(message.topic);
        if self.repeats(message, seq) {
            return Ok(());
        }
        let held = self.topics.get(message.topic).map(|topic| topic.held);
        let fits = match message.why {
            b"subscribe" => held.is_none() && self.phase == Phase::Quiet,
            b"born" => seq == n && held.is_none_or(|held| self.may_repeat && n >= held.n),
            b"reset" => {
                held.is_some_and(|held| held.n == n && seq == held.seq + u64::from(!held.events)) || self.may_repeat
            }
            b"lag" | b"resume" => held.is_none_or(|held| n > held.n || (n == held.n && seq >= held.seq)),
            _ => false,
        };
        if !fits {
            let got = format!("{} n {n} seq {seq}", words(message.why));
            return Err(breach("snapshot", message, format!("one that follows {held:?} ({:?})", self.phase), got));
        }
        self.take_lost(message, held.filter(|held| held.n == n))?;
        check_stamps(message, stamps, n, seq)?;
        self.account.births += u64::from(message.why == b"born");
        let topic = self.topics.entry(message.topic.into()).or_default();
        topic.held = Held { n, seq, events: message.from.is_some() };
        // A provider may have said something else since.
        let same = message.why != b"reset" && held.is_some_and(|held| held.n == n && held.seq == seq);
        topic.replica.take_snapshot(message, same)
    }

    /// What is said to be lost is what lies between the events that are held and those of the snapshot.
    fn take_lost(&mut self, message: &Message<'_>, held: Option<Held>) -> Result<(), Breach> {
        let (Some(from), Some(held)) = (message.from, held) else { return Ok(()) };
        let expected = from.saturating_sub(held.seq);
        match message.lost {
            Some(Lost::Events(lost)) => {
                self.account.lost += lost;
                // A provider's losses come on top; and after a resume it counts from the cursor, not from what is held.
                let exact = message.why != b"reset" && !self.may_repeat;
                if exact && lost != expected {
                    return Err(breach("lost", message, expected.to_string(), lost.to_string()));
                }
                Ok(())
            }
            Some(Lost::Unknown) if message.why == b"lag" => Err(breach("lost", message, expected.to_string(), "null")),
            Some(Lost::Unknown) => Ok(()),
            None if expected == 0 => Ok(()),
            None => Err(breach("lost", message, expected.to_string(), "nothing")),
        }
    }

    fn take_entry(&mut self, message: &Message<'_>, stamps: &StampFinder) -> Result<(), Breach> {
        let seq = number(message, "seq", message.seq)?;
        if self.repeats(message, seq) {
            return Ok(());
        }
        let Some(Topic { held, replica }) = self.topics.get_mut(message.topic) else {
            return Err(breach("entry", message, "a topic that is held", format!("seq {seq}")));
        };
        let before = message.from.unwrap_or(seq.wrapping_sub(1));
        if before != held.seq || seq <= held.seq {
            return Err(breach(
                "seq",
                message,
                (held.seq + 1).to_string(),
                format!("{} to {seq}", before.wrapping_add(1)),
            ));
        }
        held.seq = seq;
        check_stamps(message, stamps, held.n, seq)?;
        replica.take_entry(message)
    }

    fn take_gone(&mut self, message: &Message<'_>) -> Result<(), Breach> {
        let seq = number(message, "seq", message.seq)?;
        match self.topics.remove(message.topic) {
            Some(topic) if seq < topic.held.seq && self.may_repeat => {
                self.topics.insert(message.topic.into(), topic);
            }
            Some(Topic { held, .. }) if seq < held.seq => {
                return Err(breach("gone", message, format!("seq {} or more", held.seq), seq.to_string()));
            }
            Some(_) => {
                self.account.ends += 1;
                self.graves.insert(message.topic.into(), seq);
            }
            // Who was put behind is told every end, also of a life of which nothing else was told; and hears of it before
            // the first snapshot that says `lag`. It means nothing, unless that life goes on.
            None if message.offset.is_none() || self.may_repeat => drop(self.graves.insert(message.topic.into(), seq)),
            None => return Err(breach("gone", message, "a topic that is held", "another, on a live connection")),
        }
        Ok(())
    }

    fn take_mark(&mut self, message: &Message<'_>) -> Result<(), Breach> {
        let seq = number(message, "seq", message.seq)?;
        match self.topics.get(message.topic).map(|topic| topic.held) {
            Some(held) if held.seq == seq => Ok(()),
            _ if self.may_repeat => Ok(()),
            held => Err(breach("mark", message, format!("one of {held:?}"), format!("seq {seq}"))),
        }
    }

    fn name(&mut self, topic: &[u8]) {
        if let Some(named) = &mut self.named {
            named.insert(topic.into());
        }
    }
}

impl Listener for Copy {
    fn hear(&mut self, message: &Message<'_>, id: Option<&[u8]>, taking: &mut Taking<'_>) -> Result<(), Breach> {
        let was_live = self.is_live();
        self.take(message, id, taking.stamps)?;
        if self.is_live() && !was_live {
            self.live_ns = taking.now_ns;
        }
        let entry = matches!(message.kind, b"delta" | b"append") && was_live && is_own(message.topic);
        let stamp = taking.stamps.last(message.data).filter(|stamp| entry && stamp.sent_ns >= self.live_ns);
        if let Some(stamp) = stamp.filter(|_| self.timed) {
            taking.tally.delivered(stamp.sent_ns, taking.now_ns);
        }
        Ok(())
    }

    fn begin_answer(&mut self, resume: bool) {
        let live = self.phase == Phase::Live;
        self.phase = if resume { Phase::Resuming } else { Phase::Quiet };
        self.may_repeat &= !live;
        self.named = resume.then(HashSet::new);
    }

    fn end_answer(&mut self, cursor: &[u8]) -> Result<(), Breach> {
        let message = Message { kind: b"at", cursor, ..Message::default() };
        if self.epoch.is_empty() {
            self.epoch = cursor.split(|byte| *byte == b':').next().unwrap_or_default().into();
        }
        self.take_at(&message, None)
    }
}

fn number(message: &Message<'_>, what: &'static str, value: Option<u64>) -> Result<u64, Breach> {
    value.ok_or_else(|| breach(what, message, "a number", "none"))
}

/// The offset of a cursor of that epoch.
fn offset_of(cursor: &[u8], epoch: &[u8]) -> Option<u64> {
    whole(cursor.strip_prefix(epoch)?.strip_prefix(b":")?)
}

#[cfg(test)]
mod tests;
