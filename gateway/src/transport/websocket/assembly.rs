//! Client frames, byte by byte (RFC 6455): unmasking, fragments under a cap, and every violation named. Pure.

use crate::close::CloseReason;
use fastwebsockets::{CloseCode, OpCode, unmask};

/// What the peer said.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    /// The peer closes; its code is `None` if it gave none.
    Close(Option<u16>),
}

/// Bytes of a frame, and fragments of a message, that are not whole yet.
#[derive(Debug, Default)]
pub struct Assembly {
    bytes: Vec<u8>,
    /// How many of `bytes` are taken already. Why: dropping them frame by frame would move the rest each time.
    taken: usize,
    /// The fragments so far; `None` between messages.
    message: Option<Message>,
}

/// A message that is being put together.
#[derive(Debug)]
struct Message {
    opcode: OpCode,
    payload: Vec<u8>,
    /// Fragments that brought nothing. Each counts as a byte, or a message could go on for ever.
    empty: usize,
    /// Of a text, how far it is known to be UTF-8.
    checked: usize,
}

struct Head {
    fin: bool,
    opcode: OpCode,
    mask: [u8; 4],
    /// Bytes of the head and of the payload.
    head: usize,
    payload: usize,
}

impl Assembly {
    /// True if nothing is held: the connection needs no assembly until it hears more.
    pub fn is_empty(&self) -> bool {
        self.bytes.len() == self.taken && self.message.is_none()
    }

    /// Memory that is held for what is not whole yet.
    pub fn held_bytes(&self) -> usize {
        self.bytes.capacity() + self.message.as_ref().map_or(0, |message| message.payload.capacity())
    }

    /// Takes what was read.
    pub fn push(&mut self, read: &[u8]) {
        self.bytes.extend_from_slice(read);
    }

    /// The next thing that the peer said, if it is whole. `cap` bounds one message, in bytes.
    pub fn next(&mut self, cap: usize) -> Result<Option<Heard>, CloseReason> {
        let assembled = |message: &Option<Message>| message.as_ref().map_or(0, Message::weight);
        loop {
            let rest = &self.bytes[self.taken..];
            let head = parse_head(rest, assembled(&self.message), cap)?;
            let Some(head) = head.filter(|head| rest.len() >= head.head + head.payload) else {
                self.bytes.drain(..self.taken);
                self.taken = 0;
                return Ok(None);
            };
            let mut payload = rest[head.head..head.head + head.payload].to_vec();
            self.taken += head.head + head.payload;
            unmask(&mut payload, head.mask);
            if let Some(heard) = self.take_frame(&head, payload)? {
                return Ok(Some(heard));
            }
        }
    }

    fn take_frame(&mut self, head: &Head, payload: Vec<u8>) -> Result<Option<Heard>, CloseReason> {
        match head.opcode {
            OpCode::Ping => return Ok(Some(Heard::Ping(payload))),
            OpCode::Pong => return Ok(Some(Heard::Pong)),
            OpCode::Close => return close(&payload).map(Some),
            _ => {}
        }
        let mut message = match (head.opcode, self.message.take()) {
            (OpCode::Continuation, Some(mut message)) => {
                message.payload.extend_from_slice(&payload);
                message
            }
            (OpCode::Continuation, None) | (_, Some(_)) => return Err(CloseReason::ProtocolError),
            (opcode, None) => Message { opcode, payload, empty: 0, checked: 0 },
        };
        message.empty += usize::from(!head.fin && head.payload == 0);
        if message.opcode == OpCode::Text {
            message.check(head.fin)?;
        }
        if !head.fin {
            self.message = Some(message);
            return Ok(None);
        }
        match message.opcode {
            OpCode::Text => {
                String::from_utf8(message.payload).map(Heard::Text).map(Some).map_err(|_| CloseReason::BadUtf8)
            }
            _ => Ok(Some(Heard::Binary(message.payload))),
        }
    }
}

impl Message {
    /// What counts against the cap.
    fn weight(&self) -> usize {
        self.payload.len() + self.empty
    }

    /// Text that is broken already need not be waited for; a character that is cut at the end of a fragment may be
    /// completed by the next. Only what is new is looked at.
    fn check(&mut self, whole: bool) -> Result<(), CloseReason> {
        match std::str::from_utf8(&self.payload[self.checked..]) {
            Ok(_) => self.checked = self.payload.len(),
            Err(error) if error.error_len().is_none() && !whole => self.checked += error.valid_up_to(),
            Err(_) => return Err(CloseReason::BadUtf8),
        }
        Ok(())
    }
}

/// Section 5.2. The length is checked before a byte of the payload is taken.
fn parse_head(bytes: &[u8], assembled: usize, cap: usize) -> Result<Option<Head>, CloseReason> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    let opcode = OpCode::try_from(first & 0x0f).map_err(|_| CloseReason::ProtocolError)?;
    let fin = first & 0x80 != 0;
    let control = matches!(opcode, OpCode::Ping | OpCode::Pong | OpCode::Close);
    let short = usize::from(second & 0x7f);
    let reserved = first & 0x70 != 0;
    let unmasked = second & 0x80 == 0;
    if reserved || unmasked || (control && (!fin || short > 125)) {
        return Err(CloseReason::ProtocolError);
    }
    let (payload, length_bytes) = match short {
        126 => match rest {
            [a, b, ..] => (u64::from(u16::from_be_bytes([*a, *b])), 2),
            _ => return Ok(None),
        },
        127 => match rest.first_chunk::<8>() {
            Some(length) => (u64::from_be_bytes(*length), 8),
            None => return Ok(None),
        },
        short => (short as u64, 0),
    };
    if payload > (1 << 63) {
        return Err(CloseReason::ProtocolError);
    }
    let assembled = if control { 0 } else { assembled as u64 };
    if payload.saturating_add(assembled) > cap as u64 {
        return Err(CloseReason::MessageTooBig);
    }
    let Some(mask) = rest.get(length_bytes..length_bytes + 4).and_then(|mask| mask.try_into().ok()) else {
        return Ok(None);
    };
    Ok(Some(Head { fin, opcode, mask, head: 2 + length_bytes + 4, payload: payload as usize }))
}

/// Section 7.4: which codes a peer may send.
fn close(payload: &[u8]) -> Result<Heard, CloseReason> {
    match payload {
        [] => Ok(Heard::Close(None)),
        [_] => Err(CloseReason::ProtocolError),
        [a, b, reason @ ..] => {
            let code = u16::from_be_bytes([*a, *b]);
            if !CloseCode::from(code).is_allowed() {
                return Err(CloseReason::ProtocolError);
            }
            if std::str::from_utf8(reason).is_err() {
                return Err(CloseReason::BadUtf8);
            }
            Ok(Heard::Close(Some(code)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CAP: usize = 1_000;

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = vec![first];
        match payload.len() {
            n @ 0..=125 => out.push(0x80 | n as u8),
            n => {
                out.push(0x80 | 126);
                out.extend_from_slice(&(n as u16).to_be_bytes());
            }
        }
        let mask = [1, 2, 3, 4];
        out.extend_from_slice(&mask);
        out.extend(payload.iter().enumerate().map(|(n, b)| b ^ mask[n % 4]));
        out
    }

    fn all(bytes: &[u8]) -> Result<Vec<Heard>, CloseReason> {
        let mut assembly = Assembly::default();
        assembly.push(bytes);
        let mut heard = Vec::new();
        while let Some(one) = assembly.next(CAP)? {
            heard.push(one);
        }
        Ok(heard)
    }

    #[test]
    fn messages_and_fragments() {
        let bytes = [frame(0x01, b"he"), frame(0x89, b"p"), frame(0x80, b"llo"), frame(0x82, b"\xff")].concat();
        let want = vec![Heard::Ping(b"p".to_vec()), Heard::Text("hello".into()), Heard::Binary(vec![0xff])];
        assert_eq!(all(&bytes).unwrap(), want);
        // The same, one byte at a time.
        let mut assembly = Assembly::default();
        let mut heard = Vec::new();
        for byte in bytes {
            assembly.push(&[byte]);
            heard.extend(assembly.next(CAP).unwrap());
        }
        assert_eq!(heard, want);
        assert!(assembly.is_empty());
    }

    #[test]
    fn violations_are_named() {
        let unmasked = vec![0x81, 1, b'a'];
        let huge = [&[0x82, 0xff][..], &(64u64 << 20).to_be_bytes(), &[0; 4]].concat();
        for (what, bytes, reason) in [
            ("unmasked", unmasked, CloseReason::ProtocolError),
            ("rsv1", frame(0xc1, b"a"), CloseReason::ProtocolError),
            ("reserved opcode", frame(0x83, b"a"), CloseReason::ProtocolError),
            ("fragmented ping", frame(0x09, b"a"), CloseReason::ProtocolError),
            ("oversize ping", frame(0x89, &[0; 126]), CloseReason::ProtocolError),
            ("continuation of nothing", frame(0x80, b"a"), CloseReason::ProtocolError),
            ("new message inside one", [frame(0x01, b"a"), frame(0x81, b"b")].concat(), CloseReason::ProtocolError),
            ("one-byte close", frame(0x88, b"a"), CloseReason::ProtocolError),
            ("close 1005", frame(0x88, &1005u16.to_be_bytes()), CloseReason::ProtocolError),
            ("close 999", frame(0x88, &999u16.to_be_bytes()), CloseReason::ProtocolError),
            ("close word", frame(0x88, b"\x03\xe8\xff"), CloseReason::BadUtf8),
            ("text", frame(0x81, b"\xc3\x28"), CloseReason::BadUtf8),
            ("broken first fragment", frame(0x01, b"\xc3\x28"), CloseReason::BadUtf8),
            ("announced 64 MiB", huge, CloseReason::MessageTooBig),
            (
                "endless nothing",
                [frame(0x01, b""), frame(0x00, b"").repeat(CAP + 1)].concat(),
                CloseReason::MessageTooBig,
            ),
            ("fragments", [frame(0x01, &[b'a'; 600]), frame(0x80, &[b'a'; 600])].concat(), CloseReason::MessageTooBig),
        ] {
            assert_eq!(all(&bytes), Err(reason), "{what}");
        }
        assert_eq!(all(&frame(0x88, &1000u16.to_be_bytes())), Ok(vec![Heard::Close(Some(1000))]));
        assert_eq!(all(&frame(0x88, b"")), Ok(vec![Heard::Close(None)]));
    }

    proptest! {
        #[test]
        fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = all(&bytes);
        }
    }
}
