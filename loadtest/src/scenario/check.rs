//! Whether a scenario means something: every problem at once, each with its key path.

use super::file::{File, SubscribersSection};
use crate::workload::{Kind, Transport};
use std::fmt::Display;
use std::ops::RangeInclusive;

/// Everything that is wrong with a scenario.
#[derive(Debug, Default)]
pub struct Problems(Vec<String>);

impl Problems {
    pub fn into_vec(self) -> Vec<String> {
        self.0
    }

    fn hold(&mut self, holds: bool, problem: impl FnOnce() -> String) {
        if !holds {
            self.0.push(problem());
        }
    }

    fn range<N: PartialOrd + Display>(&mut self, key: &str, value: N, range: RangeInclusive<N>) {
        let (least, most) = (range.start(), range.end());
        self.hold(range.contains(&value), || format!("{key}: {value} is not in {least} to {most}"));
    }
}

pub fn check(file: &File) -> Problems {
    let mut problems = Problems::default();
    check_publish(file, &mut problems);
    problems.range("time.warmup_s", file.time.warmup_s, 0..=600);
    problems.range("time.seconds", file.time.seconds, 1..=3_600);
    problems.range("run.gateways", file.run.gateways, 1..=16);
    problems.range("run.client_processes", file.run.client_processes, 1..=16);
    problems.hold(!file.subscribers.is_empty(), || "subscribers: there are none".into());
    for (index, section) in file.subscribers.iter().enumerate() {
        check_subscribers(file, section, &format!("subscribers[{index}]"), &mut problems);
    }
    let roams = file.subscribers.iter().any(SubscribersSection::roams);
    problems.hold(!(roams && file.run.compare), || "run.compare: a floor knows no cursors, so nobody may roam".into());
    problems.hold(!(roams && file.run.gateways > 1), || "run.gateways: who roams does so at one gateway".into());
    problems
}

fn check_publish(file: &File, problems: &mut Problems) {
    let publish = &file.publish;
    let bytes_min = if publish.kind == Kind::State { 96 } else { 64 };
    problems.range("publish.topics", publish.topics, 1..=100_000);
    problems.range("publish.rate", publish.rate, 0..=10_000_000);
    problems.range("publish.rate_of_floor", publish.rate_of_floor, 0.0..=100.0);
    problems.range("publish.burst", publish.burst, 1..=publish.rate.max(1));
    problems.range("publish.data_bytes", publish.data_bytes, bytes_min..=60_000);
}

fn check_subscribers(file: &File, section: &SubscribersSection, key: &str, problems: &mut Problems) {
    let SubscribersSection { transport, .. } = *section;
    problems.range(&format!("{key}.count"), section.count, 1..=19_000 * 16);
    problems.range(&format!("{key}.topics"), section.topics.unwrap_or(1), 1..=file.publish.topics);
    problems.range(&format!("{key}.wait_s"), section.wait_s.unwrap_or(25), 1..=55);
    problems.range(&format!("{key}.poll_interval_ms"), section.poll_interval_ms.unwrap_or(1_000), 10..=9_000);
    let paced = section.rate_hz > 0 || section.linger_ms > 0;
    problems.hold(!paced || transport.is_stream(), || format!("{key}: rate_hz and linger_ms are options of streams"));
    let misplaced = |given: bool, wanted: Transport| given && transport != wanted;
    problems.hold(!misplaced(section.wait_s.is_some(), Transport::LongPoll), || {
        format!("{key}.wait_s: of long-poll alone")
    });
    problems.hold(!misplaced(section.poll_interval_ms.is_some(), Transport::Polling), || {
        format!("{key}.poll_interval_ms: of polling alone")
    });
    problems
        .hold(!(section.pattern && section.topics.is_some()), || format!("{key}.topics: a pattern takes all topics"));
    check_roaming(file, section, key, problems);
}

fn check_roaming(file: &File, section: &SubscribersSection, key: &str, problems: &mut Problems) {
    let SubscribersSection { churn, stall, slow, storm, .. } = section;
    let given = [churn.is_some(), stall.is_some(), slow.is_some(), storm.is_some()];
    let count = given.iter().filter(|given| **given).count();
    problems.hold(count <= 1, || format!("{key}: at most one of churn, stall, slow and storm"));
    problems.hold(count == 0 || section.transport != Transport::Polling, || {
        format!("{key}.transport: plain polling knows no cursors, so it cannot roam")
    });
    problems.hold(count == 0 || section.rate_hz == 0, || format!("{key}.rate_hz: not of those who roam"));
    if let Some(churn) = churn {
        problems.range(&format!("{key}.churn.lifetime_ms"), churn.lifetime_ms, 100..=3_600_000);
        problems.range(&format!("{key}.churn.away_ms"), churn.away_ms, 0..=600_000);
    }
    if let Some(stall) = stall {
        problems.range(&format!("{key}.stall.longest_ms"), stall.longest_ms, 100..=600_000);
    }
    if let Some(slow) = slow {
        problems.range(&format!("{key}.slow.bytes_per_s"), slow.bytes_per_s, 100..=100_000_000);
    }
    if let Some(storm) = storm {
        problems.range(&format!("{key}.storm.at_s"), storm.at_s, 1..=file.time.seconds.saturating_sub(1));
        problems.range(&format!("{key}.storm.over_ms"), storm.over_ms, 0..=60_000);
    }
}
