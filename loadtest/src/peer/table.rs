//! What interleaved rounds say, as a page of Markdown: a table per workload, ratios to the floor of the same round.

use super::rounds::{Failure, Held};
use crate::results::group::{Group, groups};
use crate::results::plain;
use serde_json::Value;
use std::fmt::Write;

/// A peer whose processes had more than this of their CPU did what it could, and its latencies are those of a queue.
const FULL_CPU_SHARE: f64 = 0.95;
/// What the same peers came to in an earlier study, with other clients.
const REFERENCE: &str = include_str!("../../peers/reference.json");

/// The table of one workload. `name`: as in the file's name.
pub fn table(name: &str, held: &Held) -> String {
    let mut out = heading(name, held);
    let reference: Value = serde_json::from_str(REFERENCE).unwrap_or_default();
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "| system | CPU µs per delivery | × FLOOR-A, median (spread) | earlier study | deliveries per CPU second | p50 / p99 ms | reads per delivery | resident KB per subscriber | lost | runs |"
    );
    let _ = writeln!(out, "|---|---|---|---|---|---|---|---|---|---|");
    let groups = groups(&held.runs);
    for group in &groups {
        let earlier =
            reference[kind_of(name)][&group.name].as_f64().map_or_else(|| "–".to_owned(), |ratio| format!("{ratio}"));
        let _ = writeln!(out, "| {} | {} |", group.name, cells(group, &groups, &earlier).join(" | "));
    }
    for Failure { round, target, transport, failure } in &held.failures {
        let _ = writeln!(out, "\nRound {round}, {target} {transport} failed: {}", failure.lines().next().unwrap_or(""));
    }
    out
}

/// `w1-calm` is compared with what W1 came to.
fn kind_of(name: &str) -> &str {
    name.split('-').next().unwrap_or(name)
}

fn heading(name: &str, held: &Held) -> String {
    let workload = held.runs.first().map(|run| &run.workload);
    let said = |key: &str| workload.and_then(|workload| workload.get(key)).map_or_else(|| "?".to_owned(), plain);
    let [subscribers, topics, each, rate] = ["subscribers", "topics", "per_subscriber", "rate"].map(said);
    let [kind, bytes, seconds] = ["kind", "data_bytes", "seconds"].map(said);
    let rounds = held.runs.iter().filter_map(|run| run.round).max().unwrap_or(0);
    format!(
        "## {}\n\n{subscribers} subscribers of {each} among {topics} {kind} topics, {rate} messages/s of {bytes} bytes in all; {seconds} s measured in each of {rounds} interleaved rounds.\n\n",
        name.to_uppercase()
    )
}

fn cells(group: &Group<'_>, groups: &[Group<'_>], earlier: &str) -> Vec<String> {
    let cpu = group.median(|run| run.cpu_us_per_delivery);
    let [p50, p99] = [group.median(|run| run.latency_ms.p50), group.median(|run| run.latency_ms.p99)];
    let is_full = group.median(|run| run.server_cpu_share) > FULL_CPU_SHARE;
    let ratio = group.cpu_ratio(groups).map_or_else(|| "–".to_owned(), |ratio| ratio.to_string());
    vec![
        format!("{cpu:.2}"),
        if group.is_floor() { "1".to_owned() } else { ratio },
        earlier.to_owned(),
        format!("{:.0}k", 1e3 / cpu),
        format!("{p50:.1} / {p99:.1}{}", if is_full { " (full)" } else { "" }),
        reads(group),
        format!("{:.1}", group.median(|run| run.resident_bytes_per_subscriber) / 1e3),
        lost(group),
        group.runs.len().to_string(),
    ]
}

fn reads(group: &Group<'_>) -> String {
    let are_known = group.runs.iter().all(|run| run.reads_per_delivery.is_some());
    let median = || group.median(|run| run.reads_per_delivery.unwrap_or(f64::NAN));
    if are_known { format!("{:.2}", median()) } else { "–".to_owned() }
}

/// In all runs, and of how many that were to be delivered.
fn lost(group: &Group<'_>) -> String {
    let (lost, delivered) = (group.sum(|run| run.lost), group.sum(|run| run.deliveries));
    match lost {
        0 => "0".to_owned(),
        _ => format!("{lost} ({:.1}%)", lost as f64 * 100.0 / (lost + delivered) as f64),
    }
}

/// The page: `tables` of all workloads, and how to read them.
pub fn page(held: &[(String, Held)]) -> String {
    let tables: Vec<String> = held.iter().map(|(name, held)| table(name, held)).collect();
    let machine = held.iter().flat_map(|(_, held)| &held.runs).find_map(|run| run.machine.as_ref());
    let machine = machine.map_or_else(|| "unknown machine".to_owned(), ToString::to_string);
    let mut versions: Vec<String> =
        held.iter().flat_map(|(_, held)| &held.versions).map(|(name, version)| format!("{name} {version}")).collect();
    versions.sort();
    versions.dedup();
    format!(
        "# Peers side by side\n\nWritten by `fanwire-loadtest peers` (`make load-peers`) from the raw data beside it (`*.jsonl`, one run a line; the pages \
         beside it show their course).\n\nMachine: {machine}; loopback. The system under test has one CPU, subscribers and publisher the other.\n\nPeers: {}.\n\n{}\n{HOW_TO_READ}",
        versions.join(", "),
        tables.join("\n")
    )
}

const HOW_TO_READ: &str = "## How to read it

- **× FLOOR-A**: CPU per delivery over that of the floor program (one `send(2)` per subscriber and message) *in the same round*: median over the rounds, and least to
  most. Microseconds drift by a factor of two with the machine, ratios hold. CPU is that of all processes and threads of the system, and of ksoftirqd on their CPU.
- **deliveries per CPU second**: what one core pays for at this load. Under more load systems that gather messages into one write do better.
- **p50 / p99**: from when a message was due to be published until a subscriber has read it. *(full)*: its CPU was full, it could not keep up, and the latency is that of a
  queue that grows with the run's length.
- **reads per delivery**: below 1 several messages came in one read of a subscriber: the system gathered them, or its CPU was so busy that they piled up, which makes a delivery cheaper and later. Who
  gathers may come below FLOOR-A, which never does.
- **lost**: messages that a subscriber was never given, though it stayed connected, or not within 15 s after the end. Peers do not tell their subscribers; the harness sees it in the publisher's
  numbers. For Fanwire and the floor a loss that is not told fails the run.
- **resident**: growth of the processes' memory while the subscribers were opened; a runtime that collects garbage grows by more than it needs.
- Peers are given the message itself, 120 bytes with its topic in it; Fanwire and the floor send the same payload in their envelope (topic, seq, offset, time), about 100 bytes more.
- Peers run with their defaults, but for room for the subscribers, access logs, and Pushpin's cap of 2,500 messages/s.
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Run;
    use crate::results::tests::run;

    fn held() -> Held {
        let mut held = Held::default();
        for (round, floor, peer) in [(1, 5.0, 10.0), (2, 6.0, 9.0), (3, 5.0, 15.0)] {
            for (target, cpu) in [("floor", floor), ("nats", peer)] {
                held.runs.push(Run { round: Some(round), ..run(target, cpu) });
            }
        }
        held.runs[5].lost = 500;
        let failure = |round, target: &str| Failure {
            round,
            target: target.into(),
            transport: "websocket".into(),
            failure: "it ended\nat once".into(),
        };
        held.failures = vec![failure(1, "ws"), failure(4, "nats")];
        held
    }

    #[test]
    fn figures_and_failures() {
        let table = table("w1", &held());
        assert!(table.contains("| nats websocket | 10.00 | 2.00 (1.50 to 3.00) | 3 | 100k |"), "{table}");
        assert!(table.contains("| 500 (7.7%) | 3 |"), "{table}");
        assert!(table.contains("| floor websocket | 5.00 | 1 | – |"), "{table}");
        assert!(table.contains("Round 1, ws websocket failed: it ended\n"), "{table}");
    }

    #[test]
    fn every_line_of_a_table_has_its_columns() {
        for line in table("w2", &held()).lines().filter(|line| line.starts_with('|')) {
            assert_eq!(line.matches('|').count(), 11, "{line}");
        }
    }

    #[test]
    fn the_page_names_the_machine() {
        let page = page(&[("w1".to_owned(), held())]);
        assert!(page.contains("2 CPUs of Model, 1 GiB, Linux 6") && page.contains("## W1\n"), "{page}");
    }
}
