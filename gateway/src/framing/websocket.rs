//! RFC 6455 frame heads, server side: FIN set, no mask, no extension bits.

use fastwebsockets::OpCode;

pub const TEXT: u8 = OpCode::Text as u8;
pub const CLOSE: u8 = OpCode::Close as u8;
pub const PING: u8 = OpCode::Ping as u8;
pub const PONG: u8 = OpCode::Pong as u8;
pub const BINARY: u8 = OpCode::Binary as u8;

/// Appends the head of an unfragmented frame (section 5.2).
pub fn write_head(opcode: u8, length: usize, out: &mut Vec<u8>) {
    out.push(0x80 | opcode);
    match length {
        0..=125 => out.push(length as u8),
        126..=0xffff => {
            out.push(126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

/// One whole frame.
pub fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 10);
    write_head(opcode, payload.len(), &mut out);
    out.extend_from_slice(payload);
    out
}

/// A close frame with a status code and a word (section 5.5.1; the word is cut to fit 125 bytes).
pub fn close_frame(code: u16, word: &str) -> Vec<u8> {
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(&word.as_bytes()[..word.len().min(123)]);
    frame(CLOSE, &payload)
}
