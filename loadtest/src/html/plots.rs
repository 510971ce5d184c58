//! Which plots there are: how latencies lie, and deliveries, CPU and p99 second by second.

use super::Series;
use super::plot::{Axis, Line, Plot, Scale};
use crate::results::group::Group;
use crate::results::{Run, Sample};

/// Percentiles that the x axis of a distribution names.
const PERCENTILES: [(f64, &str); 8] = [
    (0.0, "0%"),
    (0.5, "50%"),
    (0.9, "90%"),
    (0.99, "99%"),
    (0.999, "99.9%"),
    (0.9999, "99.99%"),
    (0.999_99, "99.999%"),
    (0.999_999, "99.9999%"),
];

pub fn latency(groups: &[Group<'_>], series: &[Series]) -> String {
    let lines = lines(groups, series, |run| vec![(false, percentiles(&run.latency_histogram))]);
    if lines.is_empty() {
        return "<p>No run holds a distribution.</p>\n".to_owned();
    }
    let (least, most) = range(&lines, |point| point.1);
    let nines = range(&lines, |point| point.0).1.max(1.0);
    let ticks = PERCENTILES.iter().map(|(share, name)| (nines_of(*share), (*name).to_owned()));
    let ticks = ticks.filter(|(nines_at, _)| *nines_at <= nines + 1e-9).collect();
    let x = Axis {
        label: "share of deliveries that were faster",
        scale: Scale::Linear,
        least: 0.0,
        most: nines,
        ticks,
        say: say_percentile,
    };
    let y = Axis::log("latency", least, most, say_ms);
    let note = "from when a message was due to be published until a subscriber had read it; both axes are logarithmic";
    Plot { id: "latency", title: "Distribution", note, x, y, lines }.figure()
}

pub fn course(groups: &[Group<'_>], series: &[Series]) -> String {
    let throughput = lines(groups, series, |run| vec![(false, over_time(run, |s| Some(s.deliveries_per_second)))]);
    if throughput.is_empty() {
        return "<p>No run holds its course.</p>\n".to_owned();
    }
    let cpu = lines(groups, series, |run| {
        let server = over_time(run, |sample| Some(sample.server_cpu_share * 100.0));
        vec![(false, server), (true, over_time(run, |sample| Some(sample.client_cpu_share * 100.0)))]
    });
    let p99 = lines(groups, series, |run| vec![(false, over_time(run, |sample| sample.p99_ms))]);
    let seconds = range(&throughput, |point| point.0).1;
    let time = || Axis::from_zero("seconds since the measurement began", seconds, say_seconds);
    let most = |lines: &[Line<'_>]| range(lines, |point| point.1).1;
    let (deliveries_most, cpu_most) = (most(&throughput), most(&cpu).max(100.0));
    let (p99_least, p99_most) = range(&p99, |point| point.1);
    let plots = [
        Plot {
            id: "throughput",
            title: "Deliveries",
            note: "over all subscribers, second by second",
            x: time(),
            y: Axis::from_zero("deliveries per second", deliveries_most, say_count),
            lines: throughput,
        },
        Plot {
            id: "cpu",
            title: "CPU",
            note: "of one CPU; the server's, and dashed that of subscribers and publisher",
            x: time(),
            y: Axis::from_zero("share of a CPU", cpu_most, say_percent),
            lines: cpu,
        },
        Plot {
            id: "p99",
            title: "p99",
            note: "of what arrived in each second; logarithmic",
            x: time(),
            y: Axis::log("latency", p99_least, p99_most, say_ms),
            lines: p99,
        },
    ];
    let figures: String = plots.iter().map(Plot::figure).collect();
    format!("<div class=\"plots\">\n{figures}</div>\n")
}

/// The lines of all runs that have any; of a group's runs each has its round in its note.
fn lines<'a>(
    groups: &[Group<'_>],
    series: &'a [Series],
    of: impl Fn(&Run) -> Vec<(bool, Vec<(f64, f64)>)>,
) -> Vec<Line<'a>> {
    let mut found = Vec::new();
    for (group, series) in groups.iter().zip(series) {
        for (round, run) in group.rounds() {
            let round = if group.runs.len() > 1 { format!(", run {round}") } else { String::new() };
            for (is_dashed, points) in of(run).into_iter().filter(|(_, points)| !points.is_empty()) {
                let note = format!("{round}{}", if is_dashed { ", clients" } else { "" });
                found.push(Line { series, note, is_dashed, points });
            }
        }
    }
    found
}

/// Points of a percentile plot: how many nines, and the latency.
fn percentiles(histogram: &[(f64, u64)]) -> Vec<(f64, f64)> {
    let total: u64 = histogram.iter().map(|(_, count)| count).sum();
    let mut below = 0;
    let mut points: Vec<(f64, f64)> = Vec::with_capacity(histogram.len() + 1);
    for (upper_ms, count) in histogram {
        if below == 0 {
            points.push((0.0, *upper_ms));
        }
        below += count;
        // The slowest of all stands where one in `total` would.
        let share = if below == total { 1.0 - 1.0 / (total as f64 + 1.0) } else { below as f64 / total as f64 };
        points.push((nines_of(share), *upper_ms));
    }
    points
}

/// 0.9 is 1, 0.99 is 2, …
fn nines_of(share: f64) -> f64 {
    -(1.0 - share).log10() + 0.0
}

fn over_time(run: &Run, value: impl Fn(&Sample) -> Option<f64>) -> Vec<(f64, f64)> {
    run.samples.iter().filter_map(|sample| Some((sample.at_s, value(sample)?))).collect()
}

/// The least and the most of all points.
fn range(lines: &[Line<'_>], value: impl Fn(&(f64, f64)) -> f64) -> (f64, f64) {
    let values = lines.iter().flat_map(|line| &line.points).map(value);
    values.fold((f64::INFINITY, 0.0), |(least, most), value| (value.min(least), value.max(most)))
}

fn say_percentile(nines: f64) -> String {
    let percent = 100.0 - 10_f64.powf(2.0 - nines);
    let digits = (nines.ceil() as usize).saturating_sub(1).max(1);
    format!("{percent:.digits$}%")
}

pub fn say_ms(ms: f64) -> String {
    match ms {
        ..0.1 => format!("{:.0} µs", ms * 1e3),
        ..1.0 => format!("{ms:.2} ms"),
        ..10.0 => format!("{ms:.1} ms"),
        ..1_000.0 => format!("{ms:.0} ms"),
        _ => format!("{:.1} s", ms / 1e3),
    }
}

pub fn say_count(count: f64) -> String {
    match count {
        ..1_000.0 => format!("{count:.0}"),
        ..10_000.0 => format!("{:.1}k", count / 1e3),
        ..1_000_000.0 => format!("{:.0}k", count / 1e3),
        _ => format!("{:.2}M", count / 1e6),
    }
}

fn say_percent(percent: f64) -> String {
    format!("{percent:.0}%")
}

fn say_seconds(seconds: f64) -> String {
    if seconds.fract().abs() < 0.05 { format!("{seconds:.0} s") } else { format!("{seconds:.1} s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_rise_to_the_slowest() {
        let points = percentiles(&[(1.0, 90), (2.0, 9), (50.0, 1)]);
        let shown: Vec<(String, f64)> = points.iter().map(|(nines, ms)| (format!("{nines:.2}"), *ms)).collect();
        let expected = [("0.00", 1.0), ("1.00", 1.0), ("2.00", 2.0), ("2.00", 50.0)].map(|(n, ms)| (n.to_owned(), ms));
        assert_eq!(shown, expected);
        assert!(percentiles(&[]).is_empty());
    }

    #[test]
    fn values_as_people_say_them() {
        assert_eq!([0.0, 1.0, 2.0, 3.5].map(say_percentile), ["0.0%", "90.0%", "99.0%", "99.968%"]);
        assert_eq!([0.02, 0.5, 3.12, 44.4, 15_000.0].map(say_ms), ["20 µs", "0.50 ms", "3.1 ms", "44 ms", "15.0 s"]);
        assert_eq!([0.0, 1_500.0, 99_999.0, 2.5e6].map(say_count), ["0", "1.5k", "100k", "2.50M"]);
    }
}
