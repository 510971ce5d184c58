//! What a provider sent, on file: written by [`Recorder`], read by [`Reader`], played to an adapter by [`replay`].
//!
//! The format: one JSON object per line, plain or zstd, sorted by receive time `ts` (Unix seconds, decimals):
//! `header` (provider, note, config), `connect` (conn, addr), `send`, `recv` (conn, data: the frame verbatim as a
//! string), `http` (url, data: the body; conn and status may be absent) and, in our own files, `close`. Other types
//! are skipped. Knows no provider: who plays a file builds the adapter from its [`Head`].

mod head;
mod links;
mod reader;
mod record;
mod recorder;
mod replay;

pub use head::Head;
pub use reader::Reader;
pub use record::{CaptureError, Entry, Record};
pub use recorder::Recorder;
pub use replay::{Speed, replay};
