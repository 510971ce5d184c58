//! A long-poll as a client needs it: the request, the answer with its length, and the messages in its body.

use crate::payload::number;
use memchr::memmem;

/// Longest body that is waited for.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// `cursor`: `None` on the first request.
pub fn request(topics: &str, cursor: Option<&str>, wait_s: u64) -> String {
    let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
    format!("GET /v1/poll?topics={topics}{cursor}&wait={wait_s} HTTP/1.1\r\nHost: loadtest\r\n\r\n")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no answer to a poll: {0}")]
pub struct AnswerError(&'static str);

/// One whole answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    pub cursor: &'a [u8],
    /// The messages, side by side with commas between.
    pub messages: &'a [u8],
    /// Bytes of the answer, its head included.
    pub length: usize,
}

/// The first answer in `bytes`; `None` if it is not whole yet.
pub fn next(bytes: &[u8]) -> Result<Option<Answer<'_>>, AnswerError> {
    let Some(head) = memmem::find(bytes, b"\r\n\r\n") else { return Ok(None) };
    if !bytes.starts_with(b"HTTP/1.1 200 ") {
        return Err(AnswerError("its status is not 200"));
    }
    let Some(at) = memmem::find(&bytes[..head], b"content-length: ") else {
        return Err(AnswerError("it does not say its length"));
    };
    let length = number(&bytes[at + 16..]) as usize;
    if length > BODY_BYTES_MAX {
        return Err(AnswerError("it is too long"));
    }
    let Some(body) = bytes.get(head + 4..head + 4 + length) else { return Ok(None) };
    let (cursor, messages) = parts(body).ok_or(AnswerError("its body is of another form"))?;
    Ok(Some(Answer { cursor, messages, length: head + 4 + length }))
}

fn parts(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = body.strip_prefix(b"{\"cursor\":\"")?;
    let end = memchr::memchr(b'"', rest)?;
    let messages = rest[end + 1..].strip_prefix(b",\"messages\":[")?.strip_suffix(b"]}")?;
    Some((&rest[..end], messages))
}

/// The first object in `messages` and what follows it; `None` at their end, or if they do not begin with a whole one.
pub fn split(messages: &[u8]) -> Option<(&[u8], &[u8])> {
    let messages = messages.strip_prefix(b",").unwrap_or(messages);
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, byte) in messages.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' if !quoted => depth += 1,
            b'}' if !quoted => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(messages.split_at(at + 1));
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_cut_at_every_byte() {
        let body = r#"{"cursor":"e:7","messages":[{"t":"snap","data":{"a":"}\"{"}},{"t":"at"}]}"#;
        let whole = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        for end in 0..whole.len() {
            assert_eq!(next(&whole.as_bytes()[..end]), Ok(None));
        }
        let answer = next(whole.as_bytes()).unwrap().unwrap();
        assert_eq!((answer.cursor, answer.length), (&b"e:7"[..], whole.len()));
        let (first, rest) = split(answer.messages).unwrap();
        assert_eq!(first, br#"{"t":"snap","data":{"a":"}\"{"}}"#);
        assert_eq!(split(rest), Some((&br#"{"t":"at"}"#[..], &b""[..])));
        assert_eq!(split(b""), None);
    }

    #[test]
    fn refusals() {
        for bad in
            ["HTTP/1.1 400 No\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"]
        {
            assert!(next(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
