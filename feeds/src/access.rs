//! What a provider wants to see before it lets us in: headers, and secrets that stand as `${NAME}` in URLs and frames.
//!
//! Why placeholders: `supervise` puts the values in when it dials, sends or fetches, and nobody else has them, so that
//! no log line, capture or error can show one. Values come from the configuration or from the environment.

use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

/// The default lets nothing be seen and hides nothing.
#[derive(Clone, Default)]
pub struct Access {
    /// Names and values, which may hold placeholders.
    headers: Vec<(String, String)>,
    secrets: BTreeMap<String, String>,
}

impl Access {
    /// Sends a header with every handshake and request.
    pub fn with_header(mut self, name: &str, value: &str) -> Access {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Knows what `${name}` stands for.
    pub fn with_secret(mut self, name: &str, value: &str) -> Access {
        self.secrets.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Knows all placeholders of `text` that the environment has.
    pub fn with_environment(mut self, text: &str) -> Access {
        for name in placeholders(text) {
            if let Ok(value) = std::env::var(name) {
                self.secrets.insert(name.to_owned(), value);
            }
        }
        self
    }

    /// True if there is nothing that a stranger must not get.
    pub fn is_open(&self) -> bool {
        self.headers.is_empty() && self.secrets.is_empty()
    }

    /// The headers with their secrets.
    pub fn headers(&self) -> impl Iterator<Item = (&str, String)> {
        self.headers.iter().map(|(name, value)| (&**name, self.fill(value, str::to_owned)))
    }

    /// A URL with its secrets, percent-encoded.
    pub fn url(&self, url: &str) -> String {
        self.fill(url, percent_encoded)
    }

    /// A frame with its secrets, as parts of JSON strings.
    pub fn frame(&self, frame: &str) -> String {
        self.fill(frame, json_escaped)
    }

    /// A text of somebody else's with every secret in it made its placeholder again.
    pub fn hide(&self, text: &str) -> String {
        let values = self.secrets.iter().filter(|(_, value)| !value.is_empty());
        values.fold(text.to_owned(), |text, (name, value)| {
            let placeholder = format!("${{{name}}}");
            text.replace(&**value, &placeholder).replace(&percent_encoded(value), &placeholder)
        })
    }

    fn fill(&self, text: &str, written: fn(&str) -> String) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, name, after)) = next_placeholder(rest) {
            filled.push_str(before);
            match self.secrets.get(name) {
                Some(value) => filled.push_str(&written(value)),
                None => filled.push_str(&rest[before.len()..rest.len() - after.len()]),
            }
            rest = after;
        }
        filled.push_str(rest);
        filled
    }
}

/// Names only.
impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&String> = self.headers.iter().map(|(name, _)| name).collect();
        let secrets: Vec<&String> = self.secrets.keys().collect();
        f.debug_struct("Access").field("headers", &headers).field("secrets", &secrets).finish()
    }
}

/// A key in a configuration: `${NAME}` stands for an environment variable, all else for itself. It is never shown, and
/// a configuration that is written down holds only the placeholder.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: &str) -> Secret {
        Secret(text.to_owned())
    }

    /// The value; else the name of the environment variable that is not set.
    pub fn reveal(&self) -> Result<String, &str> {
        match self.variable() {
            Some(name) => std::env::var(name).map_err(|_| name),
            None => Ok(self.0.clone()),
        }
    }

    fn variable(&self) -> Option<&str> {
        let (before, name, after) = next_placeholder(&self.0)?;
        (before.is_empty() && after.is_empty()).then_some(name)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.variable().unwrap_or("(secret)"))
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.variable().is_some() { &self.0 } else { "(secret)" })
    }
}

/// The names in a text's `${NAME}`s.
pub fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, name, after) = next_placeholder(rest)?;
        rest = after;
        Some(name)
    })
}

/// What stands before the next placeholder, its name, and what stands after it.
fn next_placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let start = from + text[from..].find("${")?;
        let name_from = start + 2;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let length = text[name_from..].bytes().take_while(|byte| is_name(*byte)).count();
        let end = name_from + length;
        if length > 0 && text[end..].starts_with('}') {
            return Some((&text[..start], &text[name_from..end], &text[end + 1..]));
        }
        from = name_from;
    }
}

fn percent_encoded(value: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    value
        .bytes()
        .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn json_escaped(value: &str) -> String {
    let mut quoted = Vec::new();
    crate::model::write_text(value, &mut quoted);
    String::from_utf8_lossy(&quoted[1..quoted.len() - 1]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access() -> Access {
        Access::default().with_header("X-Key", "Bearer ${KEY}").with_secret("KEY", "a\"b/c").with_secret("EMPTY", "")
    }

    #[test]
    fn secrets_are_put_in_as_the_place_needs() {
        let access = access();
        assert_eq!(access.url("wss://x/?k=${KEY}&e=${EMPTY}#"), "wss://x/?k=a%22b%2Fc&e=#");
        assert_eq!(access.frame(r#"{"k":"${KEY}"}"#), r#"{"k":"a\"b/c"}"#);
        assert_eq!(access.headers().collect::<Vec<_>>(), [("X-Key", "Bearer a\"b/c".to_owned())]);
        for odd in ["${OTHER}", "$KEY", "${KEY", "${}", "${${", "{KEY}", "${K-Y}"] {
            assert_eq!(access.url(odd), odd, "stays as it is");
        }
        assert_eq!(placeholders("${A}${}b${B_1}").collect::<Vec<_>>(), ["A", "B_1"]);
    }

    #[test]
    fn secrets_are_not_seen() {
        let access = access();
        assert_eq!(access.hide("no a\"b/c at ?k=a%22b%2Fc"), "no ${KEY} at ?k=${KEY}");
        assert!(!format!("{access:?}").contains("b/c"));
        assert!(!access.is_open() && Access::default().is_open());
        let (literal, variable) = (Secret::new("a\"b/c"), Secret::new("${FANWIRE_NO_SUCH_KEY}"));
        assert!(!format!("{literal:?}{}", serde_json::to_string(&literal).unwrap()).contains("b/c"));
        assert_eq!(serde_json::to_string(&variable).unwrap(), "\"${FANWIRE_NO_SUCH_KEY}\"");
        assert_eq!((literal.reveal().unwrap().as_str(), variable.reveal()), ("a\"b/c", Err("FANWIRE_NO_SUCH_KEY")));
    }
}
