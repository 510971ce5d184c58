//! Reports as they are read again from files, by any version of this program: what an older one did not write is absent.
//!
//! A file holds one JSON value or several, one after the other; every object in it that looks like a run is one,
//! wherever it stands, so that `run`, `compare` and `peers` files are all read alike.

pub mod group;

use crate::machine::Machine;
use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fs;
use std::path::Path;

#[derive(Clone, Debug, Deserialize)]
pub struct Run {
    /// Of interleaved runs: which round it belongs to.
    #[serde(default)]
    pub round: Option<u64>,
    pub target: String,
    pub transport: String,
    pub workload: Map<String, Value>,
    #[serde(default)]
    pub machine: Option<Machine>,
    pub seconds: f64,
    pub published: u64,
    pub late: u64,
    pub deliveries: u64,
    pub deliveries_per_second: f64,
    pub bytes_per_second: f64,
    pub cpu_us_per_delivery: f64,
    pub server_cpu_share: f64,
    #[serde(default)]
    pub server_waited_share: f64,
    pub server_threads: Vec<Thread>,
    /// From a gateway's metrics.
    pub writes_per_delivery: Option<f64>,
    /// Of the clients: below 1 several messages came in one.
    pub reads_per_delivery: Option<f64>,
    pub latency_ms: Latency,
    /// Upper end of a step in ms, and how many.
    #[serde(default)]
    pub latency_histogram: Vec<(f64, u64)>,
    #[serde(default)]
    pub samples: Vec<Sample>,
    #[serde(default)]
    pub lags: u64,
    pub lost: u64,
    pub resident_bytes: u64,
    pub resident_bytes_per_subscriber: f64,
    pub client_cpu_share: f64,
    pub warnings: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Thread {
    pub name: String,
    pub us_per_delivery: f64,
    pub cpu_share: f64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Latency {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p99_9: f64,
    pub p99_99: Option<f64>,
    pub max: f64,
}

/// One second.
#[derive(Clone, Debug, Deserialize)]
pub struct Sample {
    pub at_s: f64,
    pub deliveries_per_second: f64,
    pub server_cpu_share: f64,
    pub client_cpu_share: f64,
    pub p50_ms: Option<f64>,
    pub p99_ms: Option<f64>,
}

impl Run {
    /// What was measured, over what.
    pub fn name(&self) -> String {
        format!("{} {}", self.target, self.transport)
    }

    /// Deliveries that one second of CPU pays for.
    pub fn deliveries_per_cpu_second(&self) -> f64 {
        1e6 / self.cpu_us_per_delivery
    }

    /// Members of the workload that differ between two runs: name, here, there.
    pub fn workload_differences(&self, other: &Run) -> Vec<(String, String, String)> {
        let shown =
            |workload: &Map<String, Value>, key: &str| workload.get(key).map_or_else(|| "not given".to_owned(), plain);
        let mut keys: Vec<&String> = self.workload.keys().chain(other.workload.keys()).collect();
        keys.sort();
        keys.dedup();
        let pairs = keys.into_iter().map(|key| (key.clone(), shown(&self.workload, key), shown(&other.workload, key)));
        pairs.filter(|(_, here, there)| here != there).collect()
    }
}

/// A value as people write it: strings without quotes.
pub fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// All runs of a file, in their order. There is at least one.
pub fn read(path: &Path) -> anyhow::Result<Vec<Run>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut runs = Vec::new();
    for value in values(&text) {
        let value = value.with_context(|| format!("{} is not JSON", path.display()))?;
        collect(value, &mut runs).with_context(|| format!("{}: run {}", path.display(), runs.len() + 1))?;
    }
    ensure!(!runs.is_empty(), "{} holds no run", path.display());
    Ok(runs)
}

/// All runs of a report that was not written to a file.
pub fn of(report: &impl Serialize) -> anyhow::Result<Vec<Run>> {
    let mut runs = Vec::new();
    collect(serde_json::to_value(report)?, &mut runs)?;
    Ok(runs)
}

/// The JSON values of a file, one after the other.
pub fn values(text: &str) -> impl Iterator<Item = serde_json::Result<Value>> {
    serde_json::Deserializer::from_str(text).into_iter::<Value>()
}

fn collect(value: Value, runs: &mut Vec<Run>) -> serde_json::Result<()> {
    match value {
        Value::Array(values) => values.into_iter().try_for_each(|value| collect(value, runs)),
        Value::Object(members) if is_run(&members) => {
            runs.push(serde_json::from_value(Value::Object(members))?);
            Ok(())
        }
        Value::Object(members) => members.into_iter().try_for_each(|(_, value)| collect(value, runs)),
        _ => Ok(()),
    }
}

fn is_run(members: &Map<String, Value>) -> bool {
    ["target", "latency_ms", "cpu_us_per_delivery"].iter().all(|key| members.contains_key(*key))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;

    /// A run with all that a report holds.
    pub(crate) fn run(target: &str, cpu_us: f64) -> Run {
        serde_json::from_value(json(target, cpu_us)).unwrap()
    }

    pub(crate) fn json(target: &str, cpu_us: f64) -> Value {
        let sample = |at_s: f64| {
            json!({"at_s": at_s, "deliveries_per_second": 1000.0 + at_s, "server_cpu_share": 0.5, "client_cpu_share": 0.25,
                "p50_ms": 1.5, "p99_ms": 3.0})
        };
        json!({
            "target": target, "transport": "websocket", "workload": {"subscribers": 10, "rate": 100, "kind": "event"},
            "machine": {"cpu": "Model", "cpus": 2, "memory_bytes": 1 << 30, "kernel": "Linux 6"},
            "seconds": 2.0, "published": 200, "late": 0, "deliveries": 2000, "deliveries_per_second": 1000.0,
            "bytes_per_second": 120000.0, "cpu_us_per_delivery": cpu_us, "server_cpu_share": 0.5,
            "server_waited_share": 0.0, "server_threads": [{"name": "main", "us_per_delivery": cpu_us, "cpu_share": 0.5}],
            "writes_per_delivery": null, "latency_ms": {"p50": 1.5, "p90": 2.0, "p99": 3.0, "p99_9": 4.0, "p99_99": 5.0, "max": 6.0},
            "latency_histogram": [[1.2, 900], [2.0, 1000], [6.0, 100]], "samples": [sample(1.0), sample(2.0)],
            "lags": 0, "lost": 0, "resident_bytes": 1_000_000, "resident_bytes_per_subscriber": 2000.0,
            "client_cpu_share": 0.25, "warnings": []
        })
    }

    #[test]
    fn runs_are_found_wherever_they_stand() {
        let mut runs = Vec::new();
        let lines =
            format!("{}\n{}", json("floor", 5.0), json!([{"floor": [json("a", 1.0)], "fanwire": [json("b", 2.0)]}]));
        values(&lines).for_each(|value| collect(value.unwrap(), &mut runs).unwrap());
        let names: Vec<&str> = runs.iter().map(|run| run.target.as_str()).collect();
        // Members of an object come in the order of their names.
        assert_eq!(names, ["floor", "b", "a"]);
        assert_eq!(runs[0].deliveries_per_cpu_second(), 200_000.0);
    }

    #[test]
    fn what_an_older_version_wrote() {
        let mut old = json("floor", 5.0);
        for key in ["machine", "samples", "latency_histogram", "server_waited_share"] {
            old.as_object_mut().unwrap().remove(key);
        }
        old["latency_ms"].as_object_mut().unwrap().remove("p99_99");
        let run: Run = serde_json::from_value(old).unwrap();
        assert!(run.samples.is_empty() && run.machine.is_none() && run.latency_ms.p99_99.is_none());
    }

    #[test]
    fn workloads_that_differ() {
        let (a, mut b) = (run("a", 1.0), run("b", 1.0));
        assert!(a.workload_differences(&b).is_empty());
        b.workload.insert("rate".into(), json!(200));
        b.workload.insert("scenario".into(), json!("burst"));
        let found = a.workload_differences(&b);
        assert_eq!(found[0], ("rate".into(), "100".into(), "200".into()));
        assert_eq!(found[1], ("scenario".into(), "not given".into(), "burst".into()));
    }
}
