//! Decimals: what is taken has the value that was written, and is printed so that a strict reader reads it again. EXACT.

use super::exact::Number;
use feeds::model::Decimal;

/// The input is one token, or two with a blank between them, which are compared.
pub fn check(bytes: &[u8]) {
    let mut tokens = bytes.splitn(2, |byte| *byte == b' ');
    let first = tokens.next().and_then(check_token);
    let second = tokens.next().and_then(check_token);
    if let (Some((a, first)), Some((b, second))) = (first, second) {
        assert_eq!(a.cmp(&b), first.compare(&second), "{a} against {b}");
        assert_eq!(a == b, first == second, "{a} and {b}");
        if let Some(sum) = a.checked_add(b) {
            assert_eq!(sum.checked_add(negated(b)).map(|back| back == a), Some(true), "{a} + {b} = {sum}");
        }
    }
}

fn check_token(token: &[u8]) -> Option<(Decimal, Number)> {
    let read = Decimal::parse(token);
    let expected = std::str::from_utf8(token).ok().and_then(Number::read);
    let Some(expected) = expected else {
        assert!(read.is_err(), "{} is taken as {read:?}", token.escape_ascii());
        return None;
    };
    assert_eq!(read.is_ok(), expected.fits(), "{expected:?}: {read:?}");
    let read = read.ok()?;
    let printed = read.to_string();
    assert_eq!(printed, expected.text(), "{:?}", token.escape_ascii().to_string());
    assert_eq!(Decimal::parse(printed.as_bytes()), Ok(read), "{printed}");
    assert!(serde_json::from_str::<&serde_json::value::RawValue>(&printed).is_ok(), "{printed} is not JSON");
    Some((read, expected))
}

fn negated(number: Decimal) -> Decimal {
    Decimal::new(-number.mantissa(), number.scale()).expect("the scale is one that was taken")
}
