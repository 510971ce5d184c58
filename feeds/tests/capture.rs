//! Capture files: what is read, what is refused.

use feeds::capture::{CaptureError, Entry, Head, Reader, Record};
use std::io::Cursor;

fn read(text: &str) -> Vec<Result<Entry, CaptureError>> {
    Reader::new(Box::new(Cursor::new(text.to_owned().into_bytes()))).collect()
}

const PLAIN: &str = concat!(
    r#"{"t":"header","format":2,"provider":"binance","config":{"a":1}}"#,
    "\n\n",
    r#"{"t":"http","ts":0.5,"url":"u","data":"body"}"#,
    "\n",
    r#"{"t":"connect","conn":"c","ts":1.0,"addr":"ws://a"}"#,
    "\n",
    r#"{"t":"recv","conn":"c","ts":1.0015,"data":"{\"p\":\"1.10\"}"}"#,
    "\n",
    r#"{"t":"connect","conn":"c","ts":2,"addr":"ws://a"}"#,
    "\n",
    r#"{"t":"http","ts":3.0,"url":"late","data":"x"}"#,
);

#[test]
fn plain_lines() {
    let entries: Vec<Entry> = read(PLAIN).into_iter().map(Result::unwrap).collect();
    assert_eq!(entries.len(), 6);
    assert_eq!(entries[3].at_ms, 1_001);
    assert_eq!(entries[3].record, Record::Recv { conn: "c".into(), data: br#"{"p":"1.10"}"#.to_vec() });
}

#[test]
fn a_head_says_what_was_subscribed_to() {
    let head = Head::of(read(PLAIN).into_iter()).unwrap();
    assert_eq!(head.provider, "binance");
    assert_eq!(head.config.as_deref(), Some(r#"{"a":1}"#));
    assert_eq!(head.addrs, ["ws://a"], "each once");
    assert_eq!(head.bodies, [("u".to_owned(), b"body".to_vec())], "only those before the first frame");
    assert!(!head.is_polled);
}

#[test]
fn a_bad_line_is_named_and_ends_the_reading() {
    let entries = read("{\"t\":\"header\"}\n{\"t\":\"recv\"\n{\"t\":\"header\"}\n");
    assert_eq!(entries.len(), 2);
    assert!(matches!(&entries[1], Err(CaptureError::Line { line: 2, .. })), "{:?}", entries[1]);
}

#[test]
fn zstd_with_a_long_window() {
    let path = std::env::temp_dir().join(format!("fanwire-window-{}.zst", std::process::id()));
    let mut encoder = zstd::stream::write::Encoder::new(std::fs::File::create(&path).unwrap(), 3).unwrap();
    encoder.window_log(27).unwrap();
    std::io::Write::write_all(&mut encoder, PLAIN.as_bytes()).unwrap();
    encoder.finish().unwrap();
    assert_eq!(Reader::open(&path).unwrap().map(Result::unwrap).count(), 6);
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(Reader::open(&path), Err(CaptureError::Io(_))));
}

#[test]
fn a_file_of_one_body_is_a_capture_of_one_entry() {
    let body = "{\n  \"games\": []\n}\n";
    for (text, entries) in [(body, 1), (PLAIN, 6), ("", 1)] {
        let path = std::env::temp_dir().join(format!("fanwire-body-{}-{entries}.json", std::process::id()));
        std::fs::write(&path, text).unwrap();
        let read: Vec<Entry> = Reader::open(&path).unwrap().map(Result::unwrap).collect();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(read.len(), entries, "what is called a body may be a capture");
        if entries == 1 {
            let url = path.to_string_lossy().into_owned();
            assert_eq!(read[0].record, Record::Http { url, status: 200, data: text.as_bytes().to_vec() });
        }
    }
}
