//! Runs of the same target over the same transport, taken together: medians, spreads, and ratios to the floor.

use super::Run;
use crate::report::Ratio;

/// What a floor program is called, whichever it is.
pub const FLOOR: &str = "floor";

#[derive(Clone, Debug)]
pub struct Group<'a> {
    pub name: String,
    /// At least one.
    pub runs: Vec<&'a Run>,
}

/// In the order in which each first stands among the runs.
pub fn groups(runs: &[Run]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for run in runs {
        let name = run.name();
        match groups.iter_mut().find(|group| group.name == name) {
            Some(group) => group.runs.push(run),
            None => groups.push(Group { name, runs: vec![run] }),
        }
    }
    groups
}

impl Group<'_> {
    pub fn is_floor(&self) -> bool {
        self.runs.iter().any(|run| run.target == FLOOR)
    }

    /// Median and spread of a figure over the runs.
    pub fn spread(&self, value: impl Fn(&Run) -> f64) -> Ratio {
        Ratio::over(self.runs.iter().map(|run| value(run)).collect())
    }

    pub fn median(&self, value: impl Fn(&Run) -> f64) -> f64 {
        self.spread(value).median
    }

    pub fn sum(&self, value: impl Fn(&Run) -> u64) -> u64 {
        self.runs.iter().map(|run| value(run)).sum()
    }

    /// CPU per delivery over that of the floor in the same round; of floors the one over the same transport, or else the
    /// first. `None` if there is no floor, or none in any of our rounds.
    pub fn cpu_ratio(&self, groups: &[Group<'_>]) -> Option<Ratio> {
        let transport = &self.runs[0].transport;
        let floors = || groups.iter().filter(|group| group.is_floor());
        let floor = floors().find(|floor| floor.runs[0].transport == *transport).or_else(|| floors().next())?;
        let of_round = |round| floor.rounds().find(|(floor_round, _)| *floor_round == round);
        let ratios = self.rounds().filter_map(|(round, run)| {
            let (_, floor) = of_round(round)?;
            Some(run.cpu_us_per_delivery / floor.cpu_us_per_delivery)
        });
        let ratios: Vec<f64> = ratios.collect();
        (!ratios.is_empty()).then(|| Ratio::over(ratios))
    }

    /// Each run with its round; where none is written down, they were taken in turn.
    pub fn rounds(&self) -> impl Iterator<Item = (u64, &Run)> {
        self.runs.iter().enumerate().map(|(nth, run)| (run.round.unwrap_or(nth as u64 + 1), *run))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::run;

    #[test]
    fn ratios_are_those_of_a_round() {
        let mut runs = Vec::new();
        for (round, floor, peer) in [(1, 5.0, 10.0), (2, 6.0, 9.0), (3, 5.0, 15.0)] {
            for (target, cpu) in [("floor", floor), ("nats", peer)] {
                runs.push(Run { round: Some(round), ..run(target, cpu) });
            }
        }
        // A round without its floor.
        runs.push(Run { round: Some(4), ..run("nats", 99.0) });
        let groups = groups(&runs);
        let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
        assert_eq!(names, ["floor websocket", "nats websocket"]);
        assert_eq!(groups[1].cpu_ratio(&groups), Some(Ratio { median: 2.0, least: 1.5, most: 3.0 }));
        assert_eq!(groups[1].median(|run| run.cpu_us_per_delivery), 12.5);
        assert_eq!(groups[1].cpu_ratio(&groups[1..]), None);
    }

    #[test]
    fn rounds_that_are_not_written_down_are_those_of_the_order() {
        let runs = [("floor", 5.0), ("fanwire", 5.5), ("floor", 10.0), ("fanwire", 10.0)].map(|(t, cpu)| run(t, cpu));
        let groups = groups(&runs);
        assert_eq!(groups[1].cpu_ratio(&groups), Some(Ratio { median: 1.05, least: 1.0, most: 1.1 }));
    }

    #[test]
    fn the_floor_of_the_same_transport_comes_first() {
        let sse = |target: &str, cpu: f64| Run { transport: "sse".into(), ..run(target, cpu) };
        let runs = [run("floor", 5.0), sse("floor", 4.0), sse("fanwire", 8.0)];
        let groups = groups(&runs);
        assert_eq!(groups[2].cpu_ratio(&groups).unwrap().median, 2.0);
    }
}
