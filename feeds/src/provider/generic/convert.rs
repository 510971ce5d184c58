//! One value of a message → one value of a state. EXACT: numbers stay decimals from the token's bytes on.

use super::table::Table;
use crate::model::{Decimal, SCALE_MAX, Value, utc_ms};

/// What is made of a value. JSON's null stays null.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Conversion {
    /// Taken over as it is.
    Json,
    /// A number, or a string that holds one; divided by 10^`scale`.
    Decimal { scale: u8 },
    /// The same without a fraction.
    Integer,
    /// A string; numbers and booleans as their text.
    Text,
    /// A moment, as Unix ms.
    Time(Unit),
    /// One of a table's words; `otherwise` stands for all others, which are refused without it.
    Enum { words: Vec<(String, Value)>, otherwise: Option<Value> },
    /// true, 1, "true" and "1", or their opposites.
    Bool,
}

/// How a provider writes its times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    S,
    Ms,
    Us,
    Ns,
    Rfc3339,
}

const UNITS: [(&str, Unit); 5] =
    [("ms", Unit::Ms), ("s", Unit::S), ("us", Unit::Us), ("ns", Unit::Ns), ("rfc3339", Unit::Rfc3339)];

#[derive(Clone, Copy)]
enum Word {
    Json,
    Decimal,
    Integer,
    Text,
    Time,
    Enum,
    Bool,
}

const WORDS: [(&str, Word); 7] = [
    ("json", Word::Json),
    ("decimal", Word::Decimal),
    ("integer", Word::Integer),
    ("text", Word::Text),
    ("time", Word::Time),
    ("enum", Word::Enum),
    ("bool", Word::Bool),
];

impl Conversion {
    /// Reads `as` and what belongs to it.
    pub(super) fn read(table: &mut Table<'_>) -> Conversion {
        match table.choice("as", &WORDS) {
            Word::Json => Conversion::Json,
            Word::Decimal => {
                let scale = table.whole("scale", 0..=u64::from(SCALE_MAX), 0);
                Conversion::Decimal { scale: u8::try_from(scale).unwrap_or(0) }
            }
            Word::Integer => Conversion::Integer,
            Word::Text => Conversion::Text,
            Word::Time => Conversion::Time(read_unit(table)),
            Word::Enum => read_enum(table),
            Word::Bool => Conversion::Bool,
        }
    }

    /// The value as the mapping wants it; else what was expected.
    pub(super) fn apply(&self, value: &Value) -> Result<Value, &'static str> {
        if *value == Value::Null {
            return Ok(Value::Null);
        }
        match self {
            Conversion::Json => Ok(value.clone()),
            Conversion::Decimal { scale } => scaled(number(value).ok_or("a decimal number")?, *scale),
            Conversion::Integer => number(value).and_then(whole).map(Value::Number).ok_or("a whole number"),
            Conversion::Text => text(value).map(|text| Value::text(&text)).ok_or("a text"),
            Conversion::Time(unit) => unit.ms(value).map(|ms| Value::Number(ms.into())).ok_or(unit.expected()),
            Conversion::Enum { words, otherwise } => {
                let text = text(value).ok_or("a word of the table")?;
                let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| value);
                found.or(otherwise.as_ref()).cloned().ok_or("a word of the table")
            }
            Conversion::Bool => boolean(value).map(Value::Bool).ok_or("true or false"),
        }
    }
}

pub(super) fn read_unit(table: &mut Table<'_>) -> Unit {
    table.choice("unit", &UNITS)
}

fn read_enum(table: &mut Table<'_>) -> Conversion {
    let mut words = Vec::new();
    match table.table("table") {
        Some(entries) => words.extend(entries.entries().filter_map(|(word, value)| {
            let constant = constant(value);
            if constant.is_none() {
                entries.problem(word, "must be a string, a whole number, true or false");
            }
            Some((word.to_owned(), constant?))
        })),
        None if table.has("table") => {}
        None => table.problem("table", "is missing; as = \"enum\" needs one, as { B = \"buy\", S = \"sell\" }"),
    }
    let otherwise = table.value("otherwise").and_then(|value| {
        let constant = constant(value);
        if constant.is_none() {
            table.problem("otherwise", "must be a string, a whole number, true or false");
        }
        constant
    });
    Conversion::Enum { words, otherwise }
}

/// A value that stands in the configuration itself; `None` if it is of a kind that cannot be published exactly.
pub(super) fn constant(value: &serde_json::Value) -> Option<Value> {
    match value {
        serde_json::Value::String(text) => Some(Value::text(text)),
        serde_json::Value::Bool(flag) => Some(Value::Bool(*flag)),
        serde_json::Value::Number(number) => Some(Value::Number(number.as_i64()?.into())),
        _ => None,
    }
}

impl Unit {
    /// The moment in Unix ms, cut off below.
    pub(super) fn ms(self, value: &Value) -> Option<i64> {
        if self == Unit::Rfc3339 {
            return utc_ms(value.as_text()?);
        }
        let number = number(value)?;
        // value × 10^-scale units; `digits`: how far a unit is from a ms.
        let digits = match self {
            Unit::S => 3,
            Unit::Us => -3,
            Unit::Ns => -6,
            Unit::Ms | Unit::Rfc3339 => 0,
        } - i32::from(number.scale());
        let power = 10i128.checked_pow(digits.unsigned_abs())?;
        let mantissa = number.mantissa();
        let ms = if digits < 0 { mantissa.div_euclid(power) } else { mantissa.checked_mul(power)? };
        i64::try_from(ms).ok()
    }

    fn expected(self) -> &'static str {
        match self {
            Unit::S => "a time in s",
            Unit::Ms => "a time in ms",
            Unit::Us => "a time in us",
            Unit::Ns => "a time in ns",
            Unit::Rfc3339 => "a time as RFC 3339 says, as 2026-08-09T21:05:48.228Z",
        }
    }
}

/// A number, or a string that holds one.
fn number(value: &Value) -> Option<Decimal> {
    match value {
        Value::Number(number) => Some(*number),
        Value::Text(text) => Decimal::parse(text.as_bytes()).ok(),
        _ => None,
    }
}

fn whole(number: Decimal) -> Option<Decimal> {
    Some(number.normalized()).filter(|number| number.scale() == 0)
}

/// A whole number as such: what sequences are made of.
pub(super) fn whole_number(value: &Value) -> Option<i128> {
    number(value).and_then(whole).map(Decimal::mantissa)
}

fn scaled(number: Decimal, scale: u8) -> Result<Value, &'static str> {
    let scaled = match scale {
        0 => Some(number),
        _ => {
            let number = number.normalized();
            Decimal::new(number.mantissa(), number.scale().saturating_add(scale))
        }
    };
    scaled.map(Value::Number).ok_or("a decimal number of fewer digits")
}

/// A scalar's text: numbers in canonical form.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn boolean(value: &Value) -> Option<bool> {
    match text(value)?.as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::parse_value;

    fn converted(conversion: &Conversion, json: &str) -> String {
        match conversion.apply(&parse_value(json.as_bytes()).unwrap()) {
            Ok(value) => {
                let mut text = Vec::new();
                value.write(&mut text);
                String::from_utf8(text).unwrap()
            }
            Err(expected) => format!("not {expected}"),
        }
    }

    #[test]
    fn conversions() {
        let decimal = Conversion::Decimal { scale: 0 };
        let cents = Conversion::Decimal { scale: 2 };
        let side = Conversion::Enum {
            words: vec![("B".into(), Value::text("buy")), ("1".into(), true.into())],
            otherwise: None,
        };
        let loose = Conversion::Enum { words: Vec::new(), otherwise: Some(Value::text("other")) };
        for (conversion, json, want) in [
            (&decimal, r#""65083.70""#, "65083.7"),
            (&decimal, "0.50930100", "0.509301"),
            (&decimal, "1e-08", "0.00000001"),
            (&decimal, "-37.63", "-37.63"),
            (&decimal, "-0", "0"),
            (&decimal, "9007199254740993", "9007199254740993"),
            (&decimal, r#""12 USD""#, "not a decimal number"),
            (&decimal, r#""""#, "not a decimal number"),
            (&decimal, "true", "not a decimal number"),
            (&decimal, "null", "null"),
            (&cents, "1234", "12.34"),
            (&cents, r#""-5""#, "-0.05"),
            (&Conversion::Integer, "5.0", "5"),
            (&Conversion::Integer, r#""18446744073709551617""#, "18446744073709551617"),
            (&Conversion::Integer, "5.5", "not a whole number"),
            (&Conversion::Text, "5.50", r#""5.5""#),
            (&Conversion::Text, "[]", "not a text"),
            (&Conversion::Bool, "1", "true"),
            (&Conversion::Bool, r#""false""#, "false"),
            (&Conversion::Bool, r#""yes""#, "not true or false"),
            (&side, r#""B""#, r#""buy""#),
            (&side, "1", "true"),
            (&side, r#""X""#, "not a word of the table"),
            (&loose, r#""X""#, r#""other""#),
            (&Conversion::Json, r#"[1.50,"a"]"#, r#"[1.5,"a"]"#),
        ] {
            assert_eq!(converted(conversion, json), want, "{conversion:?} of {json}");
        }
    }

    /// Pitfall 7: s, ms, us and ns mixed, and none of them exact as a float.
    #[test]
    fn times() {
        for (unit, json, want) in [
            (Unit::S, "1763850000", "1763850000000"),
            (Unit::S, "1763850000.1239", "1763850000123"),
            (Unit::S, r#""1763850000.5""#, "1763850000500"),
            (Unit::Ms, "1763850000123", "1763850000123"),
            (Unit::Us, "1763850000123999", "1763850000123"),
            (Unit::Ns, "1763850000123999999", "1763850000123"),
            (Unit::Ns, r#""1763850000123999999""#, "1763850000123"),
            (Unit::Rfc3339, r#""2026-08-09T21:05:48.228568804Z""#, "1786309548228"),
            (Unit::Rfc3339, "5", "not a time as RFC 3339 says, as 2026-08-09T21:05:48.228Z"),
            (Unit::Ms, "99999999999999999999", "not a time in ms"),
            (Unit::S, r#""soon""#, "not a time in s"),
        ] {
            assert_eq!(converted(&Conversion::Time(unit), json), want, "{unit:?} of {json}");
        }
    }
}
