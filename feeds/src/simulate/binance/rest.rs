//! Binance's REST bodies: what the adapter asks for beside its streams.

use super::bars::MINUTE_MS;
use super::event::Bar;
use super::frames;
use super::market::Market;
use super::spec::{PAIRS, Spec};
use super::units::text;
use crate::simulate::http::{self, Answer, parameter};
use hyper::StatusCode;

/// Most bars in one answer.
const BARS_MAX: usize = 1_000;
/// Most levels a side in one answer.
const LEVELS_MAX: usize = 5_000;

pub(super) fn answer(market: &Market, path: &str, query: &str, now_ms: i64) -> Answer {
    let symbol = parameter(query, "symbol").unwrap_or_default();
    let limit = |default: usize, max: usize| match parameter(query, "limit") {
        None => default,
        Some(text) => text.parse().unwrap_or(default).clamp(1, max),
    };
    let body = match path {
        "/api/v3/ping" => Some("{}".to_owned()),
        "/api/v3/time" => Some(format!(r#"{{"serverTime":{now_ms}}}"#)),
        "/api/v3/exchangeInfo" => exchange_info(query, now_ms),
        "/api/v3/depth" => market.depth(symbol, limit(100, LEVELS_MAX)).map(|depth| frames::depth(&depth)),
        "/api/v3/klines" => match minutes(parameter(query, "interval").unwrap_or_default()) {
            None => return refused(-1120, "Invalid interval."),
            Some(minutes) => klines(market, symbol, minutes, limit(500, BARS_MAX)),
        },
        _ => return http::json(StatusCode::NOT_FOUND, String::new()),
    };
    body.map_or_else(|| refused(-1121, "Invalid symbol."), |body| http::json(StatusCode::OK, body))
}

fn refused(code: i32, message: &str) -> Answer {
    http::json(StatusCode::BAD_REQUEST, format!(r#"{{"code":{code},"msg":"{message}"}}"#))
}

fn minutes(interval: &str) -> Option<i64> {
    [("1m", 1), ("3m", 3), ("5m", 5), ("15m", 15), ("30m", 30), ("1h", 60)]
        .into_iter()
        .find_map(|(name, minutes)| (name == interval).then_some(minutes))
}

/// The newest `limit` bars of `minutes`, as arrays.
fn klines(market: &Market, symbol: &str, minutes: i64, limit: usize) -> Option<String> {
    let bars = market.bars(symbol, usize::MAX)?;
    let joined = join(&bars, minutes * MINUTE_MS);
    let newest = joined.iter().skip(joined.len().saturating_sub(limit));
    let rows: Vec<String> = newest.map(|bar| row(bar, minutes * MINUTE_MS)).collect();
    Some(format!("[{}]", rows.join(",")))
}

/// Minute bars put together to bars of `length_ms`.
fn join(bars: &[Bar], length_ms: i64) -> Vec<Bar> {
    let mut joined: Vec<Bar> = Vec::new();
    for bar in bars {
        let open_ms = bar.open_ms - bar.open_ms.rem_euclid(length_ms);
        match joined.last_mut().filter(|last| last.open_ms == open_ms) {
            Some(last) => extend(last, bar),
            None => joined.push(Bar { open_ms, ..bar.clone() }),
        }
    }
    joined
}

fn extend(long: &mut Bar, bar: &Bar) {
    long.high = long.high.max(bar.high);
    long.low = long.low.min(bar.low);
    long.close = bar.close;
    long.volume += bar.volume;
    long.turnover += bar.turnover;
    long.trades += bar.trades;
    long.taker_volume += bar.taker_volume;
    long.taker_turnover += bar.taker_turnover;
    if long.first < 0 {
        long.first = bar.first;
    }
    long.last = long.last.max(bar.last);
}

fn row(bar: &Bar, length_ms: i64) -> String {
    format!(
        r#"[{},"{}","{}","{}","{}","{}",{},"{}",{},"{}","{}","0"]"#,
        bar.open_ms,
        text(bar.open),
        text(bar.high),
        text(bar.low),
        text(bar.close),
        text(bar.volume),
        bar.open_ms + length_ms - 1,
        text(bar.turnover),
        bar.trades,
        text(bar.taker_volume),
        text(bar.taker_turnover)
    )
}

/// Of `symbol=X` or `symbols=["X","Y"]` (percent-encoded or not), or of all; `None` if none of the named exists.
fn exchange_info(query: &str, now_ms: i64) -> Option<String> {
    let one = parameter(query, "symbol");
    let list = parameter(query, "symbols");
    let named = |spec: &&Spec| match (one, list) {
        (Some(symbol), _) => spec.symbol == symbol,
        (None, Some(list)) => list.contains(spec.symbol),
        (None, None) => true,
    };
    let symbols: Vec<String> = PAIRS.iter().filter(named).map(symbol_info).collect();
    (!symbols.is_empty()).then(|| {
        format!(
            r#"{{"timezone":"UTC","serverTime":{now_ms},"rateLimits":[],"exchangeFilters":[],"symbols":[{}]}}"#,
            symbols.join(",")
        )
    })
}

fn symbol_info(spec: &Spec) -> String {
    let (tick, lot) = (text(spec.tick), text(spec.lot));
    let names = format!(
        r#""symbol":"{}","status":"TRADING","baseAsset":"{}","baseAssetPrecision":8,"quoteAsset":"{}","quotePrecision":8,"quoteAssetPrecision":8"#,
        spec.symbol, spec.base, spec.quote
    );
    let price = format!(
        r#"{{"filterType":"PRICE_FILTER","minPrice":"{tick}","maxPrice":"1000000.00000000","tickSize":"{tick}"}}"#
    );
    let size =
        format!(r#"{{"filterType":"LOT_SIZE","minQty":"{lot}","maxQty":"9000000.00000000","stepSize":"{lot}"}}"#);
    let value = r#"{"filterType":"NOTIONAL","minNotional":"5.00000000"}"#;
    format!(
        r#"{{{names},"orderTypes":["LIMIT","MARKET"],"isSpotTradingAllowed":true,"filters":[{price},{size},{value}],"permissions":[]}}"#
    )
}
