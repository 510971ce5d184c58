//! One plot: axes, ticks and lines as SVG, and the points once more as JSON for the script. Knows nothing of runs.

use super::Series;
use serde::Serialize;
use std::fmt::Write;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 340.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 44.0;
/// Ticks of a linear axis, about.
const TICKS: f64 = 6.0;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    Linear,
    Log,
}

pub struct Axis {
    pub label: &'static str,
    pub scale: Scale,
    pub least: f64,
    pub most: f64,
    pub ticks: Vec<(f64, String)>,
    /// A value under the pointer.
    pub say: fn(f64) -> String,
}

pub struct Line<'a> {
    pub series: &'a Series,
    /// What is said of it beside the series' name; escaped.
    pub note: String,
    pub is_dashed: bool,
    pub points: Vec<(f64, f64)>,
}

pub struct Plot<'a> {
    pub id: &'static str,
    pub title: &'static str,
    /// What is to be known to read it.
    pub note: &'static str,
    pub x: Axis,
    pub y: Axis,
    pub lines: Vec<Line<'a>>,
}

/// A line as the script knows it: name, and of each point place and words.
#[derive(Serialize)]
struct Spoken<'a> {
    series: usize,
    colour: &'a str,
    name: String,
    points: Vec<(f64, f64, String, String)>,
}

impl Axis {
    /// From 0 to a round number above `most`.
    pub fn from_zero(label: &'static str, most: f64, say: fn(f64) -> String) -> Axis {
        let step = round_step(most.max(f64::MIN_POSITIVE) / TICKS);
        let count = (most / step).ceil().max(1.0);
        let ticks = (0..=count as u32).map(|nth| f64::from(nth) * step).map(|at| (at, say(at))).collect();
        Axis { label, scale: Scale::Linear, least: 0.0, most: count * step, ticks, say }
    }

    /// Decades and their 2 and 5, around what lies between `least` and `most`.
    pub fn log(label: &'static str, least: f64, most: f64, say: fn(f64) -> String) -> Axis {
        let (least, most) = (least.max(1e-3), most.max(2e-3));
        let decades = least.log10().floor() as i32..=most.log10().ceil() as i32;
        let all: Vec<f64> = decades.flat_map(|decade| [1.0, 2.0, 5.0].map(|n| n * 10_f64.powi(decade))).collect();
        let first = all.iter().rposition(|tick| *tick <= least).unwrap_or(0);
        let last = all.iter().position(|tick| *tick >= most).unwrap_or(all.len() - 1);
        let ticks: Vec<(f64, String)> = all[first..=last.max(first + 1)].iter().map(|at| (*at, say(*at))).collect();
        let (least, most) = (ticks[0].0, ticks[ticks.len() - 1].0);
        Axis { label, scale: Scale::Log, least, most, ticks, say }
    }

    /// Where a value lies, 0 to 1.
    fn place(&self, value: f64) -> f64 {
        let share = match self.scale {
            Scale::Linear => (value - self.least) / (self.most - self.least),
            Scale::Log => (value / self.least).log10() / (self.most / self.least).log10(),
        };
        share.clamp(0.0, 1.0)
    }
}

/// 1, 2 or 5 times a power of ten, not below `step`.
fn round_step(step: f64) -> f64 {
    let decade = 10_f64.powf(step.log10().floor());
    let times = [1.0, 2.0, 5.0, 10.0].into_iter().find(|times| times * decade >= step * 0.999_999);
    times.unwrap_or(10.0) * decade
}

impl Plot<'_> {
    pub fn figure(&self) -> String {
        let Plot { id, title, note, .. } = self;
        format!(
            "<figure id=\"{id}\">\n<figcaption><b>{title}</b> {note}</figcaption>\n\
             <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">\n{}{}</svg>\n\
             <script type=\"application/json\">{}</script>\n</figure>\n",
            self.axes(),
            self.paths(),
            self.spoken()
        )
    }

    fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let left = LEFT + self.x.place(x) * (WIDTH - LEFT - RIGHT);
        (left, HEIGHT - BOTTOM - self.y.place(y) * (HEIGHT - TOP - BOTTOM))
    }

    fn axes(&self) -> String {
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        let mut out = String::from("<g class=\"grid\">\n");
        // Writing to a String cannot fail.
        for (value, text) in &self.y.ticks {
            let (_, y) = self.at((self.x.least, *value));
            let _ = write!(out, "<path d=\"M{LEFT} {y:.1}H{right}\"/>");
            let _ = writeln!(out, "<text x=\"{}\" y=\"{:.1}\" class=\"y\">{text}</text>", LEFT - 8.0, y + 4.0);
        }
        for (value, text) in &self.x.ticks {
            let (x, _) = self.at((*value, self.y.least));
            let _ = write!(out, "<path d=\"M{x:.1} {TOP}V{bottom}\"/>");
            let _ = writeln!(out, "<text x=\"{x:.1}\" y=\"{}\" class=\"x\">{text}</text>", bottom + 18.0);
        }
        let (x, y) = ((LEFT + right) / 2.0, HEIGHT - 6.0);
        let _ = writeln!(out, "<text x=\"{x}\" y=\"{y}\" class=\"x name\">{}</text>", self.x.label);
        let middle = (TOP + bottom) / 2.0;
        let _ = writeln!(
            out,
            "<text x=\"12\" y=\"{middle}\" class=\"x name\" transform=\"rotate(-90 12 {middle})\">{}</text>\n</g>",
            self.y.label
        );
        out
    }

    fn paths(&self) -> String {
        let mut out = String::new();
        for Line { series, is_dashed, points, .. } in &self.lines {
            let steps = points.iter().enumerate().map(|(nth, point)| {
                let (x, y) = self.at(*point);
                format!("{}{x:.1} {y:.1}", if nth == 0 { 'M' } else { 'L' })
            });
            let dashed = if *is_dashed { " dashed" } else { "" };
            let (colour, number, steps) = (&series.colour, series.number, steps.collect::<String>());
            let _ = writeln!(out, "<path class=\"line {colour}{dashed}\" data-series=\"{number}\" d=\"{steps}\"/>");
        }
        out
    }

    /// For the script. No `<`, which could end it.
    fn spoken(&self) -> String {
        let spoken = self.lines.iter().map(|line| Spoken {
            series: line.series.number,
            colour: &line.series.colour,
            name: format!("{}{}", line.series.name, line.note),
            points: line.points.iter().map(|point| self.spoken_point(*point)).collect(),
        });
        let spoken: Vec<Spoken<'_>> = spoken.collect();
        serde_json::to_string(&spoken).unwrap_or_default().replace('<', "\\u003c")
    }

    fn spoken_point(&self, point: (f64, f64)) -> (f64, f64, String, String) {
        let round = |value: f64| (value * 10.0).round() / 10.0;
        let (x, y) = self.at(point);
        (round(x), round(y), (self.x.say)(point.0), (self.y.say)(point.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_axes_end_at_round_numbers() {
        let axis = Axis::from_zero("x", 97_000.0, |at| format!("{at}"));
        assert_eq!((axis.most, axis.ticks.len()), (100_000.0, 6));
        assert_eq!((axis.place(0.0), axis.place(50_000.0), axis.place(1e9)), (0.0, 0.5, 1.0));
        assert!(Axis::from_zero("x", 0.0, |at| format!("{at}")).most > 0.0);
    }

    #[test]
    fn log_axes_hold_what_they_are_given() {
        for (least, most) in [(0.3, 44.0), (1.0, 1.0), (0.0, 7.0), (150.0, 90_000.0)] {
            let axis = Axis::log("y", least, most, |at| format!("{at}"));
            assert!(axis.least <= least.max(1e-3) && axis.most >= most && axis.ticks.len() > 1, "{least} {most}");
        }
        let axis = Axis::log("y", 1.0, 100.0, |at| format!("{at}"));
        assert!((axis.place(10.0) - 0.5).abs() < 1e-9);
    }
}
