//! Every scenario in small, and what the harness does beside one process, one target and streams. Times are not judged
//! here, since the build is a debug one and the machine busy; that everything arrives is.

mod gateway_bin;

use gateway_bin::gateway;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What it said on its standard output, if all was well.
fn good(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanwire-loadtest"));
    let output = command.args(arguments).arg("--gateway-bin").arg(gateway()).output().unwrap();
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?}\n{said}{errors}");
    said.into_owned()
}

fn run(arguments: &str) -> String {
    let small = "run --subscribers 20 --rate 100 --topics 4 --per-subscriber 2 --warmup 0 --seconds 2 --no-lag";
    good(&format!("{small} {arguments}").split_whitespace().collect::<Vec<_>>())
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn every_scenario_in_small() {
    for file in files() {
        let file = file.to_str().unwrap();
        let small = ["--scale", "0.02", "--warmup", "0", "--seconds", "2", "--target", "fanwire"];
        let said = good(&[&["scenario", file][..], &small].concat());
        assert!(said.contains("all applied, and equal to the gateway's snapshots"), "{file}: {said}");
        assert!(!file.ends_with("storm.toml") || said.contains("all live after"), "{file}: {said}");
    }
}

#[test]
fn a_scenario_in_pairs() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/w4_latency.toml");
    let small = ["--scale", "0.02", "--warmup", "0", "--seconds", "1", "--pairs", "9", "--minutes", "0.01"];
    let said = good(&[&["scenario", file.to_str().unwrap()][..], &small].concat());
    assert!(said.contains("FLOOR-A can deliver") && said.contains("1 pairs: rough, 7 are wanted"), "{said}");
    assert!(said.contains("p99_ratio_max = 1.15, reached"), "{said}");
}

#[test]
fn polls_are_measured() {
    let said = run("--transport long-poll");
    assert!(said.contains("40 snapshots, then all in order; 0 lags, 0 lost"), "{said}");
    let said = run("--transport polling --poll-interval-ms 100 --kind state");
    assert!(said.contains("fanwire over polling: 20 subscribers") && said.contains("20 of 20: all applied"), "{said}");
}

#[test]
fn options_and_patterns() {
    let said = run("--pattern --linger-ms 20 --transport sse");
    assert!(said.contains("80 snapshots, then all in order; 0 lags, 0 lost"), "{said}");
    let said = run("--subscriber-rate 4 --kind state");
    assert!(said.contains("20 of 20: all applied, and equal"), "{said}");
}

#[test]
fn several_gateways_and_client_processes() {
    let said = run("--gateways 2 --client-processes 3");
    assert!(said.contains("2 targets, 3 client processes"), "{said}");
    assert!(said.contains("40 snapshots, then all in order") && said.contains("20 of 20: all applied"), "{said}");
}
