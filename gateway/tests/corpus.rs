//! What the fuzzers found worth keeping, and every input that ever broke something, replayed on stable: the same
//! properties (`fuzz/src`) without a fuzzer.

#[path = "../../fuzz/src/lib.rs"]
mod properties;

use std::path::{Path, PathBuf};

fn replay(target: &str, check: fn(&[u8])) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let mut inputs = 0;
    for folder in ["corpus", "regressions"] {
        for path in files(&root.join(folder).join(target)) {
            let bytes = std::fs::read(&path).unwrap();
            let outcome = std::panic::catch_unwind(|| check(&bytes));
            assert!(outcome.is_ok(), "{} breaks a property of `{target}`", path.display());
            inputs += 1;
        }
    }
    assert!(inputs > 0, "nothing is kept for `{target}`");
}

/// None if the folder is not there.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect()
}

macro_rules! replayed {
    ($($target:ident),*) => {
        $(
            #[test]
            fn $target() {
                replay(stringify!($target), properties::$target::check);
            }
        )*

        /// A target that is built but not replayed here would be fuzzed for nothing.
        #[test]
        fn every_target_is_replayed() {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/targets");
            let built: std::collections::BTreeSet<_> =
                files(&root).iter().map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
            assert_eq!(built, [$(stringify!($target).to_owned()),*].into());
        }
    };
}

replayed!(command, cursor, decimal, frame, framing, line, query, request, topic);
