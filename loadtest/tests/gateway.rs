//! Short forms of the load harness's claims, against the gateway itself: SLOW-ALONE, memory, births, the soak. Times are
//! not judged here, since the build is a debug one and the machine busy.

mod gateway_bin;

use gateway_bin::gateway;
use std::process::{Command, Output};

fn run(arguments: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanwire-loadtest"));
    command.args(arguments.split_whitespace()).arg("--gateway-bin").arg(gateway()).output().unwrap()
}

/// What it said on its standard output, if all was well.
fn good(arguments: &str) -> String {
    let output = run(arguments);
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{errors}");
    said.into_owned()
}

const SLOW: &str = "slow --subscribers 60 --around 1 --rate 200 --data-bytes 1000 --pending-entries 32";

/// They get `why:"lag"` and an `at`, and go on; nobody else misses anything. So it is with half of all slow.
#[test]
fn slow_subscribers_return() {
    for (slow, transport) in [(1, "websocket"), (30, "sse")] {
        let said =
            good(&format!("{SLOW} --slow {slow} --stall-ms 6000 --write-stall-ms 60000 --transport {transport}"));
        let disturbed = said.lines().find(|line| line.contains("disturbed  ")).unwrap();
        assert!(disturbed.contains(&format!("· {slow}, 0, ")), "{said}");
    }
}

#[test]
fn slow_subscribers_are_ended() {
    let said = good(&format!("{SLOW} --scenario ended --slow 3 --stall-ms 8000 --write-stall-ms 2000"));
    assert!(said.contains("· 0, 3, "), "{said}");
}

/// One of two shards does nothing for a while: nobody loses anything, on either.
#[test]
fn a_blocked_shard() {
    let said = good("slow --scenario block --subscribers 60 --around 1 --stall-ms 2000 --rate 100");
    assert!(said.contains("one of two shards stops"), "{said}");
}

/// The harness sees what it looks for: stalls that are too short for a lag are no proof of one.
#[test]
fn a_slow_subscriber_that_was_not_slow_enough_fails_the_run() {
    let output = run("slow --subscribers 20 --slow 1 --around 1 --stall-ms 500 --rate 20");
    assert!(!output.status.success());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("was not told that it lags"), "{errors}");
}

#[test]
fn idle_connections() {
    for transport in ["websocket", "sse"] {
        let said = good(&format!("idle --transport {transport} --subscribers 1000 --rest 1 --resident-max 6000"));
        assert!(said.contains("rested") && said.contains("its slot in the shard's table"), "{said}");
    }
}

#[test]
fn topics_are_born_and_retired() {
    let said = good("births --count 60000 --alive 500 --growth-mib-max 64");
    assert!(said.starts_with("60000 topics born, 60000 retired") && said.contains("topics at the end 0"), "{said}");
}

/// Long enough for every kind of stall, and for the feeds to break and come back.
#[test]
fn a_short_soak() {
    let said = good(
        "soak --minutes 0.5 --subscribers 300 --slow 20 --churn 20 --rate 20 --births 200 --cut-s 10 --stall-ms 4000 --pending-entries 512 --growth-mib-max 64",
    );
    for wanted in ["verdict                 good", "lags", "peer_gone"] {
        assert!(said.contains(wanted), "{said}");
    }
}
