//! The league's play clocks.

/// `1187` as `19:47`; negative seconds show as zero.
pub(super) fn minutes_seconds(seconds: i64) -> String {
    let seconds = seconds.max(0);
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks() {
        assert_eq!(minutes_seconds(635), "10:35");
        assert_eq!(minutes_seconds(-3), "0:00");
    }
}
