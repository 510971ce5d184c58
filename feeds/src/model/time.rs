//! RFC 3339 instants as whole numbers.

/// `2024-10-13T00:00:00.123456789Z` as Unix ms, cut off below; `None` if the text is anything else.
pub fn utc_ms(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time, ':')?;
    let fits = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    let seconds = (days_since_1970(year, month, day) * 24 + hour) * 3600 + minute * 60 + second;
    Some(seconds * 1000 + milliseconds(fraction)?).filter(|_| fits)
}

/// The digits after the point of a second.
fn milliseconds(fraction: &str) -> Option<i64> {
    let is_fraction = (1..=9).contains(&fraction.len()) && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(3);
    is_fraction.then(|| digits.fold(0, |ms, digit| ms * 10 + i64::from(digit - b'0')))
}

/// Exactly `N` unsigned numbers of at most four digits.
fn numbers<const N: usize>(text: &str, separator: char) -> Option<[i64; N]> {
    let mut parts = text.split(separator);
    let mut found = [0; N];
    for slot in &mut found {
        let part = parts.next()?;
        let digits = (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        *slot = digits.then(|| part.parse().ok())??;
    }
    parts.next().is_none().then_some(found)
}

/// Days from the civil date, proleptic Gregorian (Howard Hinnant's `days_from_civil`).
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year / 400;
    let year_of_era = year - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants() {
        for (text, ms) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2024-10-13T00:00:00Z", Some(1_728_777_600_000)),
            ("2024-02-29T23:59:59Z", Some(1_709_251_199_000)),
            ("2026-08-09T21:05:48.228568804Z", Some(1_786_309_548_228)),
            ("2026-08-09T21:05:38.5Z", Some(1_786_309_538_500)),
            ("2026-08-09T21:05:38.Z", None),
            ("2026-08-09T21:05:38.5x4Z", None),
            ("2024-10-13T00:00:00", None),
            ("2024-13-01T00:00:00Z", None),
            ("TBD", None),
            ("", None),
        ] {
            assert_eq!(utc_ms(text), ms, "{text:?}");
        }
    }
}
