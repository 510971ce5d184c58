//! Cursors as clients send them: taken exactly if they are `epoch:offset`, and printed as the same place.

use fanwire::log::Cursor;

pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let read: Option<Cursor> = text.parse().ok();
    let expected = expected(text);
    assert_eq!(read.as_ref().map(|cursor| (cursor.epoch.as_str(), cursor.offset.0)), expected, "{text:?}");
    if let Some(cursor) = read {
        let printed = cursor.to_string();
        assert_eq!(printed.parse().as_ref(), Ok(&cursor), "{text:?} is printed as {printed:?}");
        // It goes into header lines, blocks and JSON as it is.
        assert!(printed.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_:".contains(&b)), "{printed:?}");
    }
}

fn expected(text: &str) -> Option<(&str, u64)> {
    let colon = text.find(':')?;
    let (epoch, offset) = (&text[..colon], &text[colon + 1..]);
    let letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    let named = (1..=32).contains(&epoch.len()) && epoch.chars().all(|c| letters.contains(c));
    let counted = (1..=19).contains(&offset.len()) && offset.chars().all(|c| c.is_ascii_digit());
    let value = |value: u64, c: char| Some(value.checked_mul(10)? + u64::from(c.to_digit(10)?));
    (named && counted).then_some((epoch, offset.chars().try_fold(0, value)?))
}
