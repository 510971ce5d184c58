//! Messages that belong to one connection: hello, ok, error, at, pong, bye, and the heads of snapshots.

use crate::log::{Epoch, Offset};
use crate::store::{Kind, Snapshot};
use bytes::Bytes;
use feeds::model::write_text;
use std::io::Write;

/// Why a snapshot is sent outside the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    Subscribe,
    /// The entries after the client's cursor are gone, or its cursor is of another epoch.
    Resume,
    /// The subscriber fell behind its caps.
    Lag,
    /// A throttled topic is told anew: its reader joins a rate class or leaves one, or the tick held more events than a
    /// snapshot does.
    Rate,
}

impl Why {
    pub fn word(self) -> &'static str {
        match self {
            Why::Subscribe => "subscribe",
            Why::Resume => "resume",
            Why::Lag => "lag",
            Why::Rate => "rate",
        }
    }
}

pub fn hello(id: u64, epoch: &Epoch, heartbeat_ms: u64, now_ms: i64) -> Vec<u8> {
    let epoch = epoch.as_str();
    format!(r#"{{"t":"hello","v":1,"id":"c-{id:x}","epoch":"{epoch}","heartbeat_ms":{heartbeat_ms},"now":{now_ms}}}"#)
        .into_bytes()
}

pub fn at(cursor: &str, full: bool) -> Vec<u8> {
    let full = if full { r#","full":true"# } else { "" };
    format!(r#"{{"t":"at","cursor":"{cursor}"{full}}}"#).into_bytes()
}

/// The end of a topic, told outside the log to readers that were not there.
pub fn gone(topic: &str, seq: Offset) -> Vec<u8> {
    format!(r#"{{"t":"gone","topic":"{topic}","seq":{}}}"#, seq.0).into_bytes()
}

/// `ids=1`, on resume: what number stands for which topic.
pub fn name(n: u64, topic: &str) -> Vec<u8> {
    format!(r#"{{"t":"name","n":{n},"topic":"{topic}"}}"#).into_bytes()
}

pub fn bye(code: &str, retry_ms: Option<u64>) -> Vec<u8> {
    let retry = retry_ms.map(|ms| format!(r#","retry_ms":{ms}"#)).unwrap_or_default();
    format!(r#"{{"t":"bye","code":"{code}"{retry}}}"#).into_bytes()
}

/// The answer to a command; `id` is the client's own JSON, kept as it came.
pub fn ok(id: Option<&str>) -> Vec<u8> {
    format!(r#"{{"t":"ok"{}}}"#, id_member(id)).into_bytes()
}

pub fn pong(id: Option<&str>) -> Vec<u8> {
    format!(r#"{{"t":"pong"{}}}"#, id_member(id)).into_bytes()
}

pub fn error(id: Option<&str>, code: &str, message: &str, field: Option<&str>) -> Vec<u8> {
    let mut out = format!(r#"{{"t":"error"{},"code":"{code}","message":"#, id_member(id)).into_bytes();
    write_text(message, &mut out);
    if let Some(field) = field {
        out.extend_from_slice(br#","field":"#);
        write_text(field, &mut out);
    }
    out.push(b'}');
    out
}

fn id_member(id: Option<&str>) -> String {
    id.map(|id| format!(r#","id":{id}"#)).unwrap_or_default()
}

/// What of a snapshot's events the reader had not seen and will not see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Nothing to say: a first snapshot, or a state topic.
    Unsaid,
    Count(u64),
    /// Past retention, or across epochs.
    Unknown,
}

/// A snapshot message in three pieces: its own head, the shared `data`, and the closing brace.
pub fn snapshot(snapshot: &Snapshot, why: Why, lost: Lost, num_string: bool) -> (Vec<u8>, Bytes) {
    let mut head = Vec::with_capacity(160);
    head.extend_from_slice(br#"{"t":"snap","topic":"#);
    write_text(&snapshot.name, &mut head);
    // Writing to a Vec cannot fail.
    let _ = write!(head, r#","n":{}"#, snapshot.n);
    if snapshot.kind == Kind::Event {
        let _ = write!(head, r#","from":{}"#, snapshot.from.0);
    }
    let _ = write!(head, r#","seq":{},"ts":{}"#, snapshot.seq.0, snapshot.ts);
    if let Some(te) = snapshot.te {
        let _ = write!(head, r#","te":{te}"#);
    }
    let _ = write!(head, r#","why":"{}""#, why.word());
    match lost {
        Lost::Unsaid => {}
        Lost::Count(lost) => drop(write!(head, r#","lost":{lost}"#)),
        Lost::Unknown => head.extend_from_slice(br#","lost":null"#),
    }
    if snapshot.stale {
        head.extend_from_slice(br#","stale":true"#);
    }
    head.extend_from_slice(br#","data":"#);
    (head, snapshot.data(num_string))
}

pub fn cursor(epoch: &Epoch, offset: Offset) -> String {
    format!("{}:{}", epoch.as_str(), offset.0)
}
