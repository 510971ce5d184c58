//! Framings: whatever was published, every framing of every entry says the same as the plain one (SAME-WORDS), with
//! exactly what its options take away or change.

use super::exact::Tree;
use super::stage::{LINES_MAX, Stage, message, update};
use fanwire::framing::{Form, Framing, VARIANTS};
use fanwire::log::{EntryKind, Segment};
use std::collections::BTreeSet;

/// The input is a body of updates.
pub fn check(bytes: &[u8]) {
    let mut stage = Stage::new(LINES_MAX);
    for line in bytes.split(|byte| *byte == b'\n').take(LINES_MAX) {
        if let Some(update) = update(line.trim_ascii()) {
            // What is refused makes no entry.
            let _ = stage.apply(update);
        }
    }
    let framings = framings();
    for segment in stage.segments() {
        let plain: Vec<Tree> = (0..segment.entries.len() as u32).map(|index| message(&segment, index)).collect();
        framings.iter().for_each(|framing| check_segment(&segment, &plain, *framing));
    }
}

/// All there are, each with an index of its own.
fn framings() -> Vec<Framing> {
    let mut all = Vec::new();
    for form in [Form::WebSocket, Form::Sse, Form::Json] {
        for bits in 0..8u8 {
            let (quiet, num_string, ids) = (bits & 1 > 0, bits & 2 > 0, bits & 4 > 0);
            all.push(Framing { form, quiet, num_string, ids });
        }
    }
    assert_eq!(all.iter().map(|framing| framing.index()).collect::<BTreeSet<_>>(), (0..VARIANTS).collect());
    all
}

fn check_segment(segment: &Segment, plain: &[Tree], framing: Framing) {
    let framed = segment.framed(framing);
    let mut end = 0;
    for (index, plain) in (0u32..).zip(plain) {
        let range = framed.range(index);
        assert_eq!(range.start, end);
        end = range.end;
        let cursor = format!("{}:{}", segment.epoch.as_str(), segment.offset_of(index).0);
        let json = unwrapped(framed.slice(index), framing, &cursor);
        let said = Tree::read(json).unwrap_or_else(|| panic!("{framing:?} is not JSON: {}", json.escape_ascii()));
        assert_eq!(plain.whole("o"), Some(segment.offset_of(index).0));
        assert_eq!(plain.text("topic"), Some(&*segment.name_of(index)));
        assert_eq!(said, expected(plain, segment, index, framing), "{framing:?}");
    }
    assert_eq!(end, framed.bytes.len());
    assert_eq!(framed.ends.len(), segment.entries.len());
}

fn expected(plain: &Tree, segment: &Segment, index: u32, framing: Framing) -> Tree {
    let Tree::Map(mut members) = plain.clone() else { panic!("a message is an object") };
    let entry = &segment.entries[index as usize];
    if framing.quiet {
        members.remove("o");
    }
    if let Some(data) = members.get_mut("data").filter(|_| framing.num_string) {
        *data = data.quoted();
    }
    let says_its_name = matches!(entry.kind, EntryKind::Born | EntryKind::Reset | EntryKind::Gone);
    if framing.ids && !says_its_name {
        members.remove("topic");
        members.insert("n".to_owned(), Tree::read(entry.n().to_string().as_bytes()).expect("a number"));
    }
    Tree::Map(members)
}

/// The JSON inside one frame, read as a client of that transport reads it.
fn unwrapped<'a>(frame: &'a [u8], framing: Framing, cursor: &str) -> &'a [u8] {
    match framing.form {
        Form::Json => frame,
        Form::WebSocket => text_frame(frame).expect("one whole frame"),
        Form::Sse => {
            let text = std::str::from_utf8(frame).expect("SSE is UTF-8");
            let id = if framing.quiet { String::new() } else { format!("id: {cursor}\n") };
            let block = text.strip_prefix(&*id).unwrap_or_else(|| panic!("no {id:?} in {text:?}"));
            let line = block.strip_prefix("data: ").and_then(|line| line.strip_suffix("\n\n"));
            let line = line.unwrap_or_else(|| panic!("no block: {text:?}"));
            assert!(!line.contains(['\n', '\r']), "{text:?}");
            line.as_bytes()
        }
    }
}

/// RFC 6455 section 5.2, server to client: the payload, if this is exactly one unmasked text frame.
fn text_frame(frame: &[u8]) -> Option<&[u8]> {
    let (&[0x81, length], rest) = frame.split_first_chunk::<2>()? else { return None };
    let (length, payload) = match length {
        126 => rest.split_first_chunk().map(|(length, rest)| (u64::from(u16::from_be_bytes(*length)), rest))?,
        127 => rest.split_first_chunk().map(|(length, rest)| (u64::from_be_bytes(*length), rest))?,
        length => (u64::from(length), rest),
    };
    (length == payload.len() as u64).then_some(payload)
}
