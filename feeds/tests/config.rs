//! Feeds as a TOML file writes them.

use feeds::provider::binance::{BinanceConfig, BookSource, Kind, TradeStream};
use feeds::registry::{FeedConfig, PROVIDERS, ReplayError, for_replay, leagues_told_twice};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    feed: Vec<FeedConfig>,
}

fn parse(text: &str) -> Result<Vec<FeedConfig>, String> {
    toml::from_str::<File>(text).map(|file| file.feed).map_err(|error| error.to_string())
}

#[test]
fn every_key_is_read() {
    let feeds = parse(
        r#"
        [[feed]]
        provider = "binance"
        symbols = ["BTC-USDT", "1INCH-USDT"]
        kinds = ["trade", "quote", "book", "bar", "ticker"]
        ws_url = "ws://127.0.0.1:9001"
        rest_url = "http://127.0.0.1:9002"
        trades = "agg"
        book = "diff"
        book_levels = 100
        ticker = "full"
        bar_backfill = 0
        instruments_refresh_s = 0
        silence = { trade_ms = 1, quote_ms = 2, book_ms = 3, bar_ms = 4, ticker_ms = 5 }
        [feed.limits]
        backoff_min_ms = 500
        idle_timeout_ms = 0

        [[feed]]
        provider = "binance_us"
        symbols = ["BTC-USD"]

        [[feed]]
        provider = "binance_futures"
        symbols = ["BTC-USDT", "BTC-USDT_230630"]
        "#,
    )
    .unwrap();
    let FeedConfig::Binance(first) = &feeds[0] else { panic!("{:?}", feeds[0]) };
    assert_eq!((first.trades, first.book, first.book_levels), (Some(TradeStream::Agg), BookSource::Diff, 100));
    assert_eq!((first.limits.backoff_min_ms, first.limits.backoff_max_ms), (500, 60_000));
    assert_eq!(first.kinds.last(), Some(&Kind::Ticker));
    assert_eq!(feeds[0].limits().idle_timeout_ms, 0, "never");
    assert_eq!(feeds[2].limits().idle_timeout_ms, 400_000, "pings come every 3 minutes");
    for feed in &feeds {
        assert_eq!(feed.validate(), [], "{}", feed.provider());
        assert!(PROVIDERS.contains(&feed.provider()));
        assert_eq!(feed.build().provider(), feed.provider());
    }
    let adapter = feeds[0].build();
    assert!(
        adapter.links()[0].url.starts_with("ws://127.0.0.1:9001/stream?streams=btcusdt@aggTrade/btcusdt@bookTicker")
    );
    assert_eq!(adapter.subscriptions().len(), 10);
    assert_eq!(adapter.subscriptions()[0].silence_ms, Some(1));
}

#[test]
fn venues_are_read_and_kraken_has_two_names() {
    let feeds = parse(
        r#"
        [[feed]]
        provider = "kraken_v2"
        symbols = ["BTC-USD", "DOGE-USD"]
        kinds = ["quote", "book"]
        ws_url = "ws://127.0.0.1:9001/v2"
        book_depth = 10
        silence = { book_ms = 7 }
        limits = { idle_timeout_ms = 1 }

        [[feed]]
        provider = "coinbase_advanced"
        symbols = ["BTC-USD"]
        book_levels = 1000

        [[feed]]
        provider = "coinbase_exchange"
        symbols = ["BTC-USD"]

        [[feed]]
        provider = "bybit"
        symbols = ["BTC-USDT", "BTC-USDT-PERP", "BTC-USD-PERP"]

        [[feed]]
        provider = "okx"
        symbols = ["BTC-USDT", "BTC-USDT-PERP", "BTC-USD-220527"]

        [[feed]]
        provider = "bitstamp"
        symbols = ["BTC-USD"]
        rest_url = "http://127.0.0.1:9002/api/v2"
        "#,
    )
    .unwrap();
    let names: Vec<&str> = feeds.iter().map(FeedConfig::provider).collect();
    assert_eq!(names, ["kraken", "coinbase_advanced", "coinbase_exchange", "bybit", "okx", "bitstamp"]);
    for feed in &feeds {
        assert_eq!(feed.validate(), [], "{}", feed.provider());
        assert!(PROVIDERS.contains(&feed.provider()));
        assert_eq!(feed.build().provider(), feed.provider());
        let text = serde_json::to_string(feed).unwrap();
        assert_eq!(&serde_json::from_str::<FeedConfig>(&text).unwrap(), feed, "{text}");
    }
    let kraken = feeds[0].build();
    assert_eq!(kraken.links()[0].url, "ws://127.0.0.1:9001/v2");
    let subscriptions: Vec<_> = kraken.subscriptions().iter().map(|s| (s.name.as_str(), s.silence_ms)).collect();
    assert_eq!(subscriptions[..2], [("quote:BTC/USD", Some(60_000)), ("book:BTC/USD", Some(7))]);
    assert_eq!(feeds[0].limits().idle_timeout_ms, 10_000, "heartbeats come every second");
    assert_eq!(feeds[3].build().links().len(), 3, "spot, linear and inverse");
}

#[test]
fn all_problems_of_a_venue_are_reported_at_once() {
    let problems_of = |text: &str| -> Vec<String> {
        let problems = parse(text).unwrap()[0].validate();
        problems.iter().map(ToString::to_string).collect()
    };
    let kraken = problems_of(
        r#"
        [[feed]]
        provider = "kraken"
        symbols = ["BTC/USD", "BTC-USD", "BTC-USD"]
        kinds = ["trade", "ticker"]
        ws_url = "wss://x/?a=1"
        rest_url = "https://api.kraken.com"
        book_depth = 27
        book_levels = 0
        limits = { backoff_min_ms = 0 }
    "#,
    );
    let keys: Vec<&str> = kraken.iter().filter_map(|problem| problem.split(": ").next()).collect();
    assert_eq!(
        keys,
        [
            "symbols[0]",
            "symbols[2]",
            "kinds[1]",
            "ws_url",
            "rest_url",
            "book_depth",
            "book_levels",
            "limits.backoff_min_ms"
        ]
    );
    assert_eq!(kraken[5], "book_depth: must be one of [10, 25, 100, 500, 1000]");
    let okx =
        "[[feed]]\nprovider = \"okx\"\nsymbols = [\"BTC-USDT\"]\nkinds = []\nbook_depth = 400\nbook_levels = 1001";
    assert_eq!(
        problems_of(okx),
        [
            "kinds: nothing to subscribe to",
            "book_depth: this venue sends whole books",
            "book_levels: must be 1 to 1000"
        ]
    );
    let shallow = "[[feed]]\nprovider = \"kraken\"\nsymbols = [\"A-B\"]\nbook_depth = 10\nbook_levels = 20";
    assert_eq!(problems_of(shallow), ["book_levels: must be 1 to 10"]);
}

#[test]
fn all_problems_are_reported_at_once() {
    let text = r#"
        [[feed]]
        provider = "binance"
        symbols = ["BTCUSDT", "BTC-USDT", "BTC-USDT", "btc-usdt", "-"]
        kinds = []
        ws_url = "http://x"
        rest_url = "https://"
        book_levels = 21
        bar_backfill = 1001
        limits = { backoff_min_ms = 0, watch_interval_ms = 501 }
    "#;
    let problems = parse(text).unwrap()[0].validate();
    let keys: Vec<&str> = problems.iter().map(|problem| &*problem.key).collect();
    assert_eq!(
        keys,
        [
            "symbols[0]",
            "symbols[2]",
            "symbols[3]",
            "symbols[4]",
            "kinds",
            "ws_url",
            "rest_url",
            "book_levels",
            "bar_backfill",
            "limits.backoff_min_ms",
            "limits.watch_interval_ms"
        ]
    );
    assert_eq!(problems[0].to_string(), "symbols[0]: 'BTCUSDT' is not BASE-QUOTE");
    assert_eq!(BinanceConfig::default().validate().len(), 1, "no symbols");
}

#[test]
fn score_providers() {
    let feeds = parse(
        r#"
        [[feed]]
        provider = "mlb"
        base_url = "http://127.0.0.1:9003"
        games = [747175]

        [[feed]]
        provider = "nba"
        games = ["0022000001"]
        live_interval_ms = 3000
        pregame_interval_ms = 30000
        idle_interval_ms = 300000
        corrections_ms = 0
        retire_after_ms = 0

        [[feed]]
        provider = "espn"
        leagues = ["football/nfl", "soccer/eng.1"]
        plays = true
        "#,
    )
    .unwrap();
    for feed in &feeds {
        assert_eq!(feed.validate(), [], "{}", feed.provider());
        assert!(PROVIDERS.contains(&feed.provider()));
        assert_eq!(feed.build().provider(), feed.provider());
    }
    let names =
        |feed: &FeedConfig| feed.build().subscriptions().iter().map(|found| found.name.clone()).collect::<Vec<_>>();
    let boards = ["football/nfl", "soccer/eng.1"].map(|league| format!("/apis/site/v2/sports/{league}/scoreboard"));
    assert_eq!(names(&feeds[2]), boards);
    assert_eq!(leagues_told_twice(&feeds), []);
    let bad =
        parse("[[feed]]\nprovider = \"mlb\"\ngames = [\"a/b\"]\nlive_interval_ms = 0\nbase_url = \"x/\"").unwrap();
    let keys: Vec<String> = bad[0].validate().into_iter().map(|problem| problem.key).collect();
    assert_eq!(keys, ["base_url", "games", "live_interval_ms"]);
}

/// Pitfall 14: two sources of one game.
#[test]
fn a_league_has_one_provider() {
    let both =
        "[[feed]]\nprovider = \"espn\"\nleagues = [\"hockey/nhl\", \"baseball/mlb\"]\n[[feed]]\nprovider = \"nhl\"";
    assert_eq!(leagues_told_twice(&parse(both).unwrap()), [(1, "nhl".to_owned(), "espn")]);
}

#[test]
fn unknown_keys_and_names_are_refused() {
    for (text, word) in [
        ("[[feed]]\nprovider = \"binanse\"", "binanse"),
        ("[[feed]]\nprovider = \"binance\"\nsymbol = [\"BTC-USDT\"]", "symbol"),
        ("[[feed]]\nprovider = \"binance\"\nlimits = { backof = 1 }", "backof"),
        ("[[feed]]\nprovider = \"binance\"\nkinds = [\"trades\"]", "trades"),
        ("[[feed]]\nsymbols = []", "provider"),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn a_configuration_survives_being_written() {
    let feed = parse("[[feed]]\nprovider = \"binance\"\nsymbols = [\"BTC-USDT\"]").unwrap().remove(0);
    let text = serde_json::to_string(&feed).unwrap();
    assert_eq!(serde_json::from_str::<FeedConfig>(&text).unwrap(), feed, "{text}");
}

#[test]
fn a_capture_that_says_nothing_cannot_be_played() {
    let head = feeds::capture::Head::default();
    assert!(matches!(for_replay("binanse", &head), Err(ReplayError::UnknownProvider(_))));
    assert!(matches!(for_replay("binance", &head), Err(ReplayError::NothingSubscribed(_))));
}
