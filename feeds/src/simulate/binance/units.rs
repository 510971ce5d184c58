//! Prices and sizes as whole numbers of 10⁻⁸, the step that Binance writes every amount in.

use std::fmt::Write;

/// One whole coin or dollar.
pub(super) const UNIT: i64 = 100_000_000;

/// `6508367000000` as `65083.67000000`.
pub(super) fn text(units: i64) -> String {
    let mut text = String::with_capacity(20);
    let sign = if units < 0 { "-" } else { "" };
    let size = units.unsigned_abs();
    let _ = write!(text, "{sign}{}.{:08}", size / UNIT.unsigned_abs(), size % UNIT.unsigned_abs());
    text
}

/// `price × size`, in units.
pub(super) fn product(price: i64, size: i64) -> i64 {
    let product = i128::from(price) * i128::from(size) / i128::from(UNIT);
    i64::try_from(product).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_with_eight_decimals() {
        assert_eq!(text(6_508_367_000_000), "65083.67000000");
        assert_eq!(text(1), "0.00000001");
        assert_eq!(text(-UNIT / 2), "-0.50000000");
        assert_eq!(product(3 * UNIT, UNIT / 2), 3 * UNIT / 2);
    }
}
