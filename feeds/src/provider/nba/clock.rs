//! The league's times: ISO 8601 durations, and the local time of a file.

use crate::model::utc_ms;
use crate::score::clock;

/// `PT04M37.00S` as ms; `None` for an empty text, as before the game, and for anything else.
pub(super) fn duration_ms(text: &str) -> Option<i64> {
    let (minutes, seconds) = text.strip_prefix("PT")?.strip_suffix('S')?.split_once('M')?;
    let minutes: i64 = minutes.parse().ok()?;
    minutes.checked_mul(60_000)?.checked_add(clock::seconds_ms(seconds)?)
}

/// `4:37`, and with tenths where there are any: `0:44.8`.
pub(super) fn shown(ms: i64) -> String {
    let ms = ms.max(0);
    let whole = clock::minutes_seconds(ms / 1_000);
    match ms % 1_000 / 10 {
        0 => whole,
        hundredths if hundredths % 10 == 0 => format!("{whole}.{}", hundredths / 10),
        hundredths => format!("{whole}.{hundredths:02}"),
    }
}

/// `2020-12-22 23:23:42.771674` as ms, which only order files: the time zone is the league's.
pub(super) fn written_ms(text: &str) -> Option<i64> {
    utc_ms(&format!("{text}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, ms, as_shown) in [
            ("PT04M37.00S", 277_000, "4:37"),
            ("PT12M00.00S", 720_000, "12:00"),
            ("PT00M44.80S", 44_800, "0:44.8"),
            ("PT00M00.05S", 50, "0:00.05"),
        ] {
            assert_eq!((duration_ms(text), shown(ms).as_str()), (Some(ms), as_shown));
        }
        for text in ["", "PT", "PT4M", "4:37", "PTxM1S", "PT99999999999999999M0S"] {
            assert_eq!(duration_ms(text), None, "{text}");
        }
    }

    #[test]
    fn files_are_ordered_by_when_they_were_written() {
        let written = ["2020-12-22 23:23:42.771674", "2020-12-22 23:23:43", "2020-12-23 00:00:00.0"].map(written_ms);
        assert!(written.iter().all(Option::is_some) && written.is_sorted(), "{written:?}");
        assert_eq!(written_ms("today"), None);
    }
}
