//! One run: start the targets, give birth to the topics, open the subscribers, publish, measure a window of it, and see
//! that all of it arrived.

pub mod live;
pub mod usage;

use crate::audience::{Group, Share};
use crate::audit::audit;
use crate::client::tally::Tally;
use crate::client::{Fleet, Invitation, Violation};
use crate::clock::{MILLISECOND_NS, SECOND_NS, now_ns};
use crate::course::{self, Look, Looks, Sample, Used, samples};
use crate::floor::FloorKind;
use crate::helpers::{Assignment, Helpers, Outcome};
use crate::publisher::{self, Progress, Schedule};
use crate::roam::report::Roamed;
use crate::roam::{Excursion, Roamers, beside};
use crate::stage::Stage;
use crate::target::counters::Counters;
use crate::target::instructions::{Counting, Instructions, probe};
use crate::target::kernel::Ksoftirqd;
use crate::target::process::{ThreadTime, name_thread, pin};
use crate::target::{GatewayKeys, Target, TargetKind};
use crate::workload::{Transport, Workload};
use anyhow::{Context, bail};
use live::Live;
use std::net::SocketAddrV4;
use std::sync::atomic::Ordering;
use usage::{Observed, Reading, Usage};

/// Time between the last subscriber's snapshot and the first message.
pub const LEAD_NS: u64 = 300 * MILLISECOND_NS;
/// Longest time in which all that was published has to have arrived, after the end.
pub const DRAIN_TIME_NS: u64 = 15 * SECOND_NS;
/// How often the fleet's loop looks at the clock when nothing arrives.
pub const LOOK_NS: u64 = 50 * MILLISECOND_NS;

/// What is put on a target: what is published, who listens, and how a gateway is set up for it.
#[derive(Clone, Debug)]
pub struct Load {
    pub workload: Workload,
    pub groups: Vec<Group>,
    /// Beside those, who does more than listen.
    pub roamers: Vec<Roamers>,
    pub keys: GatewayKeys,
}

/// What one run came to. Rates and CPU are those of the window; the proof covers the whole run.
#[derive(Debug)]
pub struct Measurement {
    pub target: TargetKind,
    /// `None` of a gateway.
    pub floor: Option<FloorKind>,
    pub gateways: usize,
    pub client_processes: usize,
    pub groups: Vec<Group>,
    pub window_ns: u64,
    /// Messages delivered in the window, over all subscribers.
    pub deliveries: u64,
    pub bytes: u64,
    /// Read calls of the clients.
    pub reads: u64,
    pub server: Vec<ThreadTime>,
    pub client: Vec<ThreadTime>,
    pub ksoftirqd_ns: u64,
    pub ksoftirqd_is_visible: bool,
    /// The error says why none were counted.
    pub instructions: anyhow::Result<Instructions>,
    /// `None` of a floor.
    pub counters: Option<Counters>,
    pub resident_bytes: u64,
    /// Growth of resident memory while the subscribers were opened, per subscriber.
    pub resident_per_subscriber: f64,
    /// The same until the end of the window.
    pub resident_at_end_per_subscriber: f64,
    /// How long it took to open them all.
    pub open_ns: u64,
    pub samples: Vec<Sample>,
    pub looks: Vec<Look>,
    /// Of the whole run, by group.
    pub tallies: Vec<Tally>,
    /// Subscribers that applied all they were told and were compared with snapshots.
    pub audited: usize,
    pub roamed: Vec<Roamed>,
    pub published: u64,
    pub late: u64,
    pub latest_ns: u64,
}

impl Load {
    /// Subscribers of one kind.
    pub fn alike(workload: &Workload, transport: Transport) -> Load {
        let groups = vec![Group::of(workload, transport)];
        Load { workload: workload.clone(), groups, roamers: Vec::new(), keys: GatewayKeys::default() }
    }

    pub fn subscribers(&self) -> usize {
        self.groups.iter().map(|group| group.subscribers).sum()
    }

    /// Connections that are open at a time.
    pub fn connections(&self) -> usize {
        self.subscribers() + self.roamers.iter().map(|roamers| roamers.group.subscribers).sum::<usize>()
    }

    /// What it is called while it runs.
    fn label(&self) -> String {
        let names: Vec<&str> = self.groups.iter().map(|group| group.name.as_str()).collect();
        names.join(", ")
    }
}

impl Measurement {
    pub fn server_ns(&self) -> u64 {
        self.server.iter().map(|thread| thread.run_ns).sum()
    }

    /// Of the server's threads, and of the kernel's network thread on their CPU.
    pub fn cpu_us_per_delivery(&self) -> f64 {
        (self.server_ns() + self.ksoftirqd_ns) as f64 / 1_000.0 / self.deliveries.max(1) as f64
    }

    /// Share of the window in which the clients and the publisher had their CPU.
    pub fn client_share(&self) -> f64 {
        self.client.iter().map(|thread| thread.run_ns).sum::<u64>() as f64 / self.window_ns as f64
    }

    /// Share of the window in which the busiest thread of the clients had a CPU.
    pub fn busiest_client_share(&self) -> f64 {
        self.client.first().map_or(0.0, |thread| thread.run_ns as f64 / self.window_ns as f64)
    }

    pub fn server_share(&self) -> f64 {
        self.server_ns() as f64 / self.window_ns as f64
    }

    /// Share of the window in which the server's busiest thread wanted its CPU and did not have it.
    pub fn server_waited(&self) -> f64 {
        self.server.first().map_or(0.0, |thread| thread.wait_ns as f64 / self.window_ns as f64)
    }

    /// Of all groups.
    pub fn subscribers(&self) -> usize {
        self.groups.iter().map(|group| group.subscribers).sum()
    }

    /// What all subscribers received.
    pub fn tally(&self) -> Tally {
        let mut total = Tally::default();
        self.tallies.iter().for_each(|tally| total.add(tally));
        total
    }
}

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
    let mut run = Run { load, kind, stage, live: &live, targets: &targets, addresses };
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
    fn measure(&mut self) -> anyhow::Result<Measurement> {
        let Load { workload, groups, .. } = self.load;
        let mut helpers = Helpers::start(self.stage, |share| self.assignment(share))?;
        let mut clients = helpers.pids();
        clients.push(std::process::id());
        let ksoftirqd = Ksoftirqd::of(self.stage.setting.server_cpu);
        let observed = Observed { targets: self.targets, ksoftirqd, clients };
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
        let progress = Progress::default();
        let (window, roamed) = publishing_beside(workload, schedule, &self.addresses, &progress, || {
            beside(excursions, schedule, || self.observe(schedule, &observed, &mut fleet, &progress))
        })?;
        if self.kind == TargetKind::Fanwire {
            audit(&fleet, workload, &self.addresses)?;
        }
        let outcomes = helpers.finish()?;
        let mut measured = self.conclude(window, &observed, resident, fleet, outcomes, &progress);
        measured.roamed = roamed;
        measured.roamed.iter_mut().for_each(|roamed| roamed.set_others(&measured.looks));
        Ok(measured)
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
    fn observe(
        &self,
        schedule: Schedule,
        observed: &Observed<'_>,
        fleet: &mut Fleet,
        progress: &Progress,
    ) -> anyhow::Result<Window> {
        let Load { workload, groups, .. } = self.load;
        let (mut looks, mut used, mut ends): (_, _, Vec<Reading>) = (Looks::default(), Vec::new(), Vec::new());
        let countable = probe();
        let mut counting = None;
        let run_until = |until_ns, fleet: &mut Fleet| self.live.run_until(until_ns, fleet, progress);
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

    fn conclude(
        &self,
        window: Window,
        observed: &Observed<'_>,
        resident: Resident,
        fleet: Fleet,
        outcomes: Vec<Outcome>,
        progress: &Progress,
    ) -> Measurement {
        let audited = fleet.audited() + outcomes.iter().map(|outcome| outcome.audited).sum::<usize>();
        let mut tallies = fleet.tallies;
        for (tally, other) in outcomes.iter().flat_map(|outcome| outcome.tallies.iter().enumerate()) {
            tallies[tally].add(other);
        }
        let open_ns = outcomes.iter().map(|outcome| outcome.open_ns).fold(fleet.open_ns, u64::max);
        let looks: Vec<Vec<Look>> =
            std::iter::once(window.looks).chain(outcomes.into_iter().map(|outcome| outcome.looks)).collect();
        let looks = course::sum(&looks);
        let delivered = |of: fn(&Look) -> u64| looks.last().map_or(0, of) - looks.first().map_or(0, of);
        let resident_at_end = window.used.last().map_or(resident.open, |used| used.resident_bytes);
        let each = |now: u64| (now as f64 - resident.before as f64) / self.load.connections() as f64;
        let Usage { server, client, ksoftirqd_ns, counters } = window.usage;
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
            server,
            client,
            ksoftirqd_ns,
            ksoftirqd_is_visible: observed.ksoftirqd.is_visible(),
            instructions: window.instructions,
            counters,
            resident_bytes: resident.open,
            resident_per_subscriber: each(resident.open),
            resident_at_end_per_subscriber: each(resident_at_end),
            open_ns,
            samples: samples(&looks, &window.used),
            looks,
            tallies,
            audited,
            roamed: Vec::new(),
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
