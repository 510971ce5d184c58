//! Quotes from what a venue says of them.

use crate::model::{Number, Object};

/// The patch of all `fields`; what is absent is null.
pub(crate) fn quote<const N: usize>(fields: [(&'static str, Option<Number>); N]) -> Object {
    let mut quote = Object::with_capacity(N);
    for (name, number) in fields {
        quote.set(name, number.map(|number| number.0));
    }
    quote
}
