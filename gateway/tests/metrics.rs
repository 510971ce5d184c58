//! What is written about metrics and configuration is true: the dashboards and `docs/metrics.md` name what a running
//! gateway exports, and the documentation names configuration keys that exist.

use fanwire::app::{App, Listeners};
use fanwire::config;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const CONFIG: &str =
    "[server]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\nshards = 2\nheartbeat_ms = 100\ndrain_s = 1\n";
/// Labels that the format itself adds.
const FORMAT_LABELS: &[&str] = &["le"];

/// A metric as exported or as written about: its type and its labels.
#[derive(Debug, Default, PartialEq, Eq)]
struct Metric {
    kind: String,
    labels: BTreeSet<String>,
}

/// By the name that a query uses; a histogram by its name without `_bucket`, `_sum` and `_count`.
type Metrics = BTreeMap<String, Metric>;

#[test]
fn the_page_the_documentation_and_the_dashboards_agree() {
    let exported = metrics_of(&scrape());
    let documented = documented();
    for (name, metric) in &exported {
        assert_eq!(documented.get(name), Some(metric), "{name} in docs/metrics.md, against what is exported");
    }
    for name in documented.keys().chain(&mentioned(&text("docs/metrics.md"))) {
        assert!(exported.contains_key(base(name)), "{name} is in docs/metrics.md, but is not exported");
    }
    let dashboards = files("grafana/dashboards", "json");
    assert!(!dashboards.is_empty());
    for path in dashboards {
        let dashboard: serde_json::Value = serde_json::from_str(&read(&path)).unwrap();
        let queries = queries_of(&dashboard);
        assert!(!queries.is_empty(), "{} has no query", path.display());
        for query in queries {
            let names = mentioned(&query);
            assert!(!names.is_empty(), "{query:?} in {} names no metric", path.display());
            for name in names {
                let metric = exported.get(base(&name));
                let metric = metric.unwrap_or_else(|| panic!("{name} in {} is not exported", path.display()));
                assert_eq!(metric.kind == "histogram", base(&name) != name, "{name}: a part of a histogram");
            }
        }
    }
}

#[test]
fn the_last_bucket_of_a_histogram_holds_everything() {
    let page = scrape();
    let value_of = |start: &str| {
        let line = page.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start} in {page}"));
        line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()
    };
    let all = value_of("fanwire_fanout_latency_seconds_count ");
    assert_eq!(value_of("fanwire_fanout_latency_seconds_bucket{le=\"+Inf\"} "), all);
    assert!(page.ends_with("# EOF\n"));
}

#[test]
fn configuration_keys_in_the_documentation_exist() {
    let example: toml::Value = toml::from_str(config::DEMO).unwrap();
    let mut pages = files("docs", "md");
    pages.extend(["README.md", "ARCHITECTURE.md", "grafana/README.md"].map(|page| root().join(page)));
    let mut named = 0;
    for page in pages {
        for span in code_spans(&read(&page)) {
            let Some((section, key)) = config_key(&span) else { continue };
            named += 1;
            let found = example.get(section).and_then(|section| section.get(key));
            assert!(found.is_some(), "`{span}` in {} is not in config/fanwire.toml", page.display());
        }
    }
    assert!(named > 10, "the documentation names {named} keys; the search must have broken");
}

/// The metrics page of a running gateway that has one feed.
fn scrape() -> String {
    let config = config::parse(CONFIG, "test").unwrap();
    let listeners = Listeners::bind(&config).unwrap();
    let admin = listeners.admin_address().unwrap();
    let app = App::start(&config, listeners).unwrap();
    app.sources.add_feed("test", Arc::default());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = runtime.spawn(app.run(async { drop(stopped.await) }));
    let page = get(admin, "/metrics");
    stop.send(()).unwrap();
    runtime.block_on(running).unwrap().unwrap();
    page
}

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    body.to_owned()
}

/// Reads a page in the OpenMetrics text format.
fn metrics_of(page: &str) -> Metrics {
    let mut metrics = Metrics::new();
    let mut family = (String::new(), String::new());
    for line in page.lines() {
        if let Some(described) = line.strip_prefix("# TYPE ") {
            let (name, kind) = described.split_once(' ').unwrap();
            let suffix = if kind == "counter" { "_total" } else { "" };
            family = (format!("{name}{suffix}"), kind.to_owned());
            metrics.insert(family.0.clone(), Metric { kind: kind.to_owned(), labels: BTreeSet::new() });
        } else if !line.starts_with('#') {
            let series = line.rsplit_once(' ').unwrap().0;
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            assert!(name.starts_with(&family.0), "{name} stands under {}", family.0);
            assert!(name.starts_with("fanwire_"), "{name}");
            let labels = labels.trim_end_matches('}').split(',').filter_map(|label| Some(label.split_once('=')?.0));
            let own = labels.filter(|label| !FORMAT_LABELS.contains(label)).map(str::to_owned);
            metrics.get_mut(&family.0).unwrap().labels.extend(own);
        }
    }
    assert!(metrics.len() > 20, "{page}");
    metrics
}

/// The table rows of `docs/metrics.md`: `| name | type | labels | …`.
fn documented() -> Metrics {
    let page = text("docs/metrics.md");
    let rows = page.lines().filter(|line| line.starts_with("| `fanwire_"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let labels = code_spans(cells[2]).into_iter().collect();
        (cells[0].trim_matches('`').to_owned(), Metric { kind: cells[1].to_owned(), labels })
    })
    .collect()
}

/// Every word of the text that is a metric's name.
fn mentioned(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c: char| !is_part(c));
    words.filter(|word| word.starts_with("fanwire_") && word.len() > "fanwire_".len()).map(str::to_owned).collect()
}

/// The name without what a histogram's series add to it.
fn base(name: &str) -> &str {
    ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name)
}

/// Every `expr` of a dashboard, at any depth.
fn queries_of(value: &serde_json::Value) -> Vec<String> {
    match value {
        serde_json::Value::Object(members) => {
            let own = members.get("expr").and_then(|expr| expr.as_str()).map(str::to_owned);
            own.into_iter().chain(members.values().flat_map(queries_of)).collect()
        }
        serde_json::Value::Array(items) => items.iter().flat_map(queries_of).collect(),
        _ => Vec::new(),
    }
}

/// What stands between single backticks, line by line.
fn code_spans(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.starts_with("```"));
    lines.flat_map(|line| line.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

/// `section.key`, alone or with a value after it.
fn config_key(span: &str) -> Option<(&str, &str)> {
    let (section, rest) = span.split_once('.')?;
    let key = rest.split(" = ").next()?;
    let is_key = !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    (matches!(section, "server" | "publish" | "limits") && is_key).then_some((section, key))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn text(path: &str) -> String {
    read(&root().join(path))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|found| found == extension)).collect()
}
