//! One line of a capture.

use crate::model::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Why a capture cannot be read. Whose fault: the file's.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    #[error("cannot read the capture: {0}")]
    Io(#[from] std::io::Error),
    #[error("line {line}: {what}")]
    Line { line: u64, what: String },
}

/// A line and when it happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Unix ms; 0 for a header.
    pub at_ms: i64,
    pub record: Record,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// `config` is JSON text, as the recording program wrote it.
    Header {
        provider: String,
        config: Option<String>,
    },
    Connect {
        conn: String,
        addr: String,
    },
    Close {
        conn: String,
    },
    Send {
        conn: String,
        data: String,
    },
    Recv {
        conn: String,
        data: Vec<u8>,
    },
    Http {
        url: String,
        status: u16,
        data: Vec<u8>,
    },
    /// A type this program does not know.
    Other,
}

#[derive(Deserialize)]
struct Line<'a> {
    t: &'a str,
    #[serde(borrow, default)]
    ts: Option<&'a RawValue>,
    #[serde(default)]
    conn: String,
    #[serde(default)]
    addr: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    provider: String,
    #[serde(default)]
    status: Option<u16>,
    #[serde(borrow, default)]
    config: Option<&'a RawValue>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

impl Entry {
    /// Reads one line.
    pub fn parse(text: &[u8]) -> Result<Entry, String> {
        let line: Line<'_> = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        let at_ms = line.ts.map_or(Ok(0), |ts| milliseconds(ts.get()))?;
        Ok(Entry { at_ms, record: line.record()? })
    }
}

impl Line<'_> {
    fn record(self) -> Result<Record, String> {
        let Line { t, conn, addr, url, provider, status, config, data, .. } = self;
        Ok(match t {
            "header" => Record::Header { provider, config: config.map(|config| config.get().to_owned()) },
            "connect" => Record::Connect { conn, addr },
            "close" => Record::Close { conn },
            "send" => Record::Send { conn, data: text(data)? },
            "recv" => Record::Recv { conn, data: text(data)?.into_bytes() },
            "http" => Record::Http { url, status: status.unwrap_or(200), data: text(data)?.into_bytes() },
            _ => Record::Other,
        })
    }
}

/// The data: a string holding it, or (some recorders) the JSON itself.
fn text(data: Option<&RawValue>) -> Result<String, String> {
    let raw = data.ok_or("no data")?.get();
    if raw.starts_with('"') { serde_json::from_str(raw).map_err(|error| error.to_string()) } else { Ok(raw.to_owned()) }
}

/// Unix seconds with decimals → whole ms, never through a float.
fn milliseconds(seconds: &str) -> Result<i64, String> {
    let seconds = Decimal::parse(seconds.as_bytes()).map_err(|error| format!("ts: {error}"))?;
    let unit = 10i128.pow(u32::from(seconds.scale()));
    let ms = seconds.mantissa().checked_mul(1_000).map(|m| m.div_euclid(unit));
    ms.and_then(|ms| i64::try_from(ms).ok()).ok_or("ts: out of range".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_every_type() {
        let parse = |text: &str| Entry::parse(text.as_bytes()).unwrap();
        let recv = parse(r#"{"t":"recv","conn":"a","ts":1617566592.1065369,"data":"{\"x\":\"1\"}"}"#);
        assert_eq!(recv.at_ms, 1_617_566_592_106);
        assert_eq!(recv.record, Record::Recv { conn: "a".into(), data: br#"{"x":"1"}"#.to_vec() });
        assert_eq!(
            parse(r#"{"t":"header","format":2,"provider":"p","config":{"a":[1.10]}}"#).record,
            Record::Header { provider: "p".into(), config: Some(r#"{"a":[1.10]}"#.into()) }
        );
        assert_eq!(
            parse(r#"{"t":"http","ts":5,"url":"u","headers":{},"data":{"n":1.10}}"#),
            Entry {
                at_ms: 5_000,
                record: Record::Http { url: "u".into(), status: 200, data: br#"{"n":1.10}"#.to_vec() }
            }
        );
        assert_eq!(parse(r#"{"t":"weather","ts":5}"#).record, Record::Other);
        for bad in ["", "{}", r#"{"t":"recv","conn":"a","ts":1}"#, r#"{"t":"recv","ts":"x","data":""}"#] {
            assert!(Entry::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
