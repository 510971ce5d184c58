//! Answers of HTTP/1.1 as peers give them: heads, bodies with a length, bodies in chunks.

use crate::client::connection::plain;
use crate::client::ledger::Breach;

/// Header lines of a head, at most.
const HEADERS_MAX: usize = 32;
/// Longest body that is waited for.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub status: u16,
    /// `None`: it does not say.
    pub body_bytes: Option<usize>,
    pub is_chunked: bool,
    /// Bytes of the head itself.
    pub length: usize,
}

/// The head that `bytes` begin with; `None` if it is not whole yet.
pub fn head(bytes: &[u8]) -> Result<Option<Head>, Breach> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let refused = |error: &dyn std::fmt::Display| plain("response head", "one of HTTP/1.1", error.to_string());
    let length = match response.parse(bytes).map_err(|error| refused(&error))? {
        httparse::Status::Complete(length) => length,
        httparse::Status::Partial => return Ok(None),
    };
    let value = |name: &str| {
        let header = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(header.value).ok()
    };
    let body_bytes = value("content-length").map(|length| length.trim().parse::<usize>());
    let body_bytes = body_bytes.transpose().map_err(|error| refused(&error))?;
    let is_chunked = value("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
    Ok(Some(Head { status: response.code.unwrap_or(0), body_bytes, is_chunked, length }))
}

/// One whole answer whose head says its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    pub status: u16,
    pub body: &'a [u8],
    /// Bytes of the answer, its head included.
    pub length: usize,
}

/// The first answer in `bytes`; `None` if it is not whole yet.
pub fn answer(bytes: &[u8]) -> Result<Option<Answer<'_>>, Breach> {
    let Some(head) = head(bytes)? else { return Ok(None) };
    let Some(body_bytes) = head.body_bytes.filter(|bytes| *bytes <= BODY_BYTES_MAX) else {
        return Err(plain("response head", "a length", String::from_utf8_lossy(&bytes[..head.length])));
    };
    let length = head.length + body_bytes;
    Ok(bytes.get(head.length..length).map(|body| Answer { status: head.status, body, length }))
}

/// Appends the content of all whole chunks to `content`. Returns how many bytes they were.
pub fn take_chunks(bytes: &[u8], content: &mut Vec<u8>) -> Result<usize, Breach> {
    let mut taken = 0;
    loop {
        let rest = &bytes[taken..];
        let (at, size) = match httparse::parse_chunk_size(rest) {
            Ok(httparse::Status::Complete((at, size))) => (at, size as usize),
            Ok(httparse::Status::Partial) => return Ok(taken),
            Err(_) => return Err(plain("chunk", "its size", String::from_utf8_lossy(&rest[..rest.len().min(40)]))),
        };
        if size == 0 {
            return Err(plain("stream", "more", "its last chunk"));
        }
        // Its content, and the line end that follows.
        let Some(chunk) = rest.get(at..at.saturating_add(size).saturating_add(2)) else { return Ok(taken) };
        content.extend_from_slice(&chunk[..size]);
        taken += at + size + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_cut_at_every_byte() {
        let whole = b"HTTP/1.1 202 Accepted\r\nContent-Type: text/plain\r\ncontent-LENGTH: 5\r\n\r\nhello";
        for end in 0..whole.len() {
            assert_eq!(answer(&whole[..end]), Ok(None));
        }
        let more = [&whole[..], b"HTTP/1.1 2"].concat();
        let found = answer(&more).unwrap().unwrap();
        assert_eq!((found.status, found.body, found.length), (202, &b"hello"[..], whole.len()));
    }

    #[test]
    fn answers_that_are_none() {
        for bad in [&b"HELLO\r\n\r\n"[..], b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"]
        {
            assert!(answer(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn chunks_cut_at_every_byte() {
        let whole = b"6\r\ndata: \r\nb\r\n{\"a\":1}\r\n\r\n\r\n";
        for end in 0..=whole.len() {
            let mut content = Vec::new();
            let taken = take_chunks(&whole[..end], &mut content).unwrap();
            take_chunks(&whole[taken..], &mut content).unwrap();
            assert_eq!(content, b"data: {\"a\":1}\r\n\r\n");
        }
        assert!(take_chunks(b"0\r\n\r\n", &mut Vec::new()).is_err());
    }
}
