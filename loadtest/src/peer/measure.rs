//! One run against a peer: as against Fanwire, but with the peer's subscribers and its way in.

use super::fleet::PeerFleet;
use super::report::{PeerReport, Seen};
use super::{Peer, Running, Way};
use crate::clock::{SECOND_NS, now_ns};
use crate::course::{self, Looks};
use crate::measure::live::{Live, Subscribers};
use crate::measure::usage::Observed;
use crate::measure::{DRAIN_TIME_NS, LEAD_NS, LOOK_NS, on_publisher, pin_clients};
use crate::publisher::{Progress, Schedule, publish_through};
use crate::target::Setting;
use crate::target::kernel::Ksoftirqd;
use crate::target::process::name_thread;
use crate::workload::Workload;
use anyhow::bail;

struct Session<'a> {
    workload: &'a Workload,
    peer: &'a dyn Peer,
    way: Way,
    running: &'a Running,
    observed: Observed<'a>,
    live: Live,
}

pub fn run(workload: &Workload, peer: &dyn Peer, way: Way, setting: &Setting) -> anyhow::Result<PeerReport> {
    workload.validate()?;
    // Before the peer starts: it is pinned too, but must not start on our CPU.
    pin_clients(setting.client_cpu);
    name_thread(c"subscribers");
    let running = peer.start(setting, workload)?;
    let observed = Observed {
        targets: std::slice::from_ref(&running.target),
        ksoftirqd: Ksoftirqd::of(setting.server_cpu),
        clients: vec![std::process::id()],
    };
    let live = Live::new(format!("{} {way}", peer.name()));
    let session = Session { workload, peer, way, running: &running, observed, live };
    let report = session.measure();
    session.live.clear();
    let report = report?;
    // With which status differs from peer to peer.
    running.target.end()?;
    Ok(report)
}

impl Session<'_> {
    fn measure(&self) -> anyhow::Result<PeerReport> {
        let Session { workload, peer, way, running, observed, live } = self;
        let resident_before = observed.resident_bytes()?;
        let subscriber = |topics: &[u32]| peer.subscriber(*way, topics);
        let mut fleet = PeerFleet::open(workload, running.target.address, subscriber, |ready| {
            live.show(|| format!("{ready} of {} subscribers are open", workload.subscribers));
        })?;
        let resident_bytes = observed.resident_bytes()?;
        let schedule = Schedule::of(workload, now_ns() + LEAD_NS);
        let progress = Progress::default();
        let publish = || {
            let mut inlet = peer.inlet(*way, running, workload)?;
            publish_through(inlet.as_mut(), workload.topics, schedule, &progress)
        };
        let mut seen = on_publisher(&progress, publish, || self.observe(schedule, &mut fleet, &progress))?;
        seen.resident = (resident_before, resident_bytes);
        Ok(PeerReport::new(workload, (peer.name(), *way), &seen, fleet.tally(), &progress))
    }

    /// Runs the subscribers until all has arrived, and looks at everything meanwhile.
    fn observe(&self, schedule: Schedule, fleet: &mut PeerFleet, progress: &Progress) -> anyhow::Result<Seen> {
        let workload = self.workload;
        let window_ns = schedule.start_ns + workload.warmup * SECOND_NS;
        fleet.time_from(window_ns);
        let (mut looks, mut used, mut ends) = (Looks::default(), Vec::new(), Vec::new());
        for second in 0..=workload.seconds {
            self.live.run_until(window_ns + second * course::LOOK_NS, fleet, progress)?;
            if second == 0 || second == workload.seconds {
                ends.push(self.observed.read()?);
            }
            looks.take(now_ns(), fleet.tally());
            used.push(self.observed.used()?);
        }
        drain(workload, fleet)?;
        let [before, after] = &ends[..] else { bail!("a window has two ends") };
        Ok(Seen { usage: after.since(before), looks: looks.taken, used, resident: (0, 0) })
    }
}

/// Takes what is still under way. Peers lose without a word: what does not come in time is counted.
fn drain(workload: &Workload, fleet: &mut PeerFleet) -> anyhow::Result<()> {
    let last = |topic| workload.messages_of(topic);
    let deadline = now_ns() + DRAIN_TIME_NS;
    while fleet.is_behind(last) && now_ns() < deadline {
        fleet.turn(now_ns() + LOOK_NS)?;
    }
    fleet.count_missing(last);
    Ok(())
}
