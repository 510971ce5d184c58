//! Configuration in two stages: as written ([`File`], TOML) → as meant ([`Config`], validated).
//!
//! CONFIG-FIRST: nothing binds or connects before all of it is validated, and all problems are reported at once, each
//! with its key path.

mod file;

pub use file::{DeliverySection, Feed, File, KindEntry, PublishSection, ServerSection};

use crate::limits::Limits;
use crate::sequencer::{KindRule, KindRules};
use crate::shard::{CoreSettings, Paces, RingUse};
use crate::store::Kind;
use crate::transport::http::Origins;
use crate::transport::publish::PublishSettings;
use feeds::model::Pattern;
use feeds::registry::leagues_told_twice;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// Everything that is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
#[error("{} in {source_name}:\n{}", count(problems), list(problems))]
pub struct Problems {
    pub source_name: String,
    /// `key.path: what is wrong`.
    pub problems: Vec<String>,
}

fn count(problems: &[String]) -> String {
    if problems.len() == 1 { "1 problem".into() } else { format!("{} problems", problems.len()) }
}

fn list(problems: &[String]) -> String {
    problems.iter().map(|problem| format!("  {problem}")).collect::<Vec<_>>().join("\n")
}

/// The configuration as meant.
#[derive(Clone, Debug)]
pub struct Config {
    pub listen: SocketAddr,
    pub admin: SocketAddr,
    pub shards: usize,
    pub io_uring: RingUse,
    pub core: CoreSettings,
    pub retry_ms: u64,
    pub drain: Duration,
    pub origins: Origins,
    pub page: bool,
    pub conformance_echo: bool,
    pub test_hooks: bool,
    pub publish: PublishSettings,
    pub kinds: KindRules,
    pub feeds: Vec<Feed>,
    pub limits: Limits,
}

/// The demo's configuration, built in: what `config/fanwire.toml` says.
pub const DEMO: &str = include_str!("../../../config/fanwire.toml");

/// Reads and validates a file.
pub fn load(path: &Path) -> Result<Config, Problems> {
    let source_name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| Problems {
        source_name: source_name.clone(),
        problems: vec![format!("cannot be read: {error}")],
    })?;
    parse(&text, &source_name)
}

/// Validates TOML text.
pub fn parse(text: &str, source_name: &str) -> Result<Config, Problems> {
    let fail = |problems| Problems { source_name: source_name.to_owned(), problems };
    let file: File =
        toml::from_str(text).map_err(|error| fail(vec![error.to_string().trim_end().replace('\n', "\n    ")]))?;
    validate(file).map_err(fail)
}

fn validate(file: File) -> Result<Config, Vec<String>> {
    let mut problems = Vec::new();
    let File { server, delivery, publish, limits, kind, feed } = file;
    let listen = address("server.listen", &server.listen, &mut problems);
    let admin = address("server.admin", &server.admin, &mut problems);
    if listen.is_some_and(|listen| Some(listen) == admin && listen.port() != 0) {
        problems.push("server.admin: is the same as server.listen".into());
    }
    check_ranges(&server, &limits, &mut problems);
    problems.extend(server.io_uring.problem().map(|problem| format!("server.io_uring: {problem}")));
    check_paces("delivery.rates_hz", &delivery.rates_hz, 100, &mut problems);
    check_paces("delivery.lingers_ms", &delivery.lingers_ms, 1_000, &mut problems);
    if publish.token.is_empty() && !publish.open_to_loopback {
        tracing::debug!("nobody may publish: no token, and closed to loopback");
    }
    let rules = kind.iter().enumerate().filter_map(|(n, entry)| kind_rule(n, entry, &mut problems)).collect();
    for (n, feed) in feed.iter().enumerate() {
        problems.extend(feed.validate().into_iter().map(|problem| format!("feed[{n}].{problem}")));
    }
    for (n, feed) in repeated_feeds(&feed) {
        problems.push(repeated(n, feed));
    }
    for (n, league, owner) in leagues_told_twice(&feed) {
        problems.push(format!("feed[{n}]: the league {league:?} is told by {owner:?} already; leave it out of one"));
    }
    let (Some(listen), Some(admin), true) = (listen, admin, problems.is_empty()) else { return Err(problems) };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Ok(Config {
        listen,
        admin,
        shards: if server.shards == 0 { cores } else { server.shards },
        io_uring: server.io_uring,
        core: CoreSettings {
            heartbeat_ms: server.heartbeat_ms,
            poll_gather_ms: server.poll_gather_ms,
            paces: Paces { rates_hz: delivery.rates_hz, lingers_ms: delivery.lingers_ms },
            limits: limits.clone(),
        },
        retry_ms: server.retry_ms,
        drain: Duration::from_secs(server.drain_s),
        origins: Origins { permitted: server.origins },
        page: server.page,
        conformance_echo: server.conformance_echo,
        test_hooks: server.test_hooks,
        publish: PublishSettings {
            open_to_loopback: publish.open_to_loopback,
            token: Some(publish.token).filter(|token| !token.is_empty()),
            wait: Duration::from_millis(publish.wait_ms),
        },
        kinds: KindRules::new(rules),
        feeds: feed,
        limits,
    })
}

/// Feeds whose provider an earlier one has already: they would share one `feed.<provider>`.
fn repeated_feeds(feeds: &[Feed]) -> impl Iterator<Item = (usize, &Feed)> {
    let is_known = |n: usize, feed: &Feed| feeds[..n].iter().any(|other| other.provider() == feed.provider());
    feeds.iter().enumerate().filter(move |(n, feed)| is_known(*n, feed))
}

fn repeated(n: usize, feed: &Feed) -> String {
    match feed {
        Feed::Generic(config) => format!("feed[{n}].name: {:?} is the name of an earlier feed", config.name()),
        _ => format!("feed[{n}].provider: a second feed of {:?}; name all symbols in one", feed.provider()),
    }
}

fn address(key: &str, text: &str, problems: &mut Vec<String>) -> Option<SocketAddr> {
    match text.parse() {
        Ok(address) => Some(address),
        Err(_) => {
            problems.push(format!("{key}: {text:?} is not an address like 127.0.0.1:8080"));
            None
        }
    }
}

fn kind_rule(n: usize, entry: &KindEntry, problems: &mut Vec<String>) -> Option<KindRule> {
    let kind = match entry.kind.as_str() {
        "state" => Some(Kind::State),
        "event" => Some(Kind::Event),
        other => {
            problems.push(format!("kind[{n}].kind: {other:?} is neither \"state\" nor \"event\""));
            None
        }
    };
    let pattern = Pattern::new(&entry.pattern).map_err(|error| problems.push(format!("kind[{n}].pattern: {error}")));
    if !(1..=100_000).contains(&entry.keep) {
        problems.push(format!("kind[{n}].keep: {} is not between 1 and 100000", entry.keep));
    }
    Some(KindRule { pattern: pattern.ok()?, kind: kind?, keep: entry.keep })
}

/// Each choice is a tick of every shard, so they are few.
fn check_paces(key: &str, choices: &[u32], most: u32, problems: &mut Vec<String>) {
    const CHOICES_MAX: usize = 16;
    if choices.len() > CHOICES_MAX {
        problems.push(format!("{key}: {} choices are more than {CHOICES_MAX}", choices.len()));
    }
    for choice in choices.iter().filter(|choice| !(1..=most).contains(*choice)) {
        problems.push(format!("{key}: {choice} is not between 1 and {most} (0 is always allowed)"));
    }
}

fn check_ranges(server: &ServerSection, limits: &Limits, problems: &mut Vec<String>) {
    let mut range = |key: &str, value: u64, least: u64, most: u64| {
        if !(least..=most).contains(&value) {
            problems.push(format!("{key}: {value} is not between {least} and {most}"));
        }
    };
    range("server.shards", server.shards as u64, 0, 256);
    range("server.heartbeat_ms", server.heartbeat_ms, 100, 600_000);
    range("server.poll_gather_ms", server.poll_gather_ms, 0, 1_000);
    range("server.retry_ms", server.retry_ms, 0, 600_000);
    range("server.drain_s", server.drain_s, 0, 600);
    for (key, value, least, most) in limits.ranges() {
        range(&format!("limits.{key}"), value, least, most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every key of a TOML table, with its path.
    fn keys(value: &toml::Value, path: &str, found: &mut Vec<String>) {
        if let toml::Value::Table(table) = value {
            for (key, value) in table {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                match value {
                    toml::Value::Table(_) => keys(value, &path, found),
                    _ => found.push(path),
                }
            }
        }
    }

    #[test]
    fn the_example_has_every_key_and_parses_to_the_defaults() {
        let written: toml::Value = toml::from_str(DEMO).unwrap();
        let defaults = toml::Value::try_from(File::default()).unwrap();
        let (mut in_example, mut in_code) = (Vec::new(), Vec::new());
        for section in ["server", "publish", "limits"] {
            keys(&written[section], section, &mut in_example);
            keys(&defaults[section], section, &mut in_code);
        }
        in_example.sort();
        in_code.sort();
        assert_eq!(in_example, in_code);
        let file: File = toml::from_str(DEMO).unwrap();
        assert_eq!(file.limits, Limits::default());
        assert_eq!(file.server, ServerSection::default());
        assert_eq!(file.publish, PublishSection::default());
        parse(DEMO, "config/fanwire.toml").unwrap();
    }

    #[test]
    fn the_shipped_files_are_good() {
        for (name, feeds) in [("live.toml", 5), ("production.toml", 2), ("generic.toml", 2)] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config").join(name);
            assert_eq!(load(&path).unwrap().feeds.len(), feeds, "{name}");
        }
        let twice = "[[feed]]\nprovider = \"nhl\"\n[[feed]]\nprovider = \"nhl\"\n";
        assert!(parse(twice, "test").unwrap_err().problems[0].starts_with("feed[1].provider"));
        let both = "[[feed]]\nprovider = \"nhl\"\n[[feed]]\nprovider = \"espn\"\nleagues = [\"hockey/nhl\"]\n";
        assert_eq!(
            parse(both, "test").unwrap_err().problems,
            ["feed[1]: the league \"nhl\" is told by \"nhl\" already; leave it out of one"]
        );
        let example = include_str!("../../../config/generic.toml").replace("\"cup\"", "\"acme\"");
        assert_eq!(
            parse(&example, "test").unwrap_err().problems,
            ["feed[1].name: \"acme\" is the name of an earlier feed"]
        );
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let text = "[server]\nlisten = \"here\"\nheartbeat_ms = 1\n[limits]\ntopics_max = 0\n[[kind]]\npattern = \"a..b\"\nkind = \"x\"\n";
        let problems = parse(text, "test").unwrap_err().problems;
        for key in ["server.listen", "server.heartbeat_ms", "limits.topics_max", "kind[0].kind", "kind[0].pattern"] {
            assert!(problems.iter().any(|problem| problem.starts_with(key)), "{key} in {problems:#?}");
        }
        assert!(parse("[server]\nlisen = 1\n", "test").unwrap_err().to_string().contains("lisen"));
    }
}
