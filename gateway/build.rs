//! Has the crate rebuilt when the demo page was, since the page is embedded in the binary.

fn main() {
    // Cargo takes a missing path for one that always changes; an empty folder only means that there is no page.
    let _ = std::fs::create_dir_all("../web/dist");
    println!("cargo::rerun-if-changed=../web/dist");
}
