//! What is sent to Kraken, and which request an answer is about.

use crate::market::Kind;
use serde_json::json;

/// Requests by their `req_id`, which Kraken gives back.
const KINDS: [(u64, Kind); 4] = [(1, Kind::Trade), (2, Kind::Quote), (3, Kind::Book), (4, Kind::Bar)];

pub(super) fn subscribe(kind: Kind, natives: &[&str], depth: Option<usize>) -> String {
    let params = match kind {
        // Why the snapshot: it fills in what was traded while no connection was there.
        Kind::Trade => json!({"channel": "trade", "symbol": natives, "snapshot": true}),
        // Why `bbo`: by default a quote moves only with a trade.
        Kind::Quote | Kind::Ticker => json!({"channel": "ticker", "symbol": natives, "event_trigger": "bbo"}),
        Kind::Book => json!({"channel": "book", "symbol": natives, "depth": depth, "snapshot": true}),
        Kind::Bar => json!({"channel": "ohlc", "symbol": natives, "interval": 1}),
    };
    let id = KINDS.iter().find(|(_, known)| *known == kind).map(|(id, _)| *id);
    json!({"method": "subscribe", "params": params, "req_id": id}).to_string()
}

pub(super) fn unsubscribe_book(native: &str, depth: Option<usize>) -> String {
    json!({"method": "unsubscribe", "params": {"channel": "book", "symbol": [native], "depth": depth}}).to_string()
}

/// What the request of this `req_id` asked for.
pub(super) fn kind_of(req_id: u64) -> Option<Kind> {
    KINDS.iter().find(|(id, _)| *id == req_id).map(|(_, kind)| *kind)
}
