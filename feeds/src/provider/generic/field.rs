//! What the members of a state or an event are made of: a converted value, a constant, a group, or an object by key.

use super::convert::{self, Conversion, Unit};
use super::pointer::{Path, Place, Pointer};
use super::table::{Table, kind};
use crate::model::{Decimal, Key, Object, Value};

/// Most groups within groups.
const DEPTH_MAX: usize = 8;
/// Most members of one object by key: what is beyond is refused with the whole update.
const MEMBERS_MAX: usize = 100_000;

#[derive(Clone, Debug)]
pub(super) enum Field {
    Found(Found),
    Constant(Value),
    Group(Vec<(Key, Field)>),
    Members(Box<Members>),
}

/// A value at a pointer.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub at: Pointer,
    conversion: Conversion,
    /// Values that mean "there is none".
    null_if: Vec<Value>,
    /// The update is refused if nothing stands there.
    required: bool,
}

/// An object with one member per item: book levels by price, games by id.
#[derive(Clone, Debug)]
pub(super) struct Members {
    pub each: Path,
    key: Found,
    value: Field,
}

/// A value that is not as the mapping says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misfit(pub String);

impl Field {
    /// Reads one entry of `fields`; `None` after a problem.
    fn read(key: &str, value: &serde_json::Value, fields: &Table<'_>, depth: usize) -> Option<Field> {
        match value {
            serde_json::Value::String(pointer) => {
                let at = parsed(Pointer::parse(pointer), key, fields)?;
                Some(Field::Found(Found { at, conversion: Conversion::Json, null_if: Vec::new(), required: false }))
            }
            serde_json::Value::Object(entries) if depth < DEPTH_MAX => read_table(fields.below(key, entries), depth),
            serde_json::Value::Object(_) => {
                fields.problem(key, format!("more than {DEPTH_MAX} groups within groups"));
                None
            }
            other => {
                let expected = "must be a JSON pointer, { at = … }, { value = … }, { each = … } or a group of fields";
                fields.problem(key, format!("{expected}, not {}", kind(other)));
                None
            }
        }
    }

    /// The value; `None` if nothing stands there.
    pub(super) fn value(&self, place: &Place<'_>) -> Result<Option<Value>, Misfit> {
        match self {
            Field::Found(found) => found.value(place),
            Field::Constant(value) => Ok(Some(value.clone())),
            Field::Group(fields) => {
                let object = object(fields, place)?;
                Ok((!object.is_empty()).then(|| object.into()))
            }
            Field::Members(members) => members.value(place),
        }
    }

    /// Every pointer in it, with the path of its field: for saying which were never found.
    pub(super) fn pointers(&self, path: &str, found: &mut Vec<(String, Pointer)>) {
        match self {
            Field::Found(single) => found.push((path.to_owned(), single.at.clone())),
            Field::Group(fields) => {
                fields.iter().for_each(|(key, field)| field.pointers(&format!("{path}.{key}"), found));
            }
            Field::Constant(_) | Field::Members(_) => {}
        }
    }
}

/// Reads a table of fields.
pub(super) fn read_fields(fields: &Table<'_>, depth: usize) -> Vec<(Key, Field)> {
    fields.entries().filter_map(|(key, value)| Some((key.into(), Field::read(key, value, fields, depth)?))).collect()
}

/// An object of all fields that have a value.
pub(super) fn object(fields: &[(Key, Field)], place: &Place<'_>) -> Result<Object, Misfit> {
    let mut object = Object::with_capacity(fields.len());
    for (key, field) in fields {
        let value = field.value(place).map_err(|Misfit(what)| Misfit(format!("{key}: {what}")))?;
        if let Some(value) = value {
            object.set(key.clone(), value);
        }
    }
    Ok(object)
}

fn read_table(mut table: Table<'_>, depth: usize) -> Option<Field> {
    if table.has("at") {
        return Found::read(table).map(Field::Found);
    }
    if table.has("each") {
        return Members::read(table, depth).map(|members| Field::Members(Box::new(members)));
    }
    if table.has("value") {
        let constant = table.value("value").and_then(convert::constant);
        if constant.is_none() {
            table.problem("value", "must be a string, a whole number, true or false");
        }
        table.done();
        return constant.map(Field::Constant);
    }
    Some(Field::Group(read_fields(&table, depth + 1)))
}

/// The parsed thing, or a problem.
pub(super) fn parsed<T>(parsed: Result<T, String>, key: &str, table: &Table<'_>) -> Option<T> {
    parsed.map_err(|expected| table.problem(key, expected)).ok()
}

impl Found {
    /// Reads `{ at = …, as = … }`.
    pub(super) fn read(mut table: Table<'_>) -> Option<Found> {
        let pointer = table.needed_text("at", "the JSON pointer of the value");
        let at = pointer.and_then(|pointer| parsed(Pointer::parse(pointer), "at", &table));
        let conversion = Conversion::read(&mut table);
        let required = table.flag("required");
        let null_if = read_null_if(&mut table);
        table.done();
        Some(Found { at: at?, conversion, null_if, required })
    }

    /// A text at a pointer that has to be there.
    pub(super) fn text(at: Pointer) -> Found {
        Found { at, conversion: Conversion::Text, null_if: Vec::new(), required: true }
    }

    /// A moment at a pointer.
    pub(super) fn time(at: Pointer, unit: Unit) -> Found {
        Found { at, conversion: Conversion::Time(unit), null_if: Vec::new(), required: false }
    }

    pub(super) fn value(&self, place: &Place<'_>) -> Result<Option<Value>, Misfit> {
        let Some(found) = self.at.find(place) else {
            let message = || Misfit(format!("nothing stands at {}", self.at.as_str()));
            return if self.required { Err(message()) } else { Ok(None) };
        };
        if self.null_if.iter().any(|null| is_same(null, &found)) {
            return Ok(Some(Value::Null));
        }
        self.conversion.apply(&found).map(Some).map_err(|expected| {
            let mut text = Vec::new();
            found.write(&mut text);
            Misfit(format!("{} is not {expected}", shortened(&String::from_utf8_lossy(&text))))
        })
    }
}

/// Equal as numbers if both are, else as texts.
fn is_same(null: &Value, found: &Value) -> bool {
    let (Some(null), Some(found)) = (convert::text(null), convert::text(found)) else { return false };
    match (null.parse::<Decimal>(), found.parse::<Decimal>()) {
        (Ok(null), Ok(found)) => null == found,
        _ => null == found,
    }
}

fn read_null_if(table: &mut Table<'_>) -> Vec<Value> {
    let Some(value) = table.value("null_if") else { return Vec::new() };
    let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    let constants: Vec<Value> = items.iter().filter_map(convert::constant).collect();
    if constants.len() < items.len() {
        table.problem("null_if", "must be a string or a whole number, or a list of them");
    }
    constants
}

impl Members {
    /// Reads `{ each = …, key = …, item = … }`.
    fn read(mut table: Table<'_>, depth: usize) -> Option<Members> {
        let path = table.text("each").and_then(|path| parsed(Path::parse(path), "each", &table));
        let key = Members::read_part("key", &mut table, depth);
        let item = Members::read_part("item", &mut table, depth);
        let key = match key {
            Some(Field::Found(found)) => Some(Found { required: true, ..found }),
            Some(_) => {
                table.problem("key", "must be a JSON pointer or { at = … }");
                None
            }
            None => None,
        };
        table.done();
        Some(Members { each: path?, key: key?, value: item? })
    }

    fn read_part(name: &'static str, table: &mut Table<'_>, depth: usize) -> Option<Field> {
        let Some(value) = table.value(name) else {
            table.problem(name, "is missing; an object by key needs the key and the item of each member");
            return None;
        };
        Field::read(name, value, table, depth + 1)
    }

    fn value(&self, place: &Place<'_>) -> Result<Option<Value>, Misfit> {
        let mut members = Vec::new();
        let mut misfit = None;
        self.each.walk(place, false, &mut |item| {
            if misfit.is_none() && members.len() < MEMBERS_MAX {
                match self.member(item) {
                    Ok(member) => members.push(member),
                    Err(error) => misfit = Some(error),
                }
            } else {
                misfit.get_or_insert_with(|| Misfit(format!("more than {MEMBERS_MAX} members")));
            }
        });
        match misfit {
            Some(misfit) => Err(misfit),
            None if members.is_empty() => Ok(None),
            None => Ok(Some(members.into_iter().collect::<Object>().into())),
        }
    }

    fn member(&self, item: &Place<'_>) -> Result<(Key, Value), Misfit> {
        let key = self.key.value(item)?.as_ref().and_then(convert::text);
        let key = key.ok_or_else(|| Misfit(format!("{} is no key", self.key.at.as_str())))?;
        Ok((Key::from(key), self.value.value(item)?.unwrap_or(Value::Null)))
    }
}

/// The start of a text, for messages.
pub(super) fn shortened(text: &str) -> String {
    const CHARACTERS_MAX: usize = 80;
    if text.chars().count() <= CHARACTERS_MAX {
        return text.to_owned();
    }
    text.chars().take(CHARACTERS_MAX).chain(['…']).collect()
}
