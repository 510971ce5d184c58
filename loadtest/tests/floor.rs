//! The whole harness against its own floor: starts it, loads it, proves and ends it.

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    let small = ["--subscribers", "20", "--rate", "200", "--warmup", "0", "--seconds", "1"];
    Command::new(env!("CARGO_BIN_EXE_fanwire-loadtest")).args(arguments).args(small).output().unwrap()
}

#[test]
fn a_run_over_each_transport() {
    for transport in ["websocket", "sse"] {
        let output = run(&["run", "--target", "floor", "--transport", transport, "--no-lag"]);
        let (table, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{errors}");
        assert!(table.contains("20 snapshots, then all in order; 0 lags, 0 lost"), "{table}");
        assert!(table.contains("200 (") && table.contains("thread floor"), "{table}");
    }
}

/// Every floor gives everyone everything; one that gathers needs fewer reads for it.
#[test]
fn each_floor() {
    for (floor, tick_ms) in [("send", "0"), ("coalesced", "0"), ("coalesced", "20"), ("io-uring", "0")] {
        let output = run(&[
            "run",
            "--target",
            "floor",
            "--floor",
            floor,
            "--floor-tick-ms",
            tick_ms,
            "--burst",
            "5",
            "--no-lag",
        ]);
        let (table, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{floor}: {errors}");
        assert!(table.contains("20 snapshots, then all in order; 0 lags, 0 lost"), "{table}");
        let reads = table.lines().find_map(|line| line.trim().strip_prefix("reads per delivery")).unwrap();
        let reads: f64 = reads.trim().parse().unwrap();
        assert!(floor != "coalesced" || reads < 0.6, "{floor}: {reads} reads per delivery");
    }
}

#[test]
fn states_of_many_topics() {
    let many = ["--topics", "30", "--per-subscriber", "7", "--kind", "state", "--burst", "10"];
    let output = run(&[&["run", "--target", "floor"][..], &many].concat());
    let (table, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{errors}");
    assert!(table.contains("140 snapshots"), "{table}");
}

#[test]
fn impossible_workloads_are_refused() {
    let output = run(&["run", "--target", "floor", "--topics", "2", "--per-subscriber", "3"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("--per-subscriber is 1 to"));
}
