//! BOUNDED: every cap of the gateway, in one place. Those in [`Limits`] come from the configuration (`[limits]`);
//! the constants are relations the code relies on.

use feeds::model::Pattern;
use serde::{Deserialize, Serialize};

/// Pieces of one vectored write; what is scattered further is copied together. Relation: below Linux's `IOV_MAX`, 1,024.
pub const PIECES_MAX: usize = 8;
/// Bytes of a scattered run that are copied together even for one subscriber.
pub const COPIED_BYTES_MAX: usize = 4 * 1024;
/// Writes that a shard collects before it sends them; those of one submission to io_uring.
pub const SENDS_MAX: usize = 256;
/// Bytes of a buffer for scattered runs that are kept for the next pass.
pub const COPY_KEPT_BYTES_MAX: usize = 64 * 1024;
/// Bytes one connection may be given in one turn before the others get theirs.
pub const TURN_BYTES_MAX: usize = 256 * 1024;
/// Bytes of log read before they are handed out: bounds what a pass holds when much has come at once.
pub const PASS_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Turns that a connection gets before it counts as too far behind: enough for all that one pass brings.
pub const TURNS_BEYOND_MAX: usize = 16;
/// Items of a backlog gathered into one write.
pub const GATHER_MAX: usize = 128;
/// Ends of topics that a connection may be owed beyond its pending entries: they cannot be made up for by snapshots.
pub const ENDS_BEYOND_MAX: usize = 64;
/// Bytes read from one socket in one turn.
pub const READ_BYTES_MAX: usize = 64 * 1024;
/// Commands of one connection that are obeyed before the others have their turn.
pub const COMMANDS_AT_ONCE_MAX: usize = 8;
/// Answers (pongs, `ok`, errors, echoes) that may wait for a client whose socket takes no bytes. One that goes on asking
/// without reading is ended.
pub const ANSWERS_PENDING_MAX: usize = 1_024;
/// Entries that a latency budget may hold back for one set, and bytes of log for all sets of a shard, before they are
/// handed out early.
pub const LINGER_ENTRIES_MAX: usize = 1_024;
pub const LINGER_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Undelivered events of a throttled topic that are told before its end.
pub const PARTING_EVENTS_MAX: usize = 4_096;
/// Subscription sets kept though nobody uses them, so that the next poll finds its set made.
pub const IDLE_SETS_MAX: usize = 1_024;
/// Filters and topics of those sets in all: a few are large, or many are small.
pub const IDLE_SETS_WEIGHT_MAX: usize = 256 * 1_024;

/// Lines that a shard sequences itself rather than handing them to the sequencer's thread.
pub const SEQUENCED_AT_ONCE_MAX: usize = 16;
/// Handfuls of lines of one publisher that the sequencer has and has not answered.
pub const PUBLISHES_OUTSTANDING_MAX: usize = 8;
/// Bodies of polls, and bytes of them, that a shard remembers.
pub const BODIES_MAX: usize = 256;
pub const BODIES_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Caps that an operator may move.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    pub connections_max: usize,
    /// 0: no limit.
    pub connections_per_address_max: usize,
    pub accepts_per_turn_max: usize,
    pub topics_max: usize,
    pub filters_per_connection_max: usize,
    pub patterns_per_connection_max: usize,
    pub topics_per_connection_max: usize,
    pub state_bytes_max: usize,
    pub message_bytes_max: usize,
    pub commands_per_second_max: u32,
    pub commands_burst_max: u32,
    pub pending_entries_max: usize,
    pub resume_entries_max: usize,
    pub log_segments_max: usize,
    pub log_bytes_max: usize,
    pub head_bytes_max: usize,
    pub head_timeout_ms: u64,
    pub body_bytes_max: usize,
    pub body_timeout_ms: u64,
    pub publish_line_bytes_max: usize,
    pub poll_body_bytes_max: usize,
    pub snapshot_body_bytes_max: usize,
    pub poll_wait_max_s: u64,
    pub write_stall_ms: u64,
    pub close_timeout_ms: u64,
    pub errors_per_connection_max: u32,
    pub ingest_batches_max: usize,
    pub publishes_waiting_max: usize,
    pub history_items_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections_max: 15_000,
            connections_per_address_max: 0,
            accepts_per_turn_max: 64,
            topics_max: 200_000,
            filters_per_connection_max: 10_000,
            patterns_per_connection_max: 100,
            topics_per_connection_max: 50_000,
            state_bytes_max: 1024 * 1024,
            message_bytes_max: 64 * 1024,
            commands_per_second_max: 100,
            commands_burst_max: 1_000,
            pending_entries_max: 4_096,
            resume_entries_max: 4_096,
            log_segments_max: 65_536,
            log_bytes_max: 128 * 1024 * 1024,
            head_bytes_max: 16 * 1024,
            head_timeout_ms: 10_000,
            body_bytes_max: 4 * 1024 * 1024,
            body_timeout_ms: 10_000,
            publish_line_bytes_max: 256 * 1024,
            poll_body_bytes_max: 1024 * 1024,
            snapshot_body_bytes_max: 16 * 1024 * 1024,
            poll_wait_max_s: 55,
            write_stall_ms: 30_000,
            close_timeout_ms: 5_000,
            errors_per_connection_max: 20,
            ingest_batches_max: 4_096,
            publishes_waiting_max: 256,
            history_items_max: 2_000,
        }
    }
}

impl Limits {
    /// Every limit with the least and the most that may be configured.
    pub fn ranges(&self) -> [(&'static str, u64, u64, u64); 29] {
        const MIB: u64 = 1024 * 1024;
        let wide = |size: usize| size as u64;
        [
            ("connections_max", wide(self.connections_max), 1, 1_000_000),
            ("connections_per_address_max", wide(self.connections_per_address_max), 0, 1_000_000),
            ("accepts_per_turn_max", wide(self.accepts_per_turn_max), 1, 4_096),
            ("topics_max", wide(self.topics_max), 1, 10_000_000),
            ("filters_per_connection_max", wide(self.filters_per_connection_max), 1, 100_000),
            ("patterns_per_connection_max", wide(self.patterns_per_connection_max), 1, 10_000),
            ("topics_per_connection_max", wide(self.topics_per_connection_max), 1, 10_000_000),
            ("state_bytes_max", wide(self.state_bytes_max), 1_024, 256 * MIB),
            ("message_bytes_max", wide(self.message_bytes_max), 1_024, 64 * MIB),
            ("commands_per_second_max", self.commands_per_second_max.into(), 1, 10_000),
            ("commands_burst_max", self.commands_burst_max.into(), 1, ANSWERS_PENDING_MAX as u64),
            ("pending_entries_max", wide(self.pending_entries_max), 1, 1_000_000),
            ("resume_entries_max", wide(self.resume_entries_max), 0, 1_000_000),
            ("log_segments_max", wide(self.log_segments_max), 2, 1 << 24),
            ("log_bytes_max", wide(self.log_bytes_max), 64 * 1024, 1 << 36),
            ("head_bytes_max", wide(self.head_bytes_max), 8 * 1024, MIB),
            ("head_timeout_ms", self.head_timeout_ms, 100, 120_000),
            ("body_bytes_max", wide(self.body_bytes_max), 1_024, 256 * MIB),
            ("body_timeout_ms", self.body_timeout_ms, 100, 120_000),
            ("publish_line_bytes_max", wide(self.publish_line_bytes_max), 1_024, 16 * MIB),
            ("poll_body_bytes_max", wide(self.poll_body_bytes_max), 1_024, 256 * MIB),
            ("snapshot_body_bytes_max", wide(self.snapshot_body_bytes_max), 1_024, 1_024 * MIB),
            ("poll_wait_max_s", self.poll_wait_max_s, 0, 600),
            ("write_stall_ms", self.write_stall_ms, 100, 600_000),
            ("close_timeout_ms", self.close_timeout_ms, 100, 60_000),
            ("errors_per_connection_max", self.errors_per_connection_max.into(), 0, 100_000),
            ("ingest_batches_max", wide(self.ingest_batches_max), 1, 1_000_000),
            ("publishes_waiting_max", wide(self.publishes_waiting_max), 1, 100_000),
            ("history_items_max", wide(self.history_items_max), 1, 1_000_000),
        ]
    }
}

/// A connection asks for more than it may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at most {filters} topics and patterns, and {patterns} patterns among them")]
pub struct TooManyFilters {
    pub filters: usize,
    pub patterns: usize,
}

/// The filters of a connection cover more topics than one may be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these cover more than {most} topics: narrow the patterns, or use several connections")]
pub struct TooManyTopics {
    pub most: usize,
}

impl Limits {
    /// Whether one connection may hold all of these.
    pub fn check_filters<'a>(&self, filters: impl IntoIterator<Item = &'a Pattern>) -> Result<(), TooManyFilters> {
        let (mut all, mut wild) = (0, 0);
        for filter in filters {
            all += 1;
            wild += usize::from(!filter.is_exact());
        }
        let (filters, patterns) = (self.filters_per_connection_max, self.patterns_per_connection_max);
        if all > filters || wild > patterns { Err(TooManyFilters { filters, patterns }) } else { Ok(()) }
    }
}
