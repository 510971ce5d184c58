//! What is fixed about OKX.

use crate::market::{Closing, Continuity, Kind, Ping, Place, Rules, is_asset, pair};

pub(super) const RULES: Rules = Rules {
    provider: "okx",
    ws_url: "wss://ws.okx.com:8443/ws/v5/public",
    paths: &[""],
    rest_url: "",
    // Bars are on another server.
    kinds: &[Kind::Trade, Kind::Quote, Kind::Book],
    depths: &[],
    depth: None,
    interval: "1m",
    closing: Closing::Said,
    continuity: Continuity::Contiguous,
    // Answers to pings come every 20 s; without them the venue cuts after 30 s of silence.
    idle_timeout_ms: 50_000,
    ping: Some(Ping { every_ms: 20_000, text: "ping" }),
    place,
    canonical,
};

/// The venue's names are canonical but for perpetual contracts: `BTC-USDT-PERP` is `BTC-USDT-SWAP`. Dated ones,
/// `BTC-USD-220527`, stay.
fn place(canonical: &str) -> Option<Place> {
    let native = match canonical.match_indices('-').nth(1) {
        None => pair(canonical).map(|_| canonical.to_owned())?,
        Some((at, _)) => {
            let (name, kind) = (pair(&canonical[..at])?, &canonical[at + 1..]);
            let kind = if kind == "PERP" { "SWAP" } else { Some(kind).filter(|kind| is_asset(kind))? };
            format!("{}-{}-{kind}", name.0, name.1)
        }
    };
    Some(Place { native, path: 0 })
}

fn canonical(native: &str, _path: usize) -> String {
    match native.strip_suffix("-SWAP") {
        Some(name) => format!("{name}-PERP"),
        None => native.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_again() {
        for (name, native) in
            [("BTC-USDT", "BTC-USDT"), ("UNI-USD-PERP", "UNI-USD-SWAP"), ("BTC-USD-220527", "BTC-USD-220527")]
        {
            assert_eq!(place(name).unwrap().native, native);
            assert_eq!(canonical(native, 0), name);
        }
        assert_eq!([place("BTCUSDT"), place("BTC-USDT-"), place("BTC-USD-1-2")], [None, None, None]);
    }
}
