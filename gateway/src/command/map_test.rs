//! `fanwire map-test`: shows what a sample of a provider's messages becomes under a generic feed's mapping.
//!
//! Publish lines go to standard output, fit for `POST /v1/publish`; why the rest became nothing goes to standard error.

use crate::config;
use anyhow::{Context, bail};
use feeds::model::{Change, Object, Update, parse_value, write_text};
use feeds::provider::generic::{GenericConfig, Trial, Tried};
use feeds::registry::FeedConfig;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

#[derive(Clone, Debug, clap::Args)]
pub struct MapTestArgs {
    /// The configuration that holds the mapping, TOML
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The feed's name, if there are several generic ones
    #[arg(long, value_name = "NAME")]
    feed: Option<String>,
    /// The socket or poll that the sample is of, if they differ
    #[arg(long, value_name = "NAME")]
    from: Option<String>,
    /// The sample: one JSON value, or one frame per line
    #[arg(value_name = "SAMPLE")]
    sample: PathBuf,
}

pub fn run(args: &MapTestArgs) -> anyhow::Result<()> {
    show(args, &mut std::io::stdout().lock(), &mut std::io::stderr().lock())
}

/// Writes publish lines to `out`, and all else to `why`.
pub fn show(args: &MapTestArgs, out: &mut dyn Write, why: &mut dyn Write) -> anyhow::Result<()> {
    let config = config::load(&args.config)?;
    let mut trial = Trial::new(generic(&config.feeds, args.feed.as_deref())?);
    let Some(source) = trial.source(args.from.as_deref()) else {
        bail!("no socket and no poll has that name; there are {}", trial.source_names());
    };
    let sample = std::fs::read(&args.sample).with_context(|| format!("cannot read {}", args.sample.display()))?;
    let mut topics = BTreeMap::<String, usize>::new();
    for (line, frame) in frames(&sample) {
        let tried = trial.take(source, frame);
        tried.updates.iter().for_each(|update| *topics.entry(update.topic.to_string()).or_default() += 1);
        tell(line, &tried, out, why)?;
    }
    sum_up(&trial, &topics, why)
}

fn generic<'a>(feeds: &'a [FeedConfig], name: Option<&str>) -> anyhow::Result<&'a GenericConfig> {
    let all = || {
        feeds.iter().filter_map(|feed| match feed {
            FeedConfig::Generic(config) => Some(config),
            _ => None,
        })
    };
    let names: Vec<&str> = all().map(GenericConfig::name).collect();
    let mut named = all().filter(|config| name.is_none_or(|name| config.name() == name));
    match (named.next(), named.next()) {
        (Some(config), None) => Ok(config),
        (None, _) => bail!("there is no such generic feed; there are: {}", names.join(", ")),
        _ => bail!("name one of the generic feeds with --feed: {}", names.join(", ")),
    }
}

/// The whole sample if it is one JSON value, else its lines; with the number of the line each begins at.
fn frames(sample: &[u8]) -> Vec<(usize, &[u8])> {
    if parse_value(sample).is_ok() {
        return vec![(1, sample.trim_ascii())];
    }
    let lines = sample.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines.enumerate().filter(|(_, line)| !line.is_empty()).map(|(n, line)| (n + 1, line)).collect()
}

fn tell(line: usize, tried: &Tried, out: &mut dyn Write, why: &mut dyn Write) -> std::io::Result<()> {
    for note in &tried.notes {
        writeln!(why, "line {line}: {note}")?;
    }
    for update in &tried.updates {
        match publish_line(update) {
            Some(text) => writeln!(out, "{text}")?,
            None => writeln!(why, "line {line}: {}: {}", update.topic, aside(&update.change))?,
        }
    }
    Ok(())
}

/// The update as a line for `/v1/publish`; `None` for what only a feed can say.
fn publish_line(update: &Update) -> Option<String> {
    let mut line = b"{\"topic\":".to_vec();
    write_text(update.topic.as_str(), &mut line);
    if let Some(te) = update.te {
        line.extend_from_slice(format!(",\"te\":{te}").as_bytes());
    }
    let mut say = |word: &str, object: &Object| {
        line.extend_from_slice(format!(",\"{word}\":").as_bytes());
        object.write(&mut line);
    };
    match &update.change {
        Change::Patch(patch) => say("patch", patch),
        Change::State(state) | Change::Reset(state) => say("state", state),
        Change::Event(event) => say("event", event),
        Change::Retire => line.extend_from_slice(b",\"retire\":true"),
        Change::Lost(_) | Change::Stale(_) => return None,
    }
    line.push(b'}');
    String::from_utf8(line).ok()
}

fn aside(change: &Change) -> String {
    match change {
        Change::Lost(Some(count)) => format!("{count} events are missing before the next"),
        Change::Lost(None) => "events are missing before the next".to_owned(),
        Change::Stale(true) => "is stale from here on".to_owned(),
        _ => "is fresh again".to_owned(),
    }
}

fn sum_up(trial: &Trial, topics: &BTreeMap<String, usize>, why: &mut dyn Write) -> anyhow::Result<()> {
    for doubt in trial.doubts() {
        writeln!(why, "look at {doubt}")?;
    }
    for (topic, updates) in topics {
        writeln!(why, "topic {topic}: {updates} updates")?;
    }
    let counts = trial.counts();
    let (frames, ignored, rejected, gaps) = (counts.frames, counts.ignored, counts.rejected, counts.gaps);
    writeln!(why, "{frames} frames, {} topics, {ignored} ignored, {rejected} rejected, {gaps} gaps", topics.len())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::publish::parse_line;

    const SAMPLE: &str = r#"{"type":"ticker","data":[{"market":"xbt","b":"65083.70","ts":1763850000123456}]}

{"type":"trade","market":"eth","data":[{"id":1,"seq":5,"p":2,"q":1},{"id":4,"seq":8,"p":2,"q":1},{"id":5,"seq":9,"p":"?","q":1}]}
pong
{"type":"news"}
"#;

    fn shown(sample: &str, feed: Option<&str>) -> (String, String) {
        let path = std::env::temp_dir().join(format!("fanwire-map-test-{}-{}", std::process::id(), sample.len()));
        std::fs::write(&path, sample).unwrap();
        let config = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../config/generic.toml"));
        let args = MapTestArgs { config, feed: feed.map(str::to_owned), from: None, sample: path.clone() };
        let (mut out, mut why) = (Vec::new(), Vec::new());
        if let Err(error) = show(&args, &mut out, &mut why) {
            write!(why, "{error:#}").unwrap();
        }
        std::fs::remove_file(path).unwrap();
        (String::from_utf8(out).unwrap(), String::from_utf8(why).unwrap())
    }

    #[test]
    fn publish_lines_and_reasons() {
        let (out, why) = shown(SAMPLE, Some("acme"));
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(
            lines,
            [
                r#"{"topic":"quote.acme.BTC-USD","te":1763850000123,"patch":{"bid":65083.7}}"#,
                r#"{"topic":"trade.acme.ETH-USD","event":{"id":"4","price":2,"size":1}}"#,
            ],
            "the newest stands first: the older one is known already"
        );
        lines.iter().for_each(|line| drop(parse_line(line.as_bytes()).unwrap()));
        for reason in [
            "line 3: rejected: trades: price: \"?\" is not a decimal number",
            "line 4: a heartbeat",
            "line 5: ignored: no message matches",
            "look at book: no message of the sample matches",
            "topic quote.acme.BTC-USD: 1 updates",
            "4 frames,",
        ] {
            assert!(why.contains(reason), "{reason:?} is not in\n{why}");
        }
    }

    #[test]
    fn a_body_of_many_lines_is_one_frame() {
        let (out, why) = shown("{\"rounds\":[{\"games\":[\n{\"id\":7,\"kind\":\"match\"}\n]}]}\n", Some("cup"));
        assert_eq!(out.lines().count(), 1, "{why}");
        let (_, why) = shown("{}", None);
        assert!(why.contains("--feed: acme, cup"), "{why}");
        let (_, why) = shown("{}", Some("akme"));
        assert!(why.contains("there are: acme, cup"), "{why}");
    }
}
