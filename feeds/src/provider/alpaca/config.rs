//! What may be configured about Alpaca, and what is wrong with it.

use crate::access::{Access, Secret};
use crate::market::check_url;
use crate::registry::Problem;
use crate::supervise::Limits;
use serde::{Deserialize, Serialize};

/// The environment variables that Alpaca's own tools read.
const KEY_VARIABLE: &str = "${APCA_API_KEY_ID}";
const SECRET_VARIABLE: &str = "${APCA_API_SECRET_KEY}";
const SYMBOL_BYTES_MAX: usize = 16;

/// `[[feed]]` with `provider = "alpaca"`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlpacaConfig {
    /// `iex` (free: one exchange, 2–3% of the volume), `sip` (all of them), `delayed_sip` (15 minutes late) or `test`
    /// (the symbol FAKEPACA at all hours). Default: `iex`.
    pub feed: Feed,
    /// Symbols as Alpaca writes them: `AAPL`, `BRK.B`. `["*"]`: all, if the account may. At least one.
    pub symbols: Vec<String>,
    /// What to subscribe to: any of `trade` (with corrections and cancellations), `quote`, `bar`, `day` (the bar of the
    /// day) and `status` (halts, limits). Default: all.
    pub kinds: Vec<Kind>,
    /// The account's key. Default: `${APCA_API_KEY_ID}`, which stands for that environment variable.
    pub key: Secret,
    /// The account's secret. Default: `${APCA_API_SECRET_KEY}`.
    pub secret: Secret,
    /// WebSocket base, without `/v2`. Default: `wss://stream.data.alpaca.markets`.
    pub ws_url: String,
    /// Silence that means trouble, per kind, while the market is open.
    pub silence: Silence,
    /// Limits of connections.
    pub limits: Limits,
}

/// Silence of one symbol, in ms, after which its topics are stale; only on weekdays from 09:30 to 16:00 in New York,
/// for at other times silence is normal. 0, the default of all: any silence is normal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Silence {
    pub trade_ms: u64,
    pub quote_ms: u64,
    pub bar_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Feed {
    Iex,
    Sip,
    DelayedSip,
    Test,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Trade,
    Quote,
    Bar,
    Day,
    Status,
}

impl Default for AlpacaConfig {
    fn default() -> AlpacaConfig {
        AlpacaConfig {
            feed: Feed::Iex,
            symbols: Vec::new(),
            kinds: vec![Kind::Trade, Kind::Quote, Kind::Bar, Kind::Day, Kind::Status],
            key: Secret::new(KEY_VARIABLE),
            secret: Secret::new(SECRET_VARIABLE),
            ws_url: "wss://stream.data.alpaca.markets".into(),
            silence: Silence::default(),
            limits: Limits::default(),
        }
    }
}

impl Feed {
    fn path(self) -> &'static str {
        match self {
            Feed::Iex => "iex",
            Feed::Sip => "sip",
            Feed::DelayedSip => "delayed_sip",
            Feed::Test => "test",
        }
    }
}

impl AlpacaConfig {
    /// Everything that is wrong, at once; keys are relative to the feed.
    pub fn validate(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        self.check_symbols(&mut problems);
        if self.kinds.is_empty() {
            problems.push(Problem::new("kinds", "nothing to subscribe to"));
        }
        check_url("ws_url", Some(&self.ws_url), ["ws://", "wss://"], &mut problems);
        check_secret("key", &self.key, &mut problems);
        check_secret("secret", &self.secret, &mut problems);
        self.limits.check(&mut problems);
        problems
    }

    fn check_symbols(&self, problems: &mut Vec<Problem>) {
        if self.symbols.is_empty() {
            problems.push(Problem::new("symbols", "at least one symbol is needed, or \"*\" for all"));
        }
        for (n, symbol) in self.symbols.iter().enumerate() {
            let mut problem = |message: String| problems.push(Problem::new(format!("symbols[{n}]"), message));
            if symbol == "*" && self.symbols.len() > 1 {
                problem("'*' is all symbols: it stands alone".to_owned());
            } else if symbol != "*" && !is_symbol(symbol) {
                problem(format!("'{symbol}' is no symbol like AAPL or BRK.B"));
            } else if self.symbols[..n].contains(symbol) {
                problem(format!("'{symbol}' stands there twice"));
            }
        }
    }

    pub(super) fn url(&self) -> String {
        format!("{}/v2/{}", self.ws_url.trim_end_matches('/'), self.feed.path())
    }

    /// The secrets of the frame that authenticates.
    pub(super) fn access(&self) -> Access {
        let value = |secret: &Secret| secret.reveal().unwrap_or_default();
        Access::default().with_secret("key", &value(&self.key)).with_secret("secret", &value(&self.secret))
    }

    /// `None`: any silence is normal.
    pub(super) fn silence_ms(&self, kind: Kind) -> Option<u64> {
        let ms = match kind {
            Kind::Trade => self.silence.trade_ms,
            Kind::Quote => self.silence.quote_ms,
            Kind::Bar => self.silence.bar_ms,
            Kind::Day | Kind::Status => 0,
        };
        (ms > 0).then_some(ms)
    }
}

pub(super) fn is_symbol(symbol: &str) -> bool {
    let is_letter = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'.' || b == b'-' || b == b'/';
    !symbol.is_empty() && symbol.len() <= SYMBOL_BYTES_MAX && symbol.bytes().all(is_letter)
}

fn check_secret(key: &str, secret: &Secret, problems: &mut Vec<Problem>) {
    match secret.reveal() {
        Err(name) => problems.push(Problem::new(key, format!("the environment variable {name} is not set"))),
        Ok(value) if value.is_empty() => problems.push(Problem::new(key, "is empty")),
        Ok(_) => {}
    }
}
