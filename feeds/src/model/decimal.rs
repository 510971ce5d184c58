//! Exact decimal numbers, from the bytes of a token to the bytes of a message.
//!
//! Invariant EXACT: a number leaves with the value it came in with; nothing here goes through a float.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

/// Most digits after the point that are kept; a token that needs more is refused.
pub const SCALE_MAX: u8 = 36;

/// `mantissa × 10^-scale`. Equal by value (`1.10 == 1.1`), yet keeps the scale it was written with.
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    // Why split: an `i128` field would align every `Value` to 16 bytes.
    high: i64,
    low: u64,
    scale: u8,
}

/// Why a token is not a number that can be held exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    #[error("not a decimal number")]
    Syntax,
    #[error("a number of more digits than can be held exactly")]
    Overflow,
}

impl Decimal {
    pub const ZERO: Decimal = Decimal { high: 0, low: 0, scale: 0 };

    /// `mantissa × 10^-scale`; `None` if `scale` is above [`SCALE_MAX`].
    pub fn new(mantissa: i128, scale: u8) -> Option<Decimal> {
        (scale <= SCALE_MAX).then(|| Decimal::raw(mantissa, scale))
    }

    fn raw(mantissa: i128, scale: u8) -> Decimal {
        Decimal { high: (mantissa >> 64) as i64, low: mantissa as u64, scale }
    }

    pub fn mantissa(self) -> i128 {
        (i128::from(self.high) << 64) | i128::from(self.low)
    }

    pub fn scale(self) -> u8 {
        self.scale
    }

    pub fn is_zero(self) -> bool {
        self.high == 0 && self.low == 0
    }

    /// Reads the bytes of one number token: JSON's grammar, and also a leading `+`, leading zeros and a bare `.5`,
    /// as some providers put in their strings. Exponents are resolved exactly (`1e-08`).
    pub fn parse(token: &[u8]) -> Result<Decimal, DecimalError> {
        let (negative, digits) = match token {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let mut mantissa: u128 = 0;
        let (mut seen_digit, mut seen_point, mut scale) = (false, false, 0i32);
        // Zeros that may turn out to be trailing are held back, so that "100000…0.000" never overflows for nothing.
        let mut held_zeros: i32 = 0;
        let mut at = 0;
        while let Some(&byte) = digits.get(at) {
            match byte {
                b'0'..=b'9' => {
                    seen_digit = true;
                    if seen_point {
                        scale += 1;
                    }
                    if byte == b'0' {
                        held_zeros += i32::from(mantissa != 0 || seen_point);
                    } else {
                        mantissa = push_digits(mantissa, held_zeros, byte - b'0')?;
                        held_zeros = 0;
                    }
                }
                b'.' if !seen_point => seen_point = true,
                b'e' | b'E' if seen_digit => break,
                _ => return Err(DecimalError::Syntax),
            }
            at += 1;
        }
        if !seen_digit {
            return Err(DecimalError::Syntax);
        }
        if at < digits.len() {
            // Saturates, since of a zero no exponent is too large; any other number is refused below.
            scale = scale.saturating_sub(parse_exponent(&digits[at + 1..])?);
        }
        settle(negative, mantissa, held_zeros, scale)
    }

    /// The canonical text: no exponent, no trailing zeros, no `-0`.
    pub fn write(self, out: &mut Vec<u8>) {
        let mantissa = self.mantissa();
        let mut buffer = itoa::Buffer::new();
        let mut narrow = itoa::Buffer::new();
        let digits = match u64::try_from(mantissa.unsigned_abs()) {
            Ok(small) => narrow.format(small),
            Err(_) => buffer.format(mantissa.unsigned_abs()),
        };
        let mut scale = usize::from(self.scale);
        let mut digits = digits.as_bytes();
        while scale > 0 && digits.len() > 1 && digits.last() == Some(&b'0') {
            digits = &digits[..digits.len() - 1];
            scale -= 1;
        }
        if digits == b"0" {
            out.push(b'0');
            return;
        }
        if mantissa < 0 {
            out.push(b'-');
        }
        if scale == 0 {
            out.extend_from_slice(digits);
        } else if digits.len() > scale {
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            out.extend_from_slice(whole);
            out.push(b'.');
            out.extend_from_slice(fraction);
        } else {
            out.extend_from_slice(b"0.");
            out.resize(out.len() + scale - digits.len(), b'0');
            out.extend_from_slice(digits);
        }
    }

    /// The text as it was written, trailing zeros and all, provided that it had no exponent, sign or needless zero in
    /// front: what venues' checksums are made of.
    pub fn write_as_written(self, out: &mut Vec<u8>) {
        let mut buffer = itoa::Buffer::new();
        let (digits, scale) = (buffer.format(self.mantissa().unsigned_abs()), usize::from(self.scale));
        if self.mantissa() < 0 {
            out.push(b'-');
        }
        // The zeros that the mantissa lacks: one stands before the point.
        let zeros = (scale + 1).saturating_sub(digits.len());
        let whole = digits.len() + zeros - scale;
        let text = std::iter::repeat_n(b'0', zeros).chain(digits.bytes());
        for (at, digit) in text.enumerate() {
            if at == whole {
                out.push(b'.');
            }
            out.push(digit);
        }
    }

    /// Same value, least scale: the form in which equal values have equal fields.
    pub fn normalized(self) -> Decimal {
        let (mut mantissa, mut scale) = (self.mantissa(), self.scale);
        while scale > 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            scale -= 1;
        }
        Decimal::raw(mantissa, scale)
    }

    /// `self + other`; `None` if the sum cannot be held exactly.
    pub fn checked_add(self, other: Decimal) -> Option<Decimal> {
        let scale = self.scale.max(other.scale);
        let sum = self.rescaled(scale)?.checked_add(other.rescaled(scale)?)?;
        Some(Decimal::raw(sum, scale))
    }

    fn rescaled(self, scale: u8) -> Option<i128> {
        self.mantissa().checked_mul(10i128.checked_pow(u32::from(scale - self.scale))?)
    }
}

fn push_digits(mantissa: u128, zeros: i32, digit: u8) -> Result<u128, DecimalError> {
    if mantissa == 0 {
        return Ok(u128::from(digit));
    }
    let shift = 10u128.checked_pow(zeros as u32 + 1).ok_or(DecimalError::Overflow)?;
    mantissa.checked_mul(shift).and_then(|m| m.checked_add(u128::from(digit))).ok_or(DecimalError::Overflow)
}

fn parse_exponent(text: &[u8]) -> Result<i32, DecimalError> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(DecimalError::Syntax);
    }
    let size = digits.iter().fold(0i32, |n, d| n.saturating_mul(10).saturating_add(i32::from(d - b'0')));
    Ok(if negative { -size } else { size })
}

/// Puts held-back zeros and the exponent together: the value is `mantissa × 10^(held_zeros - scale)`.
fn settle(negative: bool, mantissa: u128, held_zeros: i32, scale: i32) -> Result<Decimal, DecimalError> {
    if mantissa == 0 {
        return Ok(Decimal::raw(0, scale.clamp(0, i32::from(SCALE_MAX)) as u8));
    }
    // Trailing zeros are kept where they fit, so that the scale stays as written.
    let (mantissa, scale) = match 10u128.checked_pow(held_zeros as u32).and_then(|shift| mantissa.checked_mul(shift)) {
        Some(wide) if wide <= i128::MAX as u128 && scale <= i32::from(SCALE_MAX) => (wide, scale),
        _ => (mantissa, scale.checked_sub(held_zeros).ok_or(DecimalError::Overflow)?),
    };
    let (mantissa, scale) = if scale < 0 {
        let shift = 10u128.checked_pow(scale.unsigned_abs()).ok_or(DecimalError::Overflow)?;
        (mantissa.checked_mul(shift).ok_or(DecimalError::Overflow)?, 0)
    } else {
        (mantissa, scale)
    };
    let signed = i128::try_from(mantissa).map_err(|_| DecimalError::Overflow)?;
    let scale = u8::try_from(scale).ok().filter(|s| *s <= SCALE_MAX).ok_or(DecimalError::Overflow)?;
    Ok(Decimal::raw(if negative { -signed } else { signed }, scale))
}

impl From<i64> for Decimal {
    fn from(whole: i64) -> Decimal {
        Decimal::raw(i128::from(whole), 0)
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Decimal) -> bool {
        if self.scale == other.scale {
            return self.high == other.high && self.low == other.low;
        }
        let (a, b) = (self.normalized(), other.normalized());
        a.high == b.high && a.low == b.low && a.scale == b.scale
    }
}

impl Eq for Decimal {}

impl Hash for Decimal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let n = self.normalized();
        (n.high, n.low, n.scale).hash(state);
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Decimal) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Decimal) -> Ordering {
        if self.scale == other.scale {
            return self.mantissa().cmp(&other.mantissa());
        }
        let scale = self.scale.max(other.scale);
        match (self.rescaled(scale), other.rescaled(scale)) {
            (Some(a), Some(b)) => a.cmp(&b),
            // Only a value too large to rescale gets here: it is the larger in size.
            (None, Some(_)) => self.mantissa().cmp(&0),
            (Some(_), None) => 0.cmp(&other.mantissa()),
            (None, None) => self.mantissa().cmp(&other.mantissa()),
        }
    }
}

impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = Vec::with_capacity(40);
        self.write(&mut text);
        f.write_str(std::str::from_utf8(&text).map_err(|_| std::fmt::Error)?)
    }
}

impl std::str::FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Decimal, DecimalError> {
        Decimal::parse(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(token: &str) -> String {
        token.parse::<Decimal>().unwrap().to_string()
    }

    #[test]
    fn canonical_text() {
        for (from, to) in [
            ("0", "0"),
            ("-0", "0"),
            ("-0.00", "0"),
            ("1", "1"),
            ("100", "100"),
            ("0.50930100", "0.509301"),
            ("65083.70", "65083.7"),
            ("1e-08", "0.00000001"),
            ("1.7e-7", "0.00000017"),
            ("1E3", "1000"),
            ("12.5e1", "125"),
            ("-37.63", "-37.63"),
            (".5", "0.5"),
            ("007", "7"),
            ("+3", "3"),
            ("9223372036854775808", "9223372036854775808"),
            ("1000000000000000000000.00000000", "1000000000000000000000"),
            ("0.000000000000000001", "0.000000000000000001"),
            ("0e400", "0"),
            ("0.0e-9999999999", "0"),
            ("589595000000000000000000000000000000.000", "589595000000000000000000000000000000"),
        ] {
            assert_eq!(text(from), to, "{from}");
        }
    }

    #[test]
    fn refused() {
        for bad in ["", "-", ".", "e5", "1e", "1e+", "1.2.3", "0x1", "NaN", "1 ", " 1", "1_000"] {
            assert_eq!(bad.parse::<Decimal>(), Err(DecimalError::Syntax), "{bad:?}");
        }
        for wide in ["1e400", "1e-400", "999999999999999999999999999999999999999999", "1e2147483648"] {
            assert_eq!(wide.parse::<Decimal>(), Err(DecimalError::Overflow), "{wide}");
        }
    }

    #[test]
    fn equal_by_value_ordered_by_value() {
        let number = |t: &str| t.parse::<Decimal>().unwrap();
        assert_eq!(number("1.10"), number("1.1"));
        assert_ne!(number("1.10"), number("1.01"));
        assert!(number("-2") < number("-1.5"));
        assert!(number("10") > number("9.99999"));
        assert_eq!(number("0.50930100").scale(), 8, "the scale stays as written");
    }

    #[test]
    fn as_written() {
        for token in ["0", "0.00", "0.50930100", "65083.70", "100", "0.0286", "-1.50", "30244", "74198.19125726"] {
            let mut text = Vec::new();
            token.parse::<Decimal>().unwrap().write_as_written(&mut text);
            assert_eq!(String::from_utf8(text).unwrap(), token);
        }
    }

    proptest! {
        #[test]
        fn text_is_kept(whole in "[1-9][0-9]{0,17}|0", fraction in "[0-9]{0,16}[1-9]|", negative: bool) {
            let mut token = if negative && (whole != "0" || !fraction.is_empty()) { format!("-{whole}") } else { whole };
            if !fraction.is_empty() {
                token = format!("{token}.{fraction}");
            }
            prop_assert_eq!(text(&token), token);
        }

        #[test]
        fn any_bytes_never_panic(token in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = Decimal::parse(&token);
        }

        #[test]
        fn written_form_reads_back(mantissa: i128, scale in 0u8..=36) {
            let number = Decimal::new(mantissa, scale).unwrap();
            if mantissa != i128::MIN {
                prop_assert_eq!(number.to_string().parse::<Decimal>().unwrap(), number);
            }
        }
    }
}
