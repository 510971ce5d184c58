//! JSON and decimals as the oracles see them: read by serde_json, numbers kept as text. Shares nothing with
//! `feeds::model`, which it judges.

use serde_json::value::RawValue;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Deepest nesting that the oracle follows. Relation: above what the gateway reads.
const DEPTH_MAX: usize = 64;

/// A decimal of any size: `digits × 10^power`, no zero at either end of `digits`, which are empty for zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    negative: bool,
    digits: String,
    power: i64,
}

impl Number {
    /// Reads an optional sign, digits with at most one point, and an optional exponent; `None` for anything else.
    pub fn read(token: &str) -> Option<Number> {
        let negative = token.starts_with('-');
        let unsigned = token.strip_prefix(['-', '+']).unwrap_or(token);
        let (plain, exponent) = match unsigned.find(['e', 'E']) {
            Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
            None => (unsigned, None),
        };
        let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
        let all = format!("{whole}{fraction}");
        if all.is_empty() || !all.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let exponent = exponent.map_or(Some(0), read_exponent)?;
        Some(Number::of(negative, &all, exponent - fraction.len() as i64))
    }

    fn of(negative: bool, digits: &str, power: i64) -> Number {
        let kept = digits.trim_end_matches('0');
        let power = power + (digits.len() - kept.len()) as i64;
        let kept = kept.trim_start_matches('0');
        match kept {
            "" => Number { negative: false, digits: String::new(), power: 0 },
            kept => Number { negative, digits: kept.to_owned(), power },
        }
    }

    /// Whether the gateway promises to hold it: a whole number of at most 127 bits over at most 36 digits of fraction.
    pub fn fits(&self) -> bool {
        const MOST: &str = "170141183460469231731687303715884105727";
        if self.power < -36 || self.power > MOST.len() as i64 {
            return false;
        }
        let wide = format!("{}{}", self.digits, "0".repeat(self.power.max(0) as usize));
        wide.len() < MOST.len() || (wide.len() == MOST.len() && *wide <= *MOST)
    }

    /// The canonical text: no exponent, no zeros at the end of a fraction.
    pub fn text(&self) -> String {
        let sign = if self.negative { "-" } else { "" };
        let digits = &self.digits;
        if digits.is_empty() {
            return "0".to_owned();
        }
        if self.power >= 0 {
            return format!("{sign}{digits}{}", "0".repeat(self.power as usize));
        }
        let fraction = self.power.unsigned_abs() as usize;
        let padded = format!("{}{digits}", "0".repeat((fraction + 1).saturating_sub(digits.len())));
        let (whole, fraction) = padded.split_at(padded.len() - fraction);
        format!("{sign}{whole}.{fraction}")
    }

    /// Order by value. Both must fit, or the texts that are compared would be endless.
    pub fn compare(&self, other: &Number) -> Ordering {
        let power = self.power.min(other.power);
        let size = |n: &Number| format!("{:0>120}{}", n.digits, "0".repeat((n.power - power) as usize));
        let (a, b) = (size(self), size(other));
        let width = a.len().max(b.len());
        let sizes = format!("{a:0>width$}").cmp(&format!("{b:0>width$}"));
        match (self.negative, other.negative) {
            (false, false) => sizes,
            (true, true) => sizes.reverse(),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

fn read_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // Sizes beyond this are all the same: no text that is fuzzed has as many digits.
    let size = digits.parse::<i64>().unwrap_or(i64::MAX).min(1_000_000_000);
    Some(if text.starts_with('-') { -size } else { size })
}

/// One JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tree {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Tree>),
    Map(BTreeMap<String, Tree>),
}

impl Tree {
    /// `None` if serde_json does not take it, or if it is nested deeper than the oracle follows.
    pub fn read(text: &[u8]) -> Option<Tree> {
        Tree::read_at(std::str::from_utf8(text).ok()?, 0)
    }

    fn read_at(text: &str, depth: usize) -> Option<Tree> {
        if depth > DEPTH_MAX {
            return None;
        }
        let raw: &RawValue = serde_json::from_str(text).ok()?;
        let text = raw.get().trim();
        Some(match text.as_bytes().first()? {
            b'n' => Tree::Null,
            b't' | b'f' => Tree::Bool(text == "true"),
            b'"' => Tree::Text(serde_json::from_str(text).ok()?),
            b'[' => {
                let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
                Tree::List(items.into_iter().map(|item| Tree::read_at(item.get(), depth + 1)).collect::<Option<_>>()?)
            }
            b'{' => {
                let members: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
                let read = |(key, value): (String, &RawValue)| Some((key, Tree::read_at(value.get(), depth + 1)?));
                Tree::Map(members.into_iter().map(read).collect::<Option<_>>()?)
            }
            _ => Tree::Number(Number::read(text)?),
        })
    }

    /// An object with no members.
    pub fn empty() -> Tree {
        Tree::Map(BTreeMap::new())
    }

    pub fn get(&self, key: &str) -> Option<&Tree> {
        if let Tree::Map(members) = self { members.get(key) } else { None }
    }

    pub fn text(&self, key: &str) -> Option<&str> {
        if let Some(Tree::Text(text)) = self.get(key) { Some(text) } else { None }
    }

    /// A member that is a whole number from 0 on.
    pub fn whole(&self, key: &str) -> Option<u64> {
        if let Some(Tree::Number(number)) = self.get(key) { number.text().parse().ok() } else { None }
    }

    pub fn list(&self, key: &str) -> Option<&[Tree]> {
        if let Some(Tree::List(items)) = self.get(key) { Some(items) } else { None }
    }

    /// How many containers lie around the deepest value.
    pub fn depth(&self) -> usize {
        match self {
            Tree::List(items) => items.iter().map(|item| item.depth() + 1).max().unwrap_or_default(),
            Tree::Map(members) => members.values().map(|value| value.depth() + 1).max().unwrap_or_default(),
            _ => 0,
        }
    }

    /// Whether every number fits.
    pub fn fits(&self) -> bool {
        match self {
            Tree::Number(number) => number.fits(),
            Tree::List(items) => items.iter().all(Tree::fits),
            Tree::Map(members) => members.values().all(Tree::fits),
            _ => true,
        }
    }

    /// As `num=string` says it: every number is the text of its digits.
    pub fn quoted(&self) -> Tree {
        match self {
            Tree::Number(number) => Tree::Text(number.text()),
            Tree::List(items) => Tree::List(items.iter().map(Tree::quoted).collect()),
            Tree::Map(members) => Tree::Map(members.iter().map(|(k, v)| (k.clone(), v.quoted())).collect()),
            other => other.clone(),
        }
    }

    /// RFC 7396, word for word; `None` is absence.
    pub fn patched(target: Option<Tree>, patch: &Tree) -> Option<Tree> {
        match patch {
            Tree::Null => None,
            Tree::Map(changes) => {
                let mut members = if let Some(Tree::Map(members)) = target { members } else { BTreeMap::new() };
                for (key, change) in changes {
                    if let Some(value) = Tree::patched(members.remove(key), change) {
                        members.insert(key.clone(), value);
                    }
                }
                Some(Tree::Map(members))
            }
            other => Some(other.clone()),
        }
    }
}
