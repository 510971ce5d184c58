//! Dates as the league writes them.

const DAY_S: i64 = 86_400;

/// Unix ms as `2025-11-22T23:42:18Z`.
pub(super) fn instant(ms: i64) -> String {
    let seconds = ms.div_euclid(1000);
    let of_day = seconds.rem_euclid(DAY_S);
    format!("{}T{:02}:{:02}:{:02}Z", date(seconds.div_euclid(DAY_S)), of_day / 3600, of_day / 60 % 60, of_day % 60)
}

/// The day of a moment, as days since 1970.
pub(super) fn day_of(ms: i64) -> i64 {
    ms.div_euclid(1000 * DAY_S)
}

/// Days since 1970 as `2025-11-22` (Howard Hinnant's `civil_from_days`).
pub(super) fn date(day: i64) -> String {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!("{year}-{month:02}-{day_of_month:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written() {
        assert_eq!(instant(0), "1970-01-01T00:00:00Z");
        assert_eq!(instant(1_709_251_199_999), "2024-02-29T23:59:59Z");
        assert_eq!(instant(1_728_777_600_000), "2024-10-13T00:00:00Z");
    }
}
