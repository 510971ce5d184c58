//! Two reports side by side: each figure, the ratio of the second to the first, and what makes them hard to compare.

use crate::results::Run;
use crate::results::group::{Group, groups};
use std::fmt::Write;

/// Runs of the same program on the same machine differ by less than this, as a rule.
const NOISE: f64 = 0.05;

struct Figure {
    name: &'static str,
    unit: &'static str,
    value: fn(&Run) -> Option<f64>,
    /// `None`: neither more nor less of it is better.
    is_less_better: Option<bool>,
}

const FIGURES: [Figure; 16] = [
    figure("deliveries", "/s", |run| Some(run.deliveries_per_second), None),
    figure("bytes", "MB/s", |run| Some(run.bytes_per_second / 1e6), None),
    figure("CPU per delivery", "µs", |run| Some(run.cpu_us_per_delivery), Some(true)),
    figure("deliveries per CPU second", "", |run| Some(run.deliveries_per_cpu_second()), Some(false)),
    figure("server CPU", "%", |run| Some(run.server_cpu_share * 100.0), None),
    figure("writes per delivery", "", |run| run.writes_per_delivery, None),
    figure("reads per delivery", "", |run| run.reads_per_delivery, None),
    figure("latency p50", "ms", |run| Some(run.latency_ms.p50), Some(true)),
    figure("latency p90", "ms", |run| Some(run.latency_ms.p90), Some(true)),
    figure("latency p99", "ms", |run| Some(run.latency_ms.p99), Some(true)),
    figure("latency p99.9", "ms", |run| Some(run.latency_ms.p99_9), Some(true)),
    figure("latency p99.99", "ms", |run| run.latency_ms.p99_99, Some(true)),
    figure("latency max", "ms", |run| Some(run.latency_ms.max), Some(true)),
    figure("lost", "", |run| Some(run.lost as f64), Some(true)),
    figure("lags", "", |run| Some(run.lags as f64), Some(true)),
    figure("resident per subscriber", "B", |run| Some(run.resident_bytes_per_subscriber), Some(true)),
];

const fn figure(
    name: &'static str,
    unit: &'static str,
    value: fn(&Run) -> Option<f64>,
    is_less_better: Option<bool>,
) -> Figure {
    Figure { name, unit, value, is_less_better }
}

/// Compares what stands under the same name in both; if there is one thing in each, these.
pub fn diff(a: &[Run], b: &[Run]) -> String {
    let (groups_a, groups_b) = (groups(a), groups(b));
    let mut out = String::new();
    let pairs: Vec<(&Group<'_>, &Group<'_>)> = match (&groups_a[..], &groups_b[..]) {
        ([one], [other]) => vec![(one, other)],
        _ => groups_a.iter().filter_map(|a| Some((a, groups_b.iter().find(|b| b.name == a.name)?))).collect(),
    };
    for (a, b) in &pairs {
        write_pair(a, b, &mut out);
    }
    for (groups, other, name) in [(&groups_a, &groups_b, "first"), (&groups_b, &groups_a, "second")] {
        let is_paired = |group: &Group<'_>| pairs.len() == 1 && groups.len() == 1 || has(other, &group.name);
        for group in groups.iter().filter(|group| !is_paired(group)) {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "only in the {name}: {}", group.name);
        }
    }
    out
}

fn has(groups: &[Group<'_>], name: &str) -> bool {
    groups.iter().any(|group| group.name == name)
}

fn write_pair(a: &Group<'_>, b: &Group<'_>, out: &mut String) {
    let title = if a.name == b.name { a.name.clone() } else { format!("{} → {}", a.name, b.name) };
    let runs = if a.runs.len() + b.runs.len() > 2 {
        format!(" (medians of {} and {} runs)", a.runs.len(), b.runs.len())
    } else {
        String::new()
    };
    let _ = writeln!(out, "{title}{runs}");
    for warning in warnings(a.runs[0], b.runs[0]) {
        let _ = writeln!(out, "  warning: {warning}");
    }
    let _ = writeln!(out, "  {:<27} {:>12} {:>12}  ratio", "", "first", "second");
    for figure in &FIGURES {
        let value = |group: &Group<'_>| {
            let is_known = group.runs.iter().all(|run| (figure.value)(run).is_some());
            is_known.then(|| group.median(|run| (figure.value)(run).unwrap_or(f64::NAN)))
        };
        if let (Some(a), Some(b)) = (value(a), value(b)) {
            let name = format!("{} {}", figure.name, figure.unit);
            let _ = writeln!(out, "  {name:<27} {:>12} {:>12}  {}", shown(a), shown(b), figure.verdict(a, b));
        }
    }
    out.push('\n');
}

impl Figure {
    fn verdict(&self, a: f64, b: f64) -> String {
        if a == b {
            return "same".to_owned();
        }
        if a == 0.0 {
            return self.word(b > a).to_owned();
        }
        let ratio = b / a;
        let word = if (ratio - 1.0).abs() < NOISE { "" } else { self.word(ratio > 1.0) };
        format!("{ratio:.2} {word}").trim_end().to_owned()
    }

    fn word(&self, is_more: bool) -> &'static str {
        match self.is_less_better {
            None => "",
            Some(is_less_better) if is_less_better == is_more => "worse",
            Some(_) => "better",
        }
    }
}

/// Whole numbers as they are, others with three digits or more.
fn shown(value: f64) -> String {
    match value.abs() {
        whole if whole.fract() == 0.0 => format!("{value:.0}"),
        ..10.0 => format!("{value:.3}"),
        ..1_000.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// Why the two are not the same measurement.
fn warnings(a: &Run, b: &Run) -> Vec<String> {
    let mut warnings: Vec<String> = a
        .workload_differences(b)
        .into_iter()
        .map(|(key, a, b)| format!("the workloads differ: {key} is {a} and {b}"))
        .collect();
    match (&a.machine, &b.machine) {
        (Some(a), Some(b)) if a == b => {}
        (Some(a), Some(b)) => warnings.push(format!("the machines differ: {a}; {b}")),
        _ => warnings.push("one of them does not say on which machine it was taken".to_owned()),
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::run;
    use serde_json::json;

    #[test]
    fn figures_and_verdicts() {
        let mut after = run("fanwire", 4.0);
        after.latency_ms.p99 = 3.1;
        after.lost = 7;
        let text = diff(&[run("fanwire", 5.0)], &[after]);
        let line =
            |name: &str| text.lines().find(|line| line.contains(name)).unwrap().split_whitespace().collect::<Vec<_>>();
        assert_eq!(line("CPU per delivery")[4..], ["5", "4", "0.80", "better"]);
        assert_eq!(line("per CPU second")[4..], ["200000", "250000", "1.25", "better"]);
        assert_eq!(line("p99 ms")[3..], ["3", "3.100", "1.03"]);
        assert_eq!(line("lost")[1..], ["0", "7", "worse"]);
        assert_eq!(line("p50 ms")[3..], ["1.500", "1.500", "same"]);
        assert!(!text.contains("warning") && !text.contains("writes"), "{text}");
    }

    #[test]
    fn what_is_not_the_same_is_told() {
        let mut other = run("floor", 4.0);
        other.workload.insert("rate".into(), json!(200));
        other.machine = None;
        let text = diff(&[run("fanwire", 5.0)], &[other]);
        assert!(text.starts_with("fanwire websocket → floor websocket\n"), "{text}");
        assert!(text.contains("warning: the workloads differ: rate is 100 and 200"), "{text}");
        assert!(text.contains("does not say on which machine") && !text.contains("only in"), "{text}");
    }

    #[test]
    fn what_stands_in_one_only() {
        let text = diff(&[run("a", 5.0), run("b", 1.0)], &[run("b", 2.0), run("c", 1.0), run("b", 4.0)]);
        assert!(text.starts_with("b websocket (medians of 1 and 2 runs)\n") && text.contains(" 3.00 worse"), "{text}");
        assert!(text.ends_with("only in the first: a websocket\nonly in the second: c websocket\n"), "{text}");
    }
}
