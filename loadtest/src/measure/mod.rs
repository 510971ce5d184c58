//! One run: start the targets, give birth to the topics, open the subscribers, publish, measure a window of it, and see
//! that all of it arrived.

pub mod live;
mod load;
mod measurement;
pub mod usage;

use crate::audience::{Group, Share};
use crate::audit::audit;
use crate::client::{Fleet, Invitation, Violation};
use crate::clock::{MILLISECOND_NS, SECOND_NS, now_ns};
use crate::course::{self, Look, Looks, Used, samples};
use crate::helpers::{Assignment, Helpers, Outcome};
use crate::publisher::{self, Progress, Schedule};
use crate::roam::report::Roamed;
use crate::roam::{Excursion, beside};
use crate::stage::Stage;
use crate::target::instructions::{Counting, Instructions, probe};
use crate::target::kernel::Ksoftirqd;
use crate::target::process::{name_thread, pin};
use crate::target::{Target, TargetKind};
use crate::workload::Workload;
use anyhow::{Context, bail};
use live::Live;
pub use load::Load;
pub use measurement::Measurement;
use std::net::SocketAddrV4;
use std::sync::atomic::Ordering;
use usage::{Observed, Reading, Usage};

/// Time between the last subscriber's snapshot and the first message.
pub const LEAD_NS: u64 = 300 * MILLISECOND_NS;
/// Longest time in which all that was published has to have arrived, after the end.
pub const DRAIN_TIME_NS: u64 = 15 * SECOND_NS;
/// How often the fleet's loop looks at the clock when nothing arrives.
pub const LOOK_NS: u64 = 50 * MILLISECOND_NS;

pub fn run(load: &Load, kind: TargetKind, stage: &Stage) -> anyhow::Result<Measurement> {
    let workload = &load.workload;
    workload.validate()?;
    stage.validate(load.connections())?;
    kind.speaks(load)?;
    let live = Live::new(format!("{kind} {}", load.label()));
    // Before the targets start: they pin themselves, but must not start on our CPU.
    pin_clients(stage.setting.client_cpu);
    name_thread(c"subscribers");
    let targets = Target::start(kind, stage, load)?;
    let addresses: Vec<SocketAddrV4> = targets.iter().map(|target| target.address).collect();
    addresses.iter().try_for_each(|&address| publisher::give_birth(workload, address))?;
    let progress = Progress::default();
    let run = Run { load, kind, stage, live: &live, targets: &targets, addresses, progress: &progress };
    let measured = run.measure();
    live.clear();
    let measured = measured?;
    targets.into_iter().try_for_each(Target::stop)?;
    Ok(measured)
}

pub fn pin_clients(cpu: usize) {
    if !pin(cpu) {
        eprintln!("warning: CPU {cpu} is not to be had; nothing is pinned");
    }
}

struct Run<'a> {
    load: &'a Load,
    kind: TargetKind,
    stage: &'a Stage,
    live: &'a Live,
    targets: &'a [Target],
    addresses: Vec<SocketAddrV4>,
    progress: &'a Progress,
}

/// What this process saw of the window, and used.
struct Window {
    usage: Usage,
    looks: Vec<Look>,
    used: Vec<Used>,
    instructions: anyhow::Result<Instructions>,
}

/// Resident memory of the targets before and after the subscribers were opened.
#[derive(Clone, Copy)]
struct Resident {
    before: u64,
    open: u64,
}

impl Run<'_> {
    fn measure(&self) -> anyhow::Result<Measurement> {
        let Load { workload, groups, .. } = self.load;
        let mut helpers = Helpers::start(self.stage, |share| self.assignment(share))?;
        let observed = self.observed(&helpers);
        let before = observed.resident_bytes()?;
        let share = Share { process: 0, processes: self.stage.client_processes };
        let invitation = Invitation { workload, groups, targets: &self.addresses, share, narrow: 0 };
        let mut fleet = Fleet::open(&invitation, |whole| {
            self.live.show(|| format!("{whole} of {} subscribers are open", self.load.subscribers()));
        })?;
        helpers.await_open()?;
        let excursions = self.excursions()?;
        let resident = Resident { before, open: observed.resident_bytes()? };
        let schedule = Schedule::of(workload, now_ns() + LEAD_NS);
        helpers.begin(schedule.start_ns)?;
        let (mut window, mut roamed) = publishing_beside(workload, schedule, &self.addresses, self.progress, || {
            beside(excursions, schedule, || self.observe(schedule, &observed, &mut fleet))
        })?;
        if self.kind == TargetKind::Fanwire {
            audit(&fleet, workload, &self.addresses)?;
        }
        let mut clients = Outcome::of(fleet, std::mem::take(&mut window.looks));
        clients.add(helpers.finish()?);
        roamed.iter_mut().for_each(|roamed| roamed.set_others(&clients.looks));
        Ok(self.conclude(window, clients, resident, roamed))
    }

    fn observed(&self, helpers: &Helpers) -> Observed<'_> {
        let mut clients = helpers.pids();
        clients.push(std::process::id());
        Observed { targets: self.targets, ksoftirqd: Ksoftirqd::of(self.stage.setting.server_cpu), clients }
    }

    fn excursions(&self) -> anyhow::Result<Vec<Excursion<'_>>> {
        let Load { workload, roamers, .. } = self.load;
        let seeds = workload.seed + 1..;
        let open = |(roamers, seed)| Excursion::open(roamers, workload, self.addresses[0], seed);
        roamers.iter().zip(seeds).map(open).collect()
    }

    fn assignment(&self, share: Share) -> Assignment {
        let Load { workload, groups, .. } = self.load.clone();
        Assignment {
            workload,
            groups,
            targets: self.addresses.clone(),
            share,
            audits: self.kind == TargetKind::Fanwire,
        }
    }

    /// Runs the fleet until all has arrived, and looks at everything meanwhile.
    fn observe(&self, schedule: Schedule, observed: &Observed<'_>, fleet: &mut Fleet) -> anyhow::Result<Window> {
        let Load { workload, groups, .. } = self.load;
        let (mut looks, mut used, mut ends): (_, _, Vec<Reading>) = (Looks::default(), Vec::new(), Vec::new());
        let countable = probe();
        let mut counting = None;
        let run_until = |until_ns, fleet: &mut Fleet| self.live.run_until(until_ns, fleet, self.progress);
        attend(workload, groups, schedule.start_ns, fleet, run_until, |fleet| {
            let (first, last) = (used.is_empty(), used.len() as u64 == workload.seconds);
            if first || last {
                ends.push(observed.read()?);
            }
            looks.take(now_ns(), &fleet.total());
            used.push(observed.used()?);
            if first && countable.is_ok() {
                counting = Some(Counting::begin(self.targets[0].pid())?);
            }
            counting.iter().filter(|_| last).try_for_each(Counting::stop)
        })?;
        let [before, after] = &ends[..] else { bail!("a window has two ends") };
        let instructions = countable.and_then(|()| counting.context("nothing was counted")?.read());
        Ok(Window { usage: after.since(before), looks: looks.taken, used, instructions })
    }

    fn conclude(&self, window: Window, clients: Outcome, resident: Resident, roamed: Vec<Roamed>) -> Measurement {
        let Outcome { looks, tallies, open_ns, audited } = clients;
        let delivered = |of: fn(&Look) -> u64| looks.last().map_or(0, of) - looks.first().map_or(0, of);
        let resident_at_end = window.used.last().map_or(resident.open, |used| used.resident_bytes);
        let each = |now: u64| (now as f64 - resident.before as f64) / self.load.connections() as f64;
        let progress = self.progress;
        Measurement {
            target: self.kind,
            floor: (self.kind == TargetKind::Floor).then_some(self.stage.floor),
            gateways: self.stage.gateways,
            client_processes: self.stage.client_processes,
            groups: self.load.groups.clone(),
            window_ns: delivered(|look| look.at_ns),
            deliveries: delivered(|look| look.deliveries),
            bytes: delivered(|look| look.bytes),
            reads: delivered(|look| look.reads),
            usage: window.usage,
            instructions: window.instructions,
            resident_bytes: resident.open,
            resident_per_subscriber: each(resident.open),
            resident_at_end_per_subscriber: each(resident_at_end),
            open_ns,
            samples: samples(&looks, &window.used),
            tallies,
            audited,
            roamed,
            published: progress.sent.load(Ordering::Relaxed),
            late: progress.late.load(Ordering::Relaxed),
            latest_ns: progress.latest_ns.load(Ordering::Relaxed),
        }
    }
}

/// Publishes on a thread of its own while `observe` runs.
pub fn publishing_beside<T>(
    workload: &Workload,
    schedule: Schedule,
    targets: &[SocketAddrV4],
    progress: &Progress,
    observe: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    on_publisher(progress, || publisher::publish(workload, schedule, targets, progress), observe)
}

/// Runs `publish` on the publisher's thread while `observe` runs.
pub fn on_publisher<T>(
    progress: &Progress,
    publish: impl FnOnce() -> anyhow::Result<()> + Send,
    observe: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    std::thread::scope(|scope| {
        let publishing = std::thread::Builder::new()
            .name("publisher".into())
            .spawn_scoped(scope, publish)
            .context("the publisher's thread")?;
        let outcome = observe();
        progress.stop.store(true, Ordering::Relaxed);
        // The first cause is told: a publisher that was refused explains subscribers that wait in vain.
        let published = publishing.join().unwrap_or_else(|_| bail!("the publisher panicked"));
        match outcome {
            Err(error) if error.is::<Violation>() => Err(error),
            outcome => published.and(outcome),
        }
    })
}

/// A client process's part of a run, from before the first message until the last has arrived. `look` is called at both
/// ends of the window and every second between.
pub fn attend(
    workload: &Workload,
    groups: &[Group],
    start_ns: u64,
    fleet: &mut Fleet,
    mut run_until: impl FnMut(u64, &mut Fleet) -> anyhow::Result<()>,
    mut look: impl FnMut(&Fleet) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let window_ns = start_ns + workload.warmup * SECOND_NS;
    fleet.time_from(window_ns);
    for second in 0..=workload.seconds {
        run_until(window_ns + second * course::LOOK_NS, fleet)?;
        look(fleet)?;
    }
    let patience_ns = groups.iter().map(Group::patience_ns).max().unwrap_or(0);
    let deadline = now_ns() + DRAIN_TIME_NS + patience_ns;
    while let Some(violation) = fleet.first_behind(|topic| workload.messages_of(topic)) {
        if now_ns() > deadline {
            return Err(violation.into());
        }
        fleet.turn(now_ns() + LOOK_NS)?;
    }
    Ok(())
}
