//! Long-poll and plain polling as a client needs them: the answer with its length, and the messages in its body.

use crate::payload::number;
use memchr::memmem;

/// Longest body that is waited for.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no answer to a poll: {0}")]
pub struct AnswerError(&'static str);

/// One whole answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// `None`: nothing changed (304).
    pub body: Option<Body<'a>>,
    /// `ETag`, of a snapshot.
    pub tag: Option<&'a [u8]>,
    /// Bytes of the answer, its head included.
    pub length: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Body<'a> {
    pub cursor: &'a [u8],
    /// The messages, side by side with commas between.
    pub messages: &'a [u8],
}

/// The first answer in `bytes`; `None` if it is not whole yet.
pub fn next(bytes: &[u8]) -> Result<Option<Answer<'_>>, AnswerError> {
    let Some(end) = memmem::find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let (head, rest) = (&bytes[..end], &bytes[end + 4..]);
    let tag = field(head, b"etag: ");
    if head.starts_with(b"HTTP/1.1 304 ") {
        return Ok(Some(Answer { body: None, tag, length: end + 4 }));
    }
    if !head.starts_with(b"HTTP/1.1 200 ") {
        return Err(AnswerError("its status is not 200"));
    }
    let length = field(head, b"content-length: ").ok_or(AnswerError("it does not say its length"))?;
    let length = number(length) as usize;
    if length > BODY_BYTES_MAX {
        return Err(AnswerError("it is too long"));
    }
    let Some(body) = rest.get(..length) else { return Ok(None) };
    let body = parts(body).ok_or(AnswerError("its body is of another form"))?;
    Ok(Some(Answer { body: Some(body), tag, length: end + 4 + length }))
}

/// The value of a header, whose name is given as the gateway writes it.
fn field<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let at = memmem::find(head, name)? + name.len();
    let end = memchr::memchr(b'\r', &head[at..]).map_or(head.len(), |length| at + length);
    Some(&head[at..end])
}

fn parts(body: &[u8]) -> Option<Body<'_>> {
    let rest = body.strip_prefix(b"{\"cursor\":\"")?;
    let end = memchr::memchr(b'"', rest)?;
    let messages = rest[end + 1..].strip_prefix(b",\"messages\":[")?.strip_suffix(b"]}")?;
    Some(Body { cursor: &rest[..end], messages })
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
        let whole = format!("HTTP/1.1 200 OK\r\netag: \"e-7\"\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        for end in 0..whole.len() {
            assert_eq!(next(&whole.as_bytes()[..end]), Ok(None));
        }
        let answer = next(whole.as_bytes()).unwrap().unwrap();
        let body = answer.body.unwrap();
        assert_eq!((body.cursor, answer.tag, answer.length), (&b"e:7"[..], Some(&b"\"e-7\""[..]), whole.len()));
        let (first, rest) = split(body.messages).unwrap();
        assert_eq!(first, br#"{"t":"snap","data":{"a":"}\"{"}}"#);
        assert_eq!(split(rest), Some((&br#"{"t":"at"}"#[..], &b""[..])));
        assert_eq!(split(b""), None);
    }

    #[test]
    fn nothing_changed() {
        let head = b"HTTP/1.1 304 Not Modified\r\netag: \"e-7\"\r\n\r\n";
        let answer = next(head).unwrap().unwrap();
        assert_eq!((answer.body, answer.length), (None, head.len()));
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
