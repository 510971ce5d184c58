//! Bytes as they came from a gateway → messages, with serde and nothing of the gateway's own.

use super::reader::Form;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Every member that any message may have. An unknown one is a mistake of the gateway or of the document.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)] // Why: some members are only required to be well formed.
pub struct Message<'a> {
    pub t: &'a str,
    pub topic: Option<&'a str>,
    pub n: Option<u64>,
    pub from: Option<u64>,
    pub seq: Option<u64>,
    pub o: Option<u64>,
    pub ts: Option<i64>,
    pub te: Option<i64>,
    pub why: Option<&'a str>,
    /// `Some(None)`: it says `null`.
    #[serde(default, deserialize_with = "present")]
    pub lost: Option<Option<u64>>,
    pub stale: Option<bool>,
    #[serde(borrow)]
    pub data: Option<&'a RawValue>,
    pub cursor: Option<&'a str>,
    pub full: Option<bool>,
    #[serde(borrow)]
    pub id: Option<&'a RawValue>,
    pub v: Option<u64>,
    pub epoch: Option<&'a str>,
    pub heartbeat_ms: Option<u64>,
    pub now: Option<i64>,
    pub code: Option<&'a str>,
    pub message: Option<String>,
    pub field: Option<&'a str>,
    pub retry_ms: Option<u64>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<u64>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl Message<'_> {
    pub fn parse(text: &str) -> Message<'_> {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("no message of the protocol: {error}: {text}"))
    }
}

/// The body of a poll.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body<'a> {
    pub cursor: &'a str,
    #[serde(borrow)]
    pub messages: Vec<&'a RawValue>,
}

impl Body<'_> {
    pub fn parse(text: &str) -> Body<'_> {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("no body of a poll: {error}: {text}"))
    }
}

/// One thing that came on a stream.
#[derive(Debug)]
#[allow(dead_code)] // Why: nobody pings in the simulator.
pub enum Piece {
    /// `id`: the block's, on SSE.
    Message {
        text: String,
        id: Option<String>,
    },
    Ping(Vec<u8>),
    Close(u16),
}

/// A stream's bytes, cut into pieces.
#[derive(Debug)]
pub struct Unframed {
    form: Form,
    bytes: Vec<u8>,
    taken: usize,
}

impl Unframed {
    pub fn new(form: Form) -> Unframed {
        Unframed { form, bytes: Vec::new(), taken: 0 }
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..std::mem::take(&mut self.taken));
        self.bytes.extend_from_slice(bytes);
    }

    /// The next piece that is whole.
    pub fn next(&mut self) -> Option<Piece> {
        match self.form {
            Form::WebSocket => self.next_frame(),
            _ => self.next_block(),
        }
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    fn next_frame(&mut self) -> Option<Piece> {
        let rest = self.rest();
        let (first, second) = (*rest.first()?, *rest.get(1)?);
        assert!(second < 128, "a server's frame is masked");
        let (length, head) = match second {
            126 => (u64::from(u16::from_be_bytes(rest.get(2..4)?.try_into().unwrap())), 4),
            127 => (u64::from_be_bytes(rest.get(2..10)?.try_into().unwrap()), 10),
            short => (u64::from(short), 2),
        };
        let end = head + usize::try_from(length).unwrap();
        let payload = rest.get(head..end)?.to_vec();
        self.taken += end;
        match first {
            0x81 => Some(Piece::Message { text: String::from_utf8(payload).expect("a frame is UTF-8"), id: None }),
            0x88 => Some(Piece::Close(u16::from_be_bytes([payload[0], payload[1]]))),
            0x89 => Some(Piece::Ping(payload)),
            other => panic!("frame head {other:#x}: something was inserted into a frame"),
        }
    }

    fn next_block(&mut self) -> Option<Piece> {
        loop {
            let end = self.rest().windows(2).position(|two| two == b"\n\n")? + 2;
            let block = String::from_utf8(self.rest()[..end].to_vec()).expect("a block is UTF-8");
            self.taken += end;
            let (mut id, mut text) = (None, None);
            for line in block.trim_end().lines() {
                match line.split_once(": ") {
                    Some(("id", value)) => id = Some(value.to_owned()),
                    Some(("data", value)) => text = Some(value.to_owned()),
                    Some(("retry", value)) => drop(value.parse::<u64>().expect("retry is whole ms")),
                    _ => panic!("a line of no known field: {line:?}"),
                }
            }
            if let Some(text) = text {
                return Some(Piece::Message { text, id });
            }
        }
    }
}
