//! `num=string`: puts quotes around the numbers of a canonical JSON text of our own making.

/// Appends `json` with every number outside a string put in quotes.
pub fn quote_numbers(json: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while at < json.len() {
        let length = match json[at] {
            b'"' => string_length(&json[at..]),
            b'-' | b'0'..=b'9' => {
                let length = json[at..].iter().take_while(|b| matches!(b, b'-' | b'.' | b'0'..=b'9')).count();
                out.push(b'"');
                out.extend_from_slice(&json[at..at + length]);
                out.push(b'"');
                at += length;
                continue;
            }
            _ => 1,
        };
        out.extend_from_slice(&json[at..at + length]);
        at += length;
    }
}

/// Bytes of the string that starts at the opening quote, both quotes included.
fn string_length(json: &[u8]) -> usize {
    let mut at = 1;
    while at < json.len() && json[at] != b'"' {
        at += if json[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(json.len())
}

#[cfg(test)]
mod tests {
    use super::quote_numbers;

    #[test]
    fn numbers_outside_strings() {
        let mut out = Vec::new();
        quote_numbers(br#"{"1":2.5,"a\"3":[-4,"5",null,true],"e":{}}"#, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"1":"2.5","a\"3":["-4","5",null,true],"e":{}}"#);
    }
}
