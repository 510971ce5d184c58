//! What Alpaca says to a client's request: authentication, subscriptions, limits, error codes. Pure.

use serde::Deserialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Channels, in the order in which a subscription's answer names them.
const CHANNELS: [&str; 7] = ["trades", "quotes", "bars", "updatedBars", "dailyBars", "statuses", "lulds"];

/// One account and what it may.
#[derive(Clone, Debug)]
pub struct Account {
    pub key: String,
    pub secret: String,
    /// Symbols per channel of trades and quotes; the free one may 30.
    pub symbols_max: usize,
    /// From the connection to the authentication.
    pub authentication: Duration,
    /// Channels that the account has not paid for.
    pub forbidden: BTreeSet<&'static str>,
}

impl Account {
    pub fn new(key: &str, secret: &str) -> Account {
        let (key, secret, forbidden) = (key.to_owned(), secret.to_owned(), BTreeSet::new());
        Account { key, secret, symbols_max: 30, authentication: Duration::from_secs(10), forbidden }
    }
}

/// One connection's standing.
#[derive(Debug, Default)]
pub(super) struct Standing {
    pub is_authenticated: bool,
    subscribed: BTreeMap<&'static str, BTreeSet<String>>,
}

/// What is answered, and whether the connection goes on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub text: String,
    pub is_end: bool,
}

#[derive(Deserialize)]
struct Request {
    action: String,
    key: Option<String>,
    secret: Option<String>,
    #[serde(flatten)]
    lists: BTreeMap<String, serde_json::Value>,
}

pub(super) fn connected() -> String {
    json!([{ "T": "success", "msg": "connected" }]).to_string()
}

pub(super) fn error(code: u16, message: &str) -> Answer {
    let is_end = matches!(code, 402 | 404 | 406 | 407);
    Answer { text: json!([{ "T": "error", "code": code, "msg": message }]).to_string(), is_end }
}

pub(super) fn timed_out() -> Answer {
    error(404, "auth timeout")
}

pub(super) fn too_slow() -> Answer {
    error(407, "slow client")
}

impl Standing {
    /// `others`: connections of the account that are authenticated already.
    pub(super) fn answer(&mut self, text: &str, account: &Account, others: usize) -> Answer {
        let Ok(request) = serde_json::from_str::<Request>(text) else { return error(400, "invalid syntax") };
        match request.action.as_str() {
            "auth" if self.is_authenticated => error(403, "already authenticated"),
            "auth" => self.authenticate(&request, account, others),
            "subscribe" | "unsubscribe" if !self.is_authenticated => error(401, "not authenticated"),
            "subscribe" => self.subscribe(&request, account),
            "unsubscribe" => {
                self.change(&request, |symbols, symbol| symbols.remove(symbol));
                self.list()
            }
            _ => error(400, "invalid syntax"),
        }
    }

    fn authenticate(&mut self, request: &Request, account: &Account, others: usize) -> Answer {
        let is_known = request.key.as_ref() == Some(&account.key) && request.secret.as_ref() == Some(&account.secret);
        if !is_known {
            return error(402, "auth failed");
        }
        if others > 0 {
            return error(406, "connection limit exceeded");
        }
        self.is_authenticated = true;
        Answer { text: json!([{ "T": "success", "msg": "authenticated" }]).to_string(), is_end: false }
    }

    fn subscribe(&mut self, request: &Request, account: &Account) -> Answer {
        if let Some(unknown) = request.lists.keys().find(|channel| !CHANNELS.contains(&channel.as_str())) {
            return error(410, &format!("invalid subscribe action for this feed: {unknown}"));
        }
        if request.lists.keys().any(|channel| account.forbidden.contains(channel.as_str())) {
            return error(409, "insufficient subscription");
        }
        let before = self.subscribed.clone();
        self.change(request, |symbols, symbol| symbols.insert(symbol.to_owned()));
        let is_over =
            |channel: &str| self.subscribed.get(channel).is_some_and(|symbols| symbols.len() > account.symbols_max);
        if is_over("trades") || is_over("quotes") {
            self.subscribed = before;
            return error(405, "symbol limit exceeded");
        }
        self.list()
    }

    fn change(&mut self, request: &Request, change: impl Fn(&mut BTreeSet<String>, &str) -> bool) {
        for channel in CHANNELS {
            let symbols = request.lists.get(channel).and_then(|list| list.as_array()).into_iter().flatten();
            let subscribed = self.subscribed.entry(channel).or_default();
            for symbol in symbols.filter_map(|symbol| symbol.as_str()) {
                change(subscribed, symbol);
            }
        }
    }

    fn list(&self) -> Answer {
        let mut list = json!({ "T": "subscription" });
        for channel in CHANNELS {
            list[channel] = json!(self.subscribed.get(channel));
        }
        for own in ["corrections", "cancelErrors"] {
            list[own] = json!(self.subscribed.get("trades"));
        }
        Answer { text: json!([list]).to_string(), is_end: false }
    }

    /// Corrections and cancellations come with the trades.
    pub(super) fn wants(&self, channel: &str, symbol: &str) -> bool {
        self.subscribed.get(channel).is_some_and(|symbols| symbols.contains(symbol) || symbols.contains("*"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(answer: &Answer) -> u64 {
        let frame: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
        frame[0]["code"].as_u64().unwrap_or(0)
    }

    #[test]
    fn error_codes() {
        let account = Account { forbidden: ["lulds"].into(), symbols_max: 1, ..Account::new("K", "S") };
        let mut standing = Standing::default();
        let mut said = |text: &str, others| standing.answer(text, &account, others);
        assert_eq!(code(&said("{", 0)), 400);
        assert_eq!(code(&said(r#"{"action":"subscribe","trades":["A"]}"#, 0)), 401);
        let failed = said(r#"{"action":"auth","key":"K","secret":"no"}"#, 0);
        assert_eq!((code(&failed), failed.is_end), (402, true));
        assert_eq!(code(&said(r#"{"action":"auth","key":"K","secret":"S"}"#, 1)), 406);
        assert_eq!(code(&said(r#"{"action":"auth","key":"K","secret":"S"}"#, 0)), 0);
        assert_eq!(code(&said(r#"{"action":"auth","key":"K","secret":"S"}"#, 0)), 403);
        assert_eq!(code(&said(r#"{"action":"subscribe","trades":["A","B"]}"#, 0)), 405);
        assert_eq!(code(&said(r#"{"action":"subscribe","lulds":["A"]}"#, 0)), 409);
        assert_eq!(code(&said(r#"{"action":"subscribe","news":["A"]}"#, 0)), 410);
        assert_eq!(code(&said(r#"{"action":"subscribe","trades":["A"],"bars":["*"]}"#, 0)), 0);
        assert!(standing.wants("trades", "A") && !standing.wants("trades", "B") && standing.wants("bars", "B"));
        assert_eq!((code(&timed_out()), code(&too_slow())), (404, 407));
    }
}
