//! The instrument table: what exchangeInfo says of a symbol, and canonical names where only native ones are known.

use super::Venue;
use super::message::{ExchangeInfo, SymbolInfo};
use crate::market;
use crate::model::{Decimal, Object};

/// Reads an exchangeInfo body.
pub(super) fn parse(body: &[u8]) -> Result<ExchangeInfo<'_>, serde_json::Error> {
    serde_json::from_slice(body)
}

/// The state of an instrument topic.
pub(super) fn state(venue: Venue, info: &SymbolInfo<'_>) -> Object {
    let filter = |name: &str| info.filters.iter().find(|filter| filter.filter_type == name);
    let tick = filter("PRICE_FILTER").and_then(|filter| filter.tick_size).map(|tick| tick.0);
    let lot = filter("LOT_SIZE").and_then(|filter| filter.step_size).map(|step| step.0);
    let min_notional = filter("NOTIONAL").or(filter("MIN_NOTIONAL")).and_then(|filter| filter.min_notional);
    Object::new()
        .with("base", &*info.base_asset)
        .with("kind", kind(info))
        .with("lot", lot)
        .with("min_notional", min_notional.map(|notional| notional.0))
        .with("native", &*info.symbol)
        .with("price_scale", scale(tick))
        .with("quote", &*info.quote_asset)
        .with("size_scale", scale(lot))
        .with("status", &*status(&info.status))
        .with("tick", tick)
        .with("venue", venue.name())
}

/// Digits after the point that matter.
fn scale(step: Option<Decimal>) -> Option<i64> {
    step.map(|step| i64::from(step.normalized().scale()))
}

fn kind(info: &SymbolInfo<'_>) -> &'static str {
    match info.contract_type.as_deref() {
        None => "spot",
        Some("" | "PERPETUAL" | "TRADIFI_PERPETUAL") => "perp",
        Some(_) => "future",
    }
}

/// The venue's word → ours; a new word is passed on in lower case.
fn status(native: &str) -> String {
    match native {
        "TRADING" => "trading".into(),
        "HALT" | "BREAK" => "halted".into(),
        "AUCTION_MATCH" | "PRE_TRADING" | "POST_TRADING" => "auction".into(),
        "END_OF_DAY" | "CLOSE" | "PENDING_TRADING" => "closed".into(),
        "SETTLING" | "PRE_SETTLE" | "PRE_DELIVERING" | "DELIVERING" | "DELIVERED" => "delisted".into(),
        other => other.to_lowercase(),
    }
}

/// `BASE-QUOTE` for a native symbol of a recording: from an instrument table, else by its ending, else as it is.
/// Live feeds never need it: their names are configured.
pub(super) fn canonical(native: &str, tables: &[ExchangeInfo<'_>]) -> String {
    let listed = tables.iter().flat_map(|table| &table.symbols).find(|info| info.symbol == native);
    if let Some(info) = listed {
        return format!("{}-{}", info.base_asset, info.quote_asset);
    }
    market::by_ending(native).unwrap_or_else(|| native.to_owned())
}
