//! The message that peers are given, and the tape on which a subscriber notes which of them it heard.
//!
//! It is as long as the one that Fanwire is given, and names its topic itself, since not every peer does.

use crate::client::connection::plain;
use crate::client::ledger::Breach;
use crate::client::tally::Tally;
use crate::payload::Stamp;
use std::io::Write;

/// Name of a topic, the same on every peer: a NATS subject, an nchan channel id, a Socket.IO room.
pub fn topic_name(topic: usize) -> String {
    format!("load.{topic}")
}

/// Names of the topics of one subscriber, with commas between.
pub fn topic_names(topics: &[u32]) -> String {
    let names: Vec<String> = topics.iter().map(|topic| topic_name(*topic as usize)).collect();
    names.join(",")
}

/// Appends a message of `bytes` bytes.
pub fn write(topic: usize, Stamp { k, sent_ns }: Stamp, bytes: usize, out: &mut Vec<u8>) {
    let start = out.len();
    // Writing to a Vec cannot fail.
    let _ = write!(out, r#"{{"k":{k},"sent":{sent_ns},"n":{topic},"pad":""#);
    let pad = bytes.saturating_sub(out.len() - start + 2);
    let _ = write!(out, r#"{k:0>pad$}"}}"#);
}

/// Topic and stamp of a message. `None`: it is not as it was written.
pub fn read(message: &[u8]) -> Option<(u32, Stamp)> {
    let (k, rest) = digits(message.strip_prefix(br#"{"k":"#)?)?;
    let (sent_ns, rest) = digits(rest.strip_prefix(br#","sent":"#)?)?;
    let (topic, rest) = digits(rest.strip_prefix(br#","n":"#)?)?;
    let pad = rest.strip_prefix(br#","pad":""#)?.strip_suffix(br#""}"#)?;
    let whole = digits(pad).is_some_and(|(number, rest)| number == k && rest.is_empty());
    whole.then_some((topic as u32, Stamp { k, sent_ns }))
}

fn digits(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let end = bytes.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(bytes.len());
    let number = bytes[..end]
        .iter()
        .try_fold(0_u64, |number, digit| number.checked_mul(10)?.checked_add(u64::from(digit - b'0')))?;
    (end > 0).then_some((number, &bytes[end..]))
}

/// What one subscriber heard: of each topic the newest message's number. Messages are numbered from 2, as Fanwire's
/// are, where 1 is a topic's birth.
#[derive(Debug)]
pub struct Tape {
    /// Sorted by topic.
    heard: Box<[(u32, u64)]>,
}

impl Tape {
    pub fn new(topics: &[u32]) -> Tape {
        Tape { heard: topics.iter().map(|&topic| (topic, 1)).collect() }
    }

    /// Notes a message. Returns how many before it were not heard.
    fn note(&mut self, topic: u32, k: u64) -> Result<u64, Breach> {
        let index = self.heard.binary_search_by_key(&topic, |(topic, _)| *topic);
        let index = index.map_err(|_| plain("topic", "one that was subscribed to", topic.to_string()))?;
        let last = &mut self.heard[index].1;
        if k <= *last {
            return Err(plain("message", format!("above {last} of topic {topic}"), k.to_string()));
        }
        let lost = k - *last - 1;
        *last = k;
        Ok(lost)
    }

    /// How many messages after the newest of each topic were not heard.
    pub fn missing(&self, last: impl Fn(u32) -> u64) -> u64 {
        self.heard.iter().map(|(topic, k)| last(*topic).saturating_sub(*k)).sum()
    }
}

/// Who hears the messages of one connection, and takes down what is to be said in answer.
#[derive(Debug)]
pub struct Ear<'a> {
    pub tape: &'a mut Tape,
    pub tally: &'a mut Tally,
    pub now_ns: u64,
    pub answer: &'a mut Vec<u8>,
}

impl Ear<'_> {
    pub fn hear(&mut self, message: &[u8]) -> Result<(), Breach> {
        let Some((topic, stamp)) = read(message) else {
            return Err(plain("message", "one of ours", String::from_utf8_lossy(message)));
        };
        self.tally.lost += self.tape.note(topic, stamp.k)?;
        self.tally.delivered(stamp.sent_ns, self.now_ns);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_their_size_and_are_read_again() {
        for (topic, k, sent_ns) in [(0, 2, 0), (999, 123_456, 98_765_432_109_876)] {
            let (mut message, stamp) = (Vec::new(), Stamp { k, sent_ns });
            write(topic, stamp, 120, &mut message);
            assert_eq!((message.len(), read(&message)), (120, Some((topic as u32, stamp))));
            let mangled = String::from_utf8(message).unwrap().replace("\"pad\":\"0", "\"pad\":\"1");
            assert_eq!(read(mangled.as_bytes()), None);
        }
        assert_eq!(read(b"{}"), None);
    }

    #[test]
    fn what_was_lost_is_counted() {
        let mut tape = Tape::new(&[3, 8]);
        let losses: Vec<u64> = [(3, 2), (8, 4), (3, 3)].map(|(topic, k)| tape.note(topic, k).unwrap()).into();
        assert_eq!(losses, [0, 2, 0]);
        assert!(tape.note(3, 3).is_err() && tape.note(4, 2).is_err());
        assert_eq!((tape.missing(|_| 6), tape.missing(|topic| if topic == 3 { 3 } else { 4 })), (3 + 2, 0));
    }
}
