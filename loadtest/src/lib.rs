//! Load harness: drives a gateway as strangers would, proves what arrives, and sets the cost beside a floor.
//!
//! It shares no code with the gateway: a harness that shares code with what it tests hides its bugs. The way of a
//! message: [`publisher`] writes a publish line at its scheduled time → the target (a gateway, or the [`floor`]) →
//! [`client`] reads, checks and times it. [`measure`] runs that once, [`report`] says what came of it.

pub mod audience;
pub mod audit;
pub mod births;
pub mod child;
pub mod client;
pub mod clock;
pub mod command;
pub mod course;
pub mod crowd;
pub mod diff;
pub mod floor;
pub mod helpers;
pub mod html;
pub mod idle;
pub mod machine;
pub mod measure;
pub mod pairs;
pub mod payload;
pub mod peer;
pub mod publisher;
pub mod report;
pub mod results;
pub mod roam;
pub mod scan;
pub mod scenario;
pub mod slow;
pub mod soak;
pub mod stage;
pub mod target;
pub mod upgrades;
pub mod workload;
