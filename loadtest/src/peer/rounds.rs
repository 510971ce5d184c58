//! Interleaved rounds: in each the floor, Fanwire and every peer once, since absolute figures drift and ratios within a
//! round hold. Every run is written down when it is over, so that nothing is lost if a later one fails.

use super::report::PeerReport;
use super::{ALL, Peer, Way, measure};
use crate::measure::Load;
use crate::report::{Latency, Report};
use crate::results::{Run, values};
use crate::stage::Stage;
use crate::target::TargetKind;
use crate::workload::{Transport, Workload};
use anyhow::{Context, ensure};
use serde::Serialize;
use serde_json::Value;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Who takes part in a round.
#[derive(Clone, Copy)]
pub enum Contender {
    Own(TargetKind, Transport),
    Peer(&'static dyn Peer, Way),
}

/// The report of a run.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Said {
    Own(Report),
    Peer(PeerReport),
}

/// What is written of one run, as one line.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Line {
    Run {
        round: u64,
        /// `None` of our own.
        version: Option<String>,
        #[serde(flatten)]
        report: Box<Said>,
    },
    Failure {
        round: u64,
        target: String,
        transport: String,
        failure: String,
    },
}

impl Contender {
    pub fn target(&self) -> String {
        match self {
            Contender::Own(kind, _) => kind.to_string(),
            Contender::Peer(peer, _) => peer.name().to_owned(),
        }
    }

    pub fn transport(&self) -> String {
        match self {
            Contender::Own(_, transport) => transport.to_string(),
            Contender::Peer(_, way) => way.to_string(),
        }
    }

    fn version(&self) -> Option<String> {
        match self {
            Contender::Own(..) => None,
            Contender::Peer(peer, _) => peer.version().ok(),
        }
    }

    fn run(&self, workload: &Workload, stage: &Stage) -> anyhow::Result<Said> {
        match *self {
            Contender::Own(kind, transport) => {
                let measured = crate::measure::run(&Load::alike(workload, transport), kind, stage)?;
                Ok(Said::Own(Report::new(workload, &measured)))
            }
            Contender::Peer(peer, way) => measure::run(workload, peer, way, &stage.setting).map(Said::Peer),
        }
    }
}

/// The floor, Fanwire over `transports`, and the peers that are installed and named; `tell` hears of those that are not.
/// No name at all: every peer.
pub fn contenders(
    transports: &[Transport],
    names: &[String],
    mut tell: impl FnMut(&str),
) -> anyhow::Result<Vec<Contender>> {
    let own = transports.iter().map(|transport| Contender::Own(TargetKind::Fanwire, *transport));
    let mut found = vec![Contender::Own(TargetKind::Floor, Transport::Websocket)];
    found.extend(own);
    for name in names {
        ensure!(ALL.iter().any(|peer| peer.name() == name), "no peer is called {name:?}");
    }
    for peer in ALL.into_iter().filter(|peer| names.is_empty() || names.iter().any(|name| name == peer.name())) {
        match peer.version() {
            Ok(_) => found.extend(peer.ways().iter().map(|way| Contender::Peer(peer, *way))),
            Err(error) => tell(&format!("SKIPPED: {}: {error:#}", peer.name())),
        }
    }
    Ok(found)
}

/// The file of one workload's rounds.
pub struct Record {
    path: PathBuf,
    /// The last round that it holds.
    round: u64,
}

impl Record {
    /// Goes on with the file of that name, if there is one, which has to be of the same workload.
    pub fn open(folder: &Path, name: &str, workload: &Workload) -> anyhow::Result<Record> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let path = folder.join(format!("{name}.jsonl"));
        let text = if path.exists() { fs::read_to_string(&path)? } else { String::new() };
        let mut round = 0;
        let workload = serde_json::to_value(workload)?;
        for value in values(&text) {
            let value = value.with_context(|| format!("{} is not JSON", path.display()))?;
            round = round.max(value["round"].as_u64().unwrap_or(0));
            let held = value.get("workload").unwrap_or(&workload);
            ensure!(*held == workload, "{} holds runs of another workload", path.display());
        }
        Ok(Record { path, round })
    }

    /// Runs all once. A run that fails is written down as such; `tell` hears how each went.
    pub fn run_round(
        &mut self,
        contenders: &[Contender],
        workload: &Workload,
        stage: &Stage,
        mut tell: impl FnMut(&str),
    ) -> anyhow::Result<()> {
        self.round += 1;
        for contender in contenders {
            let (target, transport) = (contender.target(), contender.transport());
            let line = match contender.run(workload, stage) {
                Ok(report) => {
                    tell(&format!("round {}: {target} {transport}: {}", self.round, report.in_short()));
                    Line::Run { round: self.round, version: contender.version(), report: Box::new(report) }
                }
                Err(error) => {
                    let failure = format!("{error:#}");
                    tell(&format!("round {}: {target} {transport} FAILED: {failure}", self.round));
                    Line::Failure { round: self.round, target, transport, failure }
                }
            };
            self.append(&line)?;
        }
        Ok(())
    }

    fn append(&self, line: &Line) -> anyhow::Result<()> {
        let mut json = serde_json::to_string(line)?;
        json.push('\n');
        let mut file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        file.write_all(json.as_bytes()).with_context(|| format!("cannot write {}", self.path.display()))
    }
}

impl Said {
    fn in_short(&self) -> String {
        let (cpu_us, per_second, latency, lost) = match self {
            Said::Own(report) => {
                (report.cpu_us_per_delivery, report.deliveries_per_second, report.latency_ms, report.lost)
            }
            Said::Peer(report) => {
                (report.cpu_us_per_delivery, report.deliveries_per_second, report.latency_ms, report.lost)
            }
        };
        let Latency { p50, p99, .. } = latency;
        format!("{cpu_us:.2} µs per delivery, {per_second:.0}/s, p50 {p50:.1} ms, p99 {p99:.1} ms, {lost} lost")
    }
}

/// A run that failed, as it is read again.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
pub struct Failure {
    pub round: u64,
    pub target: String,
    pub transport: String,
    pub failure: String,
}

/// All that a record holds.
#[derive(Debug, Default)]
pub struct Held {
    pub runs: Vec<Run>,
    pub failures: Vec<Failure>,
    /// Of peers: target and version.
    pub versions: Vec<(String, String)>,
}

impl Held {
    pub fn read(path: &Path) -> anyhow::Result<Held> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut held = Held::default();
        for value in values(&text) {
            held.add(value?).with_context(|| format!("cannot read {}", path.display()))?;
        }
        Ok(held)
    }

    fn add(&mut self, line: Value) -> serde_json::Result<()> {
        if line.get("failure").is_some() {
            self.failures.push(serde_json::from_value(line)?);
            return Ok(());
        }
        if let (Some(target), Some(version)) = (line["target"].as_str(), line["version"].as_str()) {
            let version = (target.to_owned(), version.to_owned());
            if !self.versions.contains(&version) {
                self.versions.push(version);
            }
        }
        self.runs.push(serde_json::from_value(line)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::json;
    use serde_json::json;

    #[test]
    fn what_is_held() {
        let mut held = Held::default();
        let mut run = json("nats", 9.0);
        run["round"] = json!(2);
        run["version"] = json!("2.9");
        held.add(run.clone()).unwrap();
        held.add(run).unwrap();
        held.add(json!({"round": 2, "target": "ws", "transport": "websocket", "failure": "it ended"})).unwrap();
        assert_eq!((held.runs.len(), held.runs[0].round, held.failures[0].target.as_str()), (2, Some(2), "ws"));
        assert_eq!(held.versions, [("nats".to_owned(), "2.9".to_owned())]);
    }

    #[test]
    fn unknown_peers_are_refused() {
        assert!(contenders(&[], &["nobody".to_owned()], |_| {}).is_err());
    }
}
