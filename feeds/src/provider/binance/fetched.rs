//! REST answers: depth snapshots, bars, the instrument table.

use super::message::{Depth, ExchangeInfo, KlineRow};
use super::rest::Endpoint;
use super::{Binance, instruments};
use crate::adapter::{Fetch, Output};
use crate::market::{RETRY_MAX_MS, retry_ms};
use crate::model::{Change, Update};

/// Bars are given up after this many fetches in a row that brought nothing.
const BAR_FAILURES_MAX: u32 = 6;

/// Status and body; `None`: no answer at all.
type Answer<'a> = Option<(u16, &'a mut Vec<u8>)>;

impl Binance {
    pub(super) fn fetched(&mut self, url: &str, answer: Answer<'_>, now_ms: i64, output: &mut Output) {
        match Endpoint::of(url) {
            Some(Endpoint::Depth { native }) => self.depth(native, answer, output),
            Some(Endpoint::Klines { native }) => self.klines(native, answer, now_ms, output),
            Some(Endpoint::ExchangeInfo) => self.exchange_info(url, answer, output),
            None => output.counts.ignored += 1,
        }
    }

    fn depth(&mut self, native: &str, answer: Answer<'_>, output: &mut Output) {
        let Some(index) = self.by_native.get(native).copied() else { return };
        let symbol = &mut self.symbols[index];
        let Some(book) = &mut symbol.diff_book else { return };
        book.fetch_ended();
        match read::<Depth>(answer, output) {
            Some(snapshot) => {
                symbol.depth_failures = 0;
                let outcome = book.snapshot(&snapshot);
                self.settle(index, outcome, snapshot.event_ms, output);
            }
            None => {
                symbol.depth_failures += 1;
                let delay_ms = retry_ms(symbol.depth_failures);
                self.fetch_depth(index, delay_ms, output);
            }
        }
    }

    fn klines(&mut self, native: &str, answer: Answer<'_>, now_ms: i64, output: &mut Output) {
        let Some(index) = self.by_native.get(native).copied() else { return };
        let symbol = &mut self.symbols[index];
        let Some(rows) = read::<Vec<KlineRow>>(answer, output) else {
            symbol.bar_failures += 1;
            if symbol.bar_failures < BAR_FAILURES_MAX && self.bar_backfill > 0 {
                let url = self.rest.klines(native, self.bar_backfill);
                output.fetches.push(Fetch { url, delay_ms: retry_ms(symbol.bar_failures) });
            }
            return;
        };
        symbol.bar_failures = 0;
        for KlineRow { mut kline, close_ms } in rows {
            kline.is_closed = close_ms < now_ms;
            if let Some(patch) = symbol.bars.backfill(&kline.bar()) {
                output.updates.push(Update::new(symbol.topics.bar.clone(), None, Change::Patch(patch)));
            }
        }
    }

    /// Asks for the instrument table and says when to ask again.
    pub(super) fn fetch_instruments(&mut self, now_ms: i64, output: &mut Output) {
        if !self.symbols.is_empty() {
            let url = self.rest.exchange_info(self.symbols.iter().map(|symbol| &*symbol.native));
            output.fetches.push(Fetch { url, delay_ms: 0 });
        }
        let again = (self.instruments_refresh_ms > 0).then(|| now_ms.saturating_add(self.instruments_refresh_ms));
        output.wake_at_ms = again;
    }

    fn exchange_info(&mut self, url: &str, answer: Answer<'_>, output: &mut Output) {
        if matches!(answer, Some((400, _))) {
            return self.ask_one_by_one(url, output);
        }
        if matches!(answer, None | Some((429 | 418 | 500.., _))) {
            output.fetches.push(Fetch { url: url.to_owned(), delay_ms: RETRY_MAX_MS });
        }
        let Some((200, body)) = answer else { return };
        let Ok(table) = instruments::parse(body) else {
            output.counts.rejected += 1;
            return;
        };
        self.warn_unlisted(url, &table);
        for info in &table.symbols {
            let Some(index) = self.by_native.get(&*info.symbol) else { continue };
            let topic = self.symbols[*index].topics.instrument.clone();
            let state = instruments::state(self.venue, info);
            output.updates.push(Update::new(topic, None, Change::State(state)));
        }
    }

    /// A full table that lacks a configured symbol: its streams will be silent for ever.
    fn warn_unlisted(&self, url: &str, table: &ExchangeInfo<'_>) {
        let is_full = !url.contains('?');
        for symbol in self.symbols.iter().filter(|_| is_full) {
            if !table.symbols.iter().any(|info| info.symbol == symbol.native) {
                tracing::warn!(
                    provider = self.venue.name(),
                    symbol = symbol.native,
                    "the venue does not list this symbol"
                );
            }
        }
    }

    /// One unknown symbol makes the venue refuse all: ask for each alone, to find which it is.
    fn ask_one_by_one(&self, url: &str, output: &mut Output) {
        if !url.contains(',') {
            tracing::warn!(provider = self.venue.name(), url, "the venue does not know this symbol");
            return;
        }
        let one = |symbol: &super::Symbol| self.rest.exchange_info(std::iter::once(&*symbol.native));
        output.fetches.extend(self.symbols.iter().map(|symbol| Fetch { url: one(symbol), delay_ms: 0 }));
    }
}

/// The body of a good answer; what cannot be read is rejected.
fn read<T: serde::de::DeserializeOwned>(answer: Answer<'_>, output: &mut Output) -> Option<T> {
    let Some((200, body)) = answer else { return None };
    let read = serde_json::from_slice(body);
    output.counts.rejected += u64::from(read.is_err());
    read.ok()
}
