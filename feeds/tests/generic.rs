//! The generic provider by hand-written frames: what `config/generic.toml` maps, and what goes wrong.

use feeds::adapter::{Input, LinkId};
use feeds::provider::generic::Trial;
use feeds::registry::{FeedConfig, Problem};
use proptest::prelude::*;
use serde::Deserialize;

mod support;
use support::Bench;

const EXAMPLE: &str = include_str!("../../config/generic.toml");

#[derive(Deserialize)]
struct File {
    feed: Vec<FeedConfig>,
}

fn feeds(text: &str) -> Vec<FeedConfig> {
    toml::from_str::<File>(text).unwrap().feed
}

/// The only feed of a text; it is good.
fn feed(text: &str) -> FeedConfig {
    let feed = feeds(&format!("[[feed]]\nprovider = \"generic\"\nname = \"x\"\n{text}")).remove(0);
    assert_eq!(feed.validate(), []);
    feed
}

fn problems(text: &str) -> Vec<Problem> {
    feeds(&format!("[[feed]]\nprovider = \"generic\"\n{text}"))[0].validate()
}

fn bench(feed: &FeedConfig) -> Bench {
    let mut bench = Bench::new(feed.build());
    bench.handle(Input::Start);
    if !bench.adapter.links().is_empty() {
        bench.handle(Input::Opened(LinkId(0)));
    }
    bench
}

const SOCKET: &str = "[[feed.socket]]\nurl = \"ws://127.0.0.1:1\"\n";

#[test]
fn the_example_is_good_and_subscribes() {
    let feeds = feeds(EXAMPLE);
    let names: Vec<&str> = feeds.iter().map(FeedConfig::provider).collect();
    assert_eq!(names, ["acme", "cup"], "each has a name of its own");
    feeds.iter().for_each(|feed| assert_eq!(feed.validate(), []));
    let mut bench = bench(&feeds[0]);
    let sent: Vec<String> = bench.output.sends.drain(..).map(|(_, text)| text).collect();
    assert_eq!(
        sent,
        [
            r#"{"op":"subscribe","channel":"ticker","markets":["xbt","eth"]}"#,
            r#"{"op":"subscribe","channel":"trades.xbt"}"#,
            r#"{"op":"subscribe","channel":"trades.eth"}"#,
            r#"{"op":"subscribe","channel":"book.xbt"}"#,
            r#"{"op":"subscribe","channel":"book.eth"}"#,
        ]
    );
    // Pitfall 1: a mistyped symbol never says anything, so its topic is watched from the start.
    let watched: Vec<&str> = bench.adapter.subscriptions().iter().map(|s| &*s.name).collect();
    assert_eq!(watched, ["stream", "quote.acme.BTC-USD", "quote.acme.ETH-USD"]);
    assert_eq!(bench.adapter.subscriptions()[1].silence_ms, Some(60_000));
    assert_eq!(bench.adapter.link_of(1), Some(LinkId(0)));
}

#[test]
fn pings_go_out_when_it_is_time() {
    let mut bench = bench(&feeds(EXAMPLE)[0]);
    bench.output.sends.clear();
    assert_eq!(bench.output.wake_at_ms, Some(bench.now_ms + 15_000));
    bench.now_ms += 15_000;
    bench.handle(Input::Wake);
    assert_eq!(bench.output.sends, [(LinkId(0), r#"{"op":"ping","at":1700000015000}"#.to_owned())]);
    assert_eq!(bench.output.wake_at_ms, Some(bench.now_ms + 15_000));
    bench.handle(Input::Closed(LinkId(0)));
    assert_eq!(bench.output.wake_at_ms, None, "nobody to ping");
}

#[test]
fn one_update_for_each_item() {
    let mut bench = bench(&feeds(EXAMPLE)[0]);
    bench.frame(0, r#"{"type":"ticker","data":[{"market":"XBT/USD","b":"65083.70","a":65083.8,"p":65083.75,"ts":1763850000123456},{"market":"eth","b":"0","a":"","day":{"o":1e-08}},{"market":"doge","b":1}]}"#);
    assert_eq!(bench.topics.state("quote.acme.BTC-USD"), r#"{"ask":65083.8,"bid":65083.7,"last":65083.75}"#);
    assert_eq!(bench.topics.state("quote.acme.ETH-USD"), r#"{"open":0.00000001}"#, "null means absent");
    assert_eq!(bench.output.counts.ignored, 1, "nobody asked for doge");
    assert_eq!(bench.output.alive, [1, 0, 2, 0]);
}

#[test]
fn events_come_in_order_once_and_tell_what_is_missing() {
    let mut bench = bench(&feeds(EXAMPLE)[0]);
    bench.frame(0, r#"{"type":"trade_snapshot","market":"xbt","data":[{"id":2,"seq":11,"p":"2.50","q":1,"side":"S","time":"2026-08-09T21:05:48.228568804Z"},{"id":1,"seq":10,"p":"1","q":1,"side":"B"}]}"#);
    let told = bench.topics.events("trade.acme.BTC-USD");
    assert_eq!(
        told,
        [r#"{"id":"1","price":1,"side":"buy","size":1}"#, r#"{"id":"2","price":2.5,"side":"sell","size":1}"#]
    );
    bench.handle(Input::Closed(LinkId(0)));
    bench.handle(Input::Opened(LinkId(0)));
    bench
        .frame(0, r#"{"type":"trade_snapshot","market":"xbt","data":[{"id":2,"seq":11,"p":"2.50","q":1,"side":"S"}]}"#);
    assert_eq!(bench.topics.events("trade.acme.BTC-USD").len(), 2, "told before");
    bench.frame(0, r#"{"type":"trade","market":"xbt","data":[{"id":5,"seq":14,"p":3,"q":1}]}"#);
    assert_eq!(bench.topics.lost, [("trade.acme.BTC-USD".to_owned(), Some(2))]);
    assert_eq!(bench.output.counts.gaps, 0, "the connection was lost, no message");
    bench.frame(0, r#"{"type":"trade","market":"xbt","data":[{"id":7,"seq":16,"p":3,"q":1}]}"#);
    assert_eq!((bench.output.counts.gaps, bench.topics.lost.len()), (1, 2));
    bench.frame(0, r#"{"type":"trade","market":"xbt","data":[{"id":8,"seq":17,"p":3},{"id":9,"p":1,"q":1,"seq":18,"side":"X"},{"id":9,"p":1,"q":1}]}"#);
    assert_eq!(bench.output.counts.rejected, 3, "no size; an unknown side; no sequence number");
}

/// Pitfall 4: a gap in a book, a removal, a level of size zero.
#[test]
fn a_book_waits_for_the_whole_of_it_after_a_gap() {
    let mut bench = bench(&feeds(EXAMPLE)[0]);
    bench.frame(0, r#"{"type":"book","market":"xbt","seq":1,"bids":[["10.0","1"],["9.50","2"]],"asks":[["11",3]]}"#);
    bench.frame(0, r#"{"type":"book_delta","market":"xbt","seq":2,"bids":[["10","0.000"],["9","4"]]}"#);
    assert_eq!(bench.topics.state("book.acme.BTC-USD"), r#"{"asks":{"11":3},"bids":{"9":4,"9.5":2},"depth":10}"#);
    bench.frame(0, r#"{"type":"book_delta","market":"xbt","seq":4,"bids":[["8","4"]]}"#);
    bench.frame(0, r#"{"type":"book_delta","market":"xbt","seq":5,"bids":[["7","4"]]}"#);
    assert_eq!(bench.topics.state("book.acme.BTC-USD"), r#"{"asks":{"11":3},"bids":{"9":4,"9.5":2},"depth":10}"#);
    assert_eq!((bench.output.counts.gaps, bench.output.out_of_sync), (1, 1));
    assert_eq!(bench.topics.stale, [("book.acme.BTC-USD".to_owned(), true)]);
    assert_eq!(std::mem::take(&mut bench.output.reconnects), [LinkId(0)]);
    bench.handle(Input::Closed(LinkId(0)));
    bench.handle(Input::Opened(LinkId(0)));
    bench.frame(0, r#"{"type":"book","market":"xbt","seq":40,"bids":[["6","1"]],"asks":[]}"#);
    assert_eq!(bench.topics.state("book.acme.BTC-USD"), r#"{"bids":{"6":1},"depth":10}"#);
    assert_eq!(bench.topics.resets, ["book.acme.BTC-USD"]);
    assert_eq!((bench.output.counts.resyncs, bench.output.out_of_sync), (1, 0));
    assert_eq!(bench.topics.stale.last(), Some(&("book.acme.BTC-USD".to_owned(), false)));
    bench.frame(0, r#"{"type":"book_delta","market":"xbt","seq":41,"asks":[["7","1"]]}"#);
    assert_eq!(bench.topics.state("book.acme.BTC-USD"), r#"{"asks":{"7":1},"bids":{"6":1},"depth":10}"#);
}

/// Pitfall 8: frames that are no JSON, empty arrays, unknown types, refusals, error pages.
#[test]
fn what_is_no_data() {
    let mut bench = bench(&feeds(EXAMPLE)[0]);
    let mut counts = |frame: &str| {
        bench.output.alive.clear();
        bench.frame(0, frame);
        let counts = bench.output.counts;
        (counts.rejected, counts.ignored, bench.output.alive.clone())
    };
    assert_eq!(counts("pong"), (0, 0, vec![0]));
    assert_eq!(counts(r#"{"type":"heartbeat"}"#), (0, 0, vec![0]));
    assert_eq!(counts("[]"), (0, 0, vec![]));
    assert_eq!(counts(r#"{"type":"news"}"#), (0, 1, vec![]));
    assert_eq!(counts("<html>"), (1, 1, vec![]));
    assert_eq!(counts(r#"{"type":"error","msg":"no such market"}"#), (2, 1, vec![]));
    assert_eq!(bench.output.counts.frames, 6);
}

const GAMES: &str = r#"{"generated":1763850000.5,"rounds":[{"title":"Semi","games":[
    {"id":7,"kind":"match","state":"1h","finished":0,"kickoff":"2026-08-09T21:00:00+02:00","home":{"name":"A","goals":"1"},"away":{"name":"B","goals":""},"goals":[{"id":"g1","scorer":"Ann","minute":12}]},
    {"id":8,"kind":"draw"}]},{"title":"Final","games":[{"id":9,"kind":"match","state":"ns","finished":false,"home":{"name":"C"},"away":{"name":"D"}}]}]}"#;

/// Pitfall 13: the same body twice, an error page, no answer, not modified.
#[test]
fn a_poll() {
    let feeds = feeds(EXAMPLE);
    let mut bench = Bench::new(feeds[1].build());
    bench.handle(Input::Start);
    let url = "https://api.cup.example/games?date=2023-11-14";
    assert_eq!(bench.fetches(), [url]);
    bench.fetched(url, 200, GAMES);
    let game = r#"{"away":{"name":"B"},"final":false,"game_id":"7","home":{"name":"A","score":1},"phase":"live","round":"Semi","start":1786302000000}"#;
    assert_eq!(bench.topics.state("score.cup.7").replace(r#","score":null"#, ""), game);
    assert!(bench.topics.state("score.cup.9").contains(r#""round":"Final""#));
    assert_eq!(bench.topics.state("score.cup.8"), "", "no match");
    assert_eq!(bench.topics.events("play.cup.7"), [r#"{"id":"g1","minute":12,"text":"Ann","type":"goal"}"#]);
    bench.fetched(url, 200, GAMES);
    assert_eq!(bench.topics.events("play.cup.7").len(), 1, "goals stand in every body, and are told once");
    assert_eq!(bench.fetches().len(), 2, "one at a time");
    bench.output.alive.clear();
    bench.fetched(url, 403, "<html>");
    bench.fetched(url, 200, "<html>");
    bench.handle(Input::FetchFailed { url });
    assert!(bench.output.alive.is_empty());
    let delays: Vec<u64> = bench.output.fetches.drain(..).map(|fetch| fetch.delay_ms).collect();
    assert_eq!(delays, [20_000, 40_000, 80_000], "longer waits while it fails");
    bench.fetched(url, 304, "");
    assert_eq!((bench.output.alive.clone(), bench.output.counts.rejected), (vec![0], 1));
    bench.fetched("https://api.cup.example/other", 200, GAMES);
    assert_eq!(bench.output.fetches.len(), 1, "nobody asked for that");
    assert_eq!(bench.adapter.subscriptions()[0].silence_ms, Some(40_000));
}

#[test]
fn a_symbol_may_stand_in_the_address_alone() {
    let mut bench = bench(&feed(
        r#"
        symbols = ["BTC-USD", "ETH-USD"]
        aliases = { "BTC-USD" = "bitcoin" }
        [[feed.poll]]
        url = "http://127.0.0.1:1/{native}"
        interval_ms = 1000
        [[feed.message]]
        topic = "quote.{name}.{symbol}"
        fields = { last = "/price" }
        "#,
    ));
    let asked: Vec<(String, u64)> = bench.output.fetches.drain(..).map(|fetch| (fetch.url, fetch.delay_ms)).collect();
    assert_eq!(asked, [("http://127.0.0.1:1/bitcoin".into(), 0), ("http://127.0.0.1:1/ETH-USD".into(), 250)]);
    bench.fetched("http://127.0.0.1:1/bitcoin", 200, r#"{"price":1.50}"#);
    bench.fetched("http://127.0.0.1:1/ETH-USD", 200, r#"{"price":2}"#);
    assert_eq!(bench.topics.state("quote.x.BTC-USD"), r#"{"last":1.5}"#);
    assert_eq!(bench.topics.state("quote.x.ETH-USD"), r#"{"last":2}"#);
    let names: Vec<&str> = bench.adapter.subscriptions().iter().map(|s| &*s.name).collect();
    assert_eq!(names, ["poll BTC-USD", "poll ETH-USD"]);
}

#[test]
fn members_of_an_object_are_items_and_their_names_symbols() {
    let mut bench = bench(&feed(&format!(
        "aliases = {{ \"BTC-USD\" = \"bitcoin\" }}\n{SOCKET}\
         [[feed.message]]\neach = \"/*\"\ntopic = \"quote.{{name}}.{{0#}}\"\nfields = {{ last = \"/usd\" }}\n"
    )));
    bench.frame(0, r#"{"bitcoin":{"usd":65083.70},"ether":{"usd":"1"}}"#);
    assert_eq!(bench.topics.state("quote.x.BTC-USD"), r#"{"last":65083.7}"#);
    assert_eq!(bench.topics.state("quote.x.ether"), r#"{"last":"1"}"#, "as it is");
}

/// Pitfall 8: every frame is an array of messages of several kinds.
#[test]
fn a_frame_of_many_messages() {
    let mut bench = bench(&feed(&format!(
        "messages = \"/*\"\n{SOCKET}\
         [[feed.message]]\nwhen = {{ \"/T\" = \"q\" }}\ntopic = \"quote.{{name}}.{{/S}}\"\nfields = {{ bid = \"/bp\" }}\n\
         [[feed.message]]\nwhen = {{ \"/T\" = \"t\", \"/p\" = {{ exists = true }} }}\ntopic = \"trade.{{name}}.{{/S}}\"\nchange = \"event\"\nfields = {{ price = \"/p\" }}\n\
         [[feed.message]]\nwhen = {{ \"/T\" = \"end\" }}\ntopic = \"trade.{{name}}.{{/S}}\"\nchange = \"retire\"\n"
    )));
    bench.frame(0, r#"[{"T":"q","S":"A","bp":1},{"T":"t","S":"A","p":2},{"T":"t","S":"A"},{"T":"x"}]"#);
    assert_eq!(bench.topics.state("quote.x.A"), r#"{"bid":1}"#);
    assert_eq!(bench.topics.events("trade.x.A"), [r#"{"price":2}"#]);
    assert_eq!(bench.output.counts.ignored, 2);
    bench.frame(0, r#"{"T":"q","S":"A","bp":3}"#);
    assert_eq!(bench.topics.state("quote.x.A"), r#"{"bid":3}"#, "a lone message is one too");
    bench.frame(0, r#"[{"T":"end","S":"A"},{"T":"end","S":"A"}]"#);
    assert_eq!(bench.output.counts.ignored, 3, "known no more");
}

#[test]
fn a_sequence_of_the_connection() {
    let text = |then: &str| {
        format!(
            "[[feed.socket]]\nurl = \"ws://127.0.0.1:1\"\ngap = {{ at = \"/n\", then = \"{then}\" }}\n\
             [[feed.message]]\ntopic = \"quote.{{name}}.{{/s}}\"\nfields = {{ bid = \"/b\", ask = \"/a\" }}\n"
        )
    };
    let mut reset = bench(&feed(&text("reset")));
    reset.frame(0, r#"{"n":0,"s":"A","b":1,"a":2}"#);
    reset.frame(0, r#"{"n":1,"s":"A","b":1.5}"#);
    reset.frame(0, r#"{"n":3,"s":"A","b":1.7}"#);
    assert_eq!((reset.output.counts.gaps, reset.topics.resets.len()), (1, 1));
    assert_eq!(reset.topics.state("quote.x.A"), r#"{"bid":1.7}"#, "what is not told again is not known");
    let mut reconnect = bench(&feed(&text("reconnect")));
    reconnect.frame(0, r#"{"n":0,"s":"A","b":1}"#);
    reconnect.frame(0, r#"{"n":2,"s":"A","b":1}"#);
    assert_eq!((reconnect.output.counts.gaps, reconnect.output.reconnects), (1, vec![LinkId(0)]));
}

#[test]
fn all_problems_are_told_at_once_with_their_paths() {
    let told = problems(
        r#"
        name = "Acme Inc"
        symbols = ["A", "A", 5]
        aliases = { A = ["a", "a"], B = 7 }
        topics_max = 0
        mesages = "/*"
        heartbeat = [5, { "x" = 1 }]
        headers = { "bad name" = "x" }
        limits = { backoff_min_ms = 0 }
        [[feed.socket]]
        url = "http://x"
        subscribe = "{native}"
        ping_interval_ms = 5
        [[feed.poll]]
        interval_ms = "5s"
        [[feed.message]]
        when = { "type" = "t" }
        each = "/data"
        topic = "quote..{s}"
        [[feed.message]]
        from = "main"
        topic = "quote.{symbol}"
        change = "patches"
        silence_ms = -1
        te = { at = "/t", unit = "min" }
        gap = { at = "/q", then = "panic" }
        fields = { a = "bid", b = { at = "/b", as = "float" }, c = 5, d = { at = "/d", as = "enum" }, e = { x = { at = 1 } }, f = { each = "/f", key = "/0" }, g = { value = 1.5 } }
        [[feed.message]]
        topic = "trade.x"
        reverse = true
        symbol = "/s"
        "#,
    );
    let keys: Vec<&str> = told.iter().map(|problem| &*problem.key).collect();
    let wanted = [
        "name",
        "symbols[1]",
        "symbols[2]",
        "aliases.A",
        "aliases.B",
        "topics_max",
        "mesages",
        "heartbeat[0]",
        "heartbeat[1].x",
        "headers",
        "limits.backoff_min_ms",
        "socket[0].url",
        "socket[0].ping_interval_ms",
        "poll[0].url",
        "poll[0].interval_ms",
        "message[0].when.type",
        "message[0].each",
        "message[0].topic",
        "message[0].fields",
        "message[1].change",
        "message[1].silence_ms",
        "message[1].te.unit",
        "message[1].gap.then",
        "message[1].fields.a",
        "message[1].fields.b.as",
        "message[1].fields.c",
        "message[1].fields.d.table",
        "message[1].fields.e.x.at",
        "message[1].fields.f.each",
        "message[1].fields.f.item",
        "message[1].fields.g.value",
        "message[2].reverse",
        "message[2].symbol",
        "message[2].fields",
    ];
    for key in wanted {
        assert!(keys.contains(&key), "{key} is not among {told:#?}");
    }
    let message = |key: &str| told.iter().find(|problem| problem.key == key).unwrap().message.clone();
    assert!(message("mesages").starts_with("no such key; there are name, symbols,"), "{}", message("mesages"));
    assert_eq!(
        message("message[1].fields.b.as"),
        r#"must be one of "json", "decimal", "integer", "text", "time", "enum", "bool", not "float""#
    );
    assert!(message("message[1].change").contains(r#""patch", "state", "event", "retire""#));
}

#[test]
fn what_does_not_fit_together_is_told() {
    let text = format!(
        "name = \"x\"\n{SOCKET}[[feed.message]]\nfrom = \"stream\"\ntopic = \"quote.{{symbol}}\"\nfields = {{ a = \"/a\" }}\ngap = {{ at = \"/n\", then = \"reconnect\" }}\n"
    );
    let told: Vec<String> = problems(&text).iter().map(ToString::to_string).collect();
    assert_eq!(told[0], r#"message[0].from: no socket and no poll is called "stream"; there are socket"#);
    assert!(told[1].starts_with("message[0].gap.then: "), "{told:?}");
    let empty: Vec<String> = problems("name = \"nhl\"").into_iter().map(|problem| problem.key).collect();
    assert_eq!(empty, ["name", "socket", "message"], "the name is taken, nothing is read, nothing is said");
    let unset = problems(&format!(
        "name = \"x\"\nheaders = {{ K = \"Bearer ${{FANWIRE_NO_SUCH_KEY}}\" }}\n{SOCKET}[[feed.message]]\ntopic = \"a.b\"\nfields = {{ a = \"/a\" }}\n"
    ));
    assert!(unset[0].message.contains("FANWIRE_NO_SUCH_KEY"), "{unset:?}");
}

#[test]
fn a_configuration_survives_being_written() {
    for feed in feeds(EXAMPLE) {
        let text = serde_json::to_string(&feed).unwrap();
        assert_eq!(serde_json::from_str::<FeedConfig>(&text).unwrap(), feed);
        let head = feeds::capture::Head { config: Some(text), ..feeds::capture::Head::default() };
        let played = feeds::registry::for_replay("generic", &head).unwrap();
        assert_eq!(played.provider(), feed.provider());
    }
}

/// Invariant BOUNDED.
#[test]
fn topics_are_bounded() {
    let mut bench = bench(&feed(&format!(
        "topics_max = 2\n{SOCKET}[[feed.message]]\ntopic = \"quote.{{/s}}\"\nfields = {{ a = \"/a\" }}\n"
    )));
    for n in 0..5 {
        bench.frame(0, &format!(r#"{{"s":{n},"a":1}}"#));
    }
    assert_eq!((bench.topics.states.len(), bench.output.counts.rejected), (2, 3));
}

/// Invariant EXACT: a number leaves with the value that it came in with, in a string or bare.
#[test]
fn numbers_are_exact() {
    let mut bench = bench(&feed(&format!(
        "{SOCKET}[[feed.message]]\ntopic = \"quote.x\"\nfields = {{ a = {{ at = \"/a\", as = \"decimal\" }}, b = \"/b\" }}\n"
    )));
    for (token, text) in [
        ("0.1234567890123456789", "0.1234567890123456789"),
        ("9007199254740993", "9007199254740993"),
        ("1.50930100", "1.509301"),
        ("1.7e-7", "0.00000017"),
        ("-37.63", "-37.63"),
    ] {
        bench.frame(0, &format!(r#"{{"a":"{token}","b":{token}}}"#));
        assert_eq!(bench.topics.state("quote.x"), format!(r#"{{"a":{text},"b":{text}}}"#));
    }
}

fn trial(index: usize) -> Trial {
    match &feeds(EXAMPLE)[index] {
        FeedConfig::Generic(config) => Trial::new(config),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_trial_says_why_and_what_was_never_found() {
    let mut trial = trial(0);
    let tried = trial.take(0, br#"{"type":"ticker","data":[{"market":"xbt","b":"x"},{"market":"xbt","a":"1"}]}"#);
    assert_eq!(tried.updates.len(), 1);
    assert!(
        tried.notes.contains(&"rejected: ticker: bid: \"x\" is not a decimal number".to_owned()),
        "{:?}",
        tried.notes
    );
    assert!(tried.notes.contains(&"not trades: /type is ticker".to_owned()), "{:?}", tried.notes);
    let doubts = trial.doubts();
    assert!(doubts.contains(&"trades: no message of the sample matches".to_owned()), "{doubts:?}");
    assert!(doubts.contains(&"ticker: last: nothing stands at \"/p\"".to_owned()), "{doubts:?}");
    assert_eq!((trial.source(Some("stream")), trial.source(Some("steam"))), (Some(0), None));
}

/// Any JSON, with the words of the example's mapping in it now and then.
fn json() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("type"),
        Just("data"),
        Just("market"),
        Just("seq"),
        Just("bids"),
        Just("asks"),
        Just("id"),
        Just("p"),
        Just("q"),
        Just("side"),
        Just("time"),
        Just("ts"),
        Just("b"),
        Just("rounds"),
        Just("games"),
        Just("goals"),
        Just("kind"),
        Just("home"),
        Just("zzz"),
    ];
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        "-?[0-9]{1,40}(\\.[0-9]{1,40})?(e-?[0-9]{1,3})?",
        prop_oneof![
            Just("ticker"),
            Just("trade"),
            Just("book"),
            Just("book_delta"),
            Just("error"),
            Just("heartbeat"),
            Just("xbt"),
            Just("ETH/USD"),
            Just("B"),
            Just("match"),
            Just("2026-08-09T21:05:48Z"),
            Just(""),
            Just("1.5"),
        ]
        .prop_map(|text| format!("{text:?}")),
        "[ -~]{0,12}".prop_map(|text| serde_json::Value::from(text).to_string()),
    ];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((word.clone(), inner), 0..6).prop_map(|fields| {
                let fields: Vec<String> = fields.iter().map(|(key, value)| format!("{key:?}:{value}")).collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    })
}

proptest! {
    /// Whatever comes: no panic, and what is not published is counted.
    #[test]
    fn any_json_is_published_or_counted(frames in prop::collection::vec(json(), 1..20), index in 0usize..2) {
        let mut trial = trial(index);
        for frame in &frames {
            let before = trial.counts();
            let tried = trial.take(0, frame.as_bytes());
            let after = trial.counts();
            prop_assert_eq!(after.frames, before.frames + 1);
            let noted = tried.notes.iter().filter(|note| note.starts_with("rejected")).count() as u64;
            prop_assert_eq!(after.rejected - before.rejected, noted, "every reject is counted and told");
            let ignored = tried.notes.iter().filter(|note| note.starts_with("ignored")).count() as u64;
            prop_assert_eq!(after.ignored - before.ignored, ignored);
        }
    }

    #[test]
    fn any_bytes_never_panic(frame in prop::collection::vec(any::<u8>(), 0..200), index in 0usize..2) {
        let mut trial = trial(index);
        trial.take(0, &frame);
        prop_assert_eq!(trial.counts().frames, 1);
    }

    /// Whatever the tables say: problems, not panics; and what is built of them runs.
    #[test]
    fn any_mapping_never_panics(at in any::<prop::sample::Index>(), value in json(), frames in prop::collection::vec(json(), 3)) {
        let mut config = serde_json::to_value(&feeds(EXAMPLE)[0]).unwrap();
        let places = places(&config);
        let Ok(value) = serde_json::from_str(&value) else { return Ok(()) };
        *config.pointer_mut(&places[at.index(places.len())]).unwrap() = value;
        let Ok(FeedConfig::Generic(config)) = serde_json::from_value(config) else { return Ok(()) };
        config.validate();
        let mut trial = Trial::new(&config);
        if let Some(source) = trial.source(None) {
            for frame in &frames {
                trial.take(source, frame.as_bytes());
            }
        }
    }
}

/// The JSON pointers of everything in a value but the value itself.
fn places(value: &serde_json::Value) -> Vec<String> {
    let below = |name: String, value: &serde_json::Value| {
        let prefix = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        let mut found: Vec<String> = places(value).into_iter().map(|rest| format!("{prefix}{rest}")).collect();
        found.push(prefix);
        found
    };
    match value {
        serde_json::Value::Object(fields) => fields.iter().flat_map(|(key, value)| below(key.clone(), value)).collect(),
        serde_json::Value::Array(items) => {
            items.iter().enumerate().flat_map(|(n, value)| below(n.to_string(), value)).collect()
        }
        _ => Vec::new(),
    }
}
