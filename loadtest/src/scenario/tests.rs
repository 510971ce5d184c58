//! Files good and bad.

use super::*;
use crate::workload::Transport;

const WHOLE: &str = r#"
title = "All at once"
[publish]
kind = "state"
topics = 30
rate = 500
[time]
seconds = 6
[gateway.limits]
pending_entries_max = 64
[[subscribers]]
transport = "websocket"
count = 100
topics = 7
[[subscribers]]
name = "the slow"
transport = "sse"
count = 10
pattern = true
slow = { bytes_per_s = 5000 }
[[subscribers]]
transport = "long-poll"
count = 4
wait_s = 9
"#;

#[test]
fn groups_and_roamers() {
    let changes = Changes { scale: Some(0.1), seconds: Some(2), ..Changes::default() };
    let Scenario { load, run, .. } = Scenario::parse(WHOLE, changes).unwrap();
    assert_eq!((load.workload.rate, load.workload.seconds, run.gateways), (500, 2, 1));
    let groups: Vec<_> = load.groups.iter().map(|group| (group.name.as_str(), group.subscribers)).collect();
    assert_eq!(groups, [("websocket", 10), ("long-poll", 1)]);
    assert_eq!((load.groups[0].per_subscriber, load.groups[1].wait_s), (7, 9));
    let [slow] = &load.roamers[..] else { panic!("{:?}", load.roamers) };
    assert_eq!((slow.group.per_subscriber, slow.manner), (30, Manner::Slow { bytes_per_s: 5_000 }));
    assert_eq!((load.subscribers(), load.connections()), (11, 12));
}

#[test]
fn all_problems_at_once_with_their_keys() {
    let bad = WHOLE
        .replace("topics = 7", "topics = 31\nwait_s = 5")
        .replace("seconds = 6", "seconds = 0")
        .replace("bytes_per_s = 5000 }", "bytes_per_s = 5 }\nchurn = { lifetime_ms = 1000, away_ms = 0 }\nrate_hz = 4");
    let said = Scenario::parse(&bad, Changes::default()).unwrap_err().to_string();
    for key in [
        "time.seconds: 0 is not in 1 to 3600",
        "subscribers[0].topics: 31 is not in 1 to 30",
        "subscribers[0].wait_s: of long-poll alone",
        "subscribers[1]: at most one of churn, stall, slow and storm",
        "subscribers[1].slow.bytes_per_s: 5 is not in",
        "subscribers[1].rate_hz: not of those who roam",
    ] {
        assert!(said.contains(key), "{key} is not in\n{said}");
    }
}

#[test]
fn a_key_that_is_not_known() {
    let said = Scenario::parse(&WHOLE.replace("rate = 500", "rates = 500"), Changes::default()).unwrap_err();
    assert!(format!("{said:#}").contains("rates"), "{said:#}");
}

#[test]
fn what_a_floor_cannot_do() {
    let compared = WHOLE.replace("[time]", "[run]\ncompare = true\ngateways = 2\n[time]");
    let said = Scenario::parse(&compared, Changes::default()).unwrap_err().to_string();
    assert!(said.contains("run.compare") && said.contains("run.gateways"), "{said}");
}

/// Every file is good, says what it is for, and means what its name says.
#[test]
fn the_files() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut names = Vec::new();
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# "), "{} begins with what it is for", path.display());
        let scenario = Scenario::read(&path, Changes::default()).unwrap_or_else(|error| panic!("{error:#}"));
        names.push((path.file_stem().unwrap().to_string_lossy().into_owned(), scenario));
    }
    let find = |name: &str| &names.iter().find(|(stem, _)| stem == name).unwrap().1;
    assert!(find("w1").run.compare && find("w1").goals.cpu_ratio_max == Some(1.05));
    assert_eq!(find("w1_linger20").load.groups[0].linger_ms, 20);
    assert_eq!((find("w2").load.workload.topics, find("w2").load.groups[0].per_subscriber), (1_000, 20));
    assert_eq!(find("w4_latency").rate_of_floor, 0.3);
    assert_eq!(find("long_poll").load.groups[0].transport, Transport::LongPoll);
    assert!(matches!(find("storm").load.roamers[0].manner, Manner::Storm { .. }));
}
