//! JSON text ↔ [`Value`] with every number kept exact: serde_json and simd-json would turn bare numbers into floats.
//!
//! Strict RFC 8259; hostile input is safe (depth and size are bounded by the caller's body cap and [`DEPTH_MAX`]).

use super::{Decimal, DecimalError, Key, Object, Value};

/// Deepest nesting that is read.
pub const DEPTH_MAX: usize = 32;

/// What is wrong with a text, and at which byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {at}")]
pub struct JsonError {
    pub at: usize,
    pub what: &'static str,
}

/// Reads one JSON value; anything but white space after it is an error.
pub fn parse_value(text: &[u8]) -> Result<Value, JsonError> {
    let mut scanner = Scanner { text, at: 0 };
    let value = scanner.value(0)?;
    scanner.skip_space();
    if scanner.at < text.len() {
        return Err(scanner.error("more after the value"));
    }
    Ok(value)
}

/// Reads one JSON object.
pub fn parse_object(text: &[u8]) -> Result<Object, JsonError> {
    match parse_value(text)? {
        Value::Object(object) => Ok(std::sync::Arc::unwrap_or_clone(object)),
        _ => Err(JsonError { at: 0, what: "not an object" }),
    }
}

/// Appends `text` as a JSON string with its quotes. CR, LF and NUL leave escaped, so no framing can break.
pub fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut clean_from = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[clean_from..at]);
        clean_from = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
            }
        }
    }
    out.extend_from_slice(&bytes[clean_from..]);
    out.push(b'"');
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn error(&self, what: &'static str) -> JsonError {
        JsonError { at: self.at, what }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), JsonError> {
        if self.peek() != Some(byte) {
            return Err(self.error(what));
        }
        self.at += 1;
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Result<Value, JsonError> {
        if depth > DEPTH_MAX {
            return Err(self.error("nested too deep"));
        }
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => Ok(Value::Text(self.string()?.into())),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word(b"true", Value::Bool(true)),
            Some(b'f') => self.word(b"false", Value::Bool(false)),
            Some(b'n') => self.word(b"null", Value::Null),
            Some(_) => Err(self.error("not a JSON value")),
            None => Err(self.error("text ends early")),
        }
    }

    fn word(&mut self, word: &[u8], value: Value) -> Result<Value, JsonError> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.error("not a JSON value"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn object(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.at += 1;
        let mut fields: Vec<(Key, Value)> = Vec::new();
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Object::new().into());
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err(self.error("expected a field name"));
            }
            let key = Key::from(self.string()?);
            self.skip_space();
            self.expect(b':', "expected ':'")?;
            fields.push((key, self.value(depth + 1)?));
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(self.error("expected ',' or '}'")),
            }
        }
        self.at += 1;
        Ok(fields.into_iter().collect::<Object>().into())
    }

    fn array(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.at += 1;
        let mut items = Vec::new();
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(items.into());
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(self.error("expected ',' or ']'")),
            }
        }
        self.at += 1;
        Ok(items.into())
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')) {
            self.at += 1;
        }
        let token = &self.text[start..self.at];
        if !is_json_number(token) {
            return Err(JsonError { at: start, what: "not a JSON number" });
        }
        Decimal::parse(token).map(Value::Number).map_err(|error| JsonError {
            at: start,
            what: match error {
                DecimalError::Syntax => "not a JSON number",
                DecimalError::Overflow => "a number of more digits than can be held exactly",
            },
        })
    }

    fn string(&mut self) -> Result<String, JsonError> {
        self.at += 1;
        let start = self.at;
        let mut bytes = Vec::new();
        let mut clean_from = start;
        loop {
            match self.peek() {
                None => return Err(self.error("string without end")),
                Some(b'"') => break,
                Some(b'\\') => {
                    bytes.extend_from_slice(&self.text[clean_from..self.at]);
                    self.at += 1;
                    self.escape(&mut bytes)?;
                    clean_from = self.at;
                }
                Some(0..0x20) => return Err(self.error("control character in a string")),
                Some(_) => self.at += 1,
            }
        }
        bytes.extend_from_slice(&self.text[clean_from..self.at]);
        self.at += 1;
        String::from_utf8(bytes).map_err(|_| JsonError { at: start, what: "string is not UTF-8" })
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Result<(), JsonError> {
        let byte = self.peek().ok_or(self.error("string without end"))?;
        self.at += 1;
        out.push(match byte {
            b'"' | b'\\' | b'/' => byte,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let letter = self.unicode()?;
                out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return Err(self.error("unknown escape")),
        });
        Ok(())
    }

    fn unicode(&mut self) -> Result<char, JsonError> {
        let first = self.hex4()?;
        if !(0xd800..0xe000).contains(&first) {
            return char::from_u32(first).ok_or(self.error("bad \\u escape"));
        }
        if first >= 0xdc00 || !self.text[self.at..].starts_with(b"\\u") {
            return Err(self.error("lone surrogate"));
        }
        self.at += 2;
        let second = self.hex4()?;
        if !(0xdc00..0xe000).contains(&second) {
            return Err(self.error("lone surrogate"));
        }
        char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)).ok_or(self.error("bad \\u escape"))
    }

    fn hex4(&mut self) -> Result<u32, JsonError> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(self.error("bad \\u escape"))?;
        let mut code = 0;
        for &digit in digits {
            code = code * 16 + char::from(digit).to_digit(16).ok_or(self.error("bad \\u escape"))?;
        }
        self.at += 4;
        Ok(code)
    }
}

/// RFC 8259 section 6: no leading zeros, no bare point; [`Decimal::parse`] is laxer.
fn is_json_number(token: &[u8]) -> bool {
    let digits = token.strip_prefix(b"-").unwrap_or(token);
    let whole = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    if whole == 0 || (whole > 1 && digits[0] == b'0') {
        return false;
    }
    match digits.get(whole) {
        Some(b'.') => digits.get(whole + 1).is_some_and(u8::is_ascii_digit),
        Some(b'e' | b'E') | None => true,
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rewritten(text: &str) -> String {
        let mut out = Vec::new();
        parse_value(text.as_bytes()).unwrap().write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn reads_and_writes() {
        for (from, to) in [
            (r#" {"b":1.50,"a":[1,"x",null,true]} "#, r#"{"a":[1,"x",null,true],"b":1.5}"#),
            (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
            (r#""A\ud83d\ude00\n\u0000""#, "\"A😀\\n\\u0000\""),
            ("-0.0", "0"),
            ("12345678901234567890.123456789", "12345678901234567890.123456789"),
        ] {
            assert_eq!(rewritten(from), to, "{from}");
        }
    }

    #[test]
    fn refuses() {
        for bad in [
            "",
            "{",
            "[1,]",
            "{\"a\"}",
            "{a:1}",
            "01",
            "1.",
            ".5",
            "+1",
            "\"\\x\"",
            "\"\n\"",
            "\"\\ud800\"",
            "nul",
            "1 2",
            "\"\\u12\"",
            "1e999999999999",
            "[1 2]",
            "{\"a\":1,}",
        ] {
            assert!(parse_value(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(parse_value(b"\"\xff\"").is_err());
        assert_eq!(parse_value("[".repeat(100_000).as_bytes()).unwrap_err().what, "nested too deep");
    }

    proptest! {
        #[test]
        fn any_bytes_never_panic(text in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = parse_value(&text);
        }

        #[test]
        fn any_text_survives(text in ".*") {
            let mut out = Vec::new();
            write_text(&text, &mut out);
            prop_assert!(!out.iter().any(|b| *b < 0x20));
            prop_assert_eq!(parse_value(&out).unwrap(), Value::text(&text));
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
