//! Scenarios: a load, what listens to it and what is to be reached, as a TOML file (`loadtest/scenarios/`).
//!
//! In two stages, as the gateway's configuration: as written ([`file`]) → as meant ([`Scenario`]), with every problem
//! at once.

mod check;
mod file;
mod goals;

use crate::audience::Group;
use crate::measure::{self, Load};
use crate::pairs::{self, Budget};
use crate::report::{Comparison, Report};
use crate::roam::{Manner, Roamers};
use crate::stage::Stage;
use crate::target::{Setting, TargetKind};
use crate::workload::Workload;
use anyhow::Context;
use check::check;
use file::{File, GoalsSection, RunSection, SubscribersSection};
use goals::{Goal, judge};
use serde::Serialize;
use std::path::Path;

/// Seconds, and messages per second, of the run that says what FLOOR-A can deliver.
const CAPACITY_SECONDS: u64 = 3;
const CAPACITY_RATE: u64 = 100;

/// A scenario as meant.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub title: String,
    pub load: Load,
    pub run: RunSection,
    /// Share of what FLOOR-A can deliver; 0: the rate is given.
    rate_of_floor: f64,
    goals: GoalsSection,
}

/// What a scenario came to.
#[derive(Debug, Serialize)]
pub struct ScenarioReport {
    pub scenario: String,
    /// Deliveries per second of FLOOR-A on one CPU, where the rate follows from it.
    pub floor_capacity: Option<f64>,
    /// `None` if nothing was compared.
    pub comparison: Option<Comparison>,
    /// `None` if something was.
    pub report: Option<Report>,
    pub goals: Vec<Goal>,
}

/// How a scenario may be changed from outside.
#[derive(Clone, Copy, Debug, Default)]
pub struct Changes {
    /// Multiplies the numbers of subscribers.
    pub scale: Option<f64>,
    pub warmup_s: Option<u64>,
    pub seconds: Option<u64>,
}

impl Scenario {
    pub fn read(path: &Path, changes: Changes) -> anyhow::Result<Scenario> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Scenario::parse(&text, changes).with_context(|| path.display().to_string())
    }

    pub fn parse(text: &str, changes: Changes) -> anyhow::Result<Scenario> {
        let mut file: File = toml::from_str(text)?;
        changes.apply(&mut file);
        let problems = check(&file).into_vec();
        if !problems.is_empty() {
            anyhow::bail!("{}", problems.join("\n  "));
        }
        Ok(file.into())
    }

    /// Where it takes place.
    pub fn stage(&self, setting: &Setting, helper_cpu: &[usize]) -> Stage {
        let RunSection { floor, floor_tick_ms, gateways, client_processes, .. } = self.run;
        let (setting, helper_cpu) = (setting.clone(), helper_cpu.to_vec());
        Stage { setting, floor, floor_tick_ms, gateways, client_processes, helper_cpu }
    }

    /// Runs it: pairs with the floor, or the one target that is named, once.
    pub fn measure(
        mut self,
        stage: &Stage,
        budget: &Budget,
        target: Option<TargetKind>,
    ) -> anyhow::Result<ScenarioReport> {
        let floor_capacity = self.set_rate(stage)?;
        let (mut comparison, mut report) = (None, None);
        if self.run.compare && target.is_none() {
            comparison = Some(pairs::compare(&self.load, stage, budget)?);
        } else {
            let measured = measure::run(&self.load, target.unwrap_or(TargetKind::Fanwire), stage)?;
            report = Some(Report::new(&self.load.workload, &measured));
        }
        let compared = comparison.as_ref().map(|comparison: &Comparison| comparison.fanwire.as_slice());
        let reports = compared.unwrap_or(report.as_slice());
        let goals = judge(&self.goals, comparison.as_ref(), reports);
        Ok(ScenarioReport { scenario: self.title, floor_capacity, comparison, report, goals })
    }

    /// Where the rate is a share of what FLOOR-A can deliver: measures that, and sets the rate. A floor that is not busy
    /// costs per delivery what a busy one does, so that its cost says how many it could make.
    fn set_rate(&mut self, stage: &Stage) -> anyhow::Result<Option<f64>> {
        if self.rate_of_floor == 0.0 {
            return Ok(None);
        }
        let workload =
            Workload { rate: CAPACITY_RATE, burst: 1, seconds: CAPACITY_SECONDS, ..self.load.workload.clone() };
        let load = Load { workload, roamers: Vec::new(), ..self.load.clone() };
        let measured = measure::run(&load, TargetKind::Floor, stage)?;
        let capacity = 1e6 / measured.cpu_us_per_delivery();
        let per_message = measured.deliveries as f64 / (CAPACITY_RATE * CAPACITY_SECONDS) as f64;
        self.load.workload.rate = (capacity * self.rate_of_floor / per_message).max(1.0) as u64;
        Ok(Some(capacity))
    }
}

impl Changes {
    fn apply(&self, file: &mut File) {
        file.time.warmup_s = self.warmup_s.unwrap_or(file.time.warmup_s);
        file.time.seconds = self.seconds.unwrap_or(file.time.seconds);
        let middle_s = (file.time.seconds / 2).max(1);
        for section in &mut file.subscribers {
            let count = section.count as f64 * self.scale.unwrap_or(1.0);
            section.count = (count.round() as usize).max(1);
            // A shorter run has its storm too.
            if let Some(storm) = section.storm.as_mut().filter(|_| self.seconds.is_some()) {
                storm.at_s = storm.at_s.min(middle_s);
            }
        }
    }
}

impl From<File> for Scenario {
    fn from(file: File) -> Scenario {
        let (mut groups, mut roamers) = (Vec::new(), Vec::new());
        for section in &file.subscribers {
            let group = section.group(file.publish.topics);
            match section.manner() {
                Some(manner) => roamers.push(Roamers { group, manner }),
                None => groups.push(group),
            }
        }
        let workload = Workload {
            subscribers: file.subscribers.iter().map(|section| section.count).sum(),
            topics: file.publish.topics,
            per_subscriber: file.subscribers.iter().find_map(|section| section.topics).unwrap_or(1),
            rate: file.publish.rate,
            burst: file.publish.burst,
            kind: file.publish.kind,
            data_bytes: file.publish.data_bytes,
            warmup: file.time.warmup_s,
            seconds: file.time.seconds,
            seed: file.run.seed,
            ..Workload::of_one_topic()
        };
        let load = Load { workload, groups, roamers, keys: file.gateway };
        let rate_of_floor = file.publish.rate_of_floor;
        Scenario { title: file.title, load, run: file.run, rate_of_floor, goals: file.goals }
    }
}

impl SubscribersSection {
    /// They do more than listen.
    pub fn roams(&self) -> bool {
        self.manner().is_some()
    }

    fn manner(&self) -> Option<Manner> {
        let churn = self.churn.map(|file::Churn { lifetime_ms, away_ms }| Manner::Churn { lifetime_ms, away_ms });
        let stall = self.stall.map(|file::Stall { longest_ms }| Manner::Stall { longest_ms });
        let slow = self.slow.map(|file::Slow { bytes_per_s }| Manner::Slow { bytes_per_s });
        let storm = self.storm.map(|file::StormKeys { at_s, over_ms }| Manner::Storm { at_s, over_ms });
        churn.or(stall).or(slow).or(storm)
    }

    fn group(&self, topics: usize) -> Group {
        let by_default = Group::of(&Workload::of_one_topic(), self.transport);
        Group {
            name: self.name.clone().unwrap_or(by_default.name),
            transport: self.transport,
            subscribers: self.count,
            per_subscriber: if self.pattern { topics } else { self.topics.unwrap_or(1) },
            pattern: self.pattern,
            rate_hz: self.rate_hz,
            linger_ms: self.linger_ms,
            wait_s: self.wait_s.unwrap_or(by_default.wait_s),
            poll_interval_ms: self.poll_interval_ms.unwrap_or(by_default.poll_interval_ms),
        }
    }
}

impl ScenarioReport {
    pub fn table(&self) -> String {
        let mut out = format!("{}\n", self.scenario);
        if let Some(capacity) = self.floor_capacity {
            out.push_str(&format!("FLOOR-A can deliver {capacity:.0}/s on one CPU\n"));
        }
        out.extend(self.comparison.iter().map(Comparison::table));
        out.extend(self.report.iter().map(Report::table));
        out.extend(self.goals.iter().map(|goal| format!("  {goal}\n")));
        out
    }

    /// The goals that were not reached.
    pub fn missed(&self) -> Vec<String> {
        self.goals.iter().filter(|goal| !goal.is_met).map(Goal::to_string).collect()
    }
}

#[cfg(test)]
mod tests;
