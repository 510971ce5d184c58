//! When the market is open: weekdays from 09:30 to 16:00 in New York. Holidays are not known.

use crate::model::{utc_date, utc_ms};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
const OPEN_MS: i64 = 9 * HOUR_MS + HOUR_MS / 2;
const CLOSE_MS: i64 = 16 * HOUR_MS;

pub(super) fn is_open(now_ms: i64) -> bool {
    let local_ms = now_ms - if is_summer(now_ms) { 4 } else { 5 } * HOUR_MS;
    let is_weekday = !matches!(weekday(local_ms), 0 | 6);
    is_weekday && (OPEN_MS..CLOSE_MS).contains(&local_ms.rem_euclid(DAY_MS))
}

/// From the second Sunday of March to the first of November, both at 02:00 local time.
fn is_summer(now_ms: i64) -> bool {
    let date = utc_date(now_ms);
    let year = date.split('-').next().unwrap_or_default();
    let sunday_from = |day: &str, hour: i64| {
        let first_ms = utc_ms(&format!("{year}-{day}T00:00:00Z")).unwrap_or_default();
        first_ms + (7 - weekday(first_ms)) % 7 * DAY_MS + hour * HOUR_MS
    };
    (sunday_from("03-08", 7)..sunday_from("11-01", 6)).contains(&now_ms)
}

/// 0 is Sunday; 1970 began with a Thursday.
fn weekday(ms: i64) -> i64 {
    (ms.div_euclid(DAY_MS) + 4).rem_euclid(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours() {
        for (text, open) in [
            ("2026-01-05T14:29:59Z", false),
            ("2026-01-05T14:30:00Z", true),
            ("2026-01-05T20:59:59Z", true),
            ("2026-01-05T21:00:00Z", false),
            ("2026-07-06T13:30:00Z", true),
            ("2026-07-06T20:00:00Z", false),
            ("2026-07-05T15:00:00Z", false),
            ("2026-07-04T15:00:00Z", false),
            // The Fridays before and the Mondays after the clock changes.
            ("2026-03-06T13:45:00Z", false),
            ("2026-03-09T13:45:00Z", true),
            ("2026-10-30T13:45:00Z", true),
            ("2026-11-02T13:45:00Z", false),
        ] {
            assert_eq!(is_open(utc_ms(text).unwrap()), open, "{text}");
        }
    }
}
