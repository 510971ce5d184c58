//! Client frames: however the bytes are cut on their way, the same is heard; and no stream makes the gateway hold more
//! than the cap allows (BOUNDED).

use fanwire::close::CloseReason;
use fanwire::transport::websocket::{Assembly, Heard};

const CAP: usize = 1_000;
/// A head, and the largest control frame between two fragments.
const BESIDE_MAX: usize = 14 + 125;

/// The first two bytes say how the rest is cut.
pub fn check(bytes: &[u8]) {
    let [first, second, stream @ ..] = bytes else { return };
    let whole = hear(&[stream]);
    let seed = u32::from(u16::from_be_bytes([*first, *second]));
    assert_eq!(hear(&cut(stream, seed)), whole, "cut by seed {seed}");
    assert_eq!(hear(&stream.chunks(1).collect::<Vec<_>>()), whole, "byte by byte");
}

fn cut(stream: &[u8], seed: u32) -> Vec<&[u8]> {
    let (mut rest, mut state, mut pieces) = (stream, seed, Vec::new());
    while !rest.is_empty() {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        let (piece, after) = rest.split_at((1 + (state >> 16) as usize % 24).min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// What is heard, and how it ended if it did.
fn hear(pieces: &[&[u8]]) -> (Vec<Heard>, Option<CloseReason>) {
    let mut assembly = Assembly::default();
    let mut heard = Vec::new();
    let longest = pieces.iter().map(|piece| piece.len()).max().unwrap_or_default();
    for piece in pieces {
        assembly.push(piece);
        loop {
            match assembly.next(CAP) {
                Ok(Some(Heard::Text(text))) if text.len() > CAP => panic!("a text of {} bytes", text.len()),
                Ok(Some(Heard::Binary(bytes))) if bytes.len() > CAP => panic!("{} bytes", bytes.len()),
                Ok(Some(one)) => heard.push(one),
                Ok(None) => break,
                Err(reason) => return (heard, Some(reason)),
            }
        }
        // A buffer that grows may take twice what it needs.
        let most = 2 * (CAP + CAP + BESIDE_MAX + longest);
        assert!(assembly.held_bytes() <= most, "{} bytes are held", assembly.held_bytes());
    }
    (heard, None)
}
