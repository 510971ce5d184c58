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

impl Counters {
    pub fn fetch(admin: SocketAddrV4) -> anyhow::Result<Counters> {
        let mut socket = TcpStream::connect_timeout(&admin.into(), PAGE_TIME).context("the metrics page")?;
        socket.set_read_timeout(Some(PAGE_TIME))?;
        socket.write_all(b"GET /metrics HTTP/1.1\r\nHost: loadtest\r\nConnection: close\r\n\r\n")?;
        let mut page = String::new();
        socket.take(8 * 1024 * 1024).read_to_string(&mut page).context("the metrics page")?;
        ensure!(page.starts_with("HTTP/1.1 200 "), "the metrics page: {}", page.lines().next().unwrap_or_default());
        Ok(Counters::read(&page))
    }

    fn read(page: &str) -> Counters {
        let sum = |name: &str| -> u64 {
            let name = format!("fanwire_{name}_total");
            let values = page.lines().filter_map(|line| line.strip_prefix(&name)).filter_map(|rest| {
                let value = rest.strip_prefix('{').map_or(rest, |rest| rest.split_once('}').map_or("", |(_, v)| v));
                value.trim().parse::<f64>().ok()
            });
            values.sum::<f64>() as u64
        };
        Counters {
            writes: sum("writes"),
            writes_short: sum("writes_short"),
            deliveries: sum("deliveries"),
            passes: sum("shard_passes"),
            commits: sum("commits"),
            lags: sum("lags"),
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
        let counters = Counters::read(page);
        assert_eq!((counters.writes, counters.writes_short, counters.commits, counters.lags), (7, 1, 9, 0));
    }
}
