//! What is put on a target.

use crate::audience::Group;
use crate::roam::Roamers;
use crate::target::GatewayKeys;
use crate::workload::{Transport, Workload};

/// What is put on a target: what is published, who listens, and how a gateway is set up for it.
#[derive(Clone, Debug)]
pub struct Load {
    pub workload: Workload,
    pub groups: Vec<Group>,
    /// Beside those, who does more than listen.
    pub roamers: Vec<Roamers>,
    pub keys: GatewayKeys,
}

impl Load {
    /// Subscribers of one kind.
    pub fn alike(workload: &Workload, transport: Transport) -> Load {
        let groups = vec![Group::of(workload, transport)];
        Load { workload: workload.clone(), groups, roamers: Vec::new(), keys: GatewayKeys::default() }
    }

    pub fn subscribers(&self) -> usize {
        self.groups.iter().map(|group| group.subscribers).sum()
    }

    /// Connections that are open at a time.
    pub fn connections(&self) -> usize {
        self.subscribers() + self.roamers.iter().map(|roamers| roamers.group.subscribers).sum::<usize>()
    }

    /// What it is called while it runs.
    pub fn label(&self) -> String {
        let names: Vec<&str> = self.groups.iter().map(|group| group.name.as_str()).collect();
        names.join(", ")
    }
}
