//! Writes what a feed sees in the capture format.

use crate::supervise::Tap;
use serde::Serialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

const ZSTD_LEVEL: i32 = 3;

/// A [`Tap`] that writes every connect, send, frame and body to a file. Write errors are kept: the first one is
/// returned by [`Recorder::finish`], and nothing more is written after it.
pub struct Recorder {
    /// `None` once it is finished or has failed.
    out: Option<Out>,
    error: Option<std::io::Error>,
    line: Vec<u8>,
}

enum Out {
    Plain(BufWriter<File>),
    Zstd(Box<zstd::stream::write::Encoder<'static, BufWriter<File>>>),
}

impl Recorder {
    /// Creates the file (zstd if its name ends in `.zst`) and writes the header. `config`: the feed's configuration.
    pub fn create(path: &Path, provider: &str, config: &serde_json::Value) -> std::io::Result<Recorder> {
        let file = BufWriter::new(File::create(path)?);
        let out = if path.extension().is_some_and(|extension| extension == "zst") {
            Out::Zstd(Box::new(zstd::stream::write::Encoder::new(file, ZSTD_LEVEL)?))
        } else {
            Out::Plain(file)
        };
        let mut recorder = Recorder { out: Some(out), error: None, line: Vec::new() };
        recorder.write(&Line {
            format: Some(2),
            provider: Some(provider),
            config: Some(config),
            ..Line::new("header")
        });
        match recorder.error.take() {
            Some(error) => Err(error),
            None => Ok(recorder),
        }
    }

    /// Flushes and closes the file. A recorder that is dropped instead does the same and forgets the error.
    pub fn finish(mut self) -> std::io::Result<()> {
        self.close();
        self.error.take().map_or(Ok(()), Err)
    }

    fn close(&mut self) {
        let closed = match self.out.take() {
            Some(Out::Plain(mut file)) => file.flush(),
            Some(Out::Zstd(encoder)) => encoder.finish().and_then(|mut file| file.flush()),
            None => Ok(()),
        };
        self.error = self.error.take().or(closed.err());
    }

    fn write(&mut self, line: &Line<'_>) {
        self.line.clear();
        let written = serde_json::to_writer(&mut self.line, line).map_err(std::io::Error::from).and_then(|()| {
            self.line.push(b'\n');
            match &mut self.out {
                Some(Out::Plain(file)) => file.write_all(&self.line),
                Some(Out::Zstd(encoder)) => encoder.write_all(&self.line),
                None => Ok(()),
            }
        });
        if let Err(error) = written {
            tracing::error!(%error, "the recording stops: its file cannot be written");
            self.error = Some(error);
            self.out = None;
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.close();
    }
}

impl Tap for Recorder {
    fn connected(&mut self, conn: &str, addr: &str, now_ms: i64) {
        self.write(&Line { conn: Some(conn), addr: Some(addr), ..Line::at("connect", now_ms) });
    }

    fn closed(&mut self, conn: &str, now_ms: i64) {
        self.write(&Line { conn: Some(conn), ..Line::at("close", now_ms) });
    }

    fn sent(&mut self, conn: &str, text: &str, now_ms: i64) {
        self.write(&Line { conn: Some(conn), data: Some(text.into()), ..Line::at("send", now_ms) });
    }

    fn received(&mut self, conn: &str, frame: &[u8], now_ms: i64) {
        let data = Some(String::from_utf8_lossy(frame));
        self.write(&Line { conn: Some(conn), data, ..Line::at("recv", now_ms) });
    }

    fn fetched(&mut self, url: &str, status: u16, body: &[u8], now_ms: i64) {
        let data = Some(String::from_utf8_lossy(body));
        self.write(&Line { url: Some(url), status: Some(status), data, ..Line::at("http", now_ms) });
    }
}

/// One line as it is written; fields that do not belong to its type are absent.
#[derive(Default, Serialize)]
struct Line<'a> {
    t: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<&'a serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ts: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    addr: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Cow<'a, str>>,
}

impl Line<'_> {
    fn new(t: &'static str) -> Self {
        Line { t, ..Line::default() }
    }

    fn at(t: &'static str, now_ms: i64) -> Self {
        Line { ts: RawValue::from_string(seconds(now_ms)).ok(), ..Line::new(t) }
    }
}

/// Unix seconds with three decimals, a bare JSON number.
fn seconds(now_ms: i64) -> String {
    format!("{}.{:03}", now_ms.div_euclid(1_000), now_ms.rem_euclid(1_000))
}
