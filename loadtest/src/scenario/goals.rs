//! What a scenario is to reach, beside what it reached.

use super::file::GoalsSection;
use crate::report::{Comparison, Report};
use crate::roam::report::Storm;
use serde::Serialize;
use std::fmt;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Goal {
    pub key: &'static str,
    pub limit: f64,
    /// `None` if nothing tells.
    pub value: Option<f64>,
    pub is_met: bool,
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Goal { key, limit, value, is_met } = self;
        let word = if *is_met { "met" } else { "MISSED" };
        match value {
            Some(value) => write!(f, "{word}: {key} = {limit}, reached {value:.2}"),
            None => write!(f, "{word}: {key} = {limit}, but nothing tells"),
        }
    }
}

/// All that are asked for. `reports`: the gateway's.
pub fn judge(goals: &GoalsSection, comparison: Option<&Comparison>, reports: &[Report]) -> Vec<Goal> {
    let ratio = |of: fn(&Comparison) -> f64| comparison.map(of);
    let figure = |of: fn(&Report) -> Option<f64>| median(reports.iter().filter_map(of).collect());
    let most = |key, limit: Option<f64>, value: Option<f64>| goal(key, limit, value, |value, limit| value <= limit);
    let least = |key, limit: Option<f64>, value: Option<f64>| goal(key, limit, value, |value, limit| value >= limit);
    let asked = [
        most("cpu_ratio_max", goals.cpu_ratio_max, ratio(|c| c.cpu.median)),
        most("p50_ratio_max", goals.p50_ratio_max, ratio(|c| c.p50.median)),
        most("p99_ratio_max", goals.p99_ratio_max, ratio(|c| c.p99.median)),
        least(
            "deliveries_per_second_min",
            goals.deliveries_per_second_min,
            figure(|report| Some(report.deliveries_per_second)),
        ),
        most("p50_ms_max", goals.p50_ms_max, figure(|report| Some(report.latency_ms.p50))),
        most("p99_ms_max", goals.p99_ms_max, figure(|report| Some(report.latency_ms.p99))),
        most(
            "resident_bytes_per_subscriber_max",
            goals.resident_bytes_per_subscriber_max,
            figure(|report| Some(report.resident_bytes_per_subscriber_at_end)),
        ),
        most("lags_max", goals.lags_max, figure(|report| Some(report.lags as f64))),
        most("storm_back_ms_max", goals.storm_back_ms_max, figure(|report| storm(report).map(|storm| storm.back_ms))),
        most(
            "storm_others_p99_ratio_max",
            goals.storm_others_p99_ratio_max,
            figure(|report| storm(report)?.others.map(|others| others.p99_ratio)),
        ),
        most(
            "listen_overflows_max",
            goals.listen_overflows_max,
            figure(|report| storm(report).map(|storm| storm.listen_overflows as f64)),
        ),
    ];
    asked.into_iter().flatten().collect()
}

/// `None` if it is not asked for. What nothing tells is missed.
fn goal(key: &'static str, limit: Option<f64>, value: Option<f64>, met: fn(f64, f64) -> bool) -> Option<Goal> {
    let limit = limit?;
    Some(Goal { key, limit, value, is_met: value.is_some_and(|value| met(value, limit)) })
}

fn storm(report: &Report) -> Option<&Storm> {
    report.roamed.iter().find_map(|roamed| roamed.storm.as_ref())
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nothing_tells_is_missed() {
        let goals = GoalsSection { cpu_ratio_max: Some(1.05), ..GoalsSection::default() };
        let judged = judge(&goals, None, &[]);
        assert_eq!(judged, [Goal { key: "cpu_ratio_max", limit: 1.05, value: None, is_met: false }]);
        assert!(judge(&GoalsSection::default(), None, &[]).is_empty());
    }

    #[test]
    fn limits_are_met_where_they_are_reached() {
        let most = goal("a", Some(2.0), Some(2.0), |value, limit| value <= limit).unwrap();
        let least = goal("b", Some(2.0), Some(1.9), |value, limit| value >= limit).unwrap();
        assert!(most.is_met && !least.is_met);
        assert_eq!(least.to_string(), "MISSED: b = 2, reached 1.90");
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
    }
}
