//! A capture file as an iterator of its entries.

use super::{CaptureError, Entry};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::Path;

/// Longest line that is read: Coinbase's first book frame is 5 MB before escaping.
const LINE_BYTES_MAX: u64 = 64 << 20;
/// Largest zstd window that is accepted: 2^27 bytes.
const WINDOW_LOG_MAX: u32 = 27;
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Reads entry by entry; the first error ends it.
pub struct Reader {
    lines: Box<dyn BufRead + Send>,
    line: Vec<u8>,
    line_number: u64,
    is_over: bool,
}

impl Reader {
    /// Opens a file, zstd (told by its first bytes) or plain.
    pub fn open(path: &Path) -> Result<Reader, CaptureError> {
        let mut file = File::open(path)?;
        let mut magic = [0; 4];
        let read = file.read(&mut magic)?;
        file.rewind()?;
        if read == 4 && magic == ZSTD_MAGIC {
            let mut decoder = zstd::stream::read::Decoder::new(file)?;
            decoder.window_log_max(WINDOW_LOG_MAX)?;
            return Ok(Reader::new(Box::new(BufReader::new(decoder))));
        }
        Ok(Reader::new(Box::new(BufReader::new(file))))
    }

    /// Reads plain lines from anything.
    pub fn new(lines: Box<dyn BufRead + Send>) -> Reader {
        Reader { lines, line: Vec::new(), line_number: 0, is_over: false }
    }

    /// The next line that is not blank; false at the end.
    fn next_line(&mut self) -> Result<bool, CaptureError> {
        loop {
            self.line.clear();
            self.line_number += 1;
            let read = self.lines.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut self.line)?;
            if read as u64 == LINE_BYTES_MAX {
                return Err(CaptureError::Line { line: self.line_number, what: "too long".into() });
            }
            if read == 0 || !self.line.trim_ascii().is_empty() {
                return Ok(read > 0);
            }
        }
    }

    fn next_entry(&mut self) -> Result<Option<Entry>, CaptureError> {
        if !self.next_line()? {
            return Ok(None);
        }
        let line = self.line_number;
        Entry::parse(&self.line).map(Some).map_err(|what| CaptureError::Line { line, what })
    }
}

impl Iterator for Reader {
    type Item = Result<Entry, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let next = self.next_entry().transpose();
        self.is_over = !matches!(next, Some(Ok(_)));
        next
    }
}
