//! One price of a book, and how it is read.

use crate::model::{Decimal, Number};
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, SeqAccess, Visitor};
use std::fmt;

/// A price and what is offered at it; a size of zero removes the level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level {
    pub price: Decimal,
    pub size: Decimal,
}

/// From `["price","size", …]`; what follows is not looked at.
impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Level, D::Error> {
        deserializer.deserialize_seq(LevelVisitor)
    }
}

struct LevelVisitor;

impl<'de> Visitor<'de> for LevelVisitor {
    type Value = Level;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[price, size]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Level, A::Error> {
        let level = Level { price: number(&mut items)?, size: number(&mut items)? };
        // Binance's old snapshots have an empty array here, OKX has counts of orders.
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(level)
    }
}

fn number<'de, A: SeqAccess<'de>>(items: &mut A) -> Result<Decimal, A::Error> {
    let number: Option<Number> = items.next_element()?;
    number.map(|number| number.0).ok_or_else(|| A::Error::custom("too few items"))
}
