//! Canonical names, `BASE-QUOTE`, and native ones where no table says which is which.

use super::Place;

/// Quote assets that a native symbol without a separator is tried for, longer ones first.
const KNOWN_QUOTES: [&str; 18] = [
    "FDUSD", "USDT", "USDC", "BUSD", "TUSD", "BIDR", "PYUSD", "BTC", "ETH", "BNB", "EUR", "GBP", "AUD", "TRY", "BRL",
    "USD", "DAI", "PAX",
];

/// The parts of a canonical name; `None` if it is not `BASE-QUOTE`.
pub(crate) fn pair(canonical: &str) -> Option<(&str, &str)> {
    let (base, quote) = canonical.split_once('-')?;
    (is_asset(base) && is_asset(quote)).then_some((base, quote))
}

/// The place of a symbol where the venue's names are the canonical ones.
pub(crate) fn same_name(canonical: &str) -> Option<Place> {
    pair(canonical).map(|_| Place { native: canonical.to_owned(), path: 0 })
}

/// The way back.
pub(crate) fn kept_name(native: &str, _path: usize) -> String {
    native.to_owned()
}

/// Upper-case letters, digits, and the `_` of a dated contract.
pub(crate) fn is_asset(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// `BTC-USDT` for `BTCUSDT`, by its ending. Only recordings need it: live feeds have their names configured.
pub(crate) fn by_ending(native: &str) -> Option<String> {
    KNOWN_QUOTES.iter().find_map(|quote| {
        let base = native.strip_suffix(quote).filter(|base| !base.is_empty())?;
        Some(format!("{base}-{quote}"))
    })
}
