//! Reports from their making to their reading: a run's JSON, the page, the comparison of two.

use std::path::Path;
use std::process::{Command, Output};

fn harness(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fanwire-loadtest")).args(arguments).output().unwrap()
}

fn good(arguments: &[&str]) -> String {
    let output = harness(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A run against the floor, with its report as JSON and as a page.
fn run(rate: &str, json: &Path, html: &Path) {
    let small = ["run", "--target", "floor", "--subscribers", "20", "--warmup", "0", "--seconds", "2", "--rate", rate];
    let files = ["--json", json.to_str().unwrap(), "--html", html.to_str().unwrap()];
    good(&[&small[..], &files].concat());
}

#[test]
fn a_run_is_reported_and_compared() {
    let folder = std::env::temp_dir().join(format!("fanwire-loadtest-reports-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let [a, b, page_of_a, page] = ["a.json", "b.json", "a.html", "both.html"].map(|name| folder.join(name));
    run("100", &a, &page_of_a);
    run("200", &b, &page_of_a);
    let text = good(&["diff", a.to_str().unwrap(), b.to_str().unwrap()]);
    assert!(text.contains("warning: the workloads differ: rate is 100 and 200"), "{text}");
    assert!(text.contains("CPU per delivery µs") && text.contains("latency p99.99 ms"), "{text}");
    good(&["report", a.to_str().unwrap(), b.to_str().unwrap(), "-o", page.to_str().unwrap(), "--title", "A & B"]);
    let [one, both] = [&page_of_a, &page].map(|page| std::fs::read_to_string(page).unwrap());
    assert!(both.contains("<h1>A &amp; B</h1>") && both.contains("rate <b>100, 200</b>"));
    assert_eq!([&one, &both].map(|page| page.matches("<tr class=\"run\"").count()), [1, 2]);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn files_that_hold_no_run_are_refused() {
    let file = std::env::temp_dir().join(format!("fanwire-loadtest-none-{}.json", std::process::id()));
    std::fs::write(&file, "{\"a\":[1]}").unwrap();
    let output = harness(&["diff", file.to_str().unwrap(), file.to_str().unwrap()]);
    std::fs::remove_file(&file).unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("holds no run"));
}
