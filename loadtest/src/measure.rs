//! One run: start the target, give birth to the topics, open the subscribers, publish, measure a window of it, and see
//! that all of it arrived.

use crate::client::tally::Tally;
use crate::client::{Fleet, Violation};
use crate::clock::{MILLISECOND_NS, SECOND_NS, now_ns};
use crate::course::{self, Course, Sample};
use crate::publisher::{self, Progress, Schedule};
use crate::target::counters::Counters;
use crate::target::process::{CpuTimes, ThreadTime, name_thread, pin, resident_bytes_of_tree};
use crate::target::{Setting, Target, TargetKind};
use crate::workload::{Transport, Workload};
use anyhow::{Context, bail};
use std::io::{IsTerminal, Write};
use std::net::SocketAddrV4;
use std::sync::atomic::Ordering;

/// Time between the last subscriber's snapshot and the first message.
pub(crate) const LEAD_NS: u64 = 300 * MILLISECOND_NS;
/// Longest time in which all that was published has to have arrived, after the end.
pub(crate) const DRAIN_TIME_NS: u64 = 15 * SECOND_NS;
/// How often the fleet's loop looks at the clock when nothing arrives.
pub(crate) const LOOK_NS: u64 = 50 * MILLISECOND_NS;

/// What one run came to. Rates and CPU are those of the window; the proof covers the whole run.
#[derive(Debug)]
pub struct Measurement {
    /// `fanwire`, `floor`, or a peer's name.
    pub target: String,
    pub transport: String,
    pub window_ns: u64,
    /// Messages delivered in the window, over all subscribers.
    pub deliveries: u64,
    pub bytes: u64,
    /// Read calls of the clients.
    pub reads: u64,
    pub server: Vec<ThreadTime>,
    pub client: Vec<ThreadTime>,
    /// `None` of a floor.
    pub counters: Option<Counters>,
    pub resident_bytes: u64,
    /// Growth of resident memory while the subscribers were opened, per subscriber.
    pub resident_per_subscriber: f64,
    pub samples: Vec<Sample>,
    /// Of the whole run.
    pub tally: Tally,
    pub published: u64,
    pub late: u64,
    pub latest_ns: u64,
}

impl Measurement {
    pub fn server_ns(&self) -> u64 {
        self.server.iter().map(|thread| thread.run_ns).sum()
    }

    pub fn cpu_us_per_delivery(&self) -> f64 {
        self.server_ns() as f64 / 1_000.0 / self.deliveries.max(1) as f64
    }

    /// Share of the window in which the clients and the publisher had their CPU.
    pub fn client_share(&self) -> f64 {
        self.client.iter().map(|thread| thread.run_ns).sum::<u64>() as f64 / self.window_ns as f64
    }

    pub fn server_share(&self) -> f64 {
        self.server_ns() as f64 / self.window_ns as f64
    }

    /// Share of the window in which the server's busiest thread wanted its CPU and did not have it.
    pub fn server_waited(&self) -> f64 {
        self.server.first().map_or(0.0, |thread| thread.wait_ns as f64 / self.window_ns as f64)
    }
}

/// The subscribers of a run, whatever they speak.
pub trait Subscribers {
    /// Takes what arrives, at most until `until_ns`.
    fn turn(&mut self, until_ns: u64) -> anyhow::Result<()>;
    fn tally(&mut self) -> &mut Tally;
    /// What of all that was published somebody has not been given; `last` says the number of a topic's newest.
    fn first_behind(&self, last: &dyn Fn(u32) -> u64) -> Option<Violation>;
    /// It did not arrive in time.
    fn give_up(&mut self, violation: Violation, last: &dyn Fn(u32) -> u64) -> anyhow::Result<()>;
}

/// Everything that is read twice, at both ends of the window.
struct Reading {
    at_ns: u64,
    deliveries: u64,
    bytes: u64,
    reads: u64,
    server: CpuTimes,
    client: CpuTimes,
    counters: Option<Counters>,
}

impl Reading {
    fn take(target: &Target, tally: &Tally) -> anyhow::Result<Reading> {
        Ok(Reading {
            counters: target.counters()?,
            server: CpuTimes::of_tree(target.pid())?,
            client: CpuTimes::of(std::process::id())?,
            at_ns: now_ns(),
            deliveries: tally.deliveries,
            bytes: tally.bytes,
            reads: tally.reads,
        })
    }
}

pub fn run(
    workload: &Workload,
    transport: Transport,
    kind: TargetKind,
    setting: &Setting,
) -> anyhow::Result<Measurement> {
    workload.validate()?;
    let live = Live::new(format!("{kind} {transport}"));
    take_client_cpu(setting);
    let target = Target::start(kind, setting, workload.subscribers)?;
    publisher::give_birth(workload, target.address)?;
    let label = (kind.to_string(), transport.to_string());
    let publish = |schedule, progress: &Progress| publisher::publish(workload, schedule, target.address, progress);
    let open = || Fleet::open(workload, transport, target.address, 0, |whole| live.show_open(whole, workload));
    let measurement = measure(workload, label, &target, &live, open, publish)?;
    target.stop()?;
    Ok(measurement)
}

/// For the subscribers. Before the target starts: it pins itself, but must not start on our CPU.
pub(crate) fn take_client_cpu(setting: &Setting) {
    if !pin(setting.client_cpu) {
        eprintln!("warning: CPU {} is not to be had; nothing is pinned", setting.client_cpu);
    }
    name_thread(c"subscribers");
}

/// Measures a target that runs. `label`: what is measured, and over which transport.
pub(crate) fn measure<S: Subscribers>(
    workload: &Workload,
    (target_name, transport): (String, String),
    target: &Target,
    live: &Live,
    open: impl FnOnce() -> anyhow::Result<S>,
    publish: impl FnOnce(Schedule, &Progress) -> anyhow::Result<()> + Send,
) -> anyhow::Result<Measurement> {
    let resident_before = resident_bytes_of_tree(target.pid())?;
    let mut subscribers = open()?;
    let resident = resident_bytes_of_tree(target.pid())?;
    let schedule = Schedule {
        start_ns: now_ns() + LEAD_NS,
        rate: workload.rate,
        burst: workload.burst,
        messages: workload.messages(),
    };
    let progress = Progress::default();
    let outcome = beside(
        &progress,
        || publish(schedule, &progress),
        || observe(workload, schedule, target, &mut subscribers, &progress, live),
    );
    live.clear();
    let Window { before, after, samples } = outcome?;
    let tally = std::mem::take(subscribers.tally());
    drop(subscribers);
    let counters = after.counters.zip(before.counters).map(|(after, before)| after.since(&before));
    Ok(Measurement {
        target: target_name,
        transport,
        window_ns: after.at_ns - before.at_ns,
        deliveries: after.deliveries - before.deliveries,
        bytes: after.bytes - before.bytes,
        reads: after.reads - before.reads,
        server: after.server.since(&before.server),
        client: after.client.since(&before.client),
        counters,
        resident_bytes: resident,
        resident_per_subscriber: (resident as f64 - resident_before as f64) / workload.subscribers as f64,
        samples,
        tally,
        published: progress.sent.load(Ordering::Relaxed),
        late: progress.late.load(Ordering::Relaxed),
        latest_ns: progress.latest_ns.load(Ordering::Relaxed),
    })
}

/// Publishes on a thread of its own while `observe` runs.
pub(crate) fn publishing_beside<T>(
    workload: &Workload,
    schedule: Schedule,
    target: SocketAddrV4,
    progress: &Progress,
    observe: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    beside(progress, || publisher::publish(workload, schedule, target, progress), observe)
}

fn beside<T>(
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

/// The readings at the window's ends, and what was seen between them.
struct Window {
    before: Reading,
    after: Reading,
    samples: Vec<Sample>,
}

/// Runs the subscribers until all has arrived.
fn observe(
    workload: &Workload,
    schedule: Schedule,
    target: &Target,
    subscribers: &mut impl Subscribers,
    progress: &Progress,
    live: &Live,
) -> anyhow::Result<Window> {
    let start_ns = schedule.start_ns + workload.warmup * SECOND_NS;
    let end_ns = schedule.end_ns();
    subscribers.tally().timed_from_ns = start_ns;
    live.run_until(start_ns, subscribers, progress)?;
    let before = Reading::take(target, subscribers.tally())?;
    let mut course = Course::begin(before.at_ns, subscribers.tally(), &before.server, &before.client);
    for second in 1..workload.seconds {
        live.run_until(start_ns + second * course::LOOK_NS, subscribers, progress)?;
        let (server, client) = (CpuTimes::of_tree(target.pid())?, CpuTimes::of(std::process::id())?);
        course.look(now_ns(), subscribers.tally(), &server, &client);
    }
    live.run_until(end_ns, subscribers, progress)?;
    let after = Reading::take(target, subscribers.tally())?;
    course.look(after.at_ns, subscribers.tally(), &after.server, &after.client);
    let last = |topic| workload.messages_of(topic);
    let deadline = now_ns() + DRAIN_TIME_NS;
    while let Some(violation) = subscribers.first_behind(&last) {
        if now_ns() > deadline {
            subscribers.give_up(violation, &last)?;
            break;
        }
        subscribers.turn(now_ns() + LOOK_NS)?;
    }
    Ok(Window { before, after, samples: course.samples })
}

/// The line on a terminal that shows how it goes.
pub(crate) struct Live {
    shown: bool,
    label: String,
}

impl Live {
    pub(crate) fn new(label: String) -> Live {
        Live { shown: std::io::stderr().is_terminal(), label }
    }

    pub(crate) fn show(&self, text: impl FnOnce() -> String) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K{}: {}", self.label, text());
        }
    }

    pub(crate) fn clear(&self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }

    pub(crate) fn show_open(&self, open: usize, workload: &Workload) {
        self.show(|| format!("{open} of {} subscribers are open", workload.subscribers));
    }

    /// Runs the subscribers until `until_ns`, with a word each second.
    pub(crate) fn run_until(
        &self,
        until_ns: u64,
        subscribers: &mut impl Subscribers,
        progress: &Progress,
    ) -> anyhow::Result<()> {
        let (mut shown_ns, mut shown) = (now_ns(), subscribers.tally().deliveries);
        loop {
            let now = now_ns();
            if now >= until_ns {
                return Ok(());
            }
            if now >= shown_ns + SECOND_NS {
                let deliveries = subscribers.tally().deliveries;
                let per_second = (deliveries - shown) as f64 * SECOND_NS as f64 / (now - shown_ns) as f64;
                let (sent, late) = (progress.sent.load(Ordering::Relaxed), progress.late.load(Ordering::Relaxed));
                let left = (until_ns - now) / SECOND_NS;
                self.show(|| format!("{sent} published ({late} late), {per_second:.0} deliveries/s, {left} s to go"));
                (shown_ns, shown) = (now, deliveries);
            }
            subscribers.turn(until_ns.min(now + LOOK_NS))?;
        }
    }
}
