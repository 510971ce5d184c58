//! What happened, in words: printed as it happens (`TRACE=1`), or kept until a run fails.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

/// Lines kept of one run.
const LINES_MAX: usize = 20_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Off,
    Print,
    Keep,
}

thread_local! {
    static MODE: Cell<Mode> = const { Cell::new(Mode::Off) };
    static LINES: RefCell<VecDeque<String>> = const { RefCell::new(VecDeque::new()) };
}

/// Begins anew in `mode`, on this thread.
pub fn begin(mode: Mode) {
    MODE.set(mode);
    LINES.take();
}

/// `Print` if the environment asks for it, else `otherwise`.
pub fn mode_or(otherwise: Mode) -> Mode {
    if std::env::var_os("TRACE").is_some() { Mode::Print } else { otherwise }
}

/// Cost: the line is made only if somebody wants it.
pub fn tell(line: impl FnOnce() -> String) {
    match MODE.get() {
        Mode::Off => {}
        Mode::Print => eprintln!("{}", line()),
        Mode::Keep => LINES.with_borrow_mut(|lines| {
            if lines.len() == LINES_MAX {
                lines.pop_front();
            }
            lines.push_back(line());
        }),
    }
}

/// The lines kept.
pub fn kept() -> Vec<String> {
    LINES.take().into()
}
