//! What a book topic says, from its birth over breaks to resets.

use super::Top;
use crate::adapter::Output;
use crate::model::{Change, Topic, Update};

/// After this many patches the whole state is said again. Why: an update may be lost where nothing waits for room
/// (`FeedCounters::dropped`); whoever merges whole states sees no change.
const PATCHES_MAX: u32 = 64;

/// What the book topic says now.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    /// `None`: nothing yet.
    top: Option<Top>,
    /// The topic's state is from before a break: what comes next is a reset.
    needs_reset: bool,
    /// Patches since the last whole state.
    patches: u32,
}

impl Shown {
    /// Says the book's new top if it is new; after a break always, as a reset.
    pub(crate) fn show(&mut self, topic: &Topic, top: Top, te: Option<i64>, output: &mut Output) {
        let change = if std::mem::take(&mut self.needs_reset) {
            output.counts.resyncs += 1;
            say(output, topic, None, Change::Stale(false));
            Some(Change::Reset(top.state()))
        } else {
            self.change_to(&top)
        };
        if let Some(change) = change {
            self.patches = if matches!(change, Change::Patch(_)) { self.patches + 1 } else { 0 };
            say(output, topic, te, change);
        }
        self.top = Some(top);
    }

    /// `None` if nothing is new.
    fn change_to(&self, top: &Top) -> Option<Change> {
        match &self.top {
            Some(shown) if shown == top => None,
            Some(shown) if self.patches < PATCHES_MAX => Some(Change::Patch(top.patch_from(shown))),
            _ => Some(Change::State(top.state())),
        }
    }

    /// The book is wrong from here on: what is shown is old until it is right again.
    pub(crate) fn break_off(&mut self, topic: &Topic, output: &mut Output) {
        if !std::mem::replace(&mut self.needs_reset, true) {
            self.say_broken(topic, output);
        }
    }

    /// Says again that a broken book is old: an open connection alone makes it no fresher.
    pub(crate) fn say_broken(&self, topic: &Topic, output: &mut Output) {
        if self.needs_reset {
            say(output, topic, None, Change::Stale(true));
        }
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.needs_reset
    }
}

fn say(output: &mut Output, topic: &Topic, te: Option<i64>, change: Change) {
    output.updates.push(Update::new(topic.clone(), te, change));
}

#[cfg(test)]
mod tests {
    use super::super::{Level, Levels};
    use super::*;

    fn top(size: i64) -> Top {
        Levels::new(&[Level { price: 10.into(), size: size.into() }], &[]).top(5)
    }

    fn said(output: &mut Output) -> Vec<String> {
        let word = |update: Update| match update.change {
            Change::State(state) => format!("state {state}"),
            Change::Patch(patch) => format!("patch {patch}"),
            Change::Reset(state) => format!("reset {state}"),
            other => format!("{other:?}"),
        };
        output.updates.drain(..).map(word).collect()
    }

    #[test]
    fn birth_change_break_and_reset() {
        let topic = Topic::new("book.x.A-B").unwrap();
        let (mut shown, mut output) = (Shown::default(), Output::default());
        shown.show(&topic, top(1), None, &mut output);
        shown.show(&topic, top(1), None, &mut output);
        shown.show(&topic, top(2), None, &mut output);
        assert_eq!(said(&mut output), [r#"state {"asks":{},"bids":{"10":1}}"#, r#"patch {"bids":{"10":2}}"#]);
        shown.break_off(&topic, &mut output);
        shown.break_off(&topic, &mut output);
        shown.show(&topic, top(2), None, &mut output);
        assert_eq!(said(&mut output), ["Stale(true)", "Stale(false)", r#"reset {"asks":{},"bids":{"10":2}}"#]);
        assert_eq!(output.counts.resyncs, 1);
    }

    #[test]
    fn the_whole_state_comes_again_now_and_then() {
        let topic = Topic::new("book.x.A-B").unwrap();
        let (mut shown, mut output) = (Shown::default(), Output::default());
        (1..=200).for_each(|size| shown.show(&topic, top(size), None, &mut output));
        let whole = said(&mut output).iter().filter(|text| text.starts_with("state")).count();
        assert_eq!(whole, 4, "1 and every 65th after it");
    }
}
