//! Where the gateway's binary is, for the tests that start it.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The gateway's binary, which `cargo test --workspace` builds. One that is older than its source would prove nothing.
pub fn gateway() -> PathBuf {
    let binary = Path::new(env!("CARGO_BIN_EXE_fanwire-loadtest")).with_file_name("fanwire");
    let built = binary.metadata().and_then(|data| data.modified());
    let Ok(built) = built else { panic!("no {}: cargo build -p fanwire", binary.display()) };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for source in ["gateway/src", "feeds/src"] {
        let newest = newest(&root.join(source));
        assert!(newest <= built, "{} is older than {source}: cargo build -p fanwire", binary.display());
    }
    binary
}

fn newest(folder: &Path) -> SystemTime {
    let entries = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let times = entries.map(|path| match path.is_dir() {
        true => newest(&path),
        false => path.metadata().unwrap().modified().unwrap(),
    });
    times.max().unwrap_or(SystemTime::UNIX_EPOCH)
}
