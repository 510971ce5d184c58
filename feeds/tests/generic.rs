//! The generic provider by hand-written frames: what `config/generic.toml` maps, and what goes wrong.

use feeds::adapter::{Input, LinkId};
use feeds::registry::FeedConfig;

#[path = "support/mapping.rs"]
mod mapping;
mod support;
use mapping::{EXAMPLE, feed, feeds, trial};
use support::Bench;

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
