//! The checksum of a book: what OKX and we must agree on.

use crate::book::{Level, Levels};

/// Levels of each side that it covers.
const LEVELS: usize = 25;

/// CRC32 (IEEE), signed, over `price:size` of the best bid, the best ask, the second bid and so on, as they were
/// written, joined by colons; where one side is thin, the other goes on alone.
pub(super) fn checksum(levels: &Levels) -> i32 {
    let (mut bids, mut asks) = (levels.bids().take(LEVELS), levels.asks().take(LEVELS));
    let mut text = Vec::with_capacity(2 * LEVELS * 24);
    loop {
        let (bid, ask) = (bids.next(), asks.next());
        if bid.is_none() && ask.is_none() {
            // Why wrapping: the venue sends the same bits as a signed number.
            return crc32fast::hash(text.strip_suffix(b":").unwrap_or(&text)).cast_signed();
        }
        for Level { price, size } in [bid, ask].into_iter().flatten() {
            for number in [price, size] {
                number.write_as_written(&mut text);
                text.push(b':');
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(levels: &[(&str, &str)]) -> Vec<Level> {
        let level = |(price, size): &(&str, &str)| Level { price: price.parse().unwrap(), size: size.parse().unwrap() };
        levels.iter().map(level).collect()
    }

    #[test]
    fn sides_are_interleaved_and_a_thin_one_ends_early() {
        let bids = side(&[("3366.1", "7"), ("3366", "6.50")]);
        let asks = side(&[("3366.8", "9"), ("3368", "8"), ("3372", "8")]);
        let text = "3366.1:7:3366.8:9:3366:6.50:3368:8:3372:8";
        assert_eq!(checksum(&Levels::new(&bids, &asks)), crc32fast::hash(text.as_bytes()).cast_signed());
        assert_eq!(checksum(&Levels::default()), 0);
    }
}
