//! One published line: which update it says, or what is wrong with it. Pure.

use feeds::model::{Change, Object, Topic, Update, Value, parse_value};

/// A line that says nothing the gateway understands.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed {
    pub code: &'static str,
    pub message: String,
}

pub(super) fn malformed(code: &'static str, message: impl Into<String>) -> Malformed {
    Malformed { code, message: message.into() }
}

/// One publish line (DESIGN.md section 4).
pub fn parse_line(line: &[u8]) -> Result<Update, Malformed> {
    update_of(parse_value(line).map_err(|error| malformed("bad_json", error.to_string()))?)
}

pub(super) fn update_of(line: Value) -> Result<Update, Malformed> {
    let Value::Object(line) = line else { return Err(malformed("bad_line", "a line is a JSON object")) };
    let name = line.get("topic").and_then(Value::as_text).ok_or(malformed("bad_topic", "topic is a string"))?;
    let topic = Topic::new(name).map_err(|error| malformed("bad_topic", error.to_string()))?;
    let te = match line.get("te") {
        None => None,
        Some(te) => Some(whole_ms(te).ok_or(malformed("bad_line", "te is whole milliseconds since 1970"))?),
    };
    let mut change = None;
    for (key, value) in line.iter() {
        let found = match key.as_str() {
            "topic" | "te" => continue,
            "patch" => Change::Patch(object(key, value)?),
            "state" => Change::State(object(key, value)?),
            "event" => Change::Event(object(key, value)?),
            "retire" if *value == Value::Bool(true) => Change::Retire,
            _ => return Err(malformed("bad_line", format!("{key:?} is not patch, state, event or \"retire\":true"))),
        };
        if change.replace(found).is_some() {
            return Err(malformed("bad_line", "a line says one thing: patch, state, event or retire"));
        }
    }
    let change = change.ok_or(malformed("bad_line", "patch, state, event or \"retire\":true is missing"))?;
    Ok(Update { topic, te, change })
}

fn whole_ms(value: &Value) -> Option<i64> {
    let number = value.as_number()?.normalized();
    (number.scale() == 0).then(|| i64::try_from(number.mantissa()).ok()).flatten()
}

fn object(key: &str, value: &Value) -> Result<Object, Malformed> {
    let object = value.as_object().ok_or_else(|| malformed("bad_line", format!("{key} is a JSON object")))?;
    Ok(Object::clone(object))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let update = parse_line(br#"{"topic":"quote.desk.XAU","patch":{"bid":1.50},"te":5}"#).unwrap();
        assert_eq!((update.topic.as_str(), update.te), ("quote.desk.XAU", Some(5)));
        assert!(matches!(update.change, Change::Patch(_)));
        for (line, code) in [
            (&b"{"[..], "bad_json"),
            (b"[]", "bad_line"),
            (br#"{"patch":{}}"#, "bad_topic"),
            (br#"{"topic":"a b","patch":{}}"#, "bad_topic"),
            (br#"{"topic":"a"}"#, "bad_line"),
            (br#"{"topic":"a","patch":1}"#, "bad_line"),
            (br#"{"topic":"a","patch":{},"state":{}}"#, "bad_line"),
            (br#"{"topic":"a","retire":false}"#, "bad_line"),
            (br#"{"topic":"a","event":{},"te":1.5}"#, "bad_line"),
            (br#"{"topic":"a","patch":{},"pach":{}}"#, "bad_line"),
        ] {
            assert_eq!(parse_line(line).unwrap_err().code, code, "{}", String::from_utf8_lossy(line));
        }
    }
}
