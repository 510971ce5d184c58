//! One run against a peer: as against Fanwire, but with the peer's subscribers and its way in.

use super::fleet::PeerFleet;
use super::{Peer, Way};
use crate::measure::{Live, Measurement, measure, take_client_cpu};
use crate::publisher::{Progress, Schedule, publish_through};
use crate::target::Setting;
use crate::workload::Workload;
use anyhow::ensure;
use std::sync::atomic::Ordering;

pub fn run(workload: &Workload, peer: &dyn Peer, way: Way, setting: &Setting) -> anyhow::Result<Measurement> {
    workload.validate()?;
    let live = Live::new(format!("{} {way}", peer.name()));
    take_client_cpu(setting);
    let running = peer.start(setting, workload)?;
    let open = || {
        let subscriber = |topics: &[u32]| peer.subscriber(way, topics);
        PeerFleet::open(workload, running.target.address, subscriber, |ready| live.show_open(ready, workload))
    };
    let publish = |schedule: Schedule, progress: &Progress| {
        let mut inlet = peer.inlet(way, &running, workload)?;
        let accepted = publish_through(inlet.as_mut(), workload.topics, schedule, progress)?;
        let sent = progress.sent.load(Ordering::Relaxed);
        ensure!(accepted == sent, "the peer accepted {accepted} of {sent} messages");
        Ok(())
    };
    let label = (peer.name().to_owned(), way.to_string());
    let measurement = measure(workload, label, &running.target, &live, open, publish)?;
    // With which status differs from peer to peer.
    running.target.end()?;
    Ok(measurement)
}
