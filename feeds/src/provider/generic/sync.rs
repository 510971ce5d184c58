//! What a topic's sequence says of each message: the next one, a known one, or one after a gap. Pure.

/// Known numbers in a row after which the provider must have begun to count anew.
const REPEATS_MAX: u32 = 1_000;

/// What a sequence promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Each number is the last one plus one.
    Next,
    /// Numbers rise; how many lie between says nothing.
    Rising,
}

/// What a number is, seen from the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Fits,
    /// Known, or older than what is known.
    Repeated,
    /// Numbers are missing: how many, if anybody knows.
    Gap(Option<u64>),
}

/// One sequence.
#[derive(Clone, Debug, Default)]
pub(super) struct Sequence {
    last: Option<i128>,
    repeats: u32,
}

impl Sequence {
    pub(super) fn take(&mut self, number: i128, order: Order) -> Step {
        let Some(last) = self.last else { return self.accept(number, Step::Fits) };
        if number <= last {
            self.repeats += 1;
            return if self.repeats > REPEATS_MAX { self.accept(number, Step::Gap(None)) } else { Step::Repeated };
        }
        let missing = number.saturating_sub(last) - 1;
        let step =
            if order == Order::Rising || missing == 0 { Step::Fits } else { Step::Gap(u64::try_from(missing).ok()) };
        self.accept(number, step)
    }

    /// The connection is another one: what comes may be a repetition, a continuation, or a new beginning.
    fn take_anew(&mut self, number: i128, order: Order) -> Step {
        let step = match self.last {
            Some(last) if number > last => match self.take(number, order) {
                // Rising numbers do not tell what was missed.
                Step::Fits if order == Order::Rising => Step::Gap(None),
                step => step,
            },
            Some(_) => Step::Gap(None),
            None => Step::Fits,
        };
        self.accept(number, step)
    }

    fn accept(&mut self, number: i128, step: Step) -> Step {
        *self = Sequence { last: Some(number), repeats: 0 };
        step
    }
}

/// What a message wants to do to its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Patch,
    State,
    Event,
    Retire,
}

/// What to do when numbers are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// Take the next message for the whole truth.
    Reset,
    /// Dial again and wait for a whole state.
    Reconnect,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// It is not published: known already, or of no use before a whole state.
    pub is_dropped: bool,
    /// What was before it is not to be built upon.
    pub is_reset: bool,
    /// Events were missed before this one; `Some(None)`: nobody knows how many.
    pub lost: Option<Option<u64>>,
    pub is_gap: bool,
    /// It ended a wait for a whole state.
    pub is_resynced: bool,
    /// It began one.
    pub is_lost: bool,
}

/// One topic's place in its provider's sequence.
#[derive(Clone, Debug, Default)]
pub(super) struct Sync {
    sequence: Sequence,
    /// There was a message: before it nothing can be lost.
    has_spoken: bool,
    /// The connection was lost since the last message.
    is_interrupted: bool,
    /// A gap of the whole connection since the last message.
    is_broken: bool,
    is_waiting: bool,
    /// Its patches are of no use without a whole state before them.
    needs_whole: bool,
}

impl Sync {
    pub(super) fn is_waiting(&self) -> bool {
        self.is_waiting
    }

    /// The connection is gone; true if the topic waits for a whole state by this.
    pub(super) fn interrupt(&mut self) -> bool {
        self.is_interrupted = self.has_spoken;
        self.needs_whole && !std::mem::replace(&mut self.is_waiting, true)
    }

    /// The connection's own sequence has a gap.
    pub(super) fn break_off(&mut self) {
        self.is_broken = self.has_spoken;
    }

    /// Judges a message with its number, if it has one.
    pub(super) fn judge(&mut self, change: Change, number: Option<(i128, Order, Then)>) -> Verdict {
        self.has_spoken = true;
        let was_interrupted = self.is_interrupted;
        let step = match number {
            Some((number, order, _)) if was_interrupted || self.is_waiting => self.sequence.take_anew(number, order),
            Some((number, order, _)) => self.sequence.take(number, order),
            None if was_interrupted => Step::Gap(None),
            None => Step::Fits,
        };
        if step == Step::Repeated {
            return Verdict { is_dropped: true, ..Verdict::default() };
        }
        let is_broken = std::mem::take(&mut self.is_broken);
        self.is_interrupted = false;
        let then = number.map_or(Then::Reset, |(.., then)| then);
        let is_gap = matches!(step, Step::Gap(_)) && !was_interrupted && !self.is_waiting;
        let verdict = Verdict { is_gap, ..Verdict::default() };
        match change {
            Change::Event => {
                let lost = if let Step::Gap(count) = step { Some(count) } else { is_broken.then_some(None) };
                Verdict { lost, ..verdict }
            }
            Change::Patch => self.patch(verdict, then, is_gap || is_broken),
            Change::State => {
                let is_resynced = std::mem::take(&mut self.is_waiting);
                let is_reset = is_resynced || is_broken || is_gap || was_interrupted;
                Verdict { is_reset, is_resynced, ..verdict }
            }
            Change::Retire => verdict,
        }
    }

    fn patch(&mut self, verdict: Verdict, then: Then, is_reset: bool) -> Verdict {
        self.needs_whole |= then == Then::Reconnect;
        if self.is_waiting {
            return Verdict { is_dropped: true, ..verdict };
        }
        if is_reset && then == Then::Reconnect {
            self.is_waiting = true;
            return Verdict { is_dropped: true, is_lost: true, ..verdict };
        }
        Verdict { is_reset, ..verdict }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESET: Verdict =
        Verdict { is_dropped: false, is_reset: true, lost: None, is_gap: true, is_resynced: false, is_lost: false };

    fn next(number: i128, then: Then) -> Option<(i128, Order, Then)> {
        Some((number, Order::Next, then))
    }

    #[test]
    fn a_sequence_of_next_ones() {
        let mut sequence = Sequence::default();
        for (number, step) in [
            (5, Step::Fits),
            (6, Step::Fits),
            (6, Step::Repeated),
            (3, Step::Repeated),
            (9, Step::Gap(Some(2))),
            (10, Step::Fits),
            (i128::MAX, Step::Gap(None)),
            (i128::MIN, Step::Repeated),
        ] {
            assert_eq!(sequence.take(number, Order::Next), step, "{number}");
        }
        assert_eq!(Sequence { last: Some(1), repeats: 0 }.take(100, Order::Rising), Step::Fits);
    }

    #[test]
    fn who_counts_anew_is_believed_in_the_end() {
        let mut sequence = Sequence { last: Some(1 << 60), repeats: 0 };
        let steps: Vec<Step> = (1..=1_002).map(|number| sequence.take(number, Order::Next)).collect();
        assert_eq!(steps[999], Step::Repeated);
        assert_eq!((steps[1_000], steps[1_001]), (Step::Gap(None), Step::Fits));
    }

    #[test]
    fn events_tell_what_was_missed() {
        let mut sync = Sync::default();
        sync.interrupt();
        assert_eq!(sync.judge(Change::Event, next(5, Then::Reset)), Verdict::default(), "nothing was there to be lost");
        let gap = sync.judge(Change::Event, next(8, Then::Reset));
        assert_eq!((gap.lost, gap.is_gap), (Some(Some(2)), true));
        sync.interrupt();
        let later = sync.judge(Change::Event, next(12, Then::Reset));
        assert_eq!((later.lost, later.is_gap), (Some(Some(3)), false), "the connection was lost, not the message");
        sync.interrupt();
        assert_eq!(sync.judge(Change::Event, next(13, Then::Reset)).lost, None, "nothing was missed");
        sync.interrupt();
        assert_eq!(sync.judge(Change::Event, next(2, Then::Reset)).lost, Some(None), "it counts anew");
        sync.interrupt();
        assert_eq!(sync.judge(Change::Event, None).lost, Some(None));
        assert_eq!(sync.judge(Change::Event, None).lost, None);
    }

    #[test]
    fn after_a_gap_a_patch_is_the_whole_truth() {
        let mut sync = Sync::default();
        sync.judge(Change::Patch, next(1, Then::Reset));
        assert_eq!(sync.judge(Change::Patch, next(3, Then::Reset)), RESET);
        assert_eq!(sync.judge(Change::Patch, next(4, Then::Reset)), Verdict::default());
        sync.break_off();
        assert!(sync.judge(Change::Patch, next(5, Then::Reset)).is_reset);
    }

    #[test]
    fn or_waits_for_a_whole_state() {
        let mut sync = Sync::default();
        sync.judge(Change::State, next(1, Then::Reconnect));
        sync.judge(Change::Patch, next(2, Then::Reconnect));
        let gap = sync.judge(Change::Patch, next(4, Then::Reconnect));
        assert!(gap.is_gap && gap.is_lost && gap.is_dropped && sync.is_waiting());
        assert!(sync.judge(Change::Patch, next(5, Then::Reconnect)).is_dropped);
        assert!(!sync.interrupt(), "it waits already");
        let whole = sync.judge(Change::State, next(1, Then::Reconnect));
        assert!(whole.is_reset && whole.is_resynced && !whole.is_gap && !sync.is_waiting());
        assert_eq!(sync.judge(Change::Patch, next(2, Then::Reconnect)), Verdict::default());
        assert!(sync.interrupt(), "patches of a new connection need a state again");
    }
}
