//! A decimal as most venues write it into JSON: in a string.

use super::Decimal;
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use std::fmt;

/// A decimal in a string (`"0.00100000"`) or a whole number. A bare fraction is refused: a parser made a float of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number(pub Decimal);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Number, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal number in a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Number, E> {
        Decimal::parse(text.as_bytes()).map(Number).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, whole: i64) -> Result<Number, E> {
        Ok(Number(whole.into()))
    }

    fn visit_u64<E: Error>(self, whole: u64) -> Result<Number, E> {
        i64::try_from(whole).map(|whole| Number(whole.into())).map_err(E::custom)
    }
}

/// A decimal as some venues write it into JSON: bare (`0.50930100`). Read from the token's bytes, before any parser
/// makes a float of it; only of use with `serde_json` on borrowed text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BareNumber(pub Decimal);

impl<'de> Deserialize<'de> for BareNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<BareNumber, D::Error> {
        let token = <&serde_json::value::RawValue>::deserialize(deserializer)?;
        Decimal::parse(token.get().as_bytes()).map(BareNumber).map_err(D::Error::custom)
    }
}

/// For fields that are `""` where there is nothing: `#[serde(default, deserialize_with = "blank_is_absent")]`.
pub fn blank_is_absent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Number>, D::Error> {
    let text = Option::<std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
    let digits = text.filter(|text| !text.is_empty());
    digits.map(|text| Decimal::parse(text.as_bytes()).map(Number).map_err(D::Error::custom)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_number_keeps_its_digits_and_nothing_else_is_one() {
        let numbers: Vec<BareNumber> = serde_json::from_str("[0.50930100, 1e-08,-3 ]").unwrap();
        let text: Vec<String> = numbers.iter().map(|number| number.0.to_string()).collect();
        assert_eq!(text, ["0.509301", "0.00000001", "-3"]);
        assert_eq!(numbers[0].0.scale(), 8, "as it was written");
        for other in ["\"1\"", "null", "{}", "01"] {
            assert!(serde_json::from_str::<BareNumber>(other).is_err(), "{other}");
        }
    }

    #[test]
    fn a_number_in_a_string_is_no_float() {
        assert_eq!(serde_json::from_str::<Number>("\"1.50\"").unwrap().0.to_string(), "1.5");
        assert_eq!(serde_json::from_str::<Number>("25").unwrap().0, 25.into());
        assert!(serde_json::from_str::<Number>("1.5").is_err());
    }
}
