//! Names of topics and patterns over them (DESIGN.md section 2): dot-separated, valid as NATS subjects.

use std::sync::Arc;

/// Longest name that is accepted, in bytes.
pub const NAME_BYTES_MAX: usize = 200;
/// Most tokens in a name.
pub const TOKENS_MAX: usize = 16;

/// A topic's name: tokens of `[A-Za-z0-9_-]+` joined by dots.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic(Arc<str>);

/// What is wrong with a name or a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    #[error("empty name or empty token")]
    Empty,
    #[error("longer than {NAME_BYTES_MAX} bytes or {TOKENS_MAX} tokens")]
    TooLong,
    #[error("a token may hold letters, digits, '_' and '-' only")]
    BadCharacter,
    #[error("'>' may only be the last token")]
    TailInside,
}

impl Topic {
    pub fn new(name: &str) -> Result<Topic, TopicError> {
        check(name, false)?;
        Ok(Topic(name.into()))
    }

    /// A name made of parts that may hold anything: characters outside the alphabet become `_` (`BRK.B` → `BRK_B`).
    pub fn of(parts: &[&str]) -> Result<Topic, TopicError> {
        let name = parts.iter().map(|part| token(part)).collect::<Vec<_>>().join(".");
        Topic::new(&name)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The shared text.
    pub fn shared(&self) -> &Arc<str> {
        &self.0
    }

    /// The first token: `quote`, `trade`, `score` …
    pub fn head(&self) -> &str {
        self.0.split('.').next().unwrap_or_default()
    }
}

impl std::fmt::Display for Topic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for Topic {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// One token from a native symbol or id: characters outside the alphabet become `_`.
pub fn token(native: &str) -> String {
    native.chars().map(|c| if is_token_character(c) { c } else { '_' }).collect()
}

fn is_token_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

/// An exact name, or one with `*` (any one token) and `>` (the rest, at least one token).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pattern(Arc<str>);

impl Pattern {
    pub fn new(text: &str) -> Result<Pattern, TopicError> {
        check(text, true)?;
        Ok(Pattern(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True if it can match one topic only.
    pub fn is_exact(&self) -> bool {
        !self.0.split('.').any(|token| token == "*" || token == ">")
    }

    pub fn matches(&self, topic: &str) -> bool {
        let mut tokens = topic.split('.');
        for want in self.0.split('.') {
            match (want, tokens.next()) {
                (">", Some(_)) => return true,
                ("*", Some(_)) => {}
                (want, Some(token)) if want == token => {}
                _ => return false,
            }
        }
        tokens.next().is_none()
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

fn check(name: &str, wild: bool) -> Result<(), TopicError> {
    if name.len() > NAME_BYTES_MAX {
        return Err(TopicError::TooLong);
    }
    let mut tokens = name.split('.').peekable();
    let mut count = 0;
    while let Some(token) = tokens.next() {
        count += 1;
        match token {
            "" => return Err(TopicError::Empty),
            "*" if wild => {}
            ">" if wild && tokens.peek().is_none() => {}
            ">" if wild => return Err(TopicError::TailInside),
            _ if token.chars().all(is_token_character) => {}
            _ => return Err(TopicError::BadCharacter),
        }
    }
    if count > TOKENS_MAX { Err(TopicError::TooLong) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(Topic::new("quote.binance.BTC-USDT").unwrap().head(), "quote");
        assert_eq!(Topic::of(&["quote", "iex", "BRK.B"]).unwrap().as_str(), "quote.iex.BRK_B");
        for (bad, why) in [
            ("", TopicError::Empty),
            ("a..b", TopicError::Empty),
            (".a", TopicError::Empty),
            ("a b", TopicError::BadCharacter),
            ("a.*", TopicError::BadCharacter),
            ("a.é", TopicError::BadCharacter),
            ("a\n", TopicError::BadCharacter),
        ] {
            assert_eq!(Topic::new(bad), Err(why), "{bad:?}");
        }
        assert_eq!(Topic::new(&"a".repeat(201)), Err(TopicError::TooLong));
        assert_eq!(Topic::new(&"a.".repeat(17)), Err(TopicError::Empty));
    }

    #[test]
    fn patterns() {
        for (pattern, topic, yes) in [
            ("score.nhl.*", "score.nhl.1", true),
            ("score.nhl.*", "score.nhl", false),
            ("score.nhl.*", "score.nhl.1.2", false),
            ("score.>", "score.nhl.1", true),
            ("score.>", "score", false),
            (">", "a", true),
            ("*.b", "a.b", true),
            ("a.b", "a.b", true),
            ("a.b", "a.c", false),
            ("a.*.c", "a.b.c", true),
            ("a.*.>", "a.b", false),
        ] {
            assert_eq!(Pattern::new(pattern).unwrap().matches(topic), yes, "{pattern} {topic}");
        }
        assert_eq!(Pattern::new("a.>.b"), Err(TopicError::TailInside));
        assert_eq!(Pattern::new("a.b*"), Err(TopicError::BadCharacter));
        assert!(Pattern::new("a.b").unwrap().is_exact());
        assert!(!Pattern::new("a.*").unwrap().is_exact());
    }
}
