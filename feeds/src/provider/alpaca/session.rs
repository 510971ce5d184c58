//! From "connected" to data: authentication, subscriptions, and what Alpaca's error codes mean.

use super::config::{AlpacaConfig, Kind};
use crate::adapter::{LinkId, Output};
use crate::model::{Object, Value};

/// Symbols in one request: Alpaca reads at most 16 KB.
const SYMBOLS_PER_REQUEST: usize = 300;
/// What authenticates; the secrets are put in on the way to the socket.
const AUTHENTICATION: &str = r#"{"action":"auth","key":"${key}","secret":"${secret}"}"#;

/// The connection's state, as far as we know it.
#[derive(Debug, Default)]
pub(super) struct Session {
    symbols: Vec<String>,
    channels: Vec<&'static str>,
    /// Requests without an answer.
    unanswered: usize,
}

/// Who has to do something about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// This connection is of no use: another one, after a pause.
    Reconnect,
    /// The connection is good for what it is subscribed to; the configuration asks for too much.
    Configure,
    /// What was asked for is so already.
    Nothing,
}

impl Session {
    pub(super) fn new(config: &AlpacaConfig) -> Session {
        let channels = config.kinds.iter().flat_map(|kind| channels(*kind)).copied().collect();
        Session { symbols: config.symbols.clone(), channels, unanswered: 0 }
    }

    pub(super) fn reset(&mut self) {
        self.unanswered = 0;
    }

    pub(super) fn connected(&self, link: LinkId, output: &mut Output) {
        output.sends.push((link, AUTHENTICATION.to_owned()));
    }

    pub(super) fn authenticated(&mut self, link: LinkId, output: &mut Output) {
        for symbols in self.symbols.chunks(SYMBOLS_PER_REQUEST) {
            let symbols: Vec<Value> = symbols.iter().map(|symbol| Value::text(symbol)).collect();
            let lists = self.channels.iter().map(|channel| ((*channel).into(), symbols.clone().into()));
            let request = lists.collect::<Object>().with("action", "subscribe");
            output.sends.push((link, request.to_string()));
            self.unanswered += 1;
        }
    }

    /// Takes the list of all that is subscribed to; after the last answer, what is missing.
    pub(super) fn subscribed(&mut self, list: &Object) -> Vec<String> {
        self.unanswered = self.unanswered.saturating_sub(1);
        if self.unanswered > 0 {
            return Vec::new();
        }
        let has = |channel: &str, symbol: &str| match list.get(channel) {
            Some(Value::Array(symbols)) => {
                symbols.iter().any(|s| matches!(s.as_text(), Some(text) if text == symbol || text == "*"))
            }
            _ => false,
        };
        let wanted = self.channels.iter().flat_map(|channel| self.symbols.iter().map(move |symbol| (*channel, symbol)));
        wanted
            .filter(|(channel, symbol)| !has(channel, symbol))
            .map(|(channel, symbol)| format!("{channel}/{symbol}"))
            .collect()
    }
}

/// Trades bring their corrections and cancellations by themselves.
fn channels(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Trade => &["trades"],
        Kind::Quote => &["quotes"],
        Kind::Bar => &["bars", "updatedBars"],
        Kind::Day => &["dailyBars"],
        Kind::Status => &["statuses", "lulds"],
    }
}

/// Alpaca's error codes ("Real-time Stock Pricing Data", errors). One that is new is for the operator.
pub(super) fn remedy(code: i64) -> Remedy {
    match code {
        // Not authenticated, failed, timed out, another connection of the account, too slow a reader, their fault.
        401 | 402 | 404 | 406 | 407 | 500 => Remedy::Reconnect,
        403 => Remedy::Nothing,
        // Syntax, symbol limit, no access to the feed, not in the subscription, no such channel, too large.
        _ => Remedy::Configure,
    }
}
