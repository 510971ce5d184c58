//! The checksum of a book: what Kraken and we must agree on after every message.

use crate::book::{Level, Levels};

/// Levels of each side that it covers; a thin book has fewer, and its checksum covers those.
const LEVELS: usize = 10;

/// CRC32 (IEEE) over the digits of the ten best asks, then of the ten best bids: of each level price and size as they
/// were written, without point and zeros in front.
pub(super) fn checksum(levels: &Levels) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for Level { price, size } in levels.asks().take(LEVELS).chain(levels.bids().take(LEVELS)) {
        for number in [price, size] {
            // A mantissa is just that: all digits written, none in front.
            hasher.update(itoa::Buffer::new().format(number.mantissa()).as_bytes());
        }
    }
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(levels: [(&str, &str); 10]) -> Vec<Level> {
        levels.map(|(price, size)| Level { price: price.parse().unwrap(), size: size.parse().unwrap() }).to_vec()
    }

    /// The example of docs.kraken.com/api/docs/guides/spot-ws-book-v2.
    #[test]
    fn the_documented_example() {
        let asks = side([
            ("45285.2", "0.00100000"),
            ("45286.4", "1.54571953"),
            ("45286.6", "1.54571109"),
            ("45289.6", "1.54560911"),
            ("45290.2", "0.15890660"),
            ("45291.8", "1.54553491"),
            ("45294.7", "0.04454749"),
            ("45296.1", "0.35380000"),
            ("45297.5", "0.09945542"),
            ("45299.5", "0.18772827"),
        ]);
        let bids = side([
            ("45283.5", "0.10000000"),
            ("45283.4", "1.54582015"),
            ("45282.1", "0.10000000"),
            ("45281.0", "0.10000000"),
            ("45280.3", "1.54592586"),
            ("45279.0", "0.07990000"),
            ("45277.6", "0.03310103"),
            ("45277.5", "0.30000000"),
            ("45277.3", "1.54602737"),
            ("45276.6", "0.15445238"),
        ]);
        assert_eq!(checksum(&Levels::new(&bids, &asks)), 3_310_070_434);
    }

    #[test]
    fn a_thin_book_has_one_too() {
        assert_eq!(checksum(&Levels::default()), 0);
        let one = [Level { price: "0.0286".parse().unwrap(), size: "0.50930100".parse().unwrap() }];
        assert_eq!(checksum(&Levels::new(&one, &[])), crc32fast::hash(b"28650930100"));
    }
}
