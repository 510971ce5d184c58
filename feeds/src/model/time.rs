//! RFC 3339 instants as whole numbers.

const DAY_S: i64 = 86_400;

/// `2024-10-13T00:00:00.123456789Z`, or with `+02:00` for the `Z`, as Unix ms, cut off below; seconds may be left out.
/// `None` if the text is anything else or before 1970.
pub fn utc_ms(text: &str) -> Option<i64> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let zone = rest.find(['Z', 'z', '+', '-'])?;
    let (time, offset_s) = (&rest[..zone], offset_s(&rest[zone..])?);
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = match numbers(time, ':') {
        None => numbers(time, ':').map(|[hour, minute]| [hour, minute, 0])?,
        Some(time) => time,
    };
    let fits = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    let seconds = days_since_1970(year, month, day) * DAY_S + hour * 3600 + minute * 60 + second - offset_s;
    Some(seconds * 1000 + milliseconds(fraction)?).filter(|_| fits)
}

/// `2024-10-13` of a moment in Unix ms, UTC.
pub fn utc_date(ms: i64) -> String {
    let days = ms.div_euclid(DAY_S * 1000);
    // Howard Hinnant's `civil_from_days`.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// `Z`, `+02:00` or `-05:30` as seconds east of UTC.
fn offset_s(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let [hours, minutes] = numbers(&zone[1..], ':')?;
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
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
            ("2024-10-13T02:00:00+02:00", Some(1_728_777_600_000)),
            ("2024-10-12T18:30:00-05:30", Some(1_728_777_600_000)),
            ("2024-10-13T00:00Z", Some(1_728_777_600_000)),
            ("2024-10-13T02:00+02:00", Some(1_728_777_600_000)),
            ("2024-10-13T00:00:-1Z", None),
            ("2024-10-13T00:00:61Z", None),
            ("2024-10-13T0é:00:00Z", None),
            ("2024-10-13T00Z", None),
            ("2024-10-13T02:00:00+0200", None),
            ("2024-10-13T02:00:00+", None),
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

    #[test]
    fn dates() {
        for (ms, date) in [
            (0, "1970-01-01"),
            (1_709_251_199_999, "2024-02-29"),
            (1_709_251_200_000, "2024-03-01"),
            (1_786_309_548_228, "2026-08-09"),
        ] {
            assert_eq!(utc_date(ms), date);
        }
    }
}
