//! What the publisher puts into a message, and how a client finds it again: `k` counts the messages of a topic, `sent`
//! is when it was due (monotonic ns), `pad` makes up the size and differs from one message to the next. A patch also sets
//! one of a few fields and removes another, so that a state is more than its last patch.
//!
//! `k` proves what the gateway's own numbers cannot: that they were not given out over a hole.

use crate::workload::Kind;
use memchr::memmem::{Finder, FinderRev};
use std::io::Write;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub k: u64,
    pub sent_ns: u64,
}

/// Appends one publish line, whose event or patch has `data_bytes` bytes.
pub fn write_line(kind: Kind, topic: &str, stamp: Stamp, data_bytes: usize, out: &mut Vec<u8>) {
    let change = match kind {
        Kind::Event => "event",
        Kind::State => "patch",
    };
    // Writing to a Vec cannot fail.
    let _ = write!(out, r#"{{"topic":"{topic}","{change}":"#);
    write_data(kind, stamp, data_bytes, out);
    out.extend_from_slice(b"}\n");
}

/// Appends the line that ends a topic.
pub fn write_retirement(topic: &str, out: &mut Vec<u8>) {
    // Writing to a Vec cannot fail.
    let _ = writeln!(out, r#"{{"topic":"{topic}","retire":true}}"#);
}

/// Fields of a state of which each patch sets one, and removes the one that was set three patches before.
const FIELDS: u64 = 5;
const FIELDS_HELD: u64 = 3;

fn write_data(kind: Kind, Stamp { k, sent_ns }: Stamp, data_bytes: usize, out: &mut Vec<u8>) {
    let start = out.len();
    let _ = write!(out, r#"{{"k":{k},"sent":{sent_ns},"#);
    if kind == Kind::State {
        let (set, value) = (k % FIELDS, k % 1_000);
        let _ = write!(out, r#""f{set}":{value},"#);
        // What no patch has set needs no removal.
        if k > FIELDS_HELD {
            let _ = write!(out, r#""f{}":null,"#, (k - FIELDS_HELD) % FIELDS);
        }
    }
    out.extend_from_slice(br#""pad":""#);
    let pad = data_bytes.saturating_sub(out.len() - start + 2);
    let _ = write!(out, r#"{k:0>pad$}"}}"#);
}

/// Finds stamps in the bytes of a message's data. The two fields may stand in any order.
#[derive(Debug)]
pub struct StampFinder {
    k: Finder<'static>,
    sent: Finder<'static>,
    last_k: FinderRev<'static>,
    last_sent: FinderRev<'static>,
}

const K: &str = r#""k":"#;
const SENT: &str = r#""sent":"#;

impl Default for StampFinder {
    fn default() -> StampFinder {
        StampFinder {
            k: Finder::new(K),
            sent: Finder::new(SENT),
            last_k: FinderRev::new(K),
            last_sent: FinderRev::new(SENT),
        }
    }
}

impl StampFinder {
    /// The stamps of all events in `data`, in order.
    pub fn all<'a>(&'a self, data: &'a [u8]) -> impl Iterator<Item = Stamp> + 'a {
        let ks = self.k.find_iter(data).map(|at| number(&data[at + K.len()..]));
        let sents = self.sent.find_iter(data).map(|at| number(&data[at + SENT.len()..]));
        ks.zip(sents).map(|(k, sent_ns)| Stamp { k, sent_ns })
    }

    /// The stamp of the newest event in `data`; `None` if there is none.
    pub fn last(&self, data: &[u8]) -> Option<Stamp> {
        let k = number(&data[self.last_k.rfind(data)? + K.len()..]);
        let sent_ns = number(&data[self.last_sent.rfind(data)? + SENT.len()..]);
        Some(Stamp { k, sent_ns })
    }
}

/// The decimal number that `bytes` begin with; 0 if they begin with none.
pub fn number(bytes: &[u8]) -> u64 {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_their_size_and_stamp() {
        for (k, sent_ns) in [(1, 0), (99_999, 123_456_789_012), (u64::MAX, u64::MAX)] {
            let mut line = Vec::new();
            write_line(Kind::State, "quote.load.7", Stamp { k, sent_ns }, 120, &mut line);
            let head = br#"{"topic":"quote.load.7","patch":"#;
            assert!(line.starts_with(head) && line.ends_with(b"\"}}\n"));
            assert_eq!(line.len(), head.len() + 120 + 2);
            let stamps: Vec<Stamp> = StampFinder::default().all(&line).collect();
            assert_eq!(stamps, [Stamp { k, sent_ns }]);
        }
    }

    #[test]
    fn the_last_of_many() {
        let data = br#"[{"k":4,"pad":"004","sent":7},{"k":5,"pad":"005","sent":9}]"#;
        let finder = StampFinder::default();
        assert_eq!(finder.last(data), Some(Stamp { k: 5, sent_ns: 9 }));
        assert_eq!(finder.all(data).count(), 2);
        assert_eq!(finder.last(b"[]"), None);
    }
}
