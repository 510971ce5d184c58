//! Times as the leagues write them: RFC 3339 instants and play clocks, to whole numbers.

use crate::model::Decimal;

/// From midnight in UTC to the hour when the next day's slate is asked for: by then the last game in the west is over
/// and no game of the next day has begun.
const DAY_BEGINS_MS: i64 = 10 * 3_600_000;

/// `2024-10-13T00:00:00Z` as Unix ms; seconds may be left out or have decimals, of which three count. `None` if the
/// text is anything else.
pub fn utc_ms(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = numbers(date, '-')?;
    let (hours, seconds) = time.split_at_checked(5)?;
    let [hour, minute] = numbers(hours, ':')?;
    let ms = if seconds.is_empty() { 0 } else { seconds_ms(seconds.strip_prefix(':')?)? };
    let fits = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && (0..61_000).contains(&ms);
    fits.then(|| ((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60_000 + ms)
}

/// A number of seconds with decimals as whole ms, rounded down.
pub fn seconds_ms(text: &str) -> Option<i64> {
    let seconds = Decimal::parse(text.as_bytes()).ok()?;
    let unit = 10i128.checked_pow(u32::from(seconds.scale()))?;
    let ms = seconds.mantissa().checked_mul(1_000)?.div_euclid(unit);
    i64::try_from(ms).ok()
}

/// `1187` as `19:47`; negative seconds show as zero.
pub fn minutes_seconds(seconds: i64) -> String {
    let seconds = seconds.max(0);
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// The day that American leagues play at `unix_ms`: `2024-10-13`.
pub fn american_day(unix_ms: i64) -> String {
    utc_date(unix_ms.saturating_sub(DAY_BEGINS_MS))
}

/// `2024-10-13`, the day in UTC of `unix_ms`.
fn utc_date(unix_ms: i64) -> String {
    let (mut day, mut year) = (unix_ms.div_euclid(86_400_000), 1970);
    loop {
        let length = days_since_1970(year + 1, 1, 1) - days_since_1970(year, 1, 1);
        if day < length || year >= 9999 {
            break;
        }
        (day, year) = (day - length, year + 1);
    }
    let start = |month: i64| days_since_1970(year, month, 1) - days_since_1970(year, 1, 1);
    let month = (1..=12).rev().find(|month| start(*month) <= day).unwrap_or(1);
    format!("{year}-{month:02}-{:02}", day - start(month) + 1)
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
            ("2024-10-13T00:00Z", Some(1_728_777_600_000)),
            ("2024-10-13T00:00:01.25Z", Some(1_728_777_601_250)),
            ("2024-02-29T23:59:59.9999Z", Some(1_709_251_199_999)),
            ("2024-10-13T00:00:00", None),
            ("2024-13-01T00:00:00Z", None),
            ("2024-10-13T00:00:-1Z", None),
            ("2024-10-13T00:00:61Z", None),
            ("2024-10-13T0é:00:00Z", None),
            ("TBD", None),
            ("", None),
        ] {
            assert_eq!(utc_ms(text), ms, "{text:?}");
        }
    }

    #[test]
    fn dates() {
        for (text, date) in [
            ("1970-01-01T00:00Z", "1970-01-01"),
            ("2024-02-29T23:59:59Z", "2024-02-29"),
            ("2024-03-01T00:00Z", "2024-03-01"),
            ("2026-12-31T12:00Z", "2026-12-31"),
        ] {
            assert_eq!(utc_ms(text).map(utc_date).as_deref(), Some(date));
        }
        assert_eq!(utc_date(-1).len(), 10, "before 1970 it is wrong, not stuck");
        let day = |text| american_day(utc_ms(text).unwrap());
        assert_eq!([day("2030-11-04T09:59Z"), day("2030-11-04T10:00Z")], ["2030-11-03", "2030-11-04"]);
    }

    #[test]
    fn clocks() {
        assert_eq!(minutes_seconds(635), "10:35");
        assert_eq!(minutes_seconds(-3), "0:00");
        assert_eq!([seconds_ms("277.0"), seconds_ms("44.85"), seconds_ms("x")], [Some(277_000), Some(44_850), None]);
    }
}
