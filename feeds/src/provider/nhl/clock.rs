//! The league's times: RFC 3339 instants and play clocks, to whole numbers.

/// `2024-10-13T00:00:00Z` as Unix ms; `None` if the text is anything else.
pub(super) fn utc_ms(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time, ':')?;
    let fits = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    fits.then(|| ((days_since_1970(year, month, day) * 24 + hour) * 3600 + minute * 60 + second) * 1000)
}

/// `1187` as `19:47`; negative seconds show as zero.
pub(super) fn minutes_seconds(seconds: i64) -> String {
    let seconds = seconds.max(0);
    format!("{}:{:02}", seconds / 60, seconds % 60)
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
            ("2024-10-13T00:00:00", None),
            ("2024-13-01T00:00:00Z", None),
            ("TBD", None),
            ("", None),
        ] {
            assert_eq!(utc_ms(text), ms, "{text:?}");
        }
    }

    #[test]
    fn clocks() {
        assert_eq!(minutes_seconds(635), "10:35");
        assert_eq!(minutes_seconds(-3), "0:00");
    }
}
