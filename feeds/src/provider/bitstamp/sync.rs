//! Keeping books in sync: changes are kept until a snapshot comes that is not older than the first of them.

use super::Bitstamp;
use super::message::{Book, Micros};
use crate::adapter::{Fetch, LinkId, Output};
use crate::market::{Market, SymbolId, retry_ms};
use std::collections::VecDeque;

/// Changes kept while a snapshot is on its way.
const KEPT_MAX: usize = 1_000;
/// Before a snapshot that was too old is asked for again: the same cache would give the same one.
const OLD_PAUSE_MS: u64 = 1_000;

/// What one book out of sync waits for.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    kept: VecDeque<Book>,
    /// The venue sends changes of it on this connection.
    is_begun: bool,
    /// A snapshot was asked for and has not come.
    is_fetching: bool,
    /// The one that is on its way was asked for on a connection that is gone: changes after it were missed.
    is_outdated: bool,
    /// Fetches in a row that brought nothing.
    failures: u32,
}

impl Waiting {
    /// What was kept is of another connection, and what lies between nobody knows.
    pub(super) fn begin_anew(&mut self) {
        self.kept.clear();
        (self.is_begun, self.is_outdated) = (false, self.is_fetching);
    }

    fn keep(&mut self, change: Book) {
        if self.kept.len() == KEPT_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back(change);
    }

    /// May changes be missing between the snapshot and the first that was kept?
    fn has_hole_after(&self, snapshot: &Book) -> bool {
        self.kept.front().is_some_and(|first| first.microtimestamp > snapshot.microtimestamp)
    }
}

impl Bitstamp {
    fn waiting(&mut self, native: &str) -> &mut Waiting {
        self.waiting.entry(native.to_owned()).or_default()
    }

    /// Asks for a snapshot unless one is on its way.
    pub(super) fn fetch_book(&mut self, native: &str, delay_ms: u64, output: &mut Output) {
        if !std::mem::replace(&mut self.waiting(native).is_fetching, true) {
            output.fetches.push(Fetch { url: self.rest.book(native), delay_ms });
        }
    }

    /// The venue sends changes from here on: now is the time for a snapshot.
    pub(super) fn book_begins(&mut self, id: SymbolId, market: &Market, output: &mut Output) {
        let symbol = market.symbol(id);
        self.waiting(&symbol.native).is_begun = true;
        if !symbol.book.is_synced() {
            self.fetch_book(&symbol.native, 0, output);
        }
    }

    pub(super) fn change(&mut self, id: SymbolId, change: Book, market: &mut Market, output: &mut Output) {
        let symbol = market.symbol_mut(id);
        match symbol.book.last() {
            Some(last) if change.microtimestamp.0 > last => {
                symbol.book.apply(&change.bids, &change.asks, Some(change.microtimestamp.0));
                market.show_book(id, Some(change.microtimestamp.ms()), output);
            }
            // Two connections overlap for a while.
            Some(_) => {}
            None => self.waiting(&symbol.native).keep(change),
        }
    }

    /// The answer to a snapshot that was asked for; `None`: there was none.
    pub(super) fn snapshot(
        &mut self,
        link: LinkId,
        native: &str,
        snapshot: Option<Book>,
        market: &mut Market,
        output: &mut Output,
    ) {
        let Some(id) = market.find(link, native, output) else { return };
        let waiting = self.waiting(native);
        waiting.is_fetching = false;
        if std::mem::take(&mut waiting.is_outdated) {
            // Else the subscription's beginning asks.
            if waiting.is_begun {
                self.fetch_book(native, 0, output);
            }
            return;
        }
        let Some(snapshot) = snapshot else {
            waiting.failures += 1;
            let delay_ms = retry_ms(waiting.failures);
            return self.fetch_book(native, delay_ms, output);
        };
        waiting.failures = 0;
        if market.symbol(id).book.is_synced() {
            return;
        }
        if waiting.has_hole_after(&snapshot) {
            return self.fetch_book(native, OLD_PAUSE_MS, output);
        }
        let kept = std::mem::take(&mut waiting.kept);
        let book = &mut market.symbol_mut(id).book;
        book.snapshot(&snapshot.bids, &snapshot.asks, Some(snapshot.microtimestamp.0));
        for change in kept.into_iter().filter(|change| change.microtimestamp > snapshot.microtimestamp) {
            book.apply(&change.bids, &change.asks, Some(change.microtimestamp.0));
        }
        let te = book.last().map(|last| Micros(last).ms());
        market.show_book(id, te, output);
    }
}
