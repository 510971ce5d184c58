//! Recorded traffic, read in place where it is there; it is no part of the project.

use std::path::PathBuf;

/// A recording; `None`, said aloud, where there are none.
#[expect(clippy::print_stdout, reason = "a skipped bench says so")]
pub fn recording(name: &str) -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
    let root = std::env::var_os("FANWIRE_SHARED_DATA").map_or_else(|| PathBuf::from(default), PathBuf::from);
    let path = root.join(name);
    if !path.exists() {
        println!("SKIPPED: {name}: no recordings at {} (FANWIRE_SHARED_DATA says where they are)", root.display());
        return None;
    }
    Some(path)
}
