//! Latency budgets: the sets of one `linger_ms` share a tick of the shard, and what they are owed waits for it. No timer
//! per subscriber.

use super::sets::SetKey;

/// The next multiple of `every_ms` after `now_ms`: so all ticks of one length coincide.
pub(super) fn next_multiple(now_ms: i64, every_ms: i64) -> i64 {
    (now_ms.div_euclid(every_ms) + 1) * every_ms
}

/// True also if the clock was set back since `due_ms` was chosen: nothing waits for longer than its tick.
pub(super) fn is_due(due_ms: i64, every_ms: i64, now_ms: i64) -> bool {
    due_ms <= now_ms || due_ms > now_ms + every_ms
}

#[derive(Debug, Default)]
pub struct Lingers {
    /// One for each budget in use.
    budgets: Vec<Budget>,
}

#[derive(Debug)]
struct Budget {
    linger_ms: u32,
    due_ms: i64,
    /// The oldest segment that one of `sets` is owed an entry of.
    oldest: u64,
    /// Sets that wait for the tick.
    sets: Vec<SetKey>,
}

impl Lingers {
    /// Lets a set wait for its next tick, since it is owed an entry of `segment`.
    pub fn wait(&mut self, set: SetKey, linger_ms: u32, segment: u64, now_ms: i64) {
        let known = self.budgets.iter().position(|budget| budget.linger_ms == linger_ms);
        let at = known.unwrap_or_else(|| {
            self.budgets.push(Budget { linger_ms, due_ms: 0, oldest: 0, sets: Vec::new() });
            self.budgets.len() - 1
        });
        let budget = &mut self.budgets[at];
        if budget.sets.is_empty() {
            (budget.due_ms, budget.oldest) = (next_multiple(now_ms, linger_ms.into()), segment);
        }
        budget.oldest = budget.oldest.min(segment);
        budget.sets.push(set);
    }

    /// A set that waits is owed an entry of an older segment too: what is told before the end of a throttled topic.
    pub fn keep(&mut self, linger_ms: u32, segment: u64) {
        let budget = self.budgets.iter_mut().find(|budget| budget.linger_ms == linger_ms);
        budget.into_iter().for_each(|budget| budget.oldest = budget.oldest.min(segment));
    }

    pub fn next_due(&self) -> Option<i64> {
        self.waiting().map(|budget| budget.due_ms).min()
    }

    /// Sets whose tick has come.
    pub fn take_due(&mut self, now_ms: i64) -> Vec<SetKey> {
        let due = |budget: &&mut Budget| is_due(budget.due_ms, budget.linger_ms.into(), now_ms);
        self.budgets.iter_mut().filter(due).flat_map(|budget| budget.sets.drain(..)).collect()
    }

    pub fn take_all(&mut self) -> Vec<SetKey> {
        self.budgets.iter_mut().flat_map(|budget| budget.sets.drain(..)).collect()
    }

    /// The oldest segment that is still needed; `None` if no set waits.
    pub fn oldest(&self) -> Option<u64> {
        self.waiting().map(|budget| budget.oldest).min()
    }

    fn waiting(&self) -> impl Iterator<Item = &Budget> {
        self.budgets.iter().filter(|budget| !budget.sets.is_empty())
    }
}
