//! The numbers of a connection's frames.

/// Frames are numbered from 0 on each connection. While one connection takes over from another both deliver.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    /// The number that comes next; `None` before a connection's first frame.
    next: Option<u64>,
    /// The same of the connection that is being replaced.
    old: Option<u64>,
    /// A number is missing: nothing more is read of this connection.
    is_broken: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Next,
    /// Of a connection that is over or replaced.
    Old,
    /// Frames are missing before it; said once.
    Gap,
}

impl Sequence {
    pub(super) fn opened(&mut self) {
        *self = Sequence { next: None, old: self.next, is_broken: false };
    }

    pub(super) fn take(&mut self, number: u64) -> Turn {
        if self.is_broken {
            return Turn::Old;
        }
        let follows_old = self.old == Some(number);
        if follows_old {
            self.old = Some(number + 1);
        }
        match self.next {
            Some(next) if next == number => self.next = Some(number + 1),
            // The new connection has not begun.
            None if follows_old => {}
            None => self.next = Some(number + 1),
            Some(_) if follows_old => return Turn::Old,
            Some(_) => {
                self.is_broken = true;
                return Turn::Gap;
            }
        }
        Turn::Next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(sequence: &mut Sequence, numbers: &[u64]) -> Vec<Turn> {
        numbers.iter().map(|number| sequence.take(*number)).collect()
    }

    #[test]
    fn a_missing_number_is_told_once_and_a_new_connection_begins_anew() {
        let mut sequence = Sequence::default();
        sequence.opened();
        assert_eq!(turns(&mut sequence, &[0, 1, 3, 4, 2]), [Turn::Next, Turn::Next, Turn::Gap, Turn::Old, Turn::Old]);
        sequence.opened();
        assert_eq!(turns(&mut sequence, &[0, 1]), [Turn::Next, Turn::Next]);
    }

    #[test]
    fn two_connections_overlap_without_a_gap() {
        let mut sequence = Sequence::default();
        sequence.opened();
        turns(&mut sequence, &[0, 1, 2]);
        sequence.opened();
        assert_eq!(
            turns(&mut sequence, &[3, 4, 0, 5, 1, 6]),
            [Turn::Next, Turn::Next, Turn::Next, Turn::Old, Turn::Next, Turn::Old]
        );
    }
}
