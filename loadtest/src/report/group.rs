//! What the subscribers of one kind received.

use super::Latency;
use crate::audience::Group;
use crate::client::tally::Tally;
use crate::workload::Transport;
use serde::Serialize;
use std::fmt;

#[derive(Clone, Debug, Serialize)]
pub struct GroupReport {
    pub name: String,
    pub transport: Transport,
    pub subscribers: usize,
    /// Of the whole run.
    pub proven: u64,
    /// Of messages that were due in the window.
    pub deliveries: u64,
    pub latency_ms: Latency,
    pub snapshots: u64,
    pub lags: u64,
    pub ticks: u64,
    pub lost: u64,
    /// Answers to polls, and those of them that said that nothing changed.
    pub answers: u64,
    pub unchanged: u64,
}

impl GroupReport {
    pub(super) fn new(group: &Group, tally: &Tally) -> GroupReport {
        GroupReport {
            name: group.name.clone(),
            transport: group.transport,
            subscribers: group.subscribers,
            proven: tally.deliveries,
            deliveries: tally.latency.len(),
            latency_ms: Latency::of(&tally.latency),
            snapshots: tally.snapshots,
            lags: tally.lags,
            ticks: tally.ticks,
            lost: tally.lost,
            answers: tally.answers,
            unchanged: tally.unchanged,
        }
    }
}

impl fmt::Display for GroupReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let GroupReport { subscribers, proven, lags, ticks, lost, answers, unchanged, .. } = self;
        write!(f, "{subscribers} × {}: {proven} proven, {lags} lags, {lost} lost", self.transport)?;
        if *ticks > 0 {
            write!(f, ", {ticks} by snapshot")?;
        }
        if *answers > 0 {
            write!(f, ", {answers} answers ({unchanged} unchanged)")?;
        }
        write!(f, "; {}", self.latency_ms)
    }
}
