//! Tables: what was measured and where, what a delivery costs, every run with all its figures, threads.

use super::plots::{say_count, say_ms};
use super::{Series, escape};
use crate::report::Ratio;
use crate::results::group::Group;
use crate::results::{Run, plain};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Threads below this share of a CPU are not shown.
const THREAD_SHARE_MIN: f64 = 0.001;

/// Machine and workload, once if they are the same for all runs; a warning if not.
pub fn setting(runs: &[Run]) -> String {
    let mut out = String::from("<dl>\n");
    let machines =
        distinct(runs.iter().map(|run| run.machine.as_ref().map_or("unknown".to_owned(), ToString::to_string)));
    // Writing to a String cannot fail.
    let _ = writeln!(out, "<dt>Machine</dt><dd>{}</dd>", escape(&machines.join(" · ")));
    let mut members: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (key, value) in runs.iter().flat_map(|run| &run.workload) {
        let values = members.entry(key).or_default();
        let value = plain(value);
        if !values.contains(&value) {
            values.push(value);
        }
    }
    let words = members.iter().map(|(key, values)| format!("{} <b>{}</b>", escape(key), escape(&values.join(", "))));
    let _ = writeln!(out, "<dt>Workload</dt><dd>{}</dd>\n</dl>", words.collect::<Vec<_>>().join(" · "));
    let differing: Vec<&str> = members.iter().filter(|(_, values)| values.len() > 1).map(|(key, _)| *key).collect();
    if machines.len() > 1 {
        out += "<p class=\"warning\">These runs were taken on different machines.</p>\n";
    }
    if !differing.is_empty() {
        let differing = escape(&differing.join(", "));
        let _ = writeln!(out, "<p class=\"warning\">These runs are not of one workload: {differing} differ.</p>");
    }
    out
}

fn distinct(values: impl Iterator<Item = String>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    values.for_each(|value| {
        if !found.contains(&value) {
            found.push(value)
        }
    });
    found
}

/// A row per group, with a bar: median CPU per delivery, and its spread.
pub fn costs(groups: &[Group<'_>], series: &[Series]) -> String {
    let spreads: Vec<Ratio> = groups.iter().map(|group| group.spread(|run| run.cpu_us_per_delivery)).collect();
    let most = spreads.iter().map(|spread| spread.most).fold(f64::MIN_POSITIVE, f64::max);
    let mut out =
        head(&["", "CPU per delivery", "", "× floor", "deliveries per CPU second", "p50", "p99", "lost", "runs"]);
    for ((group, series), spread) in groups.iter().zip(series).zip(&spreads) {
        let ratio = group.cpu_ratio(groups).map_or_else(|| "–".to_owned(), |ratio| spread_of(&ratio, 2));
        let _ = writeln!(
            out,
            "<tr data-series=\"{}\"><th scope=\"row\">{}</th><td class=\"bar\">{}</td><td>{} µs</td><td>{ratio}</td>\
             <td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            series.number,
            swatch(series),
            bar(spread, most, &series.colour),
            spread_of(spread, 2),
            say_count(1e6 / spread.median),
            say_ms(group.median(|run| run.latency_ms.p50)),
            say_ms(group.median(|run| run.latency_ms.p99)),
            marked(group.sum(|run| run.lost)),
            group.runs.len(),
        );
    }
    out + "</tbody></table></div>\n<p>Medians over the runs, in brackets least to most; ratios are those of runs taken in the same round.</p>\n"
}

/// The median as a bar, and a stroke from the least to the most.
fn bar(spread: &Ratio, most: f64, colour: &str) -> String {
    let percent = |value: f64| value / most * 100.0;
    let (median, least, wide) = (percent(spread.median), percent(spread.least), percent(spread.most - spread.least));
    format!(
        "<span class=\"fill {colour}\" style=\"width:{median:.1}%\"></span>\
         <span class=\"spread\" style=\"left:{least:.1}%;width:{wide:.1}%\"></span>"
    )
}

fn spread_of(Ratio { median, least, most }: &Ratio, digits: usize) -> String {
    if least == most {
        return format!("{median:.digits$}");
    }
    format!("{median:.digits$} <small>({least:.digits$} to {most:.digits$})</small>")
}

pub fn runs(groups: &[Group<'_>], series: &[Series]) -> String {
    let mut out = head(&[
        "",
        "run",
        "deliveries/s",
        "MB/s",
        "CPU µs per delivery",
        "server CPU",
        "p50 ms",
        "p90 ms",
        "p99 ms",
        "p99.9 ms",
        "p99.99 ms",
        "max ms",
        "lost",
        "lags",
        "late",
        "writes per delivery",
        "resident B per subscriber",
        "client CPU",
    ]);
    for (group, series) in groups.iter().zip(series) {
        for (round, run) in group.rounds() {
            let cells: String = cells(run).iter().map(|cell| format!("<td>{cell}</td>")).collect();
            let number = series.number;
            let _ = writeln!(
                out,
                "<tr class=\"run\" data-series=\"{number}\"><th scope=\"row\">{}</th><td>{round}</td>{cells}</tr>",
                swatch(series)
            );
            for warning in &run.warnings {
                let warning = escape(warning);
                let _ = writeln!(
                    out,
                    "<tr class=\"warning\" data-series=\"{number}\"><td colspan=\"18\">{warning}</td></tr>"
                );
            }
        }
    }
    out + "</tbody></table></div>\n"
}

fn cells(run: &Run) -> [String; 16] {
    let ms = |ms: f64| format!("{ms:.2}");
    let latency = &run.latency_ms;
    [
        say_count(run.deliveries_per_second),
        format!("{:.1}", run.bytes_per_second / 1e6),
        format!("{:.2}", run.cpu_us_per_delivery),
        format!("{:.0}%", run.server_cpu_share * 100.0),
        ms(latency.p50),
        ms(latency.p90),
        ms(latency.p99),
        ms(latency.p99_9),
        latency.p99_99.map_or_else(|| "–".to_owned(), ms),
        ms(latency.max),
        marked(run.lost),
        run.lags.to_string(),
        format!("{} of {}", run.late, run.published),
        run.writes_per_delivery.map_or_else(|| "–".to_owned(), |writes| format!("{writes:.3}")),
        format!("{:.0}", run.resident_bytes_per_subscriber),
        format!("{:.0}%", run.client_cpu_share * 100.0),
    ]
}

pub fn threads(groups: &[Group<'_>], series: &[Series]) -> String {
    let mut out = head(&["", "run", "thread", "CPU µs per delivery", "share of a CPU"]);
    for (group, series) in groups.iter().zip(series) {
        for (round, run) in group.rounds() {
            for thread in run.server_threads.iter().filter(|thread| thread.cpu_share >= THREAD_SHARE_MIN) {
                let _ = writeln!(
                    out,
                    "<tr data-series=\"{}\"><th scope=\"row\">{}</th><td>{round}</td><td class=\"word\">{}</td>\
                     <td>{:.3}</td><td>{:.1}%</td></tr>",
                    series.number,
                    swatch(series),
                    escape(&thread.name),
                    thread.us_per_delivery,
                    thread.cpu_share * 100.0
                );
            }
        }
    }
    format!("<details><summary>Show</summary>\n{out}</tbody></table></div>\n</details>\n")
}

fn head(columns: &[&str]) -> String {
    let cells: String = columns.iter().map(|column| format!("<th scope=\"col\">{column}</th>")).collect();
    format!("<div class=\"wide\"><table><thead><tr>{cells}</tr></thead><tbody>\n")
}

fn swatch(Series { name, colour, .. }: &Series) -> String {
    format!("<i class=\"{colour}\"></i>{name}")
}

/// Losses stand out.
fn marked(lost: u64) -> String {
    if lost == 0 { "0".to_owned() } else { format!("<strong>{lost}</strong>") }
}
