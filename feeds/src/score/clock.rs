//! Times as the leagues write them: play clocks and days.

use crate::model::{Decimal, utc_date};

/// From midnight in UTC to the hour when the next day's slate is asked for: by then the last game in the west is over
/// and no game of the next day has begun.
const DAY_BEGINS_MS: i64 = 10 * 3_600_000;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::utc_ms;

    #[test]
    fn days_begin_when_the_last_game_in_the_west_is_over() {
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
