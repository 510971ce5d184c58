//! Pairs of runs: floor, gateway, floor, gateway, … as many as are wanted, or as the time allows.

use crate::clock::{SECOND_NS, now_ns};
use crate::measure::{self, Load};
use crate::report::{Comparison, Report};
use crate::stage::Stage;
use crate::target::TargetKind;
use crate::workload::Transport;
use anyhow::ensure;

#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Budget {
    /// Pairs of runs
    #[arg(long, default_value_t = 7, value_name = "N")]
    pub pairs: usize,
    /// Begins no pair that would not end within so many minutes, judged by those before; the first is always run
    #[arg(long, value_name = "N")]
    pub minutes: Option<f64>,
}

impl Budget {
    pub fn validate(&self) -> anyhow::Result<()> {
        ensure!((1..=100).contains(&self.pairs), "--pairs is 1 to 100");
        ensure!(self.minutes.is_none_or(|minutes| minutes > 0.0), "--minutes is above 0");
        Ok(())
    }

    /// What each of several comparisons may take.
    pub fn shared_by(self, comparisons: usize) -> Budget {
        Budget { minutes: self.minutes.map(|minutes| minutes / comparisons.max(1) as f64), ..self }
    }

    /// True if another pair may begin after `done`, which took `spent_ns`.
    fn has_room(&self, done: usize, spent_ns: u64) -> bool {
        let each_ns = spent_ns as f64 / done.max(1) as f64;
        let end_ns = self.minutes.map_or(f64::INFINITY, |minutes| minutes * 60.0 * SECOND_NS as f64);
        done < self.pairs && (done == 0 || spent_ns as f64 + each_ns <= end_ns)
    }
}

/// Runs floor and gateway in turn. Where the load polls, which no floor answers, the floor streams the same messages as
/// SSE: the ratio then says what a polled delivery costs in sends.
pub fn compare(load: &Load, stage: &Stage, budget: &Budget) -> anyhow::Result<Comparison> {
    let of_floor = streaming(load);
    let (mut floor, mut fanwire) = (Vec::new(), Vec::new());
    let start_ns = now_ns();
    while budget.has_room(fanwire.len(), now_ns() - start_ns) {
        let sides = [(TargetKind::Floor, &of_floor, &mut floor), (TargetKind::Fanwire, load, &mut fanwire)];
        for (kind, load, reports) in sides {
            let measured = measure::run(load, kind, stage)?;
            reports.push(Report::new(&load.workload, &measured));
        }
    }
    let transport = load.groups.first().map_or(Transport::Websocket, |group| group.transport);
    Ok(Comparison::new(transport, floor, fanwire))
}

fn streaming(load: &Load) -> Load {
    let mut load = load.clone();
    let polls = load.groups.iter_mut().filter(|group| !group.transport.is_stream());
    polls.for_each(|group| group.transport = Transport::Sse);
    load
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_pair_is_always_run() {
        let budget = Budget { pairs: 7, minutes: Some(1.0) };
        assert!(budget.has_room(0, 0) && budget.has_room(3, 40 * SECOND_NS));
        assert!(!budget.has_room(1, 40 * SECOND_NS) && !budget.has_room(7, 1));
        assert!(Budget { minutes: None, ..budget }.has_room(6, 9_000 * SECOND_NS));
    }
}
