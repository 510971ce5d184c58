//! Where a measurement takes place: which targets, how many of them, and how many processes their clients share.

use crate::floor::FloorKind;
use crate::target::Setting;
use crate::workload::SUBSCRIBERS_MAX;
use anyhow::ensure;

#[derive(Clone, Debug, clap::Args)]
pub struct Stage {
    #[command(flatten)]
    pub setting: Setting,
    /// Which floor is started, where one is
    #[arg(long, value_enum, default_value_t)]
    pub floor: FloorKind,
    /// Milliseconds for which the coalescing floor gathers; 0: what one turn of its loop reads
    #[arg(long, default_value_t = 0, value_name = "MS")]
    pub floor_tick_ms: u64,
    /// Targets that are published to alike; each has its share of the subscribers
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub gateways: usize,
    /// Processes that share the subscribers
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub client_processes: usize,
    /// CPUs of the client processes after the first, in turn; by default the first one's
    #[arg(long, value_name = "N")]
    pub helper_cpu: Vec<usize>,
}

impl Stage {
    pub fn validate(&self, subscribers: usize) -> anyhow::Result<()> {
        ensure!((1..=16).contains(&self.gateways), "--gateways is 1 to 16");
        ensure!((1..=16).contains(&self.client_processes), "--client-processes is 1 to 16");
        for (what, count) in [("--gateways", self.gateways), ("--client-processes", self.client_processes)] {
            let most = SUBSCRIBERS_MAX * count;
            ensure!(subscribers <= most, "{subscribers} subscribers are more than the {most} of {what} {count}");
        }
        Ok(())
    }

    /// The CPU of a client process after the first.
    pub fn cpu_of_helper(&self, helper: usize) -> usize {
        match self.helper_cpu.len() {
            0 => self.setting.client_cpu,
            cpus => self.helper_cpu[helper % cpus],
        }
    }
}
