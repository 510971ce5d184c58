//! Numbers that name a place: offsets, seqs, topic ids, cursors. Each is its own type, so that none is taken for another.

use std::sync::Arc;

/// Gateway-wide number of an entry; the first entry of an epoch has 1, and 0 stands for "before everything".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub u64);

/// Number of a delta or event within its topic. A topic's first seq is the offset of its birth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

/// Dense index of a topic's slot. Reused only after the last entry of the slot's former topic was evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicId(pub u32);

impl TopicId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Where an entry lies in the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Number of the segment since the start of the log.
    pub segment: u64,
    /// Index of the entry in the segment.
    pub index: u32,
}

/// An entry's number and place: how the entries of one topic are chained without scanning the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    pub offset: Offset,
    pub position: Position,
}

/// Random name of a log; offsets and seqs mean nothing outside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch(Arc<str>);

impl Epoch {
    /// Longest epoch that is accepted in a cursor.
    pub const BYTES_MAX: usize = 32;

    /// An epoch named by `random` bits.
    pub fn from_bits(random: u64) -> Epoch {
        const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
        let name: String = (0..10).map(|n| char::from(ALPHABET[(random >> (5 * n)) as usize & 31])).collect();
        Epoch(name.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `epoch:offset`, what a client shows to say how far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub epoch: Epoch,
    pub offset: Offset,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a cursor is epoch:offset, as the server gave it")]
pub struct CursorError;

impl std::str::FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Cursor, CursorError> {
        let (epoch, offset) = text.split_once(':').ok_or(CursorError)?;
        let epoch_fits = !epoch.is_empty() && epoch.len() <= Epoch::BYTES_MAX;
        let plain = epoch.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        let digits = !offset.is_empty() && offset.len() <= 19 && offset.bytes().all(|b| b.is_ascii_digit());
        if !(epoch_fits && plain && digits) {
            return Err(CursorError);
        }
        let offset = offset.parse().map_err(|_| CursorError)?;
        Ok(Cursor { epoch: Epoch(epoch.into()), offset: Offset(offset) })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.epoch.as_str(), self.offset.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors() {
        let cursor: Cursor = "k3f9:812".parse().unwrap();
        assert_eq!((cursor.epoch.as_str(), cursor.offset), ("k3f9", Offset(812)));
        assert_eq!(cursor.to_string(), "k3f9:812");
        for bad in
            ["", ":", "k3f9", "k3f9:", ":1", "k:-1", "k:1x", "k:99999999999999999999", "k 3:1", "a:1\r\nx: y", "k:+1"]
        {
            assert_eq!(bad.parse::<Cursor>(), Err(CursorError), "{bad:?}");
        }
        assert_ne!(Epoch::from_bits(1), Epoch::from_bits(2));
    }
}
