//! Reports as one page of HTML: a single file that needs no network, in the reader's light or dark colours. Plots are
//! SVG that is drawn here; a little script shows values under the pointer and hides what is clicked away.

mod plot;
mod plots;
mod tables;

use crate::results::Run;
use crate::results::group::{Group, groups};
use anyhow::{Context, ensure};
use std::fmt::Write;
use std::fs;
use std::path::Path;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("page.js");
/// Colours that the style has; more groups use them again.
const COLOURS: usize = 10;

/// Writes the page of `runs`, of which there is at least one.
pub fn write(path: &Path, title: &str, runs: &[Run]) -> anyhow::Result<()> {
    ensure!(!runs.is_empty(), "there is no run to report");
    fs::write(path, page(title, runs)).with_context(|| format!("cannot write {}", path.display()))
}

fn page(title: &str, runs: &[Run]) -> String {
    let (groups, title) = (groups(runs), escape(title));
    let series = series(&groups);
    let mut body = format!("<header><h1>{title}</h1>\n{}</header>\n", tables::setting(runs));
    let _ = writeln!(body, "<nav class=\"legend\" aria-label=\"What is shown\">{}</nav>", legend(&series));
    body += &section("What a delivery costs", &tables::costs(&groups, &series));
    body += &section("Latency", &plots::latency(&groups, &series));
    body += &section("Course", &plots::course(&groups, &series));
    body += &section("Every run", &tables::runs(&groups, &series));
    body += &section("Threads of the server", &tables::threads(&groups, &series));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n{body}<script>\n{SCRIPT}</script>\n</body>\n</html>\n"
    )
}

fn section(title: &str, content: &str) -> String {
    format!("<section>\n<h2>{title}</h2>\n{content}</section>\n")
}

/// How a group is told apart from the others, in every plot and table alike.
struct Series {
    number: usize,
    /// Escaped.
    name: String,
    /// Class of its colour. Floors are what others are measured by: grey.
    colour: String,
}

fn series(groups: &[Group<'_>]) -> Vec<Series> {
    let mut coloured = 0;
    let one = |(number, group): (usize, &Group<'_>)| {
        let colour = if group.is_floor() {
            "floor".to_owned()
        } else {
            coloured += 1;
            format!("c{}", (coloured - 1) % COLOURS)
        };
        Series { number, name: escape(&group.name), colour }
    };
    groups.iter().enumerate().map(one).collect()
}

fn legend(series: &[Series]) -> String {
    let button = |Series { number, name, colour }: &Series| {
        format!(
            "<button type=\"button\" data-series=\"{number}\" aria-pressed=\"true\"><i class=\"{colour}\"></i>{name}</button>"
        )
    };
    series.iter().map(button).collect()
}

/// Text as it may stand in an element or an attribute.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::run;

    fn fixture() -> Vec<Run> {
        let hostile = "<b>\"peer\" & 'co'</script>";
        let mut runs = vec![run("floor", 5.0), run("fanwire", 5.2), run(hostile, 9.0), run("fanwire", 5.3)];
        runs[1].warnings.push("a < b".into());
        runs
    }

    /// Checks that tags are closed in the order in which they were opened, and counts those of each name.
    fn well_formed(page: &str) -> std::collections::BTreeMap<String, usize> {
        let (mut open, mut counts, mut rest) = (Vec::new(), std::collections::BTreeMap::new(), page);
        while let Some(at) = rest.find('<') {
            let end = rest[at..].find('>').expect("a tag ends") + at;
            let tag = &rest[at + 1..end];
            rest = &rest[end + 1..];
            let name: String = tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
            if let Some(closed) = tag.strip_prefix('/') {
                assert_eq!(open.pop().as_deref(), Some(closed), "before {:.80}", rest);
                continue;
            }
            *counts.entry(name.clone()).or_insert(0) += 1;
            if tag.starts_with('!') || tag.ends_with('/') || ["meta", "br"].contains(&name.as_str()) {
                continue;
            }
            if ["script", "style"].contains(&name.as_str()) {
                rest = &rest[rest.find(&format!("</{name}>")).expect("its end")..];
            }
            open.push(name);
        }
        assert!(open.is_empty(), "{open:?}");
        counts
    }

    #[test]
    fn a_page_is_well_formed_and_has_every_run() {
        let page = page("W1 <now>", &fixture());
        let counts = well_formed(&page);
        assert_eq!(counts["h1"], 1);
        assert!(counts["svg"] >= 4 && page.contains("<title>W1 &lt;now&gt;</title>"));
        assert_eq!(page.matches("class=\"run\"").count(), 4, "a row for each run");
        assert_eq!(page.matches("<button").count(), 3, "a legend for each group");
        for plot in ["latency", "throughput", "cpu", "p99"] {
            let (_, svg) = page.split_once(&format!("id=\"{plot}\"")).unwrap_or_else(|| panic!("no plot {plot}"));
            let svg = svg.split("</svg>").next().unwrap();
            assert!(svg.matches("<path class=\"line").count() >= 4, "{plot} has a line for each run");
        }
    }

    #[test]
    fn names_are_escaped() {
        let page = page("t", &fixture());
        assert!(page.contains("&lt;b&gt;&quot;peer&quot; &amp; &#39;co&#39;&lt;/script&gt; websocket"));
        assert!(!page.contains("<b>&quot;") && !page.contains("<b>\"") && page.contains("a &lt; b"));
        assert_eq!(page.matches("</script>").count(), 1 + page.matches("<script type=\"application/json\"").count());
    }

    #[test]
    fn a_page_needs_no_network() {
        let page = page("t", &fixture());
        for word in ["http://", "https://", "url(", "@import", "src=", "href="] {
            assert!(!page.contains(word), "{word}");
        }
    }

    #[test]
    fn runs_without_course_or_distribution() {
        let mut bare = run("old", 5.0);
        bare.samples.clear();
        bare.latency_histogram.clear();
        bare.machine = None;
        well_formed(&page("t", &[bare]));
    }
}
