//! When to ask again for what was not answered.

/// The longest pause.
pub(crate) const RETRY_MAX_MS: u64 = 60_000;

/// After 1, 2, 3 … failures in a row: 2, 4, 8 … s.
pub(crate) fn retry_ms(failures: u32) -> u64 {
    1_000u64.checked_shl(failures).unwrap_or(RETRY_MAX_MS).min(RETRY_MAX_MS)
}
