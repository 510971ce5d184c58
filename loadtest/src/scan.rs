//! A fixed scan over the head of a message: its flat members up to `data`, and not one byte of parsing beyond.
//!
//! Protocol v1 (DESIGN.md section 4): one JSON object whose `data`, if it has any, comes last.

/// The head of one message. What it does not say is `None` or empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Message<'a> {
    /// `t`.
    pub kind: &'a [u8],
    pub topic: &'a [u8],
    /// The topic's number, of a snapshot.
    pub n: Option<u64>,
    pub from: Option<u64>,
    pub seq: Option<u64>,
    /// `o`.
    pub offset: Option<u64>,
    pub why: &'a [u8],
    pub lost: Option<Lost>,
    /// Of an `at`.
    pub cursor: &'a [u8],
    pub full: bool,
    /// Of a `hello`.
    pub id: &'a [u8],
    pub epoch: &'a [u8],
    /// Of an `error` or a `bye`.
    pub code: &'a [u8],
    /// The JSON of `data`.
    pub data: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    Events(u64),
    /// `null`: nobody knows how many.
    Unknown,
}

/// Reads the head. `None`: this is no message of the protocol.
pub fn scan(json: &[u8]) -> Option<Message<'_>> {
    let mut message = Message::default();
    let mut at = 1;
    if json.first() != Some(&b'{') || json.last() != Some(&b'}') {
        return None;
    }
    loop {
        let (key, after) = string(json, at)?;
        if json.get(after) != Some(&b':') {
            return None;
        }
        let value_at = after + 1;
        if key == b"data" {
            message.data = &json[value_at..json.len() - 1];
            return Some(message);
        }
        let (value, after) = value(json, value_at)?;
        note(&mut message, key, value);
        match json.get(after)? {
            b',' => at = after + 1,
            b'}' if after + 1 == json.len() => return Some(message),
            _ => return None,
        }
    }
}

fn note<'a>(message: &mut Message<'a>, key: &[u8], value: &'a [u8]) {
    match key {
        b"t" => message.kind = value,
        b"topic" => message.topic = value,
        b"n" => message.n = whole(value),
        b"cursor" => message.cursor = value,
        b"full" => message.full = value == b"true",
        b"id" => message.id = value,
        b"epoch" => message.epoch = value,
        b"from" => message.from = whole(value),
        b"seq" => message.seq = whole(value),
        b"o" => message.offset = whole(value),
        b"why" => message.why = value,
        b"code" => message.code = value,
        b"lost" => message.lost = Some(whole(value).map_or(Lost::Unknown, Lost::Events)),
        _ => {}
    }
}

/// The string whose opening quote is at `at`, without its quotes, and where what follows it begins.
fn string(json: &[u8], at: usize) -> Option<(&[u8], usize)> {
    if json.get(at) != Some(&b'"') {
        return None;
    }
    let mut end = at + 1;
    loop {
        match json.get(end)? {
            b'"' => return Some((&json[at + 1..end], end + 1)),
            b'\\' => end += 2,
            _ => end += 1,
        }
    }
}

/// A string without its quotes, or a number, `true`, `false` or `null` as it stands.
fn value(json: &[u8], at: usize) -> Option<(&[u8], usize)> {
    if json.get(at) == Some(&b'"') {
        return string(json, at);
    }
    let length = json.get(at..)?.iter().position(|byte| matches!(byte, b',' | b'}'))?;
    (length > 0).then(|| (&json[at..at + length], at + length))
}

/// All of `digits` as a number; `None` if there is anything else in it.
pub fn whole(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_the_protocol() {
        let append = br#"{"t":"append","topic":"trade.load.0","from":976,"seq":977,"o":813,"ts":1,"data":[{"seq":5}]}"#;
        let message = scan(append).unwrap();
        assert_eq!((message.kind, message.topic), (&b"append"[..], &b"trade.load.0"[..]));
        assert_eq!((message.from, message.seq, message.offset), (Some(976), Some(977), Some(813)));
        assert_eq!(message.data, br#"[{"seq":5}]"#);
        let snap = br#"{"t":"snap","topic":"a.b","n":1,"seq":9,"ts":5,"why":"lag","lost":null,"stale":true,"data":{}}"#;
        let message = scan(snap).unwrap();
        assert_eq!((message.why, message.lost, message.data), (&b"lag"[..], Some(Lost::Unknown), &b"{}"[..]));
        let lost = scan(br#"{"t":"snap","lost":12,"data":[]}"#).unwrap().lost;
        assert_eq!(lost, Some(Lost::Events(12)));
        let error = scan(br#"{"t":"error","code":"bad_topic","message":"\"}\" is, not {a} topic"}"#).unwrap();
        assert_eq!((error.kind, error.code), (&b"error"[..], &b"bad_topic"[..]));
    }

    #[test]
    fn a_cut_message_is_none() {
        let whole = br#"{"t":"delta","topic":"quote.load.3","seq":42,"o":812,"ts":1,"data":{"k":1,"pad":"}"}}"#;
        assert!(scan(whole).is_some());
        for end in 0..whole.len() {
            let cut = &whole[..end];
            // A cut just after a brace inside `data` looks whole: only the frame's length tells, which comes first.
            if cut.last() != Some(&b'}') {
                assert_eq!(scan(cut), None, "{}", String::from_utf8_lossy(cut));
            }
        }
        for junk in [&b"{}"[..], b"[]", b"{\"t\":}", b"{\"t\"}", b"{\"t\":\"a\"}}", b"{\"a\\\"}"] {
            assert_eq!(scan(junk), None, "{}", String::from_utf8_lossy(junk));
        }
    }
}
