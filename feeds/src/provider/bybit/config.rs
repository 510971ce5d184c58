//! What is fixed about Bybit.

use crate::market::{Closing, Continuity, Kind, Ping, Place, Rules, by_ending, pair};

pub(super) const RULES: Rules = Rules {
    provider: "bybit",
    ws_url: "wss://stream.bybit.com/v5/public",
    paths: &["/spot", "/linear", "/inverse"],
    rest_url: "",
    kinds: &[Kind::Trade, Kind::Quote, Kind::Book, Kind::Bar],
    depths: &[50, 200, 1_000],
    depth: Some(200),
    interval: "1m",
    closing: Closing::Said,
    // Ids are no numbers.
    continuity: Continuity::None,
    // Answers to pings come every 20 s.
    idle_timeout_ms: 50_000,
    ping: Some(Ping { every_ms: 20_000, text: r#"{"op":"ping"}"# }),
    place,
    canonical,
};

const SPOT: usize = 0;
const LINEAR: usize = 1;
const INVERSE: usize = 2;

/// `BTC-USDT` is spot; `BTC-USDT-PERP` and `BTC-USDC-PERP` are linear, `BTC-USD-PERP` is inverse.
fn place(canonical: &str) -> Option<Place> {
    let Some(contract) = canonical.strip_suffix("-PERP") else {
        let (base, quote) = pair(canonical)?;
        return Some(Place { native: format!("{base}{quote}"), path: SPOT });
    };
    let (base, quote) = pair(contract)?;
    Some(match quote {
        "USD" => Place { native: format!("{base}USD"), path: INVERSE },
        "USDC" => Place { native: format!("{base}PERP"), path: LINEAR },
        _ => Place { native: format!("{base}{quote}"), path: LINEAR },
    })
}

fn canonical(native: &str, path: usize) -> String {
    match native.strip_suffix("PERP") {
        Some(base) => format!("{base}-USDC-PERP"),
        None => {
            let name = by_ending(native).unwrap_or_else(|| native.to_owned());
            if path == SPOT { name } else { format!("{name}-PERP") }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_again() {
        for (name, native, path) in [
            ("BTC-USDT", "BTCUSDT", SPOT),
            ("BTC-USDT-PERP", "BTCUSDT", LINEAR),
            ("BTC-USDC-PERP", "BTCPERP", LINEAR),
            ("BTC-USD-PERP", "BTCUSD", INVERSE),
        ] {
            assert_eq!(place(name), Some(Place { native: native.to_owned(), path }));
            assert_eq!(canonical(native, path), name);
        }
        assert_eq!([place("BTCUSDT"), place("BTC-USDT-SWAP"), place("-PERP")], [None, None, None]);
    }
}
