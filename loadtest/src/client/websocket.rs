//! RFC 6455 as a client needs it: the request, server frames (unmasked), and masked answers.

pub const TEXT: u8 = 0x1;
pub const BINARY: u8 = 0x2;
pub const CLOSE: u8 = 0x8;
pub const PING: u8 = 0x9;
pub const PONG: u8 = 0xA;

/// The key of RFC 6455's own example, and what a server has to answer to it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

pub fn request(topics: &str) -> String {
    upgrade(&format!("/v1/ws?topics={topics}"), Some("fanwire.v1"))
}

/// The request of an upgrade. `path`: with its query.
pub fn upgrade(path: &str, subprotocol: Option<&str>) -> String {
    let subprotocol = subprotocol.map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n")).unwrap_or_default();
    format!(
        "GET {path} HTTP/1.1\r\nHost: loadtest\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{subprotocol}\r\n"
    )
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    pub opcode: u8,
    pub payload: &'a [u8],
    /// Bytes of the frame, head included.
    pub length: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("a frame with a mask, reserved bits or fragments")]
    Unexpected,
    #[error("a frame of {0} bytes")]
    TooBig(u64),
}

/// Longest frame that is waited for.
const FRAME_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The first frame in `bytes`; `None` if it is not whole yet.
pub fn next(bytes: &[u8]) -> Result<Option<Frame<'_>>, FrameError> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    if first & 0xF0 != 0x80 || second & 0x80 != 0 || first & 0x0F == 0 {
        return Err(FrameError::Unexpected);
    }
    let (payload, head) = match second & 0x7F {
        126 => match rest.first_chunk::<2>() {
            Some(length) => (u64::from(u16::from_be_bytes(*length)), 4),
            None => return Ok(None),
        },
        127 => match rest.first_chunk::<8>() {
            Some(length) => (u64::from_be_bytes(*length), 10),
            None => return Ok(None),
        },
        short => (u64::from(short), 2),
    };
    if payload > FRAME_BYTES_MAX {
        return Err(FrameError::TooBig(payload));
    }
    let length = head + payload as usize;
    let opcode = first & 0x0F;
    Ok(bytes.get(head..length).map(|payload| Frame { opcode, payload, length }))
}

/// A masked frame of at most 125 bytes. The mask is zero, which the RFC's framing permits and costs nothing.
pub fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let payload = &payload[..payload.len().min(125)];
    let mut frame = vec![0x80 | opcode, 0x80 | payload.len() as u8, 0, 0, 0, 0];
    frame.extend_from_slice(payload);
    frame
}

/// Code and word of a close frame, for people.
pub fn close_words(payload: &[u8]) -> String {
    match payload {
        [high, low, word @ ..] => {
            format!("{} {}", u16::from_be_bytes([*high, *low]), String::from_utf8_lossy(word))
        }
        _ => "no code".to_owned(),
    }
}

#[cfg(test)]
pub(crate) fn server_frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match payload.len() {
        length @ 0..=125 => frame.push(length as u8),
        length @ 126..=0xFFFF => {
            frame.push(126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_cut_at_every_byte() {
        for length in [0, 1, 125, 126, 300, 65_535, 65_536] {
            let payload = vec![b'x'; length];
            let whole = server_frame(TEXT, &payload);
            for end in (0..whole.len()).filter(|end| *end < 400 || *end + 2 > whole.len()) {
                assert_eq!(next(&whole[..end]), Ok(None), "{end} of {}", whole.len());
            }
            let mut more = whole.clone();
            more.push(0x81);
            let frame = next(&more).unwrap().unwrap();
            assert_eq!((frame.opcode, frame.payload, frame.length), (TEXT, &payload[..], whole.len()));
        }
    }

    #[test]
    fn frames_that_no_server_of_ours_sends() {
        for bad in [[0x01, 0], [0x80, 0], [0xC1, 0], [0x81, 0x80]] {
            assert_eq!(next(&bad), Err(FrameError::Unexpected), "{bad:02x?}");
        }
        let huge = [&[0x81, 127][..], &u64::MAX.to_be_bytes()].concat();
        assert_eq!(next(&huge), Err(FrameError::TooBig(u64::MAX)));
    }

    #[test]
    fn answers_are_masked() {
        assert_eq!(masked(PONG, b"hi"), [0x8A, 0x82, 0, 0, 0, 0, b'h', b'i']);
        assert_eq!(close_words(&[0x03, 0xE9, b'b', b'y', b'e']), "1001 bye");
    }
}
