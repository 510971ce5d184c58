//! What came of a group of roamers.

use crate::audience::Group;
use crate::client::tally::recorded;
use crate::course::{Look, latencies_between};
use crate::crowd::account::Account;
use crate::crowd::{Crowd, Doings};
use crate::report::Latency;
use crate::workload::Transport;
use serde::Serialize;
use std::fmt;

#[derive(Clone, Debug, Serialize)]
pub struct Roamed {
    pub name: String,
    pub transport: Transport,
    pub subscribers: usize,
    /// Of the whole run.
    pub arrivals: u64,
    pub resumes: u64,
    /// Resumes that were answered anew.
    pub full: u64,
    pub stalls: u64,
    pub lags: u64,
    pub lost: u64,
    /// Messages that were proven.
    pub messages: u64,
    /// In the window.
    pub connects_per_second: f64,
    /// From a stream's beginning until it was live, of those that began in the window; `None` if none did.
    pub connect_ms: Option<Latency>,
    /// Of those who read all the time.
    pub latency_ms: Latency,
    /// `None` if there was none.
    pub storm: Option<Storm>,
}

/// All connections of a group broke off at once, and came back.
#[derive(Clone, Debug, Serialize)]
pub struct Storm {
    /// Since the window began.
    pub from_s: f64,
    pub to_s: f64,
    /// Time over which they came.
    pub over_ms: u64,
    /// Time until the last of them had everything.
    pub back_ms: f64,
    /// Of the whole machine meanwhile.
    pub listen_overflows: u64,
    /// What the measured felt; `None` if nobody was.
    pub others: Option<Others>,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct Others {
    pub calm_ms: Latency,
    pub storm_ms: Latency,
    pub p99_ratio: f64,
}

impl Roamed {
    pub fn new(group: &Group, crowd: &Crowd, connects_per_second: f64, storm: Option<Storm>) -> Roamed {
        let Doings { arrivals, resumes, stalls, .. } = crowd.doings;
        let Account { messages, lags, lost, full, .. } = crowd.account();
        Roamed {
            name: group.name.clone(),
            transport: group.transport,
            subscribers: group.subscribers,
            arrivals,
            resumes,
            full,
            stalls,
            lags,
            lost,
            messages,
            connects_per_second,
            connect_ms: (!crowd.arrivals.is_empty()).then(|| Latency::of(&crowd.arrivals)),
            latency_ms: Latency::of(&crowd.tally.latency),
            storm,
        }
    }

    /// What the measured felt of a storm, by the looks of the window.
    pub fn set_others(&mut self, looks: &[Look]) {
        let Some(storm) = &mut self.storm else { return };
        let calm = recorded::histogram(&latencies_between(looks, 0.0, storm.from_s));
        // A message that was due before its end arrives after it.
        let during = recorded::histogram(&latencies_between(looks, storm.from_s, storm.to_s.ceil()));
        if calm.is_empty() || during.is_empty() {
            return;
        }
        let (calm_ms, storm_ms) = (Latency::of(&calm), Latency::of(&during));
        storm.others = Some(Others { calm_ms, storm_ms, p99_ratio: storm_ms.p99 / calm_ms.p99 });
    }
}

impl fmt::Display for Roamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Roamed { subscribers, transport, arrivals, resumes, full, stalls, lags, lost, messages, .. } = self;
        write!(
            f,
            "{subscribers} × {transport}: {messages} messages proven, {arrivals} came ({resumes} with a cursor, "
        )?;
        write!(f, "{full} told anew), {stalls} stalls, {lags} lags, {lost} told lost; ")?;
        write!(f, "{:.0} connects/s", self.connects_per_second)?;
        self.connect_ms.map_or(Ok(()), |connect| write!(f, "; until live {connect}"))
    }
}

impl fmt::Display for Storm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Storm { over_ms, back_ms, listen_overflows, .. } = self;
        write!(f, "came over {over_ms} ms, all live after {back_ms:.0} ms; {listen_overflows} listen overflows")?;
        match self.others {
            Some(Others { calm_ms, storm_ms, p99_ratio }) => {
                write!(f, "; the others' p99 {:.2} → {:.2} ms = {p99_ratio:.2} ×", calm_ms.p99, storm_ms.p99)
            }
            None => Ok(()),
        }
    }
}
