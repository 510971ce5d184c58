//! A report as a table of two columns.

use super::{Report, Thread};
use crate::workload::Workload;
use std::fmt::Write;

/// Instructions of FLOOR-A in the kernel, per send, as PERFORMANCE.md has them.
const KERNEL_INSTRUCTIONS_OF_FLOOR_A: u64 = 10_100;

type Rows = Vec<(String, String)>;

impl Report {
    /// The report for people.
    pub fn table(&self) -> String {
        let mut rows = Rows::new();
        self.add_deliveries(&mut rows);
        self.add_server(&mut rows);
        self.add_proof(&mut rows);
        rows.push(("client CPU".into(), percent(self.client_cpu_share)));
        rows.extend(self.client_threads.iter().map(row_of_thread));
        let mut out = self.head();
        let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, value) in rows {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "  {name:<width$}  {value}");
        }
        for warning in &self.warnings {
            let _ = writeln!(out, "  warning: {warning}");
        }
        out
    }

    /// What was measured, with how much.
    fn head(&self) -> String {
        let Workload { subscribers, topics, per_subscriber, rate, data_bytes, .. } = self.workload;
        let target = match self.floor {
            Some(floor) => format!("{} ({floor})", self.target),
            None => self.target.to_string(),
        };
        let mut transports: Vec<String> = self.groups.iter().map(|group| group.transport.to_string()).collect();
        transports.dedup();
        let transports = transports.join(", ");
        let mut head =
            format!("{target} over {transports}: {subscribers} subscribers × {per_subscriber} of {topics} topics");
        // Writing to a String cannot fail.
        let _ = write!(head, ", {rate} messages/s of {data_bytes} bytes");
        if self.gateways > 1 || self.client_processes > 1 {
            let _ = write!(head, "; {} targets, {} client processes", self.gateways, self.client_processes);
        }
        head.push('\n');
        head
    }

    fn add_deliveries(&self, rows: &mut Rows) {
        let mut row = |name: &str, value: String| rows.push((name.to_owned(), value));
        let Report { deliveries, seconds, deliveries_per_second, .. } = self;
        row("deliveries", format!("{deliveries} in {seconds:.1} s = {deliveries_per_second:.0}/s"));
        row("bytes", format!("{:.2} MB/s", self.bytes_per_second / 1e6));
        row("reads per delivery", format!("{:.3}", self.reads_per_delivery));
        row("latency p50 p90 p99 p99.9 p99.99 max", self.latency_ms.to_string());
        row("published", format!("{} ({} late, at most {:.1} ms)", self.published, self.late, self.latest_ms));
        row("connects", format!("{:.0}/s, each with its first snapshots", self.connects_per_second));
    }

    fn add_server(&self, rows: &mut Rows) {
        let per_delivery = match self.deliveries {
            0 => "nothing was delivered".to_owned(),
            _ => format!("{:.2} µs", self.cpu_us_per_delivery),
        };
        rows.push(("server CPU per delivery".into(), per_delivery));
        rows.extend(self.server_threads.iter().map(row_of_thread));
        let mut row = |name: &str, value: String| rows.push((name.to_owned(), value));
        let ksoftirqd = self.ksoftirqd_us_per_delivery;
        row(
            "  ksoftirqd of its CPU",
            ksoftirqd.map_or("not visible here".into(), |us| format!("{us:.3} µs per delivery")),
        );
        row(
            "server CPU",
            format!("{} (waited for it {})", percent(self.server_cpu_share), percent(self.server_waited_share)),
        );
        row("instructions per delivery", self.instructions());
        if let (Some(writes), Some(short)) = (self.writes_per_delivery, self.writes_short) {
            row("writes per delivery", format!("{writes:.3} ({short} short)"));
        }
        if let (Some(passes), Some(commits)) = (self.passes, self.commits) {
            row("passes, commits", format!("{passes}, {commits}"));
        }
        let (open, end) = (self.resident_bytes_per_subscriber, self.resident_bytes_per_subscriber_at_end);
        let resident = self.resident_bytes as f64 / 1e6;
        row("resident memory", format!("{resident:.1} MB, {open:.0} bytes per connection ({end:.0} at the end)"));
    }

    /// Beside what the floor's send takes by PERFORMANCE.md.
    pub fn instructions(&self) -> String {
        let floor = format!("PERFORMANCE.md: {KERNEL_INSTRUCTIONS_OF_FLOOR_A} kernel per send of FLOOR-A");
        match (self.kernel_instructions_per_delivery, self.user_instructions_per_delivery) {
            (Some(kernel), Some(user)) => format!("{kernel:.0} kernel, {user:.0} user ({floor})"),
            _ => {
                let missing = self.instructions_missing.as_deref().unwrap_or_default();
                format!("not counted on this machine: {missing} ({floor})")
            }
        }
    }

    fn add_proof(&self, rows: &mut Rows) {
        let Report { snapshots, lags, lost, audited, .. } = self;
        let proof = format!("{snapshots} snapshots, then all in order; {lags} lags, {lost} lost");
        rows.push(("proof".into(), proof));
        let subscribers: usize = self.groups.iter().map(|group| group.subscribers).sum();
        let compared = if self.floor.is_some() {
            "all patches applied"
        } else {
            "all applied, and equal to the gateway's snapshots"
        };
        rows.push(("audit".into(), format!("{audited} of {subscribers}: {compared}")));
        if self.groups.len() > 1 || self.groups.iter().any(|group| !group.transport.is_stream()) {
            rows.extend(self.groups.iter().map(|group| (format!("  {}", group.name), group.to_string())));
        }
        for roamed in &self.roamed {
            rows.push((format!("  {}", roamed.name), roamed.to_string()));
            rows.extend(roamed.storm.iter().map(|storm| ("    storm".to_owned(), storm.to_string())));
        }
    }
}

fn row_of_thread(thread: &Thread) -> (String, String) {
    let value = format!("{:.3} µs per delivery, {}", thread.us_per_delivery, percent(thread.cpu_share));
    (format!("  thread {}", thread.name), value)
}

pub(super) fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}
