//! What one connection has been told so far, and whether the next message may follow it.
//!
//! Invariants checked (DESIGN.md sections 4 and 5): `hello` first; of each topic a snapshot first, then every seq, no
//! gap and no repeat, unless a snapshot says why; offsets rise; an SSE `id:` is its entry's cursor. Beside the gateway's
//! numbers stands the publisher's own: every message of a topic, in order. Who is audited also applies everything, and is
//! compared with snapshots.

use super::connection::{Listener, Taking};
use super::replica::Replica;
use super::tally::Tally;
use crate::payload::StampFinder;
use crate::scan::{Lost, Message, whole};
use std::collections::HashMap;

/// A message that must not follow what was told before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}{}: expected {expected}, got {got}", .topic.as_ref().map(|t| format!(", topic {t}")).unwrap_or_default())]
pub struct Breach {
    pub what: &'static str,
    /// `None` if it is not about one topic.
    pub topic: Option<String>,
    pub expected: String,
    pub got: String,
}

#[derive(Clone, Copy, Debug)]
struct Told {
    topic: u32,
    /// `None` before its snapshot.
    seq: Option<u64>,
    /// The publisher's number of the newest message.
    k: u64,
}

/// The newest of each topic as a snapshot tells it, by the topic's number: seq and data.
pub type Newest = HashMap<u32, (u64, Vec<u8>)>;

#[derive(Debug)]
pub struct Ledger {
    prefix: &'static str,
    /// Sorted by topic.
    told: Box<[Told]>,
    /// What is held of each topic, in that order; `None`: it is not audited.
    replicas: Option<Box<[Replica]>>,
    greeted: bool,
    /// Topics without a snapshot yet.
    missing: usize,
    /// An `at` has said that the first snapshots are complete.
    whole: bool,
    /// It asks for snapshots again and again.
    anew: bool,
    /// It was told that it lags, and not yet that it is whole again: until then no message states a cursor.
    behind: bool,
    /// How often it was whole again after that.
    returns: u64,
    offset: u64,
    /// Of `hello`: the connection's number in the gateway.
    number: u64,
}

impl Listener for Ledger {
    fn hear(&mut self, message: &Message<'_>, id: Option<&[u8]>, taking: &mut Taking<'_>) -> Result<(), Breach> {
        self.take(message, id, taking.stamps, taking.tally, taking.now_ns)
    }

    fn begin_answer(&mut self, resume: bool) {
        self.greeted = true;
        self.anew = self.whole && !resume;
    }

    fn end_answer(&mut self, cursor: &[u8]) -> Result<(), Breach> {
        self.take_at(&Message { kind: b"at", cursor, ..Message::default() })
    }
}

impl Ledger {
    /// `topics`: the numbers of the topics subscribed to, sorted.
    pub fn new(prefix: &'static str, topics: &[u32]) -> Ledger {
        let told = topics.iter().map(|&topic| Told { topic, seq: None, k: 0 }).collect();
        Ledger {
            prefix,
            told,
            replicas: None,
            greeted: false,
            missing: topics.len(),
            whole: false,
            anew: false,
            behind: false,
            returns: 0,
            offset: 0,
            number: 0,
        }
    }

    /// It applies all that it is told.
    pub fn audited(mut self) -> Ledger {
        self.replicas = Some(vec![Replica::default(); self.told.len()].into());
        self
    }

    /// How often it lagged and was whole again.
    pub fn returns(&self) -> u64 {
        self.returns
    }

    /// The shard that has it, of `shards`: numbers are given out in steps of their count.
    pub fn shard(&self, shards: u64) -> u64 {
        self.number % shards
    }

    /// True once every topic had its snapshot and the connection was told that it is live.
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    pub fn is_audited(&self) -> bool {
        self.replicas.is_some()
    }

    /// The first topic whose newest message is not the last that was published (`last` says its number), with both.
    pub fn first_behind(&self, last: impl Fn(u32) -> u64) -> Option<Breach> {
        let behind = self.told.iter().find(|told| told.k != last(told.topic))?;
        let (expected, got) = (format!("message {}", last(behind.topic)), format!("message {}", behind.k));
        Some(Breach { what: "the end was not delivered", topic: Some(self.name(behind.topic)), expected, got })
    }

    /// The first topic of which another is held than a snapshot tells; always `None` if it is not audited.
    pub fn first_unlike(&self, newest: &Newest) -> Option<Breach> {
        let replicas = self.replicas.as_ref()?;
        self.told.iter().zip(replicas).find_map(|(told, replica)| {
            let (seq, data) = newest.get(&told.topic)?;
            replica.unlike(&self.name(told.topic), told.seq, *seq, data)
        })
    }

    fn name(&self, topic: u32) -> String {
        format!("{}{topic}", self.prefix)
    }

    /// Takes the next message. `id`: the SSE `id:` that stood with it.
    pub fn take(
        &mut self,
        message: &Message<'_>,
        id: Option<&[u8]>,
        stamps: &StampFinder,
        tally: &mut Tally,
        now_ns: u64,
    ) -> Result<(), Breach> {
        if !self.greeted {
            self.greeted = message.kind == b"hello";
            self.number = message.id.strip_prefix(b"c-").map_or(0, hexadecimal);
            let greeted = self.greeted;
            return if greeted { Ok(()) } else { Err(breach("first message", message, "hello", words(message.kind))) };
        }
        if let Some(offset) = message.offset {
            self.take_offset(message, offset, id)?;
        }
        match message.kind {
            b"delta" | b"append" => self.take_entry(message, stamps, tally, now_ns),
            b"snap" => self.take_snapshot(message, stamps, tally, now_ns),
            b"at" => self.take_at(message),
            b"mark" | b"pong" | b"ok" => Ok(()),
            b"bye" | b"error" => Err(breach("the gateway complains", message, "nothing", words(message.code))),
            _ => Err(breach("message", message, "an entry, a snapshot or an at", words(message.kind))),
        }
    }

    fn take_offset(&mut self, message: &Message<'_>, offset: u64, id: Option<&[u8]>) -> Result<(), Breach> {
        if self.behind {
            return Err(breach("offset", message, "none before the at that ends a lag", offset.to_string()));
        }
        if offset <= self.offset {
            return Err(breach("offset", message, format!("above {}", self.offset), offset.to_string()));
        }
        self.offset = offset;
        let stated = id.map(offset_of);
        match stated {
            Some(stated) if stated != Some(offset) => {
                Err(breach("SSE id", message, format!("offset {offset}"), words(id.unwrap_or_default())))
            }
            _ => Ok(()),
        }
    }

    /// CURSOR-TRUE: nothing that a cursor covers comes after it.
    fn take_at(&mut self, message: &Message<'_>) -> Result<(), Breach> {
        if self.missing > 0 {
            let expected = format!("{} more snapshots", self.missing);
            return Err(breach("the end of the first snapshots", message, expected, "at"));
        }
        match offset_of(message.cursor) {
            Some(offset) if offset >= self.offset => self.offset = offset,
            _ => {
                let expected = format!("offset {} or more", self.offset);
                return Err(breach("cursor", message, expected, words(message.cursor)));
            }
        }
        self.whole = true;
        self.returns += u64::from(std::mem::take(&mut self.behind));
        Ok(())
    }

    fn take_snapshot(
        &mut self,
        message: &Message<'_>,
        stamps: &StampFinder,
        tally: &mut Tally,
        now_ns: u64,
    ) -> Result<(), Breach> {
        let (seq, index) = (seq_of(message)?, self.index(message)?);
        let before = self.told[index];
        self.take_why(message, before.seq.is_none(), tally)?;
        take_lost(message, before.seq, tally)?;
        tally.snapshots += 1;
        let k = stamps.last(message.data).map_or(before.k, |stamp| stamp.k);
        match before.seq {
            None => self.missing -= 1,
            Some(last) if seq < last => {
                return Err(breach("snapshot's seq", message, format!("{last} or more"), seq.to_string()));
            }
            // Every message advances both.
            Some(last) if k != before.k + (seq - last) => {
                let expected = (before.k + (seq - last)).to_string();
                return Err(breach("message", message, expected, format!("{k} at seq {seq}")));
            }
            Some(_) if self.anew => take_news(message, before, stamps, tally, now_ns),
            Some(_) => {}
        }
        self.told[index] = Told { seq: Some(seq), k, ..before };
        let replica = self.replicas.as_mut().map(|replicas| &mut replicas[index]);
        replica.map_or(Ok(()), |replica| replica.take_snapshot(message, before.seq == Some(seq)))
    }

    /// Why there is a snapshot, and whether there may be one.
    fn take_why(&mut self, message: &Message<'_>, first: bool, tally: &mut Tally) -> Result<(), Breach> {
        match message.why {
            b"subscribe" | b"born" if first || self.anew => {}
            b"rate" if !first => tally.ticks += 1,
            b"lag" | b"resume" | b"reset" if !first => {
                self.behind |= message.why != b"reset";
                tally.lags += 1;
            }
            why => {
                let expected = if first { "subscribe" } else { "an entry" };
                return Err(breach("snapshot", message, expected, words(why)));
            }
        }
        Ok(())
    }

    fn take_entry(
        &mut self,
        message: &Message<'_>,
        stamps: &StampFinder,
        tally: &mut Tally,
        now_ns: u64,
    ) -> Result<(), Breach> {
        let (seq, index) = (seq_of(message)?, self.index(message)?);
        let told = &mut self.told[index];
        let Some(last) = told.seq else {
            return Err(breach("entry", message, "a snapshot first", format!("seq {seq}")));
        };
        let before = message.from.unwrap_or(seq.wrapping_sub(1));
        if before != last || seq <= last {
            let got = if before == seq.wrapping_sub(1) { format!("{seq}") } else { format!("{before} to {seq}") };
            return Err(breach("seq", message, (last + 1).to_string(), got));
        }
        told.seq = Some(seq);
        let events = message.kind == b"append";
        let mut count = 0;
        for stamp in stamps.all(message.data) {
            // A delta over several seqs is one that a throttled reader gets.
            let next = if events { told.k + 1 } else { told.k + (seq - last) };
            if stamp.k != next {
                return Err(breach("message", message, next.to_string(), stamp.k.to_string()));
            }
            told.k = stamp.k;
            count += 1;
            tally.delivered(stamp.sent_ns, now_ns);
        }
        let expected = if events { seq - last } else { 1 };
        if count != expected {
            return Err(breach("messages in an entry", message, expected.to_string(), count.to_string()));
        }
        let replica = self.replicas.as_mut().map(|replicas| &mut replicas[index]);
        replica.map_or(Ok(()), |replica| replica.take_entry(message))
    }

    fn index(&self, message: &Message<'_>) -> Result<usize, Breach> {
        let number = message.topic.strip_prefix(self.prefix.as_bytes()).and_then(whole);
        let index = number.and_then(|number| self.told.binary_search_by_key(&number, |told| told.topic.into()).ok());
        index.ok_or_else(|| breach("topic", message, "one that was subscribed to", words(message.topic)))
    }
}

/// Nothing is lost without being told: the events between the newest that was told and the first of the snapshot.
fn take_lost(message: &Message<'_>, last: Option<u64>, tally: &mut Tally) -> Result<(), Breach> {
    let (Some(from), Some(last)) = (message.from, last) else { return Ok(()) };
    let expected = from.saturating_sub(last);
    let told = match message.lost {
        Some(Lost::Events(lost)) => lost,
        // A plain poll's snapshot does not know what was told before it; nor does one past what the log holds.
        Some(Lost::Unknown) if message.why == b"resume" => expected,
        None if message.why == b"subscribe" => expected,
        Some(Lost::Unknown) | None => 0,
    };
    tally.lost += told;
    if told == expected { Ok(()) } else { Err(breach("lost", message, expected.to_string(), told.to_string())) }
}

/// What a snapshot tells beyond the one before: one state, or the events since.
fn take_news(message: &Message<'_>, before: Told, stamps: &StampFinder, tally: &mut Tally, now_ns: u64) {
    let news = stamps.all(message.data).filter(|stamp| stamp.k > before.k);
    news.for_each(|stamp| tally.delivered(stamp.sent_ns, now_ns));
}

/// The offset of a cursor; `None` if it is none.
fn offset_of(cursor: &[u8]) -> Option<u64> {
    cursor.rsplit(|byte| *byte == b':').next().and_then(whole)
}

fn seq_of(message: &Message<'_>) -> Result<u64, Breach> {
    message.seq.ok_or_else(|| breach("seq", message, "a number", "none"))
}

pub fn breach(
    what: &'static str,
    message: &Message<'_>,
    expected: impl Into<String>,
    got: impl Into<String>,
) -> Breach {
    let topic = (!message.topic.is_empty()).then(|| words(message.topic));
    Breach { what, topic, expected: expected.into(), got: got.into() }
}

fn hexadecimal(digits: &[u8]) -> u64 {
    std::str::from_utf8(digits).ok().and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0)
}

pub fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests;
