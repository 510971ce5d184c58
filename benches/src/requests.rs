//! What clients say: commands as masked WebSocket frames, and a published line.

pub const PING: &str = r#"{"op":"ping","id":1}"#;
pub const LINE: &[u8] =
    br#"{"topic":"quote.desk.XAU","patch":{"bid":4071.3,"ask":4071.5,"bid_size":12},"te":1763850000000}"#;

/// Some names of the made-up quotes.
pub fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("quote.bench.S{}", n * 7)).collect()
}

/// A command about topics.
pub fn topics(op: &str, names: &[String]) -> String {
    format!(r#"{{"op":"{op}","id":1,"topics":["{}"]}}"#, names.join("\",\""))
}

/// A client's text frame (RFC 6455, section 5.2) of up to 65,535 bytes.
pub fn masked(text: &str) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = vec![0x81];
    match u8::try_from(text.len()) {
        Ok(length @ 0..=125) => frame.push(0x80 | length),
        _ => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&u16::try_from(text.len()).expect("a short command").to_be_bytes());
        }
    }
    frame.extend_from_slice(&MASK);
    frame.extend(text.bytes().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}
