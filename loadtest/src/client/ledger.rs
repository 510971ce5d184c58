//! What one connection has been told so far, and whether the next message may follow it.
//!
//! Invariants checked (DESIGN.md sections 4 and 5): `hello` first; of each topic a snapshot first, then every seq, no
//! gap and no repeat, unless a snapshot says why; offsets rise; an SSE `id:` is its entry's cursor. And beside the
//! gateway's numbers the publisher's own: every message of a topic, in order.

use super::connection::{Listener, Taking};
use super::tally::Tally;
use crate::payload::StampFinder;
use crate::scan::{Lost, Message, whole};

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

#[derive(Debug)]
pub struct Ledger {
    prefix: &'static str,
    /// Sorted by topic.
    told: Box<[Told]>,
    greeted: bool,
    /// Topics without a snapshot yet.
    missing: usize,
    /// An `at` has said that the first snapshots are complete.
    whole: bool,
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
}

impl Ledger {
    /// `topics`: the numbers of the topics subscribed to, sorted.
    pub fn new(prefix: &'static str, topics: &[u32]) -> Ledger {
        let told = topics.iter().map(|&topic| Told { topic, seq: None, k: 0 }).collect();
        Ledger {
            prefix,
            told,
            greeted: false,
            missing: topics.len(),
            whole: false,
            behind: false,
            returns: 0,
            offset: 0,
            number: 0,
        }
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

    /// The first topic whose newest message is not the last that was published (`last` says its number), with both.
    pub fn first_behind(&self, last: impl Fn(u32) -> u64) -> Option<Breach> {
        let behind = self.told.iter().find(|told| told.k != last(told.topic))?;
        let topic = Some(format!("{}{}", self.prefix, behind.topic));
        let (expected, got) = (format!("message {}", last(behind.topic)), format!("message {}", behind.k));
        Some(Breach { what: "the end was not delivered", topic, expected, got })
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
            b"snap" => self.take_snapshot(message, stamps, tally),
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
        let stated = id.map(|id| id.rsplit(|byte| *byte == b':').next().and_then(whole));
        match stated {
            Some(stated) if stated != Some(offset) => {
                Err(breach("SSE id", message, format!("offset {offset}"), words(id.unwrap_or_default())))
            }
            _ => Ok(()),
        }
    }

    fn take_at(&mut self, message: &Message<'_>) -> Result<(), Breach> {
        if self.missing > 0 {
            let expected = format!("{} more snapshots", self.missing);
            return Err(breach("the end of the first snapshots", message, expected, "at"));
        }
        self.whole = true;
        self.returns += u64::from(std::mem::take(&mut self.behind));
        Ok(())
    }

    fn take_snapshot(&mut self, message: &Message<'_>, stamps: &StampFinder, tally: &mut Tally) -> Result<(), Breach> {
        let seq = seq_of(message)?;
        let first = self.told(message)?.seq.is_none();
        match (message.why, first) {
            (b"subscribe" | b"born", true) => {}
            (b"lag" | b"rate" | b"reset", false) => {
                self.behind |= message.why == b"lag";
                tally.lags += 1;
                if let Some(Lost::Events(lost)) = message.lost {
                    tally.lost += lost;
                }
            }
            (why, _) => {
                let expected = if first { "subscribe" } else { "an entry" };
                return Err(breach("snapshot", message, expected, words(why)));
            }
        }
        let told = self.told(message)?;
        if told.seq.is_some_and(|before| seq < before) {
            return Err(breach("snapshot's seq", message, format!("{:?} or more", told.seq), seq.to_string()));
        }
        told.seq = Some(seq);
        told.k = stamps.last(message.data).map_or(told.k, |stamp| stamp.k);
        self.missing -= usize::from(first);
        tally.snapshots += 1;
        Ok(())
    }

    fn take_entry(
        &mut self,
        message: &Message<'_>,
        stamps: &StampFinder,
        tally: &mut Tally,
        now_ns: u64,
    ) -> Result<(), Breach> {
        let seq = seq_of(message)?;
        let told = self.told(message)?;
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
            // A delta over several seqs is one that a throttled or lagging reader gets: its k may jump.
            if stamp.k != told.k + 1 && (events || seq == last + 1) {
                return Err(breach("message", message, (told.k + 1).to_string(), stamp.k.to_string()));
            }
            told.k = stamp.k;
            count += 1;
            tally.delivered(stamp.sent_ns, now_ns);
        }
        let expected = if events { seq - last } else { 1 };
        if count != expected {
            return Err(breach("messages in an entry", message, expected.to_string(), count.to_string()));
        }
        Ok(())
    }

    fn told(&mut self, message: &Message<'_>) -> Result<&mut Told, Breach> {
        let number = message.topic.strip_prefix(self.prefix.as_bytes()).and_then(whole);
        let index = number.and_then(|number| self.told.binary_search_by_key(&number, |told| told.topic.into()).ok());
        match index {
            Some(index) => Ok(&mut self.told[index]),
            None => Err(breach("topic", message, "one that was subscribed to", words(message.topic))),
        }
    }
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
mod tests {
    use super::*;
    use crate::scan::scan;

    const HELLO: &str = r#"{"t":"hello","v":1}"#;
    const SNAP: &str =
        r#"{"t":"snap","topic":"trade.load.3","from":8,"seq":9,"why":"subscribe","data":[{"k":1,"sent":2}]}"#;
    const AT: &str = r#"{"t":"at","cursor":"e:9"}"#;

    fn append(from: u64, seq: u64, offset: u64, ks: &[u64]) -> String {
        let events: Vec<String> = ks.iter().map(|k| format!(r#"{{"k":{k},"sent":5}}"#)).collect();
        let events = events.join(",");
        format!(r#"{{"t":"append","topic":"trade.load.3","from":{from},"seq":{seq},"o":{offset},"data":[{events}]}}"#)
    }

    fn tell(messages: &[&str]) -> Result<(Ledger, Tally), Breach> {
        let (mut ledger, mut tally) = (Ledger::new("trade.load.", &[3]), Tally::default());
        for json in messages {
            let message = scan(json.as_bytes()).unwrap();
            ledger.take(&message, None, &StampFinder::default(), &mut tally, 100)?;
        }
        Ok((ledger, tally))
    }

    #[test]
    fn what_may_be_told() {
        let (ledger, tally) =
            tell(&[HELLO, SNAP, AT, &append(9, 10, 20, &[2]), AT, &append(10, 12, 22, &[3, 4])]).unwrap();
        assert!(ledger.is_whole());
        assert_eq!((tally.deliveries, tally.snapshots, tally.lags), (3, 1, 0));
        assert_eq!(ledger.first_behind(|_| 4), None);
        assert_eq!(ledger.first_behind(|_| 5).unwrap().expected, "message 5");
        let lag =
            r#"{"t":"snap","topic":"trade.load.3","from":18,"seq":20,"why":"lag","lost":6,"data":[{"k":12,"sent":2}]}"#;
        let (ledger, tally) =
            tell(&[HELLO, SNAP, AT, &append(9, 10, 20, &[2]), lag, AT, &append(20, 21, 40, &[13])]).unwrap();
        assert_eq!((tally.lags, tally.lost, ledger.returns()), (1, 6, 1));
        let early = tell(&[HELLO, SNAP, AT, lag, &append(20, 21, 40, &[13])]).unwrap_err();
        assert_eq!(early.expected, "none before the at that ends a lag");
    }

    #[test]
    fn what_may_not() {
        let second = SNAP.replace("\"seq\":9", "\"seq\":10");
        let elsewhere = append(9, 10, 20, &[2]).replace("load.3", "load.4");
        for (messages, what) in [
            (vec![SNAP.to_owned()], "first message"),
            (vec![HELLO.to_owned(), append(9, 10, 20, &[2])], "entry"),
            (vec![HELLO.to_owned(), AT.to_owned()], "the end of the first snapshots"),
            (vec![HELLO.to_owned(), SNAP.to_owned(), second], "snapshot"),
            (vec![HELLO.to_owned(), SNAP.to_owned(), append(10, 11, 20, &[2])], "seq"),
            (vec![HELLO.to_owned(), SNAP.to_owned(), append(8, 9, 20, &[2])], "seq"),
            (vec![HELLO.to_owned(), SNAP.to_owned(), append(9, 10, 20, &[3])], "message"),
            (vec![HELLO.to_owned(), SNAP.to_owned(), append(9, 11, 20, &[2])], "messages in an entry"),
            (vec![HELLO.to_owned(), SNAP.to_owned(), append(9, 10, 0, &[2])], "offset"),
            (vec![HELLO.to_owned(), SNAP.to_owned(), elsewhere], "topic"),
            (vec![HELLO.to_owned(), r#"{"t":"bye","code":"draining"}"#.to_owned()], "the gateway complains"),
        ] {
            let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
            assert_eq!(tell(&messages).unwrap_err().what, what, "{messages:?}");
        }
    }

    #[test]
    fn a_breach_names_everything() {
        let breach = tell(&[HELLO, SNAP, &append(11, 12, 20, &[2])]).unwrap_err();
        assert_eq!(breach.to_string(), "seq, topic trade.load.3: expected 10, got 12");
    }
}
