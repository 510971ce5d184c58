//! Where something is in a message: JSON pointers (RFC 6901), from the item, from above it, or from the top.
//!
//! `/a/0` from the item, `2/a` from two levels up (draft relative-json-pointer), `0#` the item's own name in what
//! holds it, `^/a` from the top of the frame. A [`Path`] is a pointer in which `*` stands for every member.

use crate::model::{Decimal, Value};
use std::borrow::Cow;

/// Most levels that a pointer may go up or down.
const LEVELS_MAX: usize = 32;

/// A value in a message and the way that led to it.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    pub value: &'p Value,
    name: Name<'p>,
    above: Option<&'p Place<'p>>,
}

#[derive(Clone, Copy)]
enum Name<'p> {
    Top,
    Member(&'p str),
    Index(usize),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pointer {
    text: String,
    from: From,
    tokens: Vec<Token>,
    /// The name of what is found, not its value.
    wants_name: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Top,
    Above(usize),
}

/// One step down: a member's name, and the index that it may be.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    name: String,
    index: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    text: String,
    /// `None` is a `*`.
    tokens: Vec<Option<Token>>,
}

impl<'p> Place<'p> {
    pub(super) fn top(value: &'p Value) -> Place<'p> {
        Place { value, name: Name::Top, above: None }
    }

    /// An item of an array, not a member of an object.
    pub(super) fn is_item(&self) -> bool {
        matches!(self.name, Name::Index(_))
    }

    fn child<'c>(&'c self, token: &'c Token) -> Option<Place<'c>> {
        let value = member(self.value, token)?;
        let index = token.index.filter(|_| matches!(self.value, Value::Array(_)));
        let name = index.map_or(Name::Member(&token.name), Name::Index);
        Some(Place { value, name, above: Some(self) })
    }

    fn name(&self) -> Option<Value> {
        match self.name {
            Name::Top => None,
            Name::Member(name) => Some(Value::text(name)),
            Name::Index(index) => Some(Value::Number(Decimal::from(i64::try_from(index).ok()?))),
        }
    }
}

fn member<'v>(value: &'v Value, token: &Token) -> Option<&'v Value> {
    match value {
        Value::Object(object) => object.get(&token.name),
        Value::Array(items) => items.get(token.index?),
        _ => None,
    }
}

impl Pointer {
    /// Reads a pointer; else what is expected.
    pub(super) fn parse(text: &str) -> Result<Pointer, String> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (from, rest) = match text.strip_prefix('^') {
            Some(rest) => (From::Top, rest),
            None if digits == 0 => (From::Above(0), text),
            None => (From::Above(text[..digits].parse().map_err(|_| expected(text))?), &text[digits..]),
        };
        let wants_name = digits > 0 && rest == "#";
        let tokens = if wants_name { Vec::new() } else { tokens(rest).ok_or_else(|| expected(text))? };
        let is_deep = tokens.len() > LEVELS_MAX || matches!(from, From::Above(levels) if levels > LEVELS_MAX);
        if is_deep {
            return Err(format!("{text:?} has more than {LEVELS_MAX} levels"));
        }
        Ok(Pointer { text: text.to_owned(), from, tokens, wants_name })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// What stands there; `None` if nothing does.
    pub(super) fn find<'p>(&self, item: &Place<'p>) -> Option<Cow<'p, Value>> {
        let mut place = item;
        let mut levels = if let From::Above(levels) = self.from { levels } else { usize::MAX };
        while levels > 0 {
            match place.above {
                Some(above) => place = above,
                None if self.from == From::Top => break,
                None => return None,
            }
            levels -= 1;
        }
        if self.wants_name {
            return place.name().map(Cow::Owned);
        }
        self.tokens.iter().try_fold(place.value, |value, token| member(value, token)).map(Cow::Borrowed)
    }
}

impl Path {
    /// Reads a path with at least one `*`; else what is expected.
    pub(super) fn parse(text: &str) -> Result<Path, String> {
        let steps = tokens(text).filter(|tokens| tokens.len() <= LEVELS_MAX && tokens.iter().any(|t| t.name == "*"));
        let Some(steps) = steps else {
            return Err(format!("must be a path with a * for every member, as \"/data/*\" or \"/*\", not {text:?}"));
        };
        let tokens = steps.into_iter().map(|token| (token.name != "*").then_some(token)).collect();
        Ok(Path { text: text.to_owned(), tokens })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Calls `visit` with everything that the path leads to; the members of arrays from the last if `reverse`.
    pub(super) fn walk(&self, from: &Place<'_>, reverse: bool, visit: &mut dyn FnMut(&Place<'_>)) {
        walk(&self.tokens, from, reverse, visit);
    }
}

fn walk(tokens: &[Option<Token>], place: &Place<'_>, reverse: bool, visit: &mut dyn FnMut(&Place<'_>)) {
    let Some((token, rest)) = tokens.split_first() else { return visit(place) };
    if let Some(token) = token {
        if let Some(child) = place.child(token) {
            walk(rest, &child, reverse, visit);
        }
        return;
    }
    let mut step = |value, name| walk(rest, &Place { value, name, above: Some(place) }, reverse, visit);
    match place.value {
        Value::Object(object) => object.iter().for_each(|(name, value)| step(value, Name::Member(name))),
        Value::Array(items) if reverse => {
            items.iter().enumerate().rev().for_each(|(index, value)| step(value, Name::Index(index)));
        }
        Value::Array(items) => items.iter().enumerate().for_each(|(index, value)| step(value, Name::Index(index))),
        _ => {}
    }
}

/// The tokens of a JSON pointer, unescaped; `None` if it is none.
fn tokens(text: &str) -> Option<Vec<Token>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    let token = |token: &str| {
        let is_escaped_well = token.split('~').skip(1).all(|after| after.starts_with(['0', '1']));
        is_escaped_well.then(|| {
            let name = token.replace("~1", "/").replace("~0", "~");
            let is_index = name == "0" || (!name.starts_with(['0', '+']) && !name.is_empty());
            Token { index: is_index.then(|| name.parse().ok()).flatten(), name }
        })
    };
    text.strip_prefix('/')?.split('/').map(token).collect()
}

fn expected(text: &str) -> String {
    format!(
        "must be a JSON pointer, as \"/data/0/p\" (from the item), \"1/id\" (from one level up), \"0#\" (the item's \
         name) or \"^/id\" (from the top), not {text:?}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::parse_value;

    fn texts(json: &str, path: &str, pointer: &str, reverse: bool) -> Vec<String> {
        let (value, pointer) = (parse_value(json.as_bytes()).unwrap(), Pointer::parse(pointer).unwrap());
        let mut found = Vec::new();
        Path::parse(path).unwrap().walk(&Place::top(&value), reverse, &mut |place| {
            let text = pointer.find(place).map_or("-".to_owned(), |value| {
                let mut text = Vec::new();
                value.write(&mut text);
                String::from_utf8(text).unwrap()
            });
            found.push(text);
        });
        found
    }

    const GAMES: &str =
        r#"{"day":"mon","events":[{"id":1,"sides":[{"n":"a"},{"n":"b"}]},{"id":2,"sides":[{"n":"c"}]}]}"#;

    #[test]
    fn from_the_item_from_above_and_from_the_top() {
        for (path, pointer, want) in [
            ("/events/*", "/id", vec!["1", "2"]),
            ("/events/*", "0/id", vec!["1", "2"]),
            ("/events/*/sides/*", "/n", vec!["\"a\"", "\"b\"", "\"c\""]),
            ("/events/*/sides/*", "2/id", vec!["1", "1", "2"]),
            ("/events/*/sides/*", "^/day", vec!["\"mon\"", "\"mon\"", "\"mon\""]),
            ("/events/*/sides/*", "0#", vec!["0", "1", "0"]),
            ("/events/*/sides/*", "2#", vec!["0", "0", "1"]),
            ("/events/*", "9/id", vec!["-", "-"]),
            ("/events/*", "/none", vec!["-", "-"]),
            ("/none/*", "/id", vec![]),
            ("/day/*", "/id", vec![]),
        ] {
            assert_eq!(texts(GAMES, path, pointer, false), want, "{path} {pointer}");
        }
        assert_eq!(texts(GAMES, "/events/*", "/id", true), ["2", "1"]);
        assert_eq!(texts(r#"{"BTC":{"usd":1.50}}"#, "/*", "0#", false), ["\"BTC\""]);
        assert_eq!(texts(r#"{"BTC":{"usd":1.50}}"#, "/*", "/usd", false), ["1.5"]);
        assert_eq!(texts(r#"[{"a/b":{"~":1}}]"#, "/*", "/a~1b/~0", false), ["1"]);
    }

    #[test]
    fn what_is_no_pointer_is_refused() {
        for bad in ["a", "a/b", "/~2", "/~", "1x", "1#x", "#", "^a", "99/a", "99999999999999999999999/a"] {
            assert!(Pointer::parse(bad).is_err(), "{bad}");
        }
        for bad in ["", "/a", "*", "a/*", "/~/*"] {
            assert!(Path::parse(bad).is_err(), "{bad}");
        }
        assert!(Pointer::parse("").is_ok(), "the item itself");
    }
}
