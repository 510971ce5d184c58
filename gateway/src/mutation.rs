//! Deliberate bugs, so that the simulator can prove that it would find them. Without the feature `mutations` every switch
//! is `false` at compile time, and nothing of this is in the product.

/// One bug each, at one place in the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// CURSOR-TRUE: entries state their offset while snapshots are due.
    LiveTooSoon,
    /// CURSOR-TRUE: a cursor from before an evicted end is answered as if nothing had ended.
    EvictedEndForgotten,
    /// CURSOR-TRUE: offsets of another epoch are taken for one's own.
    ForeignEpochTrusted,
    /// CURSOR-TRUE: a poll's body that is cut says that it is whole.
    CutBodyCalledWhole,
    /// CURSOR-TRUE: a shard that was overtaken answers older cursors from its new table.
    OvertakenShardTrusted,
    /// CURSOR-TRUE: a subscriber that is behind goes on stating offsets while it drains.
    DrainStatesCursors,
    /// SNAPSHOT-FIRST: a snapshot is told that is newer than what the shard has read.
    SnapshotNotHeld,
    /// SNAPSHOT-FIRST: of a write cut short, the first entry that was not begun is left out.
    SpillLosesEntry,
    /// Seq rule: the entry at the cursor is told once more.
    EntryRepeated,
    /// Lag: ends of topics are dropped with the entries.
    LagDropsEnds,
    /// Lag: `lost` is one too few.
    LostMiscounted,
    /// Rebirth: the birth is not linked to the life before.
    RebirthUnlinked,
    /// Rate: `from` of a tick's delta is not the seq that members have.
    TickFromWrong,
    /// Rate: who joined between two ticks is taken for a member that holds the state of the tick.
    JoinerUntold,
    /// Rate: the cursor of the fastest class is stated, not of the slowest.
    FastestClassStated,
    /// Linger: an `at` passes over what the latency budget holds back.
    LingerPassedOver,
}

impl Mutation {
    pub const ALL: [Mutation; 16] = [
        Mutation::LiveTooSoon,
        Mutation::EvictedEndForgotten,
        Mutation::ForeignEpochTrusted,
        Mutation::CutBodyCalledWhole,
        Mutation::OvertakenShardTrusted,
        Mutation::DrainStatesCursors,
        Mutation::SnapshotNotHeld,
        Mutation::SpillLosesEntry,
        Mutation::EntryRepeated,
        Mutation::LagDropsEnds,
        Mutation::LostMiscounted,
        Mutation::RebirthUnlinked,
        Mutation::TickFromWrong,
        Mutation::JoinerUntold,
        Mutation::FastestClassStated,
        Mutation::LingerPassedOver,
    ];
}

#[cfg(feature = "mutations")]
mod switch {
    use super::Mutation;
    use std::cell::Cell;

    thread_local! {
        static ON: Cell<Option<Mutation>> = const { Cell::new(None) };
    }

    /// Turns one bug on, or all off, on this thread.
    pub fn set(mutation: Option<Mutation>) {
        ON.set(mutation);
    }

    pub fn on(mutation: Mutation) -> bool {
        ON.get() == Some(mutation)
    }
}

#[cfg(feature = "mutations")]
pub use switch::{on, set};

/// True if the bug is turned on.
#[cfg(not(feature = "mutations"))]
pub const fn on(_: Mutation) -> bool {
    false
}
