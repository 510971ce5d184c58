//! Texts with places to fill: topics (from a message), and frames and URLs (from the symbols and the time).

use super::convert;
use super::field::Misfit;
use super::pointer::{Place, Pointer};
use super::symbols::{Listed, Symbols};
use crate::model::{Topic, token, utc_date};

/// A topic's name: `quote.{name}.{symbol}`, `score.{name}.{/id}`.
#[derive(Clone, Debug, Default)]
pub(super) struct TopicTemplate {
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Symbol,
    At(Pointer),
}

impl TopicTemplate {
    /// Reads a template, in which `{name}` is the feed's `name`; else what is expected.
    pub(super) fn parse(text: &str, name: &str) -> Result<TopicTemplate, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (inside, behind) = after.split_once('}').ok_or_else(|| expected(text))?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(match inside {
                "name" => Part::Text(name.to_owned()),
                "symbol" => Part::Symbol,
                pointer => Part::At(Pointer::parse(pointer).map_err(|_| expected(text))?),
            });
            rest = behind;
        }
        parts.push(Part::Text(rest.to_owned()));
        let template = TopicTemplate { parts };
        let example = template.write(|_| Some("x".to_owned())).unwrap_or_default();
        Topic::new(&example).map_err(|error| format!("{text:?} makes no topic: {error}"))?;
        Ok(template)
    }

    /// True for that of a rule whose topic could not be read.
    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    pub(super) fn has_symbol(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Symbol))
    }

    /// The name for an item; characters that no topic may have become `_`, and aliases become canonical names.
    pub(super) fn name(&self, item: &Place<'_>, symbol: Option<&str>, symbols: &Symbols) -> Result<String, Misfit> {
        let mut missing = String::new();
        let filled = self.write(|part| match part {
            Part::At(pointer) => {
                let text = pointer.find(item).as_deref().and_then(convert::text);
                if text.is_none() {
                    missing = format!("topic: no text or number stands at {}", pointer.as_str());
                }
                text.map(|native| token(symbols.canonical(&native)))
            }
            Part::Symbol => symbol.map(token),
            Part::Text(_) => None,
        });
        filled.ok_or(Misfit(missing))
    }

    /// The name for a symbol alone; `None` if the message has a say in it.
    pub(super) fn name_of(&self, symbol: &str) -> Option<String> {
        self.write(|part| matches!(part, Part::Symbol).then(|| token(symbol)))
    }

    fn write(&self, mut fill: impl FnMut(&Part) -> Option<String>) -> Option<String> {
        let mut name = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => name.push_str(text),
                part => name.push_str(&fill(part)?),
            }
        }
        Some(name)
    }
}

fn expected(text: &str) -> String {
    format!(
        "must be a topic with {{name}}, {{symbol}} and pointers in braces, as \"quote.{{name}}.{{/s}}\", not {text:?}"
    )
}

/// A frame or a URL in which only the time is still to be filled in.
#[derive(Clone, Debug)]
pub(super) struct Request {
    text: String,
    /// The symbol that it is about, by its index in [`Symbols::listed`]; `None`: all of them, or none.
    pub symbol: Option<usize>,
}

impl Request {
    /// One request, or one for each symbol if `{symbol}` or `{native}` stands in the text. `{*symbol}` and `{*native}`
    /// repeat the JSON string that they stand in for every symbol, or in a URL make a list with commas.
    pub(super) fn expand(text: &str, name: &str, symbols: &Symbols) -> Vec<Request> {
        let text = repeated(&text.replace("{name}", name), symbols.listed());
        if !is_per_symbol(&text) {
            return vec![Request { text, symbol: None }];
        }
        let each = symbols.listed().iter().enumerate();
        each.map(|(index, listed)| Request { text: filled(&text, listed, ""), symbol: Some(index) }).collect()
    }

    pub(super) fn text(&self, now_ms: i64) -> String {
        if !self.text.contains('{') {
            return self.text.clone();
        }
        let times =
            [("{date}", utc_date(now_ms)), ("{now_ms}", now_ms.to_string()), ("{now_s}", (now_ms / 1000).to_string())];
        times.iter().fold(self.text.clone(), |text, (place, time)| text.replace(place, time))
    }

    /// The text with nothing filled in: what names a connection.
    pub(super) fn template(&self) -> &str {
        &self.text
    }
}

/// True if there is one request per symbol.
pub(super) fn is_per_symbol(text: &str) -> bool {
    text.contains("{symbol}") || text.contains("{native}")
}

/// True if the text names symbols at all.
pub(super) fn has_symbols(text: &str) -> bool {
    is_per_symbol(text) || text.contains("{*symbol}") || text.contains("{*native}")
}

fn filled(text: &str, listed: &Listed, star: &str) -> String {
    let native = text.replace(&format!("{{{star}native}}"), &listed.native);
    native.replace(&format!("{{{star}symbol}}"), &listed.canonical)
}

fn repeated(text: &str, listed: &[Listed]) -> String {
    let (mut written, mut rest) = (String::new(), text);
    while let Some(at) = [rest.find("{*native}"), rest.find("{*symbol}")].into_iter().flatten().min() {
        let quotes = rest[..at].rfind('"').zip(rest[at..].find('"'));
        let (start, end) = quotes.map_or((at, at + "{*native}".len()), |(start, end)| (start, at + end + 1));
        let items: Vec<String> = listed.iter().map(|listed| filled(&rest[start..end], listed, "*")).collect();
        written.push_str(&rest[..start]);
        written.push_str(&items.join(","));
        rest = &rest[end..];
    }
    written + rest
}

#[cfg(test)]
mod tests {
    use super::super::table::Table;
    use super::*;
    use crate::model::parse_value;
    use std::cell::RefCell;

    fn symbols() -> Symbols {
        let json = r#"{"symbols":["BTC-USD","ETH-USD"],"aliases":{"BTC-USD":["xbt","XBT/USD"],"BRK.B":"BRKB"}}"#;
        let entries: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json).unwrap();
        let problems = RefCell::default();
        Symbols::read(&mut Table::new("", &entries, &problems))
    }

    #[test]
    fn topics() {
        let (symbols, message) =
            (symbols(), parse_value(br#"{"s":"XBT/USD","e":{"id":7},"b":"BRKB","o":"a b"}"#).unwrap());
        let place = Place::top(&message);
        let name = |text: &str, symbol| {
            TopicTemplate::parse(text, "acme").unwrap().name(&place, symbol, &symbols).map_err(|Misfit(what)| what)
        };
        assert_eq!(name("quote.{name}.{/s}", None).unwrap(), "quote.acme.BTC-USD");
        assert_eq!(name("quote.{name}.{symbol}", Some("BRK.B")).unwrap(), "quote.acme.BRK_B");
        assert_eq!(name("quote.{/b}-{/e/id}.{/o}", None).unwrap(), "quote.BRK_B-7.a_b");
        assert_eq!(name("quote.{/x}", None).unwrap_err(), "topic: no text or number stands at /x");
        assert_eq!(name("quote.{/e}", None).unwrap_err(), "topic: no text or number stands at /e");
        for bad in ["", "quote.{", "quote.{s}", "a b", "quote..{/s}", "quote.{/s}}"] {
            assert!(TopicTemplate::parse(bad, "acme").is_err(), "{bad:?}");
        }
    }

    #[test]
    fn requests() {
        let symbols = symbols();
        let texts = |text: &str| {
            let requests = Request::expand(text, "acme", &symbols);
            requests.iter().map(|request| request.text(1_763_850_000_123)).collect::<Vec<_>>()
        };
        assert_eq!(
            texts(r#"{"op":"sub","ch":"t.{native}"}"#),
            [r#"{"op":"sub","ch":"t.xbt"}"#, r#"{"op":"sub","ch":"t.ETH-USD"}"#]
        );
        assert_eq!(
            texts(r#"{"args":["{*native}@trade"],"x":{}}"#),
            [r#"{"args":["xbt@trade","ETH-USD@trade"],"x":{}}"#]
        );
        assert_eq!(texts(r#"["{*symbol}","{*native}"]"#), [r#"["BTC-USD","ETH-USD","xbt","ETH-USD"]"#]);
        assert_eq!(texts("http://x/?s={*native}&d={date}"), ["http://x/?s=xbt,ETH-USD&d=2025-11-22"]);
        assert_eq!(texts("http://x/{symbol}?t={now_s}").len(), 2);
        assert_eq!(texts(r#"{"id":{now_ms},"{other}":1}"#), [r#"{"id":1763850000123,"{other}":1}"#]);
    }
}
