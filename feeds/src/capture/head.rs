//! What a capture says about itself: enough to build the adapter that reads it.

use super::{CaptureError, Reader, Record};
use std::path::Path;

/// Most bytes of early HTTP bodies that are kept.
const BODIES_BYTES_MAX: usize = 64 << 20;

/// Collected in a first pass over the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Head {
    /// From the header; empty when there is none.
    pub provider: String,
    /// The recording program's configuration, JSON text.
    pub config: Option<String>,
    /// The addresses of all connections, each once, in order of first use.
    pub addrs: Vec<String>,
    /// HTTP bodies that came before the first frame (Binance: exchangeInfo), as (url, body).
    pub bodies: Vec<(String, Vec<u8>)>,
    /// True if there is any body of an HTTP request and no connection: a polled provider.
    pub is_polled: bool,
}

impl Head {
    /// Reads the whole file once.
    pub fn read(path: &Path) -> Result<Head, CaptureError> {
        Head::of(Reader::open(path)?)
    }

    pub fn of(entries: impl Iterator<Item = Result<super::Entry, CaptureError>>) -> Result<Head, CaptureError> {
        let mut head = Head::default();
        let (mut seen_frame, mut seen_body, mut body_bytes) = (false, false, 0);
        for entry in entries {
            match entry?.record {
                Record::Header { provider, config } => (head.provider, head.config) = (provider, config),
                Record::Connect { addr, .. } if !head.addrs.contains(&addr) => head.addrs.push(addr),
                Record::Recv { .. } => seen_frame = true,
                Record::Http { url, data, .. } => {
                    seen_body = true;
                    if !seen_frame && body_bytes + data.len() <= BODIES_BYTES_MAX {
                        body_bytes += data.len();
                        head.bodies.push((url, data));
                    }
                }
                _ => {}
            }
        }
        head.is_polled = seen_body && head.addrs.is_empty();
        Ok(head)
    }
}
