//! Order books: what every venue's book has in common.
//!
//! [`Levels`] are the two sides, with decimals as the venue wrote them; [`Top`] is the best of both; [`Shown`] is what
//! the book topic says and the least that makes it say something new; [`Book`] is all of it for one symbol. Knows no
//! venue: sequences, checksums and snapshots are judged by the provider that has them.

mod keeping;
mod level;
mod levels;
mod shown;
mod top;

pub(crate) use keeping::Book;
pub(crate) use level::Level;
pub(crate) use levels::Levels;
pub(crate) use shown::Shown;
pub(crate) use top::Top;
