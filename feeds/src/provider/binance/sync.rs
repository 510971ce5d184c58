//! Keeping in sync: what must be fetched when a link opens, what is wrong when it closes, and what a change or a
//! snapshot does to a book.

use super::Binance;
use super::book::{DiffBook, Outcome};
use super::message::Diff;
use super::streams::StreamKind;
use crate::adapter::{Fetch, LinkId, Output};

/// Between two fetches after a connect, in ms: of a weight of 6000 a minute a depth snapshot takes 50, klines 2.
const DEPTH_SPACING_MS: u64 = 500;
const KLINES_SPACING_MS: u64 = 50;

impl Binance {
    pub(super) fn opened(&mut self, link: LinkId, output: &mut Output) {
        let Some(is_open) = self.links_open.get_mut(link.0) else { return };
        // A second connection of an open link changes nothing: what it repeats is dropped.
        if std::mem::replace(is_open, true) {
            return;
        }
        let mut delay_ms = 0;
        for index in 0..self.streams.len() {
            if self.streams[index].link != link.0 {
                continue;
            }
            let kind = self.streams[index].kind;
            if matches!(kind, StreamKind::TopBook | StreamKind::DiffBook) {
                // An open connection makes no old book fresh.
                self.symbols[self.symbol_of[index]].say_broken(output);
            }
            match kind {
                StreamKind::DiffBook => {
                    self.fetch_depth(self.symbol_of[index], delay_ms, output);
                    delay_ms += DEPTH_SPACING_MS;
                }
                StreamKind::Kline if self.bar_backfill > 0 => {
                    let url = self.rest.klines(&self.streams[index].native, self.bar_backfill);
                    output.fetches.push(Fetch { url, delay_ms });
                    delay_ms += KLINES_SPACING_MS;
                }
                _ => {}
            }
        }
    }

    pub(super) fn closed(&mut self, link: LinkId, output: &mut Output) {
        let Some(is_open) = self.links_open.get_mut(link.0) else { return };
        *is_open = false;
        for index in 0..self.streams.len() {
            if self.streams[index].link != link.0 {
                continue;
            }
            let symbol = &mut self.symbols[self.symbol_of[index]];
            match self.streams[index].kind {
                StreamKind::BookTicker => symbol.quote_id = i64::MIN,
                StreamKind::TopBook if symbol.top_id > i64::MIN => {
                    symbol.top_id = i64::MIN;
                    symbol.break_book(output);
                }
                StreamKind::DiffBook if symbol.diff_book.as_mut().is_some_and(DiffBook::lose) => {
                    symbol.break_book(output);
                }
                _ => {}
            }
        }
        self.count_out_of_sync(output);
    }

    pub(super) fn diff(&mut self, symbol: usize, diff: Diff, output: &mut Output) {
        let event_ms = diff.event_ms;
        let Some(book) = &mut self.symbols[symbol].diff_book else { return };
        let outcome = book.diff(diff);
        self.settle(symbol, outcome, Some(event_ms), output);
    }

    /// Does what the outcome of a change or a snapshot asks for.
    pub(super) fn settle(&mut self, index: usize, outcome: Outcome, te: Option<i64>, output: &mut Output) {
        let symbol = &mut self.symbols[index];
        match outcome {
            Outcome::Nothing => return,
            Outcome::Changed | Outcome::Synced { .. } => {
                let Some(book) = &symbol.diff_book else { return };
                let top = book.levels().top(self.book_levels);
                symbol.show_book(top, te, output);
                output.alive.extend(symbol.book_stream);
            }
            Outcome::Broken => {
                output.counts.gaps += 1;
                symbol.break_book(output);
                self.fetch_depth(index, 0, output);
            }
            // Why a pause: the same cache would give the same snapshot again.
            Outcome::SnapshotTooOld => self.fetch_depth(index, 1_000, output),
        }
        if outcome != Outcome::Changed {
            self.count_out_of_sync(output);
        }
    }

    /// Asks for a depth snapshot unless one is on its way or none is needed.
    pub(super) fn fetch_depth(&mut self, symbol: usize, delay_ms: u64, output: &mut Output) {
        let symbol = &mut self.symbols[symbol];
        if symbol.diff_book.as_mut().is_some_and(DiffBook::wants_fetch) {
            output.fetches.push(Fetch { url: self.rest.depth(&symbol.native), delay_ms });
        }
    }

    pub(super) fn count_out_of_sync(&self, output: &mut Output) {
        output.out_of_sync = self.symbols.iter().filter(|symbol| symbol.is_out_of_sync()).count();
    }
}
