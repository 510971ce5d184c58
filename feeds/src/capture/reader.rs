//! A capture file as an iterator of its entries; a file of one HTTP body is a capture of one entry.

use super::{CaptureError, Entry, Record};
use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read, Seek};
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
    /// The file's name, if it is one body; `None` once that was read, and for captures.
    body_of: Option<String>,
}

impl Reader {
    /// Opens a file, zstd (told by its first bytes) or plain. One called `.json` or `.json.zst` holds one HTTP body, whose
    /// address is the file's name; a capture of that name is a capture.
    pub fn open(path: &Path) -> Result<Reader, CaptureError> {
        let name = path.to_string_lossy();
        let is_body = name.strip_suffix(".zst").unwrap_or(&name).ends_with(".json");
        Ok(Reader { body_of: is_body.then(|| name.into_owned()), ..Reader::open_lines(path)? })
    }

    fn open_lines(path: &Path) -> Result<Reader, CaptureError> {
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
        Reader { lines, line: Vec::new(), line_number: 0, is_over: false, body_of: None }
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

    /// The first entry of a file that is called like a body: the whole file, unless it is a capture all the same.
    fn body(&mut self, url: String) -> Result<Option<Entry>, CaptureError> {
        let mut data = Vec::new();
        let read = self.lines.by_ref().take(LINE_BYTES_MAX).read_to_end(&mut data)?;
        if read as u64 == LINE_BYTES_MAX {
            return Err(CaptureError::Line { line: 1, what: "too long".into() });
        }
        let first = data.split(|byte| *byte == b'\n').next().unwrap_or_default();
        if Entry::parse(first).is_ok() {
            self.lines = Box::new(Cursor::new(data));
            return self.next_entry();
        }
        self.is_over = true;
        Ok(Some(Entry { at_ms: 0, record: Record::Http { url, status: 200, data } }))
    }

    fn next_entry(&mut self) -> Result<Option<Entry>, CaptureError> {
        if let Some(url) = self.body_of.take() {
            return self.body(url);
        }
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
        self.is_over |= !matches!(next, Some(Ok(_)));
        next
    }
}
