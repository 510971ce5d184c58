//! The gateway's own counters, from its `/metrics` page.

use anyhow::{Context, ensure};
use std::io::{Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::time::Duration;

/// Longest time in which the page has to be there.
const PAGE_TIME: Duration = Duration::from_secs(5);

/// Counters of the gateway, summed over shards and transports.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    pub writes: u64,
    pub writes_short: u64,
    pub deliveries: u64,
    pub passes: u64,
    pub commits: u64,
    pub lags: u64,
}

/// One look at the metrics page.
#[derive(Clone, Debug, Default)]
pub struct Page(String);

impl Page {
    pub fn fetch(admin: SocketAddrV4) -> anyhow::Result<Page> {
        let page = ask(admin, "GET", "/metrics").context("the metrics page")?;
        Ok(Page(page))
    }

    /// The sum over all lines of a metric that hold `label`; the name without its prefix `fanwire_`.
    pub fn sum(&self, name: &str, label: &str) -> u64 {
        let lines = self.0.lines().filter_map(|line| line.strip_prefix("fanwire_")?.strip_prefix(name));
        let values = lines.filter(|rest| rest.starts_with([' ', '{']) && rest.contains(label)).filter_map(|rest| {
            let value = rest.strip_prefix('{').map_or(rest, |rest| rest.split_once('}').map_or("", |(_, v)| v));
            value.trim().parse::<f64>().ok()
        });
        values.sum::<f64>() as u64
    }

    /// Label values of a metric, each with its number; the label named `label`.
    pub fn by_label(&self, name: &str, label: &str) -> Vec<(String, u64)> {
        let begin = format!("fanwire_{name}{{{label}=\"");
        let lines = self.0.lines().filter_map(|line| line.strip_prefix(&begin)?.split_once("\"} "));
        lines.map(|(value, number)| (value.to_owned(), number.trim().parse().unwrap_or(0))).collect()
    }
}

/// Asks the admin listener. The answer's body, which must come with 200.
pub fn ask(admin: SocketAddrV4, method: &str, path: &str) -> anyhow::Result<String> {
    let mut socket = TcpStream::connect_timeout(&admin.into(), PAGE_TIME)?;
    socket.set_read_timeout(Some(PAGE_TIME))?;
    write!(socket, "{method} {path} HTTP/1.1\r\nHost: loadtest\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    let mut page = String::new();
    socket.take(8 * 1024 * 1024).read_to_string(&mut page)?;
    ensure!(page.starts_with("HTTP/1.1 200 "), "{method} {path}: {}", page.lines().next().unwrap_or_default());
    Ok(page.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}

impl Counters {
    pub fn fetch(admin: SocketAddrV4) -> anyhow::Result<Counters> {
        Ok(Counters::read(&Page::fetch(admin)?))
    }

    fn read(page: &Page) -> Counters {
        let sum = |name: &str| page.sum(&format!("{name}_total"), "");
        Counters {
            writes: sum("writes"),
            writes_short: sum("writes_short"),
            deliveries: sum("deliveries"),
            passes: sum("shard_passes"),
            commits: sum("commits"),
            lags: sum("lags"),
        }
    }

    pub fn plus(&self, other: &Counters) -> Counters {
        Counters {
            writes: self.writes + other.writes,
            writes_short: self.writes_short + other.writes_short,
            deliveries: self.deliveries + other.deliveries,
            passes: self.passes + other.passes,
            commits: self.commits + other.commits,
            lags: self.lags + other.lags,
        }
    }

    pub fn since(&self, before: &Counters) -> Counters {
        Counters {
            writes: self.writes - before.writes,
            writes_short: self.writes_short - before.writes_short,
            deliveries: self.deliveries - before.deliveries,
            passes: self.passes - before.passes,
            commits: self.commits - before.commits,
            lags: self.lags - before.lags,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_over_labels() {
        let page = "# TYPE fanwire_writes counter\nfanwire_writes_total{shard=\"0\"} 3\nfanwire_writes_total{shard=\"1\"} 4\n\
                    fanwire_writes_short_total{shard=\"0\"} 1\nfanwire_commits_total 9\n";
        let page = Page(page.to_owned());
        assert_eq!(page.sum("writes_total", "shard=\"1\""), 4);
        assert_eq!(page.by_label("writes_total", "shard"), [("0".to_owned(), 3), ("1".to_owned(), 4)]);
        let counters = Counters::read(&page);
        assert_eq!((counters.writes, counters.writes_short, counters.commits, counters.lags), (7, 1, 9, 0));
    }
}
